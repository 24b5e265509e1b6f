"""A receiver of webhooks, written with the public packages `standardwebhooks` and `cloudevents`, verifies what a running
server sends it by itself: every delivery of every event, retries, two secrets at once.

    python receiver.py BOOTSTRAP_FILE

BOOTSTRAP_FILE is what the server wrote at its first start. The server must allow private networks: the receiver listens
on loopback.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from authpi_admin import AuthPIAdmin
from authpi_admin.generated.models import Event
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from standardwebhooks import Webhook, WebhookVerificationError

from checks import Checks, Server, collect

PATIENCE = 60.0
TYPES = ["issuer.created", "user.created", "user.updated", "user.deleted", "webhook.created", "webhook.updated"]


@dataclass(frozen=True)
class Received:
    """A request that came, as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


@dataclass
class Inbox:
    """What came. Requests at a path and with a text that `answers` has are answered with its statuses, others with 204."""

    requests: list[Received] = field(default_factory=list)
    answers: dict[tuple[str, str], list[int]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, request: Received) -> int:
        with self.lock:
            self.requests.append(request)
            for (path, text), statuses in self.answers.items():
                if statuses and path == request.path and text.encode() in request.body:
                    return statuses.pop(0)
            return 204

    def at(self, path: str) -> list[Received]:
        with self.lock:
            return [request for request in self.requests if request.path == path]

    async def until(self, what: str, path: str, enough: Callable[[list[Received]], bool]) -> list[Received]:
        """Waits until what came at `path` is enough."""
        end = time.monotonic() + PATIENCE
        while not enough(self.at(path)):
            if time.monotonic() > end:
                came = [(request.id, request.headers.get("x-webhook-attempt")) for request in self.at(path)]
                raise AssertionError(f"{what} did not come within {PATIENCE} s; what came: {came}")
            await asyncio.sleep(0.02)
        return self.at(path)


