"""Webhooks and their deliveries."""

from __future__ import annotations

from authpi_admin import AuthPIAdmin, ConflictError, NotFoundError, PreconditionFailedError, ValidationError
from authpi_admin.generated.models import WebhookEventType

from checks import Checks, Server, Trail, collect, ids


async def run(check: Checks, server: Server, admin: AuthPIAdmin) -> None:
    """Creates, changes, pauses, resumes and deletes webhooks."""
    for old in await collect(admin.webhooks.list_all()):
        await admin.webhooks.delete(old.id)
    trail = Trail(admin)
    await trail.news()

    made = await admin.webhooks.create(
        {
            "name": "CRM",
            "url": "https://hooks.example.com/crm",
            "auth": {"type": "bearer+signature"},
            "events": list(WebhookEventType),
            "description": None,
            "status": None,
            "subjects": None,
            "retry": {"max_attempts": 5},
            "circuit_breaker": None,
            "metadata": {"crm": 7},
        }
    )
    check.equal("every name of the SDK is a type", made.events, [kind.value for kind in WebhookEventType])
    check.that("the bearer token is shown", made.auth.bearer_token_plain.startswith("whb_"), made.auth)
    check.that("the signing secret is shown", made.auth.signature_secret_plain.startswith("whsec_"), made.auth)
    check.equal("its creation has its event", await trail.news(), ["webhook.created"])
    check.equal("the event names the kind of auth", trail.last[0].data["auth_type"], "bearer+signature")

    read = await admin.webhooks.get(made.id)
    check.equal("secrets are shown once", hasattr(read.auth, "signature_secret_plain"), False)
    hint = made.auth.signature_secret_plain[-6:]
    check.equal("a hint stays", read.auth.signature_secret_hint, f"...{hint}")
    check.equal("it reads back from its scope", (await admin.webhook(made.id).get()).model_dump(), read.model_dump())
    check.equal("the policy is completed", (read.retry["max_attempts"], read.retry["timeout_seconds"]), (5, 15))
    other = await admin.webhooks.create({"url": "https://other.example.com/", "auth": {"type": "none"}})
    check.equal("the name defaults to the host", other.name, "other.example.com")
    check.equal("without events it receives all", other.events, [])
    listed = await admin.webhooks.list(limit=1)
    check.equal("the newest comes first", (ids(listed), listed.has_more), ([other.id], True))
    check.equal("pages show each once", ids(await collect(admin.webhooks.list_all(limit=1))), [other.id, made.id])
    await changes(check, admin, read, trail)
    await deliveries(check, admin, made.id)

    await trail.news()
    await admin.webhooks.delete(made.id)
    check.equal("a deletion has its event", await trail.news(), ["webhook.deleted"])
    await check.refused("a deleted webhook is gone", admin.webhook(made.id).get(), NotFoundError, "not_found")
    deleted = await collect(admin.webhooks.list_all(status="deleted", limit=100))
    check.equal("and listed by its status", [hook.status for hook in deleted if hook.id == made.id], ["deleted"])
    await admin.webhook(other.id).delete()


async def changes(check: Checks, admin: AuthPIAdmin, webhook, trail: Trail) -> None:
    await trail.news()
    changed = await admin.webhook(webhook.id).update(
        {"events": ["user.created"], "auth": {"type": "signature", "regenerate": True}}, if_match=webhook._etag
    )
    check.that("a new secret is shown", changed.auth.signature_secret_plain.startswith("whsec_"), changed.auth)
    check.equal("the token is gone with its kind", hasattr(changed.auth, "bearer_token_hint"), False)
    check.equal(
        "the event names what has changed",
        (await trail.news(), trail.last[0].data["changes"]),
        (["webhook.updated"], ["auth", "events"]),
    )
    await check.refused(
        "a stale ETag is refused",
        admin.webhooks.update(webhook.id, {"name": "x"}, if_match=webhook._etag),
        PreconditionFailedError,
        "precondition_failed",
    )
    paused = await admin.webhooks.update(webhook.id, {"status": "disabled", "status_reason": "maintenance"})
    check.equal("it can be paused", (paused.status, paused.status_reason), ("disabled", "maintenance"))
    await admin.webhooks.update(webhook.id, {"status": "active"})
    check.equal("both have events", await trail.news(), ["webhook.paused", "webhook.resumed"])
    for url in ("http://example.com/", "https://127.0.0.1/", "https://localhost/"):
        await check.refused(
            f"{url} is no place to send events to",
            admin.webhooks.update(webhook.id, {"url": url}),
            ValidationError,
            "invalid_request",
            fields={("url", "not_allowed")},
        )


async def deliveries(check: Checks, admin: AuthPIAdmin, webhook_id: str) -> None:
    scope = admin.webhook(webhook_id)
    page = await scope.deliveries.list(event_type="user.created", status="failed", after=1.0, before=2.0, limit=5)
    check.equal("nothing was sent then", (page.data, page.has_more), ([], False))
    walked = await collect(scope.deliveries.list_all(event_type="user.created", status="failed", after=1.0, before=2.0))
    check.equal("nor on any page", walked, [])
    missing = "dlv_" + "0" * 25
    await check.refused(
        "a delivery that never was cannot be repeated",
        scope.deliveries.redeliver(missing),
        NotFoundError,
        "not_found",
    )
    queued = await scope.redeliver.create({"event_types": ["user.created"], "limit": 1000})
    check.equal("nothing failed, nothing is queued", queued, {"queued": 0, "skipped": 0})
    extra = [await admin.webhooks.create({"url": "https://a.example/", "auth": {"type": "none"}}) for _ in range(18)]
    await check.refused(
        "an account has twenty webhooks",
        admin.webhooks.create({"url": "https://a.example/", "auth": {"type": "none"}}),
        ConflictError,
        "conflict",
    )
    for webhook in extra:
        await admin.webhooks.delete(webhook.id)
