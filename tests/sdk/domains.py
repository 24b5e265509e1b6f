"""Domains of accounts."""

from __future__ import annotations

import uuid

from authpi_admin import AuthPIAdmin, ConflictError, NotFoundError, ValidationError

from checks import Checks, Server, Trail, collect


async def run(check: Checks, server: Server, admin: AuthPIAdmin) -> None:
    """Adds domains, asks for verification and assignment, removes them."""
    host = f"login-{uuid.uuid4().hex}.example.com"
    trail = Trail(admin)
    await trail.news()
    account = await admin.domains.create({"host": host.upper()})
    check.equal("the account answers", account.id, server.account_id)
    check.equal("hosts are normalized", account.domains[0].host, host)
    check.equal("its addition has its event", await trail.news(), ["account.domain.added"])
    check.equal("the event names the host", trail.last[0].subject["domain"], host)
    listed = await admin.domains.list()
    check.equal("it is listed", (listed.data[0].host, listed.has_more), (host, False))
    check.that("all are", host in [domain.host for domain in await collect(admin.domains.list_all())], host)
    again = admin.domains.create({"host": host})
    await check.refused("a host is taken once", again, ConflictError, "conflict")
    bad = admin.domains.create({"host": "localhost"})
    await check.refused("a host is fully qualified", bad, ValidationError, "invalid_request", field="host")

    missing = await check.refused(
        "without its record nothing is verified", admin.domains.verify(host), ConflictError, "conflict"
    )
    expected = f"account-domain={server.account_id}"
    check.that("the record that is expected is told", expected in str(missing), str(missing))
    issuer = await admin.issuers.create({"name": "domains"})
    await check.refused(
        "what is not verified is not assigned",
        admin.domains.assign(host, {"issuer_id": issuer.id}),
        ConflictError,
        "conflict",
    )
    await check.refused(
        "an issuer is the account's",
        admin.domains.assign(host, {"issuer_id": "i_" + "0" * 25}),
        ValidationError,
        "invalid_request",
        fields={("issuer_id", "unknown_reference")},
    )
    same = await admin.domains.unassign(host, if_match=account._etag)
    check.equal("unassigning what is not assigned changes nothing", same._etag, account._etag)
    await admin.issuers.delete(issuer.id)
    await trail.news()
    await admin.domains.delete(host)
    check.equal("a removal has its event", await trail.news(), ["account.domain.removed"])
    await check.refused("a removed host is gone", admin.domains.delete(host), NotFoundError, "not_found")
