"""Clients: applications of an issuer."""

from __future__ import annotations

import re

from authpi_admin import AuthPIAdmin, ConflictError, NotFoundError, PreconditionFailedError, ValidationError

from checks import Checks, Server, Trail, collect, ids

REDIRECT = "https://app.example.com/callback"


def web(**changed):
    """A body for a confidential web client."""
    openid = {"application_type": "web", "grant_types": ["authorization_code"], "redirect_uris": [REDIRECT]}
    settings = {"protocol": "oidc", "scopes": ["openid"], "openid": openid}
    return {"name": "Web", "type": "external", "confidential": True, "settings": settings} | changed


async def run(check: Checks, server: Server, admin: AuthPIAdmin) -> None:
    """Creates, reads, lists, changes, blocks and deletes clients, and rotates a secret."""
    issuer = await admin.issuers.create({"name": "clients"})
    clients = admin.issuer(issuer.id).clients
    trail = Trail(admin, issuer.id)
    created = await clients.create(web(metadata={"team": "web"}))
    public = await clients.create(
        {
            "name": "Phone",
            "settings": {"openid": {"application_type": "native", "redirect_uris": ["com.example.app:/cb"]}},
        }
    )
    check.equal("each create has its event", await trail.news(), ["issuer.created", "client.created", "client.created"])
    check.equal("a client is public and external unless told", (public.confidential, public.type), (False, "external"))
    check.equal("a public client has no secret", public.secret, None)
    client = await clients.get(created.id)
    check.equal("get answers the client", client.model_dump(), created.model_dump(exclude={"secret"}))
    check.equal("with the ETag of the create", client._etag, created._etag)
    await listing(check, clients, client, public)
    await changes(check, clients, client, trail)
    await secrets(check, clients, client, public, trail)
    await refusals(check, clients)
    await removal(check, clients, client, public, trail)


async def listing(check: Checks, clients, client, public) -> None:
    page = await clients.list()
    check.equal("the newest comes first", ids(page), [public.id, client.id])
    item = page.data[1]
    flat = (item.protocol, item.scopes, item.application_type, item.grant_types, item.redirect_uri_count)
    check.equal("list items flatten the settings", flat, ("oidc", ["openid"], "web", ["authorization_code"], 1))
    check.equal(
        "pages of one show each once",
        ids(await collect(clients.list_all(limit=1))),
        [public.id, client.id],
    )
    for what, found in [
        ("name", await clients.list(name="wEb")),
        ("q", await clients.list(q=client.id)),
        ("application_type", await clients.list(application_type="web")),
        ("readiness", await clients.list(readiness="ready", name="web")),
        ("status", await clients.list(status="active", q="web")),
    ]:
        check.equal(f"{what} filters", ids(found), [client.id])


async def changes(check: Checks, clients, client, trail: Trail) -> None:
    second = "https://app.example.com/second"
    changed = await clients.update(
        client.id, {"name": "Web 2", "settings": {"openid": {"redirect_uris": [second]}}}, if_match=client._etag
    )
    openid = changed.settings["openid"]
    check.equal(
        "objects merge, lists are replaced",
        (openid["redirect_uris"], openid["grant_types"]),
        ([second], ["authorization_code"]),
    )
    check.equal(
        "one event names the fields",
        (await trail.news(), trail.last[0].data),
        (["client.updated"], {"changes": ["name", "settings"]}),
    )
    same = await clients.update(client.id, changed)
    check.equal("a client as it was read can be sent back", (same._etag, await trail.news()), (changed._etag, []))
    await check.refused(
        "a stale ETag is refused",
        clients.update(client.id, {"name": "x"}, if_match=client._etag),
        PreconditionFailedError,
        "precondition_failed",
    )
    disabled = await clients.update(client.id, {"status": "blocked"})
    check.equal(
        "blocked is a short form of disabled", (disabled.status, await trail.news()), ("disabled", ["client.blocked"])
    )
    check.equal(
        "a disabled client is not ready",
        ids(await clients.list(readiness="inactive")),
        [client.id],
    )
    active = await clients.update(client.id, {"status": "active"})
    check.equal("and comes back", (active.status, await trail.news()), ("active", ["client.unblocked"]))


async def secrets(check: Checks, clients, client, public, trail: Trail) -> None:
    rotated = await clients.rotate_secret(client.id)
    check.that(
        "a rotation answers a new secret", bool(re.fullmatch("[A-Za-z0-9_-]{43}", rotated.secret)), rotated.secret
    )
    check.equal("and has its own event", await trail.news(), ["client.secret.rotated"])
    after = await clients.get(client.id)
    check.that("the client tells when", (after.secret_rotated_at or 0) > after.created_at, after.secret_rotated_at)
    await check.refused(
        "a public client has none to rotate", clients.rotate_secret(public.id), ConflictError, "conflict"
    )


async def refusals(check: Checks, clients) -> None:
    broken = {
        "openid": {"application_type": "web", "grant_types": ["authorization_code"], "redirect_uris": ["nowhere"]}
    }
    await check.refused(
        "a bad redirect URI is named by its place",
        clients.create(web(settings=broken)),
        ValidationError,
        "invalid_request",
        fields={("settings.openid.redirect_uris.0", "invalid_format")},
    )
    await check.refused(
        "a name is required, and a kind is one of two",
        clients.create({"type": "alien", "settings": {}}),
        ValidationError,
        "invalid_request",
        fields={("name", "required"), ("type", "invalid_enum_value")},
    )
    machine = {"openid": {"application_type": "m2m", "grant_types": ["client_credentials"]}}
    await check.refused(
        "a machine client is confidential",
        clients.create({"name": "Bot", "confidential": False, "settings": machine}),
        ValidationError,
        "invalid_request",
    )
    await check.refused(
        "a lifetime beyond 21 days is refused",
        clients.create(web(settings={"openid": {"redirect_uris": [REDIRECT], "access_token_ttl": 1_814_401}})),
        ValidationError,
        "invalid_request",
        fields={("settings.openid.access_token_ttl", "too_big")},
    )


async def removal(check: Checks, clients, client, public, trail: Trail) -> None:
    await trail.news()
    await clients.delete(client.id)
    check.equal("a delete has one event", await trail.news(), ["client.deleted"])
    await check.refused("a deleted client is gone", clients.get(client.id), NotFoundError, "not_found")
    await check.refused("and cannot be changed", clients.update(client.id, {"name": 7}), NotFoundError, "not_found")
    check.equal("the list leaves it out", ids(await clients.list()), [public.id])
    gone = (await clients.list(status="deleted")).data
    check.equal("unless asked for", [(item.id, item.status) for item in gone], [(client.id, "deleted")])
