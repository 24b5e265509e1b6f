"""Groups of an organization, and roles."""

from __future__ import annotations

from authpi_admin import AuthPIAdmin, ConflictError, NotFoundError, PreconditionFailedError, ValidationError

from checks import Checks, Server, Trail, collect


async def run(check: Checks, server: Server, admin: AuthPIAdmin) -> None:
    """Makes, lists, changes and deletes groups, and gives roles."""
    issuer = await admin.issuers.create({"name": "groups"})
    tenant = admin.issuer(issuer.id)
    org = await tenant.organizations.create({"name": "Aviato"})
    user = await tenant.users.create({"username": "erlich", "profile": {}})
    organization = tenant.organization(org.id)
    groups = organization.groups
    trail = Trail(admin, issuer.id)
    await trail.news()

    first = await groups.create(
        {"name": "Editors", "description": "Who write", "scopes": ["docs:write"], "metadata": {"crm": 7}}
    )
    second = await groups.create({"name": "Viewers", "scopes": ["docs:read"]})
    check.equal("each group has its event", await trail.news(), ["organization.group.created"] * 2)
    check.equal("the event tells name and scopes", trail.last[0].data, {"name": "Editors", "scopes": ["docs:write"]})
    check.equal("the ETag is updated_at, quoted", first._etag, f'"{first.updated_at}"')
    check.equal("the newest comes first", [item.id for item in (await groups.list()).data], [second.id, first.id])
    check.equal(
        "pages of one show each once",
        [item.id for item in await collect(groups.list_all(limit=1))],
        [second.id, first.id],
    )
    check.equal("a group reads back", (await groups.get(first.id)).scopes, ["docs:write"])
    await check.refused("a name is taken", groups.create({"name": "EDITORS"}), ConflictError, "conflict")
    changed = await groups.update(first.id, {"scopes": ["docs:*"], "description": None}, if_match=first._etag)
    check.equal("scopes are replaced, null clears a text", (changed.scopes, changed.description), (["docs:*"], None))
    await check.refused(
        "a stale version changes nothing",
        groups.update(first.id, {"name": "x"}, if_match=first._etag),
        PreconditionFailedError,
        "precondition_failed",
    )

    member = await organization.members.create({"member_id": user.id, "groups": [first.id], "role": "member"})
    carried = (await groups.list()).data[0]
    check.equal("a role is carried out as a group", (carried.name, carried.scopes), ("member", ["member"]))
    check.equal("a member names its groups", sorted(member.groups or []), sorted([first.id, carried.id]))
    await check.refused(
        "there is no such role",
        organization.members.update(user.id, {"role": "nobody"}),
        ValidationError,
        "invalid_request",
    )
    holders = await organization.members.list(scope="docs:*")
    check.equal("members are found through groups", [item.member_id for item in holders.data], [user.id])
    await trail.news()
    await groups.delete(first.id)
    check.equal("a deletion has its event", await trail.news(), ["organization.group.deleted"])
    check.equal("which counts who is affected", trail.last[0].data["members_affected"], 1)
    await check.refused("a deleted group is gone", groups.get(first.id), NotFoundError, "not_found")
    check.equal("and gives nothing", (await organization.members.list(scope="docs:*")).data, [])
