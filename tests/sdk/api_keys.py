"""API keys: of the account and of a tenant's organization; by id, both are reached from the account."""

from __future__ import annotations

import asyncio
import re
import secrets
import time

from authpi_admin import (
    AuthenticationError,
    AuthPIAdmin,
    ConflictError,
    ForbiddenError,
    NotFoundError,
    PreconditionFailedError,
    ValidationError,
)

from checks import Checks, Server, Trail, collect, ids


def body(name: str, *scopes: str, **more):
    """A body for a key with these scopes."""
    return {"name": name, "restrictions": {"scopes": list(scopes)}} | more


async def run(check: Checks, server: Server, admin: AuthPIAdmin) -> None:
    """Walks the life of a key, its limits, and what its scopes allow."""
    run_name = f"keys {secrets.token_hex(4)}"
    trail = Trail(admin)
    await trail.news()
    key = await admin.api_keys.create(body(run_name, "issuers:read", tags=["ci"], description="for the test"))
    check.equal("a create has one event", await trail.news(), ["api-key.created"])
    check.equal(
        "which tells the name and the scopes",
        (trail.last[0].data["name"], trail.last[0].data["scopes"]),
        (run_name, ["issuers:read"]),
    )
    await listing(check, admin, key, run_name)
    await changes(check, admin, key, trail)
    await rotation(check, server, admin, key, trail)
    await states(check, server, admin, key, trail)
    await own_secret(check, server, admin)
    await time_and_place(check, server, admin)
    await refusals(check, admin)
    await scopes(check, server, admin)
    await tenants(check, server, admin)


async def listing(check: Checks, admin: AuthPIAdmin, key, run_name: str) -> None:
    same = await admin.api_keys.get(key.id)
    check.equal("get answers the key without its secret", same.model_dump(), key.model_dump(exclude={"secret_plain"}))
    second = await admin.api_keys.create(body(f"{run_name} second"))
    page = await admin.api_keys.list(q=run_name)
    check.equal("the newest comes first", ids(page), [second.id, key.id])
    item = page.data[1]
    flat = (item.scopes, item.ip_allowlist, item.secret_hint, item.tags, item.description)
    check.equal(
        "list items flatten the key", flat, (["issuers:read"], [], key.secret_plain[-8:], ["ci"], "for the test")
    )
    check.equal(
        "pages of one show each once",
        ids(await collect(admin.api_keys.list_all(q=run_name, limit=1))),
        [second.id, key.id],
    )
    for what, found, expected in [
        ("access=scoped", await admin.api_keys.list(q=run_name, access="scoped"), key.id),
        ("access=none", await admin.api_keys.list(q=run_name, access="none"), second.id),
        ("readiness=ready", await admin.api_keys.list(q=run_name, readiness="ready", status="active"), key.id),
        ("readiness=attention", await admin.api_keys.list(q=run_name, readiness="attention"), second.id),
    ]:
        check.equal(f"{what} filters", ids(found), [expected])
    await admin.api_keys.delete(second.id, if_match=second._etag)
    await check.refused("a deleted key is gone", admin.api_keys.get(second.id), NotFoundError, "not_found")


async def changes(check: Checks, admin: AuthPIAdmin, key, trail: Trail) -> None:
    await trail.news()
    changed = await admin.api_keys.update(
        key.id, {"tags": ["ci", "eu"], "restrictions": {"scopes": ["issuers:*"]}}, if_match=key._etag
    )
    check.equal(
        "an update answers the whole key",
        (changed.tags, changed.restrictions["scopes"], changed.name),
        (["ci", "eu"], ["issuers:*"], key.name),
    )
    check.equal(
        "one event names the fields",
        (await trail.news(), trail.last[0].data["changes"]),
        (["api-key.updated"], ["restrictions", "tags"]),
    )
    same = await admin.api_keys.update(key.id, changed)
    check.equal("a key as it was read can be sent back", (same._etag, await trail.news()), (changed._etag, []))
    await check.refused(
        "a stale ETag is refused",
        admin.api_keys.update(key.id, {"name": "x"}, if_match=key._etag),
        PreconditionFailedError,
        "precondition_failed",
    )
    await check.refused(
        "an action honours it too",
        admin.api_keys.rotate(key.id, if_match=key._etag),
        PreconditionFailedError,
        "precondition_failed",
    )


