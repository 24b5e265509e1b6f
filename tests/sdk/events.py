"""Events: the audit trail, with all its filters."""

from __future__ import annotations

from authpi_admin import AuthPIAdmin, NotFoundError, ValidationError
from authpi_admin.generated.models import Event

from checks import Checks, Server, collect


async def run(check: Checks, server: Server, admin: AuthPIAdmin) -> None:
    """Makes some events and finds them in every way."""
    issuer = await admin.issuers.create({"name": "events"})
    tenant = admin.issuer(issuer.id)
    client = await tenant.clients.create(
        {
            "name": "Spa",
            "settings": {"openid": {"application_type": "spa", "redirect_uris": ["https://spa.example.com/"]}},
        }
    )
    users = [await tenant.users.create({"username": f"user-{number}", "profile": {}}) for number in range(5)]
    await tenant.users.update(users[0].id, {"metadata": {"seen": True}})
    events = (await admin.events.list(issuer_id=issuer.id)).data
    expected = ["user.updated"] + ["user.created"] * 5 + ["client.created", "issuer.created"]
    check.equal("events come newest first", [event.type for event in events], expected)
    times = [event.timestamp for event in events]
    check.equal("their times never rise", times, sorted(times, reverse=True))
    await filters(check, admin, issuer.id, client.id, users[0].id, events)
    await counts(check, admin, issuer.id)
    await pages(check, admin, issuer.id, events)
    await refusals(check, admin)


async def counts(check: Checks, admin: AuthPIAdmin, issuer_id: str) -> None:
    total = await admin.events.aggregate(issuer_id=issuer_id)
    check.equal("a total is one bucket", total.buckets, [{"timestamp": None, "key": None, "count": 8}])
    grouped = await admin.events.aggregate(issuer_id=issuer_id, group_by="type", count_unique="user_id")
    largest = {"timestamp": None, "key": "user.created", "count": 5, "unique": 5}
    check.equal("the largest group comes first", (grouped.group_by, grouped.buckets[0]), ("type", largest))
    minutes = await admin.events.aggregate(issuer_id=issuer_id, event_types="user.created", interval="minute")
    check.that("an hour has its minutes", len(minutes.buckets) in (60, 61), len(minutes.buckets))
    check.equal("all in all", sum(bucket["count"] for bucket in minutes.buckets), 5)


async def filters(
    check: Checks, admin: AuthPIAdmin, issuer_id: str, client_id: str, user_id: str, events: list[Event]
) -> None:
    async def found(**filters) -> list[str]:
        return [event.id for event in (await admin.events.list(issuer_id=issuer_id, **filters)).data]

    def those(rule) -> list[str]:
        return [event.id for event in events if rule(event)]

    check.equal("user_id filters", await found(user_id=user_id), those(lambda e: e.subject.get("user_id") == user_id))
    check.equal(
        "client_id filters", await found(client_id=client_id), those(lambda e: e.subject.get("client_id") == client_id)
    )
    names = "issuer.created,user.updated"
    check.equal(
        "event_types filters by exact names",
        await found(event_types=names),
        those(lambda e: e.type in names.split(",")),
    )
    middle = events[len(events) // 2].timestamp
    check.equal("after is exclusive", await found(after=middle), those(lambda e: e.timestamp > middle))
    check.equal("before is exclusive", await found(before=float(middle)), those(lambda e: e.timestamp < middle))
    both = await found(user_id=user_id, event_types="user.created")
    check.equal(
        "filters work together", both, those(lambda e: e.subject.get("user_id") == user_id and e.type == "user.created")
    )
    check.equal("an issuer without events has none", (await admin.events.list(issuer_id="i_" + "0" * 25)).data, [])


async def pages(check: Checks, admin: AuthPIAdmin, issuer_id: str, events: list[Event]) -> None:
    for limit in (1, 3, 8, 100):
        walked = await collect(admin.events.list_all(issuer_id=issuer_id, limit=limit))
        check.equal(f"pages of {limit} show each event once, in order", walked, events)
    page = await admin.events.list(issuer_id=issuer_id, limit=3)
    check.that("a page that is not the last has a cursor", page.has_more and bool(page.next_cursor), page)
    await admin.issuer(issuer_id).users.create({"username": "late", "profile": {}})
    rest = await admin.events.list(issuer_id=issuer_id, limit=100, cursor=page.next_cursor)
    check.equal("what happens later moves no page", rest.data, events[3:])
    check.equal("the last page has none", (rest.has_more, rest.next_cursor), (False, None))
    check.equal("each event can be read alone", await admin.events.get(events[3].id), events[3])


async def refusals(check: Checks, admin: AuthPIAdmin) -> None:
    for field, call in [
        ("event_types", admin.events.list(event_types="membership.added")),
        ("cursor", admin.events.list(cursor="!")),
        ("limit", admin.events.list(limit=101)),
        ("limit", admin.events.list(limit=0)),
    ]:
        await check.refused(f"a wrong {field} is refused", call, ValidationError, "invalid_request", field=field)
    await check.refused("an event that never was", admin.events.get("evt_" + "0" * 25), NotFoundError, "not_found")
