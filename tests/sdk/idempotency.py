"""Idempotency keys: the same request again is the same answer, and nothing happens twice."""

from __future__ import annotations

import secrets

from authpi_admin import AuthPIAdmin, ValidationError

from checks import Checks, Server, Trail, ids


async def run(check: Checks, server: Server, admin: AuthPIAdmin) -> None:
    """Repeats creates, an update and a rotation."""
    issuer = await admin.issuers.create({"name": "idempotency"})
    tenant = admin.issuer(issuer.id)
    trail = Trail(admin, issuer.id)
    await trail.news()
    await creates(check, tenant, trail)
    await updates(check, tenant, trail)
    await secrets_again(check, server, admin, tenant, trail)


def fresh() -> str:
    """A key nobody has used."""
    return f"golden-{secrets.token_hex(16)}"


async def creates(check: Checks, tenant, trail: Trail) -> None:
    token = fresh()
    first = await tenant.organizations.create({"name": "Once"}, idempotency_key=token)
    second = await tenant.organizations.create({"name": "Once"}, idempotency_key=token)
    check.equal("a repeated create answers the first result", (second, second._etag), (first, first._etag))
    check.equal("it made one organization", ids(await tenant.organizations.list()), [first.id])
    check.equal("and one event", await trail.news(), ["organization.created"])
    other = await check.refused(
        "the key belongs to its body",
        tenant.organizations.create({"name": "Twice"}, idempotency_key=token),
        ValidationError,
        "invalid_request",
    )
    check.equal("which is a 422", other.status_code, 422)
    other = await check.refused(
        "and to its path",
        tenant.clients.create({"name": "Once"}, idempotency_key=token),
        ValidationError,
        "invalid_request",
    )
    check.equal("a 422 too", other.status_code, 422)
    token = fresh()
    await check.refused(
        "a refused request keeps no key",
        tenant.organizations.create({}, idempotency_key=token),
        ValidationError,
        "invalid_request",
    )
    made = await tenant.organizations.create({"name": "Corrected"}, idempotency_key=token)
    check.equal("so it can be sent again, corrected", made.name, "Corrected")
    await check.refused(
        "a key has 256 characters at most",
        tenant.organizations.create({"name": "x"}, idempotency_key="k" * 257),
        ValidationError,
        "invalid_request",
        field="Idempotency-Key",
    )
    await trail.news()


async def updates(check: Checks, tenant, trail: Trail) -> None:
    org = await tenant.organizations.create({"name": "Patched"})
    await trail.news()
    token = fresh()
    first = await tenant.organization(org.id).update({"name": "Patched 2"}, if_match=org._etag, idempotency_key=token)
    second = await tenant.organization(org.id).update({"name": "Patched 2"}, if_match=org._etag, idempotency_key=token)
    check.equal("a repeated update is answered before its stale ETag", (second, second._etag), (first, first._etag))
    check.equal("and happened once", await trail.news(), ["organization.updated"])


async def secrets_again(check: Checks, server: Server, admin: AuthPIAdmin, tenant, trail: Trail) -> None:
    token = fresh()
    body = {"name": "Replayed", "restrictions": {"scopes": ["*:**"]}}
    first = await admin.api_keys.create(body, idempotency_key=token)
    second = await admin.api_keys.create(body, idempotency_key=token)
    check.equal(
        "a repeated create repeats the secret", (second.id, second.secret_plain), (first.id, first.secret_plain)
    )
    async with server.client(first.id, first.secret_plain) as other:
        refused = await check.refused(
            "but not to another caller",
            other.api_keys.create(body, idempotency_key=token),
            ValidationError,
            "invalid_request",
        )
        check.equal("who gets the 422 of a mismatch", refused.status_code, 422)
    token = fresh()
    once = await admin.api_keys.rotate(first.id, idempotency_key=token)
    again = await admin.api_keys.rotate(first.id, idempotency_key=token)
    check.equal("a repeated rotation rotates once", again.secret_plain, once.secret_plain)
    await admin.api_keys.delete(first.id)
