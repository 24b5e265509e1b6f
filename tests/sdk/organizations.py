"""Organizations: tenants of an issuer."""

from __future__ import annotations

from authpi_admin import (
    AuthenticationError,
    AuthPIAdmin,
    ConflictError,
    NotFoundError,
    PreconditionFailedError,
    ValidationError,
)

from checks import Checks, Server, Trail, collect, ids


async def run(check: Checks, server: Server, admin: AuthPIAdmin) -> None:
    """Creates, reads, lists, changes, suspends, reactivates and deletes organizations."""
    issuer = await admin.issuers.create({"name": "organizations"})
    tenant = admin.issuer(issuer.id)
    trail = Trail(admin, issuer.id)
    org = await tenant.organizations.create(
        {"name": "Hooli", "type": "business", "max_members": 3, "metadata": {"plan": "free"}}
    )
    other = await tenant.organizations.create({"name": "Pied Piper"})
    check.equal("each create has its event", await trail.news(), ["issuer.created"] + ["organization.created"] * 2)
    check.equal("type is a short form of org_type", (org.org_type, other.org_type), ("business", "default"))
    check.equal("get answers what create answered", await tenant.organizations.get(org.id), org)
    check.equal("and so does the scope of the organization", await tenant.organization(org.id).get(), org)
    await listing(check, tenant, org, other)
    await changes(check, tenant, org, trail)
    await suspension(check, server, tenant, org, trail)
    await refusals(check, server, admin, tenant, org)
    await removal(check, server, tenant, org, other, trail)


async def listing(check: Checks, tenant, org, other) -> None:
    page = await tenant.organizations.list()
    check.equal("the newest comes first", ids(page), [other.id, org.id])
    everything = await collect(tenant.organizations.list_all(limit=1))
    check.equal("pages of one show each once", ids(everything), [other.id, org.id])
    after = await tenant.organizations.list(cursor=other.id)
    check.equal("the id of the last item is a cursor", ids(after), [org.id])
    closed = await tenant.organizations.update(other.id, {"invitation_enabled": False})
    found = await tenant.organizations.list(invitation_enabled="false", mfa_required="false", sso_enabled="false")
    check.equal("filters are true or false", ids(found), [closed.id])


async def changes(check: Checks, tenant, org, trail: Trail) -> None:
    await trail.news()
    address = {"country": "SWE", "city": "Lund"}
    changed = await tenant.organization(org.id).update({"name": "Hooli AB", "address": address}, if_match=org._etag)
    check.equal(
        "an update answers the whole organization",
        (changed.name, changed.address.city, changed.max_members),
        ("Hooli AB", "Lund", 3),
    )
    check.equal(
        "one event names the fields",
        (await trail.news(), trail.last[0].data),
        (["organization.updated"], {"changes": ["address", "name"]}),
    )
    same = await tenant.organizations.update(org.id, changed)
    check.equal(
        "an organization as it was read can be sent back", (same._etag, await trail.news()), (changed._etag, [])
    )
    await check.refused(
        "a stale ETag is refused",
        tenant.organizations.update(org.id, {"name": "x"}, if_match=org._etag),
        PreconditionFailedError,
        "precondition_failed",
    )


async def suspension(check: Checks, server: Server, tenant, org, trail: Trail) -> None:
    key = await tenant.organization(org.id).api_keys.create({"name": "CI", "restrictions": {"scopes": ["a:read"]}})
    await trail.news()
    reason = {"status": "suspended", "status_reason": "unpaid", "status_by": "billing"}
    suspended = await tenant.organizations.update(org.id, reason)
    facts = (suspended.status, suspended.status_reason, suspended.status_by)
    check.equal("an organization can be suspended", facts, ("suspended", "unpaid", "billing"))
    check.that("and tells since when", (suspended.status_at or 0) > org.created_at, suspended.status_at)
    check.equal("which has an event of its own", await trail.news(), ["organization.suspended"])
    check.equal(
        "it is found by its status",
        ids(await tenant.organizations.list(status="suspended")),
        [org.id],
    )
    async with server.client(key.id, key.secret_plain) as machine:
        await check.refused("its keys are refused", machine.whoami(), AuthenticationError, "unauthorized_client")
        back = await tenant.organizations.update(org.id, {"status": "active"})
        check.equal("it can come back", (back.status, await trail.news()), ("active", ["organization.reactivated"]))
        check.equal("and so do its keys", (await machine.whoami())["key_id"], key.id)
    await trail.news()


async def refusals(check: Checks, server: Server, admin: AuthPIAdmin, tenant, org) -> None:
    await check.refused(
        "a name is required",
        tenant.organizations.create({"description": "nameless"}),
        ValidationError,
        "invalid_request",
        fields={("name", "required")},
    )
    await check.refused(
        "a type must be defined on the issuer",
        tenant.organizations.create({"name": "x", "org_type": "cabal"}),
        ValidationError,
        "invalid_request",
        fields={("org_type", "unknown_reference")},
    )
    await check.refused(
        "deleting is not for callers",
        tenant.organizations.update(org.id, {"status": "deleting"}),
        ValidationError,
        "invalid_request",
        field="status",
    )
    await check.refused(
        "an organization that never was",
        tenant.organizations.get("org_" + "0" * 25),
        NotFoundError,
        "not_found",
    )
    account = (await admin.accounts.get(server.account_id)).organization
    await check.refused(
        "the account's own organization stays",
        admin.issuer(account.issuer_id).organization(account.id).delete(),
        ConflictError,
        "conflict",
    )


async def removal(check: Checks, server: Server, tenant, org, other, trail: Trail) -> None:
    user = await tenant.users.create({"username": "gavin", "profile": {}})
    await tenant.organization(org.id).members.create({"member_id": user.id, "scopes": ["owner"]})
    key = await tenant.organization(org.id).api_keys.create({"name": "last", "restrictions": {"scopes": []}})
    check.equal("the organization counts its members", (await tenant.organizations.get(org.id)).stats["n_members"], 1)
    await trail.news()
    await tenant.organization(org.id).delete()
    check.equal("a delete has one event", await trail.news(), ["organization.deleted"])
    check.that("which counts what it covers", 1 in trail.last[0].data["cascade"].values(), trail.last[0].data)
    await check.refused("it is gone at once", tenant.organizations.get(org.id), NotFoundError, "not_found")
    await check.refused("with its members", tenant.organization(org.id).members.list(), NotFoundError, "not_found")
    check.equal("the list leaves it out", ids(await tenant.organizations.list()), [other.id])
    async with server.client(key.id, key.secret_plain) as machine:
        await check.refused(
            "its keys are refused for ever", machine.whoami(), AuthenticationError, "unauthorized_client"
        )
    third = await tenant.organizations.create({"name": "third"})
    await tenant.organizations.delete(third.id)
    check.equal("each goes alone", ids(await tenant.organizations.list()), [other.id])
    check.equal("its users stay", (await tenant.users.get(user.id)).status, "active")
