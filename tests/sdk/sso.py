"""Single sign-on of organizations."""

from __future__ import annotations

from authpi_admin import AuthPIAdmin, ConflictError, NotFoundError, ValidationError

from checks import Checks, Server, Trail, ids


async def run(check: Checks, server: Server, admin: AuthPIAdmin) -> None:
    """Writes settings, adds and removes domains."""
    issuer = await admin.issuers.create({"name": "sso"})
    tenant = admin.issuer(issuer.id)
    org = await tenant.organizations.create({"name": "Hooli", "sso": {"provider": "okta", "client_id": "hooli"}})
    sso = tenant.organization(org.id).sso
    trail = Trail(admin, issuer.id)
    await trail.news()
    check.equal("settings have defaults", (org.sso["protocol"], org.sso["enabled"]), ("oidc", False))
    changed = await tenant.organizations.update(org.id, {"sso": {"client_secret": "a secret of the provider's"}})
    check.equal("the secret is not shown", "client_secret" in changed.sso, False)
    check.equal("a hint is", changed.sso["client_secret_hint"], "...ider's")
    check.equal(
        "the event names what has changed",
        (await trail.news(), trail.last[0].data["changes"]),
        (["organization.sso.updated"], ["client_secret"]),
    )
    await check.refused(
        "an incomplete connection cannot be enabled",
        tenant.organizations.update(org.id, {"sso": {"enabled": True}}),
        ConflictError,
        "conflict",
    )
    await check.refused("nor its secret rotated", sso.rotate_secret(), ConflictError, "conflict")
    await check.refused(
        "an identity provider is elsewhere",
        tenant.organizations.update(org.id, {"sso": {"issuer_url": "https://127.0.0.1/"}}),
        ValidationError,
        "invalid_request",
        fields={("sso.issuer_url", "not_allowed")},
    )
    check.equal("nobody has it enabled", ids(await tenant.organizations.list(sso_enabled="true")), [])
    check.equal("this one has not", ids(await tenant.organizations.list(sso_enabled="false")), [org.id])
    await domains(check, tenant, org, sso, trail)
    await admin.issuers.delete(issuer.id)


async def domains(check: Checks, tenant, org, sso, trail: Trail) -> None:
    await trail.news()
    challenge = await sso.add_domain({"domain": "Hooli.Example"})
    check.equal(
        "a record proves a domain",
        (challenge.domain, challenge.txt_record_name),
        ("hooli.example", "_sso-challenge.hooli.example"),
    )
    same = await sso.add_domain({"domain": "hooli.example"})
    check.equal("adding it again answers the same", same.txt_record_value, challenge.txt_record_value)
    check.equal("and is told once", await trail.news(), ["organization.sso.domain-created"])
    outcome = await sso.verify_domain("hooli.example")
    check.that("without the record it is not verified", outcome.verified is False and bool(outcome.error), outcome)
    read = await tenant.organization(org.id).get()
    check.equal("the organization shows it", read.sso["domains"][0]["verified"], False)
    public = sso.add_domain({"domain": "gmail.com"})
    await check.refused("nobody owns a public provider", public, ValidationError, "invalid_request", field="domain")
    removed = await sso.remove_domain("hooli.example")
    check.equal("a removal answers an object", (removed["domain"], removed["deleted"]), ("hooli.example", True))
    check.equal("and has its event", await trail.news(), ["organization.sso.domain-deleted"])
    gone = sso.verify_domain("hooli.example")
    await check.refused("a removed domain is gone", gone, NotFoundError, "not_found")
