"""Counting checks: one line for each that holds, an AssertionError with both values for the first that does not."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any

from authpi_admin import ApiError, AuthPIAdmin
from authpi_admin.generated.models import Event


class Checks:
    """The checks of one run. `topic` stands before each rule."""

    def __init__(self) -> None:
        self.topic = ""
        self.passed = 0

    def equal(self, rule: str, actual: Any, expected: Any) -> None:
        """`actual` is exactly `expected`."""
        if actual != expected:
            raise AssertionError(f"{self.topic}: {rule}\n  expected: {expected!r}\n  actual:   {actual!r}")
        self.passed += 1
        print(f"ok {self.topic}: {rule}", flush=True)

    def that(self, rule: str, condition: bool, actual: Any) -> None:
        """The condition holds; `actual` is what it was asked of."""
        if not condition:
            raise AssertionError(f"{self.topic}: {rule}\n  actual:   {actual!r}")
        self.equal(rule, True, True)

    async def refused(
        self,
        rule: str,
        call: Awaitable[Any],
        kind: type[ApiError],
        error: str,
        fields: set[tuple[str, str]] | None = None,
        field: str | None = None,
    ) -> Any:
        """The call fails with this class and code; `fields` are all its field errors, `field` is one of their names."""
        try:
            answer = await call
        except ApiError as refusal:
            self.equal(rule, (type(refusal).__name__, refusal.error), (kind.__name__, error))
            problems = {(entry["field"], entry["code"]) for entry in getattr(refusal, "fields", [])}
            if fields is not None:
                self.equal(f"{rule}, with its field errors", problems, fields)
            if field is not None:
                names = {name for name, _ in problems}
                self.that(f"{rule}, naming {field}", field in names, problems)
            return refusal
        raise AssertionError(f"{self.topic}: {rule}\n  expected: {kind.__name__}\n  actual:   {answer!r}")


@dataclass(frozen=True)
class Server:
    """The server under test, and the key its first start wrote."""

    account_id: str
    key_id: str
    key_secret: str
    core_url: str
    idp_url: str

    def client(self, key_id: str, secret: str, account_id: str | None = None) -> AuthPIAdmin:
        """A client with this key; the server's account unless another is named."""
        return AuthPIAdmin(api_key=(key_id, secret), account_id=account_id or self.account_id, base_url=self.core_url)

    def bearer(self, token: str) -> AuthPIAdmin:
        """A client with a bearer token."""
        return AuthPIAdmin(access_token=token, account_id=self.account_id, base_url=self.core_url)


class Trail:
    """The events since the last look, oldest first."""

    def __init__(self, admin: AuthPIAdmin, issuer_id: str | None = None) -> None:
        self._admin = admin
        self._issuer_id = issuer_id
        self._seen: set[str] = set()
        self.last: list[Event] = []

    async def news(self) -> list[str]:
        """The types of the events that are new; the events themselves are in `last`."""
        page = await self._admin.events.list(limit=100, issuer_id=self._issuer_id)
        self.last = [event for event in reversed(page.data) if event.id not in self._seen]
        self._seen.update(event.id for event in self.last)
        return [event.type for event in self.last]


async def collect(items: Any) -> list[Any]:
    """All that an iterator of the SDK yields."""
    return [item async for item in items]


def ids(items: Any) -> list[str]:
    """The ids on a page or in a list, in order."""
    return [item.id for item in getattr(items, "data", items)]