def listen(inbox: Inbox) -> str:
    """Serves the inbox from a thread; answers its base URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.send_response(inbox.take(Received(self.path, headers, body)))
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_address[1]}"


def verified(request: Received, secret: str, webhook_id: str) -> Event:
    """What a receiver does: signature, then CloudEvent, then the event. Raises when anything is wrong."""
    Webhook(secret).verify(request.body, request.headers)
    cloud = from_http_event(HTTPMessage(headers=request.headers, body=request.body))
    data = cloud.get_data()
    record = json.loads(data) if isinstance(data, (str, bytes)) else data
    event = Event.model_validate(record)
    envelope = (cloud.get_specversion(), cloud.get_id(), cloud.get_type(), cloud.get_source())
    expected = ("1.0", request.id, event.type, f"com.authpi.webhooks/v1/{webhook_id}")
    if envelope != expected or event.id != request.id:
        raise AssertionError(f"{envelope} is not {expected}")
    if abs(cloud.get_time().timestamp() * 1000 - event.timestamp) >= 1:
        raise AssertionError(f"{cloud.get_time()} is not {event.timestamp}")
    return event


def refused(request: Received, secret: str) -> bool:
    try:
        Webhook(secret).verify(request.body, request.headers)
    except WebhookVerificationError:
        return True
    return False


async def run(check: Checks, admin: AuthPIAdmin, inbox: Inbox, base: str) -> None:
    quick = {"max_attempts": 3, "initial_delay_seconds": 1, "multiplier": 1}
    made = await admin.webhooks.create(
        {"url": f"{base}/all", "auth": {"type": "bearer+signature"}, "events": TYPES, "retry": quick}
    )
    secret = made.auth.signature_secret_plain
    issuer = await admin.issuers.create({"name": "receiver"})
    other = await admin.issuers.create({"name": "other"})
    narrow = await admin.webhooks.create(
        {
            "url": f"{base}/narrow",
            "auth": {"type": "signature"},
            "events": ["user.created"],
            "subjects": [{"issuer_id": issuer.id}],
        }
    )
    tenant = admin.issuer(issuer.id)
    users = [await tenant.users.create({"username": f"user-{number}", "profile": {}}) for number in range(5)]
    await admin.issuer(other.id).users.create({"username": "elsewhere", "profile": {}})
    await tenant.users.update(users[0].id, {"metadata": {"seen": True}})
    await tenant.users.delete(users[1].id)

    listed = {event.id: event for event in await collect(admin.events.list_all(event_types=",".join(TYPES), limit=100))}
    since = next(event for event in listed.values() if event.subject.get("webhook_id") == made.id)
    wanted = {id for id, event in listed.items() if event.id >= since.id}
    came = await inbox.until("every event", "/all", lambda got: wanted <= {request.id for request in got})
    events = [verified(request, secret, made.id) for request in came]
    check.equal("every event comes, no other does", {event.id for event in events}, wanted)
    check.equal("each is what the list shows", [event.model_dump() for event in events],
                [listed[event.id].model_dump() for event in events])
    check.equal("each comes once", len(came), len(wanted))
    bearers = {request.headers["authorization"] for request in came}
    check.equal("each bears the token", bearers, {f"Bearer {made.auth.bearer_token_plain}"})
    check.equal("each is a first attempt", {request.headers["x-webhook-attempt"] for request in came}, {"1"})
    kinds = {request.headers["content-type"] for request in came}
    check.equal("each says what it is", kinds, {"application/cloudevents+json; charset=utf-8"})
    both = {request.headers["webhook-signature"] == request.headers["x-webhook-signature"] for request in came}
    check.equal("both names of the signature have it", both, {True})

    check.that("another secret verifies nothing", all(refused(request, narrow.auth.signature_secret_plain)
                                                      for request in came), len(came))
    first = came[0]
    changed = Received(first.path, first.headers, first.body.replace(b"1.0", b"1.1", 1))
    check.that("a changed body is refused", refused(changed, secret), changed)

    few = await inbox.until("five users", "/narrow", lambda got: len(got) >= 5)
    found = sorted(verified(request, narrow.auth.signature_secret_plain, narrow.id).subject["user_id"] for request in few)
    check.equal("a webhook of one issuer hears of that one", found, sorted(user.id for user in users))
    check.equal("without a token where there is none", {"authorization" in request.headers for request in few}, {False})

    await retried(check, admin, inbox, tenant, made, secret)
    await rotated(check, admin, inbox, tenant, made, secret)


async def retried(check: Checks, admin: AuthPIAdmin, inbox: Inbox, tenant: Any, made: Any, secret: str) -> None:
    """A delivery that fails comes again, with the same bytes."""
    await admin.webhooks.update(made.id, {"events": ["user.updated"]})
    user = await tenant.users.create({"username": "retried", "profile": {}})
    inbox.answers["/all", user.id] = [500]
    await tenant.users.update(user.id, {"metadata": {"seen": True}})
    mine = lambda got: [request for request in got if user.id.encode() in request.body]  # noqa: E731
    attempts = mine(await inbox.until("the retry", "/all", lambda got: len(mine(got)) >= 2))
    events = [verified(request, secret, made.id) for request in attempts]
    check.equal("a failed delivery comes again", [event.type for event in events], ["user.updated"] * 2)
    check.equal("with the same id and bytes", (attempts[0].id, attempts[0].body), (attempts[1].id, attempts[1].body))
    numbers = [request.headers["x-webhook-attempt"] for request in attempts]
    check.equal("and says which attempt it is", numbers, ["1", "2"])
    times = [int(request.headers["webhook-timestamp"]) for request in attempts]
    check.that("each attempt is signed for its time", times[1] > times[0], times)

    async def delivered() -> Any:
        found = await collect(admin.webhook(made.id).deliveries.list_all(event_type="user.updated"))
        return next(delivery for delivery in found if delivery.event_id == events[0].id)

    end = time.monotonic() + PATIENCE
    while (delivery := await delivered()).status != "delivered" and time.monotonic() < end:
        await asyncio.sleep(0.05)
    check.equal("the delivery tells of both", (delivery.status, delivery.attempt_count, delivery.last_response_status),
                ("delivered", 2, 204))
    again = await admin.webhook(made.id).deliveries.redeliver(delivery.id)
    third = mine(inbox.at("/all"))[2]
    verified(third, secret, made.id)
    check.equal("a redelivery has the same bytes", (again.success, third.body), (True, attempts[0].body))


async def rotated(check: Checks, admin: AuthPIAdmin, inbox: Inbox, tenant: Any, made: Any, secret: str) -> None:
    """For a day, old and new secret sign together."""
    changed = await admin.webhooks.update(made.id, {"auth": {"type": "bearer+signature", "regenerate": True}})
    user = await tenant.users.create({"username": "rotated", "profile": {}})
    await tenant.users.update(user.id, {"metadata": {"seen": True}})
    mine = lambda got: [request for request in got if user.id.encode() in request.body]  # noqa: E731
    request = mine(await inbox.until("the event", "/all", lambda got: bool(mine(got))))[0]
    for name, known in (("the old secret", secret), ("the new secret", changed.auth.signature_secret_plain)):
        event = verified(request, known, made.id)
        check.equal(f"{name} verifies", event.subject["user_id"], user.id)
    check.equal("two signatures", len(request.headers["webhook-signature"].split(" ")), 2)
    check.equal("the new token at once", request.headers["authorization"], f"Bearer {changed.auth.bearer_token_plain}")


async def main(bootstrap: str) -> None:
    server = Server(**json.loads(Path(bootstrap).read_text()))
    checks, inbox = Checks(), Inbox()
    checks.topic = "receiver"
    async with server.client(server.key_id, server.key_secret) as admin:
        await run(checks, admin, inbox, listen(inbox))
    print(f"{checks.passed} checks passed")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
