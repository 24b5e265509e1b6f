"""Issuers: the identity providers of an account."""

from __future__ import annotations

from authpi_admin import AuthPIAdmin, ConflictError, NotFoundError, PreconditionFailedError, ValidationError

from checks import Checks, Server, Trail, collect, ids


async def run(check: Checks, server: Server, admin: AuthPIAdmin) -> None:
    """Creates, reads, lists, changes, suspends and deletes an issuer."""
    issuer = await admin.issuers.create({"name": "Initech", "metadata": {"stage": "test"}})
    trail = Trail(admin, issuer.id)
    check.equal("a create has one event", await trail.news(), ["issuer.created"])
    check.equal("get answers what create answered", await admin.issuers.get(issuer.id), issuer)
    check.equal("and so does the scope of the issuer", await admin.issuer(issuer.id).get(), issuer)
    await listing(check, admin, issuer)
    await changes(check, admin, issuer, trail)
    await refusals(check, admin)
    await removal(check, server, admin, issuer, trail)


async def listing(check: Checks, admin: AuthPIAdmin, issuer) -> None:
    found = (await admin.issuers.list(q=issuer.id)).data
    check.equal("q finds an issuer by id", ids(found), [issuer.id])
    item = found[0]
    counts = (item.auth_method_count, item.enabled_login_method_count, item.enabled_signup_method_count)
    check.equal("a new issuer has password and email-link", counts, (2, 2, 2))
    facts = (item.available_scope_count, item.branding_configured, item.readiness, item.access_mode)
    check.equal("and is ready, open, without branding", facts, (6, False, "ready", "open"))
    filtered = await admin.issuers.list(q="INITECH", status="active", access_mode="open", readiness="ready", limit=100)
    check.that("filters work together", issuer.id in ids(filtered), filtered.data)
    newest = (await admin.issuers.list(limit=1)).data[0]
    check.equal("the newest comes first", newest.id, issuer.id)
    everything = ids(await collect(admin.issuers.list_all(limit=1)))
    check.equal("pages of one show every issuer once", len(everything), len(set(everything)))
    check.equal("and show it in the same order", everything, ids(await collect(admin.issuers.list_all())))


async def changes(check: Checks, admin: AuthPIAdmin, issuer, trail: Trail) -> None:
    update = admin.issuers.update
    named = await update(issuer.id, {"name": "Initech 2", "description": "TPS"}, if_match=issuer._etag)
    check.equal(
        "an update answers the whole issuer",
        (named.name, named.description, named.settings),
        ("Initech 2", "TPS", issuer.settings),
    )
    check.equal("it has one event", await trail.news(), ["issuer.updated"])
    check.equal("which names the fields", trail.last[0].data, {"changes": ["description", "name"]})
    sessions = {"access": {"sessions": {"idle_timeout": 3600}}}
    tuned = await admin.issuer(issuer.id).update({"settings": sessions})
    expected = issuer.settings["access"]["sessions"] | {"idle_timeout": 3600}
    check.equal("settings merge key by key", tuned.settings["access"]["sessions"], expected)
    check.equal("and keep their other parts", tuned.settings["security"], issuer.settings["security"])
    await trail.news()

    suspended = await update(issuer.id, {"status": "suspended"})
    check.equal("an issuer can be suspended", suspended.status, "suspended")
    check.that("and tells since when", (suspended.status_at or 0) > issuer.created_at, suspended.status_at)
    check.equal("which is an update with both states", await trail.news(), ["issuer.updated"])
    check.equal("from and to", trail.last[0].data["status"], {"from": "active", "to": "suspended"})
    users = await admin.issuer(issuer.id).users.list()
    check.equal("a suspended issuer can still be managed", users.data, [])
    active = await update(issuer.id, {"status": "active"})
    check.equal("and come back", active.status, "active")
    await trail.news()

    sent_back = await update(issuer.id, active)
    check.equal("an issuer as it was read can be sent back", sent_back._etag, active._etag)
    check.equal("without an event", await trail.news(), [])
    await check.refused(
        "a stale ETag is refused",
        update(issuer.id, {"name": "x"}, if_match=issuer._etag),
        PreconditionFailedError,
        "precondition_failed",
    )


async def refusals(check: Checks, admin: AuthPIAdmin) -> None:
    create = admin.issuers.create
    await check.refused(
        "a name is required",
        create({}),
        ValidationError,
        "invalid_request",
        fields={("name", "required")},
    )
    await check.refused(
        "settings without access are refused",
        create({"name": "x", "settings": {}}),
        ValidationError,
        "invalid_request",
        fields={("settings.access", "required")},
    )
    await check.refused(
        "an unknown setting is refused where it stands",
        create({"name": "x", "settings": {"access": {"sesions": {}}}}),
        ValidationError,
        "invalid_request",
        fields={("settings.access.sesions", "unknown_field")},
    )
    await check.refused(
        "a name has 200 characters at most",
        create({"name": "x" * 201}),
        ValidationError,
        "invalid_request",
        fields={("name", "too_long")},
    )
    await check.refused(
        "an unknown filter value is refused",
        admin.issuers.list(status="sleeping"),
        ValidationError,
        "invalid_request",
        fields={("status", "invalid_enum_value")},
    )


async def removal(check: Checks, server: Server, admin: AuthPIAdmin, issuer, trail: Trail) -> None:
    user = await admin.issuer(issuer.id).users.create({"username": "peter", "profile": {}})
    await trail.news()
    await check.refused(
        "a delete with a stale ETag is refused",
        admin.issuers.delete(issuer.id, if_match=issuer._etag),
        PreconditionFailedError,
        "precondition_failed",
    )
    await admin.issuer(issuer.id).delete()
    check.equal("a delete has one event", await trail.news(), ["issuer.deleted"])
    check.that("which counts what it covers", 1 in trail.last[0].data["cascade"].values(), trail.last[0].data)
    for what, call in [
        ("a deleted issuer is gone", admin.issuers.get(issuer.id)),
        ("it cannot be deleted again", admin.issuers.delete(issuer.id)),
        ("its users are gone", admin.issuer(issuer.id).users.get(user.id)),
        ("their list is gone", admin.issuer(issuer.id).users.list()),
    ]:
        await check.refused(what, call, NotFoundError, "not_found")
    check.equal("it is in no list", ids(await admin.issuers.list(q=issuer.id)), [])
    platform = (await admin.accounts.get(server.account_id)).organization.issuer_id
    await check.refused(
        "the platform's own issuer stays",
        admin.issuers.delete(platform),
        ConflictError,
        "conflict",
    )