async def rotation(check: Checks, server: Server, admin: AuthPIAdmin, key, trail: Trail) -> None:
    second = (await admin.api_keys.rotate(key.id)).secret_plain
    check.that("a rotation answers a new secret", bool(re.fullmatch("[A-Za-z0-9_-]{43}", second)), second)
    check.equal(
        "and is an update", (await trail.news(), trail.last[0].data["action"]), (["api-key.updated"], "rotated")
    )
    check.equal("the hint is the new one", (await admin.api_keys.get(key.id)).secret["hint"], second[-8:])
    async with server.client(key.id, key.secret_plain) as old, server.client(key.id, second) as new:
        check.equal("the new secret works", (await new.whoami())["key_id"], key.id)
        check.equal("the old one works for a while", (await old.whoami())["key_id"], key.id)
        check.equal("each verification has its event", await trail.news(), ["api-key.verified"] * 2)
        third = (await admin.api_keys.rotate(key.id)).secret_plain
        check.equal("after a second rotation the one before still works", (await new.whoami())["key_id"], key.id)
        await check.refused("the oldest ends at once", old.whoami(), AuthenticationError, "unauthorized_client")
    async with server.client(key.id, third) as newest:
        check.equal("and the newest works", (await newest.whoami())["key_id"], key.id)
    await trail.news()


async def states(check: Checks, server: Server, admin: AuthPIAdmin, key, trail: Trail) -> None:
    secret = (await admin.api_keys.rotate(key.id)).secret_plain
    await trail.news()
    async with server.client(key.id, secret) as holder:
        blocked = await admin.api_keys.block(key.id, {"status_reason": "leak_suspected"})
        check.equal("a key can be blocked", (blocked.status, blocked.status_reason), ("blocked", "leak_suspected"))
        check.equal(
            "which has its own event",
            (await trail.news(), trail.last[0].data["reason"]),
            (["api-key.blocked"], "leak_suspected"),
        )
        await check.refused("a blocked key is refused", holder.whoami(), AuthenticationError, "unauthorized_client")
        again = await admin.api_keys.block(key.id)
        check.equal("blocking twice changes nothing", (again._etag, await trail.news()), (blocked._etag, []))
        await admin.api_keys.unblock(key.id)
        check.equal("a key can be unblocked", await trail.news(), ["api-key.unblocked"])
        check.equal("and works again", (await holder.whoami())["key_id"], key.id)
        await admin.api_keys.update(key.id, {"status": "blocked"})
        await admin.api_keys.update(key.id, {"status": "active"})
        check.equal(
            "a PATCH of the status does the same",
            await trail.news(),
            ["api-key.verified", "api-key.blocked", "api-key.unblocked"],
        )
        revoked = await admin.api_keys.revoke(key.id, {"status_reason": "rotated_out"})
        check.equal("a key can be revoked", (revoked.status, await trail.news()), ("revoked", ["api-key.updated"]))
        check.equal("which is an update", trail.last[0].data["action"], "revoked")
        await check.refused("a revoked key is refused", holder.whoami(), AuthenticationError, "unauthorized_client")
    for what, call in [
        ("it cannot be unblocked", admin.api_keys.unblock(key.id)),
        ("nor rotated", admin.api_keys.rotate(key.id)),
    ]:
        await check.refused(what, call, ConflictError, "conflict")
    await admin.api_keys.delete(key.id)
    check.equal("a delete has its event", await trail.news(), ["api-key.deleted"])


async def own_secret(check: Checks, server: Server, admin: AuthPIAdmin) -> None:
    brought = secrets.token_urlsafe(32)
    key = await admin.api_keys.create(body("moved", secret=brought))
    check.equal("a secret can be brought along", key.secret_plain, brought)
    async with server.client(key.id, brought) as holder:
        check.equal("and works", (await holder.whoami())["key_id"], key.id)
    await admin.api_keys.delete(key.id)
    await check.refused(
        "a weak one is refused",
        admin.api_keys.create(body("weak", secret="a" * 40)),
        ValidationError,
        "invalid_request",
        fields={("secret", "not_allowed")},
    )


async def time_and_place(check: Checks, server: Server, admin: AuthPIAdmin) -> None:
    soon = int(time.time() * 1000) + 1_500
    key = await admin.api_keys.create(body("brief", expires_at=soon))
    async with server.client(key.id, key.secret_plain) as holder:
        check.equal("a key works until it expires", (await holder.whoami())["key_id"], key.id)
        await asyncio.sleep(2)
        await check.refused("and is refused from then on", holder.whoami(), AuthenticationError, "unauthorized_client")
    check.equal("its status says so", (await admin.api_keys.get(key.id)).status, "expired")
    await check.refused("it cannot be rotated", admin.api_keys.rotate(key.id), ConflictError, "conflict")
    await admin.api_keys.delete(key.id)

    elsewhere = {"scopes": ["*:**"], "ip_allowlist": ["192.0.2.0/24"]}
    bound = await admin.api_keys.create({"name": "elsewhere", "restrictions": elsewhere})
    async with server.client(bound.id, bound.secret_plain) as holder:
        await check.refused("a key works from its addresses only", holder.whoami(), ForbiddenError, "access_denied")
        here = {"ip_allowlist": ["192.0.2.0/24", "127.0.0.0/8", "::1"]}
        await admin.api_keys.update(bound.id, {"restrictions": here})
        check.equal(
            "the list can be changed, the scopes stay", (await holder.whoami())["accounts"][0]["scopes"], ["*:**"]
        )
    await admin.api_keys.delete(bound.id)


