"""Users: a directory without personal data, and one record each."""

from __future__ import annotations

import json
import re

from authpi_admin import AuthPIAdmin, ConflictError, NotFoundError, PreconditionFailedError, ValidationError

from checks import Checks, Server, Trail, collect


async def run(check: Checks, server: Server, admin: AuthPIAdmin) -> None:
    """Creates, reads, lists, changes, blocks and deletes users."""
    issuer = await admin.issuers.create({"name": "users"})
    tenant = admin.issuer(issuer.id)
    trail = Trail(admin, issuer.id)
    profile = {"first_name": "Richard", "last_name": "Hendricks", "locale": "en"}
    user = await tenant.users.create({"username": "Richard@Example.com", "profile": profile, "metadata": {"crm": 42}})
    other = await tenant.users.create({"username": "dinesh", "username_type": "unique-name", "profile": {}})
    check.equal("each create has its event", await trail.news(), ["issuer.created", "user.created", "user.created"])
    check.equal(
        "the kind of a username follows from its form",
        (user.username_type, other.username_type),
        ("email", "unique-name"),
    )
    check.equal("get answers what create answered", await tenant.users.get(user.id), user)
    check.equal("and so does the scope of the user", await tenant.user(user.id).get(), user)
    await directory(check, server, admin, issuer.id, user, other)
    await changes(check, tenant, user, trail)
    await states(check, tenant, user, trail)
    await refusals(check, tenant, user)
    await removal(check, tenant, user, other, trail)


async def directory(check: Checks, server: Server, admin: AuthPIAdmin, issuer_id: str, user, other) -> None:
    users = admin.issuer(issuer_id).users
    page = await users.list()
    check.equal("the newest comes first", [item.user_id for item in page.data], [other.id, user.id])
    item = page.data[1]
    check.that(
        "the directory holds a hash of the username", bool(re.fullmatch("[0-9a-f]{64}", item.username_hash)), item
    )
    check.equal(
        "one store, no region, and both times",
        (item.region, item.created_at, item.updated_at),
        (None, user.created_at, user.updated_at),
    )
    raw = (await admin.http.request("GET", f"/v1/accounts/{server.account_id}/issuers/{issuer_id}/users")).data
    shown = [
        word for word in ["Richard", "Hendricks", "dinesh", "Example.com"] if word.lower() in json.dumps(raw).lower()
    ]
    check.equal("and nothing personal", shown, [])
    check.equal(
        "pages of one show each once",
        [item.user_id for item in await collect(users.list_all(limit=1))],
        [other.id, user.id],
    )


async def changes(check: Checks, tenant, user, trail: Trail) -> None:
    changed = await tenant.users.update(user.id, {"profile": {"last_name": "H.", "locale": None}}, if_match=user._etag)
    facts = (changed.profile["first_name"], changed.profile["last_name"], changed.profile.get("locale"))
    check.equal("a profile merges, null clears", facts, ("Richard", "H.", None))
    check.equal(
        "one event names the field, not the value",
        (await trail.news(), trail.last[0].data),
        (["user.updated"], {"changes": ["profile"]}),
    )
    same = await tenant.user(user.id).update(changed)
    check.equal("a user as it was read can be sent back", (same._etag, await trail.news()), (changed._etag, []))
    await check.refused(
        "a stale ETag is refused",
        tenant.user(user.id).update({"metadata": {}}, if_match=user._etag),
        PreconditionFailedError,
        "precondition_failed",
    )
    moved = await tenant.users.update(user.id, {"username": "rh@example.com"})
    check.equal("a username can change", moved.username, "rh@example.com")
    check.that("which is told as a change of address", "user.email.changed" in await trail.news(), trail.last)
    back = await tenant.users.update(user.id, {"username": "richard@example.com"})
    check.equal("and back", back.username, "richard@example.com")
    await trail.news()


async def states(check: Checks, tenant, user, trail: Trail) -> None:
    for status, event in [
        ("suspended", "user.updated"),
        ("active", "user.updated"),
        ("blocked", "user.blocked"),
        ("active", "user.unblocked"),
    ]:
        after = await tenant.users.update(user.id, {"status": status, "status_reason": "review"})
        check.equal(f"to {status}: {event}", (after.status, await trail.news()), (status, [event]))
    blocked = await tenant.users.update(user.id, {"blocked": True})
    check.equal("blocked: true is a short form", (blocked.status, await trail.news()), ("blocked", ["user.blocked"]))
    listed = await tenant.users.list(status="blocked")
    check.equal("the directory is filtered by status", [item.user_id for item in listed.data], [user.id])
    await tenant.users.update(user.id, {"status": "active"})
    await trail.news()


async def refusals(check: Checks, tenant, user) -> None:
    await check.refused(
        "a username exists once, in whatever case",
        tenant.users.create({"username": "RICHARD@example.COM", "profile": {}}),
        ConflictError,
        "conflict",
    )
    await check.refused(
        "an address must be one",
        tenant.users.create({"username_type": "email", "username": "nobody", "profile": {}}),
        ValidationError,
        "invalid_request",
        fields={("username", "invalid_format")},
    )
    await check.refused(
        "all problems come at once",
        tenant.users.create(
            {"username": "x@example.com", "profile": {"first_name": 1, "shoe_size": 43}, "metadata": []}
        ),
        ValidationError,
        "invalid_request",
        fields={
            ("profile.first_name", "invalid_type"),
            ("profile.shoe_size", "unknown_field"),
            ("metadata", "invalid_type"),
        },
    )
    await check.refused(
        "metadata has rules for its keys",
        tenant.users.update(user.id, {"metadata": {"not ok": 1}}),
        ValidationError,
        "invalid_request",
        field="metadata.not ok",
    )


async def removal(check: Checks, tenant, user, other, trail: Trail) -> None:
    org = await tenant.organizations.create({"name": "Raviga"})
    members = tenant.organization(org.id).members
    await members.create({"member_id": user.id, "scopes": ["owner"]})
    await trail.news()
    await tenant.user(user.id).delete()
    check.equal("a delete has one event", await trail.news(), ["user.deleted"])
    await check.refused("a deleted user is gone", tenant.users.get(user.id), NotFoundError, "not_found")
    check.equal("the directory leaves it out", [item.user_id for item in (await tenant.users.list()).data], [other.id])
    gone = await tenant.users.list(status="deleted")
    check.equal("unless asked for", [(item.user_id, item.status) for item in gone.data], [(user.id, "deleted")])
    await check.refused(
        "the name is not free before the purge",
        tenant.users.create({"username": "richard@example.com", "profile": {}}),
        ConflictError,
        "conflict",
    )
