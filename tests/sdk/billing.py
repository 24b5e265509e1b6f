"""Usage, credit, statements and payment methods; on a server without billing, that there is nothing of it.

The SDK has classes for all of it, and an accessor for credits alone.
"""

from __future__ import annotations

import asyncio

from authpi_admin import AuthPIAdmin, NotFoundError, PreconditionFailedError, ValidationError
from authpi_admin.generated import InvoicesResource, PaymentMethodsResource, UsageResource

from checks import Checks, Server, Trail, collect, ids

WALLET = {"type": "x402", "network": "eip155:8453", "asset": "0xusdc", "address": "0x52908400098527886e0f7030069857d2e4169ee7"}
PAYMENT = {"amount_μusd": 1_000_000, "payment": {"nonce": "golden path"}}


async def run(check: Checks, server: Server, admin: AuthPIAdmin) -> None:
    """Pays, counts and states, as far as the server does."""
    base = f"/v1/accounts/{server.account_id}"
    usage = UsageResource(admin._http, f"{base}/usage")
    invoices = InvoicesResource(admin._http, f"{base}/invoices")
    methods = PaymentMethodsResource(admin._http, f"{base}/payment-methods")
    account = await admin.accounts.get(server.account_id)
    check.that("an account tells its balance", isinstance(account.balance_μusd, int), account)
    check.equal("nothing has run out", account.credits_run_out, False)
    estimate = await usage.estimate()
    check.that("an estimate is for a month", len(estimate.period) == 7 and estimate.estimate, estimate)
    check.equal("no month has ended", (await invoices.list(limit=1)).data, [])
    check.equal("on no page", await collect(invoices.list_all(limit=1)), [])
    months = [month.model_dump() for month in await collect(usage.list_all())]
    check.that("months are walked through once", len({month["period"] for month in months}) == len(months), months)
    check.equal("nothing was charged", ids(await collect(admin.credits.ledger_all(limit=1))), [])
    await check.refused(
        "nobody can pay in where nobody collects", admin.credits.create_topup(PAYMENT), NotFoundError, "not_found"
    )
    await check.refused("nor add a card", methods.setup_intent_stripe(), NotFoundError, "not_found")
    if estimate.billing_profile == "none":
        check.equal("without billing nothing is counted", (await usage.list()).data, [])
        await check.refused("nor is a wallet taken", methods.create(WALLET), NotFoundError, "not_found")
        return
    check.equal("a new account is in its trial", estimate.trial, True)
    await counts(check, admin, usage)
    await wallets(check, server, admin, methods)


async def counts(check: Checks, admin: AuthPIAdmin, usage: UsageResource) -> None:
    async def verified() -> int:
        lines = [line for month in (await usage.list()).data for line in month.lines]
        return sum(line.count for line in lines if line.dimension == "api_key_verification")

    before = await verified()
    await admin.whoami()
    for _ in range(100):
        if await verified() > before:
            break
        await asyncio.sleep(0.1)
    check.that("a check of a key is counted", await verified() > before, before)
    month = (await usage.list(period=(await usage.estimate()).period)).data[0]
    line = next(line for line in month.lines if line.dimension == "api_key_verification")
    check.equal("which costs nothing in the trial", (line.amount_μusd, line.line_count), (0, 0))
    check.that("the rates have a name", bool(line.config_version), line)


async def wallets(check: Checks, server: Server, admin: AuthPIAdmin, methods: PaymentMethodsResource) -> None:
    trail = Trail(admin)
    await trail.news()
    wallet = await methods.create(WALLET)
    fields = wallet.model_dump()
    check.equal("a wallet is kept as it is", {name: fields[name] for name in WALLET}, WALLET)
    account = await admin.accounts.get(server.account_id)
    check.equal("an account that pays by wallet alone pays in advance", account.billing_mode, "gated")
    check.equal("and shows it", [method.model_dump()["id"] for method in account.payment_methods], [fields["id"]])
    off = await methods.update(fields["id"], {"enabled": False}, if_match=wallet._etag)
    check.equal("it can be put out of use", off.model_dump()["enabled"], False)
    await check.refused(
        "a stale ETag is refused",
        methods.update(fields["id"], {"enabled": True}, if_match=wallet._etag),
        PreconditionFailedError,
        "precondition_failed",
    )
    await methods.delete(fields["id"])
    account = await admin.accounts.get(server.account_id)
    check.equal("and removed", (account.payment_methods, account.billing_mode), ([], "ungated"))
    check.equal("each change has its event", await trail.news(), ["account.updated"] * 3)
    await check.refused(
        "a chain has a name of its own form",
        methods.create(WALLET | {"network": "base"}),
        ValidationError,
        "invalid_request",
        field="network",
    )