async def refusals(check: Checks, admin: AuthPIAdmin) -> None:
    create = admin.api_keys.create
    for what, wrong, fields in [
        ("name and restrictions are required", {}, {("name", "required"), ("restrictions", "required")}),
        (
            "a typo never mints an open key",
            {"name": "x", "restrictions": {"scope": []}},
            {("restrictions.scope", "unknown_field")},
        ),
        (
            "an address is checked",
            {"name": "x", "restrictions": {"ip_allowlist": ["here"]}},
            {("restrictions.ip_allowlist.0", "invalid_format")},
        ),
    ]:
        await check.refused(what, create(wrong), ValidationError, "invalid_request", fields=fields)
    await check.refused(
        "a key is not born expired",
        create(body("x", expires_at=1)),
        ValidationError,
        "invalid_request",
        field="expires_at",
    )
    key = await create(body("for refusals"))
    await check.refused(
        "a PATCH cannot revoke",
        admin.api_keys.update(key.id, {"status": "revoked"}),
        ValidationError,
        "invalid_request",
        field="status",
    )
    await admin.api_keys.delete(key.id)


async def scopes(check: Checks, server: Server, admin: AuthPIAdmin) -> None:
    issuer = await admin.issuers.create({"name": "scopes"})
    user = await admin.issuer(issuer.id).users.create({"username": "scoped", "profile": {}})
    plain = {
        "issuers": lambda it: it.issuers.list(),
        "users": lambda it: it.issuer(issuer.id).users.list(),
        "events": lambda it: it.events.list(),
    }
    for scope, allowed in [
        (None, set()),
        ("issuers:read", {"issuers"}),
        ("issuers:manage", {"issuers"}),
        ("issuers:write", set()),
        ("issuers:*", {"issuers"}),
        ("*:read", {"issuers", "events"}),
        ("issuers:**", {"issuers", "users"}),
        ("issuers.users:read", {"users"}),
    ]:
        key = await admin.api_keys.create(body(f"scope {scope}", *([scope] if scope else [])))
        async with server.client(key.id, key.secret_plain) as holder:
            outcome = {name for name, call in plain.items() if await permitted(call(holder))}
        await admin.api_keys.delete(key.id)
        check.equal(f"{scope or 'no scope'} allows {', '.join(sorted(allowed)) or 'nothing'}", outcome, allowed)

    key = await admin.api_keys.create(body("deletes users", "issuers.users:delete", "api-keys:write"))
    async with server.client(key.id, key.secret_plain) as holder:
        users = holder.issuer(issuer.id).users
        await check.refused(
            "delete does not include write", users.update(user.id, {}), ForbiddenError, "insufficient_scope"
        )
        await check.refused(
            "nor does it tell what exists", users.get("usr_" + "0" * 25), ForbiddenError, "insufficient_scope"
        )
        await users.delete(user.id)
        await check.refused(
            "nobody mints more than they hold",
            holder.api_keys.create(body("more", "*:**")),
            ForbiddenError,
            "insufficient_scope",
        )
    await admin.api_keys.delete(key.id)


async def permitted(call) -> bool:
    """Whether the call's scope is held; anything but a missing scope is the caller's matter."""
    try:
        await call
    except ForbiddenError as refusal:
        if refusal.error == "insufficient_scope":
            return False
        raise
    return True


async def tenants(check: Checks, server: Server, admin: AuthPIAdmin) -> None:
    issuer = await admin.issuers.create({"name": "tenant keys"})
    tenant = admin.issuer(issuer.id)
    org = await tenant.organizations.create({"name": "Umbrella"})
    keys = tenant.organization(org.id).api_keys
    key = await keys.create(body("tenant", "reports:read"))
    check.equal("a tenant's key belongs to its organization", (key.org_id, key.issuer_id), (org.id, issuer.id))
    check.equal("it is listed there", ids(await collect(keys.list_all(limit=1))), [key.id])
    check.equal("and not among the account's keys", (await admin.api_keys.list(q=key.id)).data, [])
    check.equal("by id it is reached from the account", (await admin.api_keys.get(key.id)).org_id, org.id)
    async with server.client(key.id, key.secret_plain) as holder:
        await check.refused("it has no way into the account", holder.issuers.list(), ForbiddenError, "access_denied")
        check.equal("and sees no account", (await holder.accounts.list()).data, [])
        await admin.api_keys.block(key.id)
        await check.refused(
            "it can be blocked from the account", holder.whoami(), AuthenticationError, "unauthorized_client"
        )
        await admin.api_keys.unblock(key.id)
        await admin.api_keys.rotate(key.id)
        await admin.api_keys.delete(key.id)
        await check.refused("a deleted key is refused", holder.whoami(), AuthenticationError, "unauthorized_client")
    check.equal("and leaves the list", (await keys.list()).data, [])
