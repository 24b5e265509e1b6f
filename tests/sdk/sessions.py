"""Sessions of a user. Nothing in the management API begins one, so what is asked about here is not there."""

from __future__ import annotations

from authpi_admin import AuthPIAdmin, NotFoundError

from checks import Checks, Server, collect

NOBODY = "s_0000000000000000000000000"


async def run(check: Checks, server: Server, admin: AuthPIAdmin) -> None:
    """Lists the sessions of a user who never signed in, and calls every action on one that is not there."""
    issuer = await admin.issuers.create({"name": "sessions"})
    tenant = admin.issuer(issuer.id)
    user = await tenant.users.create({"username": "richard", "profile": {}})
    sessions = tenant.user(user.id).sessions
    page = await sessions.list(status="active")
    check.equal("who never signed in has no sessions", (page.data, page.has_more), ([], False))
    check.equal("the iterator ends", await collect(sessions.list_all()), [])
    calls = {
        "get": tenant.sessions.get(NOBODY),
        "suspend": tenant.sessions.suspend(NOBODY, {"reason": "x"}),
        "reactivate": tenant.sessions.reactivate(NOBODY),
        "revoke": tenant.sessions.revoke(NOBODY),
    }
    for name, call in calls.items():
        await check.refused(f"{name} knows the sessions of the issuer", call, NotFoundError, "not_found")
