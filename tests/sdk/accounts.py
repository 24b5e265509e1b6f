"""The account: a facade over an organization of the platform's own issuer."""

from __future__ import annotations

from authpi_admin import AuthPIAdmin, ForbiddenError, PreconditionFailedError, ValidationError

from checks import Checks, Server, Trail, collect, ids


async def run(check: Checks, server: Server, admin: AuthPIAdmin) -> None:
    """Reads, lists and changes the account."""
    account = await admin.accounts.get(server.account_id)
    suffix = server.account_id.removeprefix("acc_")
    check.equal("account and organization share their suffix", account.organization.id, f"org_{suffix}")
    check.equal("a new account has no domains", account.domains, [])
    check.equal("the list shows the account", ids(await admin.accounts.list()), [account.id])
    check.equal("so does list_all", ids(await collect(admin.accounts.list_all(limit=1))), [account.id])

    trail = Trail(admin)
    await trail.news()
    name = f"Operators {account.updated_at}"
    renamed = await admin.accounts.update(account.id, {"name": name}, if_match=account._etag)
    check.equal("a new name is the organization's name", renamed.organization.name, name)
    check.that("a change gives a new ETag", renamed._etag != account._etag, renamed._etag)
    check.equal("the ETag is updated_at, quoted", renamed._etag, f'"{renamed.updated_at}"')
    check.that("it emits account.updated", "account.updated" in await trail.news(), trail.last)

    stale = await check.refused(
        "a stale ETag changes nothing",
        admin.accounts.update(account.id, {"name": "never"}, if_match=account._etag),
        PreconditionFailedError,
        "precondition_failed",
    )
    check.equal("the refusal tells the current ETag", stale.current_etag, renamed._etag)
    check.equal("and nothing was changed", (await admin.accounts.get(account.id)).organization.name, name)
    check.equal("nor is there an event", await trail.news(), [])

    same = await admin.accounts.update(account.id, {"name": name})
    check.equal("a change that changes nothing keeps the ETag", (same._etag, await trail.news()), (renamed._etag, []))
    await admin.accounts.update(account.id, {"metadata": {"tier": "gold", "seats": 3}})
    merged = await admin.accounts.update(account.id, {"metadata": {"seats": None, "region": "eu"}})
    check.equal("metadata merges, null removes", merged.metadata.model_dump(), {"tier": "gold", "region": "eu"})
    check.equal("each change has its event", await trail.news(), ["account.updated"] * 2)
    check.equal("which tells the field, not the value", trail.last[0].data, {"changes": ["metadata"]})
    cleared = await admin.accounts.update(account.id, {"metadata": None})
    check.equal("null clears all metadata", cleared.metadata.model_dump() if cleared.metadata else {}, {})

    await check.refused(
        "a stranger cannot own the account",
        admin.accounts.update(account.id, {"owner_user_id": "usr_" + "0" * 25}),
        ValidationError,
        "invalid_request",
        field="owner_user_id",
    )
    await check.refused(
        "all problems of a body come at once",
        admin.accounts.update(account.id, {"name": 7, "logo_url": "not a url", "colour": "red"}),
        ValidationError,
        "invalid_request",
        fields={("name", "invalid_type"), ("logo_url", "invalid_format"), ("colour", "unknown_field")},
    )
    await check.refused(
        "another account is refused, existing or not",
        admin.accounts.get("acc_" + "0" * 25),
        ForbiddenError,
        "access_denied",
    )
