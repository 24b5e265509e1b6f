"""Personal tokens: of users, by id in the account, as credentials, and introspected."""

from __future__ import annotations

from authpi_admin import AuthPIAdmin, ConflictError, NotFoundError, PreconditionFailedError, ValidationError
from authpi_admin import AuthenticationError

from checks import Checks, Server, Trail, collect, ids


async def run(check: Checks, server: Server, admin: AuthPIAdmin) -> None:
    """Makes, lists, uses, introspects, revokes and deletes tokens."""
    issuer = await admin.issuers.create({"name": "tokens"})
    tenant = admin.issuer(issuer.id)
    org = await tenant.organizations.create({"name": "Hooli"})
    user = await tenant.users.create({"username": "gavin", "profile": {}})
    await tenant.organization(org.id).members.create({"member_id": user.id, "scopes": ["box:*"]})
    tokens = tenant.user(user.id).tokens
    trail = Trail(admin, issuer.id)
    await trail.news()

    made = await tokens.create({"name": "laptop", "restrictions": {"scopes": ["box:read"]}, "tags": ["ci"]})
    check.that("the text begins with its prefix", made.token_plain.startswith("ptk_"), made.token_plain[:4])
    check.equal("a new token has its event", await trail.news(), ["user.personal-token.created"])
    listed = (await tokens.list()).data
    check.equal("it is listed", [(item.name, item.scopes, item.tags, item.status) for item in listed],
                [("laptop", ["box:read"], ["ci"], "active")])
    token = await admin.tokens.get(listed[0].id)
    check.equal("it reads back by its id in the account", (token.user_id, token.type), (user.id, "personal_token"))
    check.equal("none is without an end", token.expires_at is not None, True)
    await check.refused(
        "a name is taken while its token is active",
        tokens.create({"name": "laptop", "restrictions": {}}), ConflictError, "conflict",
    )
    await check.refused(
        "restrictions are stated", tokens.create({"name": "x"}), ValidationError, "invalid_request",
        fields={("restrictions", "required")},
    )
    second = await tokens.create({"name": "phone", "restrictions": {"scopes": []}})
    check.equal("pages of one show each once", len(await collect(tokens.list_all(limit=1))), 2)
    await credentials(check, server, tenant, made.token_plain, token, org)

    await check.refused(
        "a stale tag is refused", admin.tokens.revoke(token.id, if_match='"1"'), PreconditionFailedError,
        "precondition_failed",
    )
    await trail.news()
    revoked = await admin.tokens.revoke(token.id, {"status_reason": "lost"}, if_match=token._etag)
    check.equal("a token is revoked for ever", (revoked.status, revoked.status_reason), ("revoked", "lost"))
    check.equal("with one event", await trail.news(), ["user.personal-token.updated"])
    check.equal("lists filter by status", ids(await tokens.list(status="revoked")), [token.id])
    await check.refused(
        "a revoked token is refused", server.bearer(made.token_plain).whoami(), AuthenticationError, "invalid_token"
    )
    answer = await tenant.tokens.introspect({"token": made.token_plain})
    check.equal("introspection says why", answer["reason"], "revoked")
    other = next(item for item in (await tokens.list()).data if item.name == "phone")
    await admin.tokens.delete(other.id)
    await check.refused("a deleted token is gone", admin.tokens.get(other.id), NotFoundError, "not_found")
    answer = await tenant.tokens.introspect({"token": second.token_plain})
    check.equal("and unknown to introspection", (answer["active"], answer["reason"]), (False, "not_found"))


async def credentials(check: Checks, server: Server, tenant, text: str, token, org) -> None:
    async with server.bearer(text) as caller:
        me = await caller.whoami()
    check.equal("a token tells who it is", (me["type"], me["user_id"]), ("personal_token", token.user_id))
    check.equal("a tenant's user has no accounts", me["accounts"], [])
    check.equal("organizations are narrowed", me["organizations"], [{"org_id": org.id, "scopes": ["box:read"]}])
    answer = await tenant.tokens.introspect({"token": text, "ip": "192.0.2.7"})
    check.equal(
        "introspection knows it",
        (answer["active"], answer["id"], answer["user_id"], answer["scopes"]),
        (True, token.id, token.user_id, ["box:read"]),
    )
    key = await tenant.organization(org.id).api_keys.create({"name": "k", "restrictions": {"scopes": ["box:write"]}})
    answer = await tenant.tokens.introspect({"token": f"{key.id}:{key.secret_plain}"})
    check.equal("and API keys", (answer["active"], answer["org_id"], answer["scopes"]), (True, org.id, ["box:write"]))
    await check.refused(
        "what is no credential of ours is refused", tenant.tokens.introspect({"token": "eyJ"}), ValidationError,
        "invalid_request", fields={("token", "invalid_format")},
    )
