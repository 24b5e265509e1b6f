"""Agents with their verifiers, and what users let them do."""

from __future__ import annotations

from authpi_admin import AuthPIAdmin, ConflictError, NotFoundError, PreconditionFailedError, ValidationError

from checks import Checks, Server, Trail, collect

ADDRESS = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"


async def run(check: Checks, server: Server, admin: AuthPIAdmin) -> None:
    """Makes, lists, changes and deletes agents."""
    issuer = await admin.issuers.create({"name": "agents"})
    tenant = admin.issuer(issuer.id)
    trail = Trail(admin, issuer.id)
    await trail.news()

    plain = await tenant.agents.create({"name": "Plain"})
    clerk = await tenant.agents.create(
        {"name": "Clerk", "model": "opus", "provider": "acme", "version": "4", "scopes": ["orders:read"]}
    )
    check.equal("each create has its event", await trail.news(), ["agent.created"] * 2)
    check.equal("the ETag is updated_at, quoted", clerk._etag, f'"{clerk.updated_at}"')
    check.equal("it reads back whole", (await tenant.agents.get(clerk.id)).model_dump(), clerk.model_dump())
    names = [agent.name for agent in (await tenant.agents.list()).data]
    check.equal("both are listed", sorted(names), ["Clerk", "Plain"])
    paged = [agent.name for agent in await collect(tenant.agents.list_all(limit=1))]
    check.equal("pages of one show each once", paged, names)
    filtered = await tenant.agents.list(status="active", model="opus", provider="acme", has_verifiers="false")
    check.equal("filters are ANDed", [agent.id for agent in filtered.data], [clerk.id])

    changed = await tenant.agents.update(clerk.id, {"model": None, "metadata": {"team": 1}}, if_match=clerk._etag)
    check.equal("null clears", (changed.model, changed.metadata.model_dump()), (None, {"team": 1}))
    await check.refused(
        "a stale tag",
        tenant.agents.update(clerk.id, {"name": "x"}, if_match=clerk._etag),
        PreconditionFailedError,
        "precondition_failed",
    )
    blocked = await tenant.agents.update(clerk.id, {"status": "blocked", "status_reason": "abuse"})
    check.equal("an agent can be blocked", (blocked.status, blocked.status_reason), ("blocked", "abuse"))
    await check.refused(
        "a block is not watered down", tenant.agents.update(clerk.id, {"status": "suspended"}), ConflictError, "conflict"
    )
    scope = tenant.agent(clerk.id)
    active = await scope.update({"status": "active"})
    check.equal("and come back", (active.status, (await scope.get())._etag), ("active", active._etag))
    check.equal("each change has its event", await trail.news(), ["agent.updated"] * 3)
    await verifiers(check, tenant, clerk, plain, trail)
    await delegations(check, server, admin, issuer.id, clerk, trail)

    org = await tenant.organizations.create({"name": "Aviato"})
    members = tenant.organization(org.id).members
    member = await members.create({"member_id": plain.id, "scopes": ["orders:read"]})
    check.equal("an agent is a member like a user", (member.member_type, member.member_id), ("agent", plain.id))
    await trail.news()
    await tenant.agents.delete(plain.id)
    check.equal("a deletion has its event", await trail.news(), ["agent.deleted"])
    await tenant.agent(clerk.id).delete()
    check.equal("from its scope, too", (await trail.news())[-1], "agent.deleted")
    await check.refused("a deleted agent is gone", tenant.agents.get(plain.id), NotFoundError, "not_found")


async def verifiers(check: Checks, tenant, clerk, plain, trail: Trail) -> None:
    own = tenant.agent(clerk.id).verifiers
    secret = await own.create({"type": "secret", "name": "first"})
    check.equal("a secret is shown once", (len(secret.secret), secret.credential["hint"]), (43, secret.secret[-8:]))
    wallet = await own.create({"type": "wallet", "chain": "eip155:8453", "address": ADDRESS})
    expected = {"chain": "eip155:8453", "address": ADDRESS.lower()}
    check.equal("a wallet is kept in lower case", (wallet.secret, wallet.credential), (None, expected))
    listed = await collect(own.list_all())
    check.equal("both are listed", [one.id for one in listed], [wallet.id, secret.id])
    check.equal("the list is whole", (await own.list()).has_more, False)
    with_verifiers = await tenant.agents.list(has_verifiers="true")
    check.equal("agents are found by having some", [agent.id for agent in with_verifiers.data], [clerk.id])
    await check.refused(
        "a wallet belongs to one agent",
        tenant.agent(plain.id).verifiers.create({"type": "wallet", "chain": "eip155:8453", "address": ADDRESS.lower()}),
        ConflictError,
        "conflict",
    )
    await check.refused(
        "a checksum must be right",
        own.create({"type": "wallet", "chain": "eip155:1", "address": ADDRESS.replace("aAeb", "aaeb")}),
        ValidationError,
        "invalid_request",
        {("address", "invalid_format")},
    )
    await own.delete(secret.id)
    await check.refused("a verifier goes once", own.delete(secret.id), NotFoundError, "not_found")
    check.equal(
        "verifiers have their events",
        await trail.news(),
        ["agent.verifier.added", "agent.verifier.added", "agent.verifier.removed"],
    )


async def delegations(check: Checks, server: Server, admin: AuthPIAdmin, issuer_id: str, clerk, trail: Trail) -> None:
    user = await admin.issuer(issuer_id).users.create({"username": "erlich", "profile": {}})
    base = f"/v1/accounts/{server.account_id}/issuers/{issuer_id}"
    path = f"{base}/users/{user.id}/delegations"
    body = {"agent_id": clerk.id, "scopes": ["orders:**"], "reason": "Reads my orders"}
    await trail.news()
    made = (await admin.http.request("POST", path, body=body)).data["data"]
    check.equal("a delegation is in force", (made["status"], made["granted_by"]), ("active", "admin"))
    await check.refused("there is one for a purpose", admin.http.request("POST", path, body=body), ConflictError, "conflict")
    for owner in (path, f"{base}/agents/{clerk.id}/delegations"):
        page = (await admin.http.request("GET", owner, query={"status": "active"})).data
        check.equal("it is listed with both", [one["id"] for one in page["data"]], [made["id"]])
    read = (await admin.http.request("GET", f"{path}/{made['id']}")).data["data"]
    check.equal("it reads back", read, made)
    revoked = (await admin.http.request("POST", f"{path}/{made['id']}/revoke")).data["data"]
    check.equal("a revocation is final", revoked["status"], "revoked")
    check.equal("both have their events", await trail.news(), ["user.delegation.granted", "user.delegation.revoked"])
