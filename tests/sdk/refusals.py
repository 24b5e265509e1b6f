"""What is refused everywhere, in which order, and with which words."""

from __future__ import annotations

import re

from authpi_admin import (
    AuthenticationError,
    AuthPIAdmin,
    ForbiddenError,
    NotFoundError,
    PreconditionFailedError,
    ValidationError,
)

from checks import Checks, Server

NOWHERE = "0" * 25


async def run(check: Checks, server: Server, admin: AuthPIAdmin) -> None:
    """Comes without credential, with a wrong one, to a foreign account, and with every kind of bad input."""
    await credentials(check, server, admin)
    issuer = await admin.issuers.create({"name": "refusals"})
    other = await admin.issuers.create({"name": "refusals elsewhere"})
    await parents(check, admin, issuer, other)
    await order(check, admin, issuer)
    await input_(check, admin, issuer)


async def credentials(check: Checks, server: Server, admin: AuthPIAdmin) -> None:
    for what, key_id, secret in [
        ("a wrong secret", server.key_id, "x" * 43),
        ("an unknown key", "key_" + "0" * 32, server.key_secret),
    ]:
        async with server.client(key_id, secret) as stranger:
            refusal = await check.refused(
                f"{what} is refused", stranger.whoami(), AuthenticationError, "unauthorized_client"
            )
            check.equal(f"{what} is not worth a retry", (refusal.status_code, refusal.retryable), (401, False))
            check.that(
                f"{what} gets a reference",
                bool(re.fullmatch("[0-9a-f]{32}", refusal.reference or "")),
                refusal.reference,
            )
    async with server.client(server.key_id, server.key_secret, account_id=f"acc_{NOWHERE}") as abroad:
        for what, call in [("reading", abroad.issuers.list()), ("writing", abroad.issuers.create({"name": "x"}))]:
            await check.refused(f"{what} in another account is refused", call, ForbiddenError, "access_denied")


async def parents(check: Checks, admin: AuthPIAdmin, issuer, other) -> None:
    here, there = admin.issuer(issuer.id), admin.issuer(other.id)
    user = await here.users.create({"username": "here", "profile": {}})
    org = await here.organizations.create({"name": "Here"})
    client = await here.clients.create({"name": "Here"})
    for what, call in [
        ("a user", there.users.get(user.id)),
        ("an organization", there.organizations.get(org.id)),
        ("a client", there.clients.get(client.id)),
        ("a list of members", there.organization(org.id).members.list()),
        ("a list of keys", there.organization(org.id).api_keys.list()),
        ("a change of a user", there.users.update(user.id, {"metadata": {}})),
        ("a delete of an organization", there.organizations.delete(org.id)),
    ]:
        await check.refused(f"{what} under another issuer is not found", call, NotFoundError, "not_found")
    check.equal("and nothing happened to it", (await here.organizations.get(org.id))._etag, org._etag)


async def order(check: Checks, admin: AuthPIAdmin, issuer) -> None:
    tenant = admin.issuer(issuer.id)
    org = await tenant.organizations.create({"name": "Order"})
    user = await tenant.users.create({"username": "order", "profile": {}})
    client = await tenant.clients.create({"name": "Order"})
    member = await tenant.organization(org.id).members.create({"member_id": user.id, "scopes": ["owner"]})
    key = await tenant.organization(org.id).api_keys.create({"name": "Order", "restrictions": {"scopes": []}})
    broken, stale = {"nonsense": True}, '"1"'
    members = tenant.organization(org.id).members
    for what, update, there, absent in [
        ("issuer", admin.issuers.update, issuer.id, f"i_{NOWHERE}"),
        ("client", tenant.clients.update, client.id, f"c_{NOWHERE}"),
        ("organization", tenant.organizations.update, org.id, f"org_{NOWHERE}"),
        ("user", tenant.users.update, user.id, f"usr_{NOWHERE}"),
        ("member", members.update, member.member_id, f"usr_{NOWHERE}"),
        ("API key", admin.api_keys.update, key.id, "key_" + "0" * 32),
    ]:
        await check.refused(
            f"{what}: 404 before 412", update(absent, broken, if_match=stale), NotFoundError, "not_found"
        )
        await check.refused(
            f"{what}: 412 before 400",
            update(there, broken, if_match=stale),
            PreconditionFailedError,
            "precondition_failed",
        )
        await check.refused(
            f"{what}: then the body",
            update(there, broken),
            ValidationError,
            "invalid_request",
            fields={("nonsense", "unknown_field")},
        )


async def input_(check: Checks, admin: AuthPIAdmin, issuer) -> None:
    tenant = admin.issuer(issuer.id)
    for what, listing in [
        ("issuers", admin.issuers.list),
        ("API keys", admin.api_keys.list),
        ("clients", tenant.clients.list),
        ("organizations", tenant.organizations.list),
        ("users", tenant.users.list),
    ]:
        await check.refused(f"{what}: limit 0", listing(limit=0), ValidationError, "invalid_request", field="limit")
        await check.refused(f"{what}: limit 101", listing(limit=101), ValidationError, "invalid_request", field="limit")
        await check.refused(
            f"{what}: a broken cursor", listing(cursor="!"), ValidationError, "invalid_request", field="cursor"
        )
    await check.refused(
        "an id with other characters is refused",
        tenant.users.get("usr_a~b"),
        ValidationError,
        "invalid_request",
    )
    huge = {"name": "x", "description": "y" * (1 << 20)}
    try:
        await tenant.organizations.create(huge)
    except Exception as refusal:  # the SDK has no class for 413
        check.equal(
            "a body above 1 MiB is refused",
            (getattr(refusal, "status_code", None), getattr(refusal, "error", refusal)),
            (413, "payload_too_large"),
        )
    else:
        raise AssertionError("a body above 1 MiB was accepted")
