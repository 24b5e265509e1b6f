"""Members of an organization."""

from __future__ import annotations

from authpi_admin import AuthPIAdmin, ConflictError, NotFoundError, PreconditionFailedError, ValidationError

from checks import Checks, Server, Trail, collect


async def run(check: Checks, server: Server, admin: AuthPIAdmin) -> None:
    """Adds, lists, changes and removes members."""
    issuer = await admin.issuers.create({"name": "members"})
    tenant = admin.issuer(issuer.id)
    org = await tenant.organizations.create({"name": "Aviato", "max_members": 2})
    people = [await tenant.users.create({"username": name, "profile": {}}) for name in ("erlich", "jian", "monica")]
    members = tenant.organization(org.id).members
    trail = Trail(admin, issuer.id)
    await trail.news()

    first = await members.create({"member_id": people[0].id, "scopes": ["owner"], "user_title": "Founder"})
    second = await members.create({"member_id": people[1].id, "scopes": ["apps:read"]})
    check.equal("each addition has its event", await trail.news(), ["organization.membership.created"] * 2)
    check.equal("the event tells the scopes", trail.last[0].data["scopes"], ["owner"])
    check.equal("a title is optional", (first.user_title, second.user_title), ("Founder", None))
    check.equal("the ETag is updated_at or joined_at, quoted", first._etag, f'"{first.updated_at or first.joined_at}"')
    listed = [item.member_id for item in (await members.list()).data]
    check.equal("the newest comes first", listed, [second.member_id, first.member_id])
    check.equal(
        "pages of one show each once", [item.member_id for item in await collect(members.list_all(limit=1))], listed
    )
    owners = await members.list(scope="owner", status="active")
    check.equal("members are found by scope", [item.member_id for item in owners.data], [first.member_id])
    await changes(check, members, first, trail)
    await refusals(check, admin, tenant, members, people)

    await trail.news()
    await members.delete(second.member_id)
    check.equal("a removal has its event", await trail.news(), ["organization.membership.deleted"])
    await check.refused("a former member is gone", members.delete(second.member_id), NotFoundError, "not_found")
    check.equal("the other stays", [item.member_id for item in (await members.list()).data], [first.member_id])
    again = await members.create({"member_id": people[1].id, "scopes": ["apps:read"]})
    check.equal("and may come back", again.scopes, ["apps:read"])


async def changes(check: Checks, members, member, trail: Trail) -> None:
    changed = await members.update(
        member.member_id, {"scopes": ["owner", "apps:write"], "user_title": None}, if_match=member._etag
    )
    check.equal(
        "scopes are replaced, null clears a title",
        (changed.scopes, changed.user_title),
        (["owner", "apps:write"], None),
    )
    check.equal(
        "one event tells the new scopes",
        (await trail.news(), trail.last[0].data["scopes"]),
        (["organization.membership.updated"], ["owner", "apps:write"]),
    )
    suspended = await members.update(member.member_id, {"status": "suspended"})
    check.equal("a membership can be suspended", suspended.status, "suspended")
    await members.update(member.member_id, {"status": "active"})
    await trail.news()
    stale = await check.refused(
        "a stale ETag is refused",
        members.update(member.member_id, {"scopes": ["x:read"]}, if_match=member._etag),
        PreconditionFailedError,
        "precondition_failed",
    )
    check.that(
        "and the current one told", bool(stale.current_etag) and stale.current_etag != member._etag, stale.current_etag
    )
    await check.refused(
        "a member keeps at least one scope",
        members.update(member.member_id, {"scopes": []}),
        ValidationError,
        "invalid_request",
        field="scopes",
    )


async def refusals(check: Checks, admin: AuthPIAdmin, tenant, members, people) -> None:
    await check.refused(
        "nobody is a member twice",
        members.create({"member_id": people[0].id, "scopes": ["a:read"]}),
        ConflictError,
        "conflict",
    )
    await check.refused(
        "max_members is a limit",
        members.create({"member_id": people[2].id, "scopes": ["a:read"]}),
        ConflictError,
        "conflict",
    )
    await check.refused(
        "a member needs a scope or a group",
        members.create({"member_id": people[2].id}),
        ValidationError,
        "invalid_request",
        field="scopes",
    )
    elsewhere = await admin.issuers.create({"name": "members elsewhere"})
    stranger = await admin.issuer(elsewhere.id).users.create({"username": "gavin", "profile": {}})
    for what, member_id in [("of another issuer", stranger.id), ("that never was", "usr_" + "0" * 25)]:
        await check.refused(
            f"a user {what} cannot join",
            members.create({"member_id": member_id, "scopes": ["a:read"]}),
            ValidationError,
            "invalid_request",
            fields={("member_id", "unknown_reference")},
        )
    defaults = await tenant.organizations.create({"name": "Defaults", "default_member_scopes": ["apps:read"]})
    joined = await tenant.organization(defaults.id).members.create({"member_id": people[2].id})
    check.equal("an organization may have scopes for everyone", joined.scopes, ["apps:read"])
    await admin.issuers.delete(elsewhere.id)
