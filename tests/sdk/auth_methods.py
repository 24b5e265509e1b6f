"""Login methods of an issuer."""

from __future__ import annotations

from authpi_admin import AuthPIAdmin, ConflictError, NotFoundError, PreconditionFailedError, ValidationError

from checks import Checks, Server, Trail, collect


async def run(check: Checks, server: Server, admin: AuthPIAdmin) -> None:
    """Adds, lists, changes and removes login methods."""
    issuer = await admin.issuers.create({"name": "methods"})
    methods = admin.issuer(issuer.id).auth_methods
    trail = Trail(admin, issuer.id)
    await trail.news()
    check.equal(
        "a new issuer has two", [item.method for item in (await methods.list()).data], ["email-link", "password"]
    )
    settings = {"provider": "google", "client_id": "id.apps", "client_secret": "upstream-secret-of-32-characters"}
    made = await methods.create({"method": "oauth2", "name": "Google", "settings": settings})
    check.equal("an addition has its event", await trail.news(), ["issuer.auth-method.created"])
    check.equal("the secret is never shown", "client_secret" in made.settings, False)
    check.equal("but its end is", made.settings["client_secret_hint"], "aracters")
    check.equal("a method reads back", (await methods.get(made.id)).settings, made.settings)
    check.equal("all are listed once", len(await collect(methods.list_all())), 3)
    await check.refused(
        "there is one of a kind", methods.create({"type": "magic_link", "name": "x"}), ConflictError, "conflict"
    )
    await check.refused(
        "settings are checked",
        methods.create({"method": "totp", "name": "x", "settings": {"digits": 6}}),
        ValidationError,
        "invalid_request",
    )
    changed = await methods.update(made.id, {"enabled": False}, if_match=made._etag)
    check.equal("a method can be switched off", changed.enabled, False)
    await check.refused(
        "a stale version changes nothing",
        methods.update(made.id, {"enabled": True}, if_match=made._etag),
        PreconditionFailedError,
        "precondition_failed",
    )
    counted = [item for item in (await admin.issuers.list()).data if item.id == issuer.id][0]
    check.equal("the issuer counts", (counted.auth_method_count, counted.enabled_login_method_count), (3, 2))
    await trail.news()
    await methods.delete(made.id)
    check.equal("a removal has its event", await trail.news(), ["issuer.auth-method.deleted"])
    await check.refused("a removed method is gone", methods.get(made.id), NotFoundError, "not_found")
