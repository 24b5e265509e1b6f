"""That every method of the published SDK was called, and answered, in a run.

The classes of the SDK are wrapped where they are: what the topics call is counted, and nothing else changes.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from authpi_admin import AuthPIAdmin, generated

from checks import Checks

# What no server answers with a success that nobody has signed in to, pays at, or has a name server for.
ELSEWHERE: dict[str, str] = {
    "ApprovalsResource.get": "who waits for approval has signed up",
    "ApprovalsResource.update": "who waits for approval has signed up",
    "CreditsResource.create_topup": "a payment provider collects",
    "DeliveriesResource.redeliver": "a delivery needs a receiver that is not in a private network",
    "DomainsResource.assign": "only a verified domain is assigned",
    "DomainsResource.verify": "a name server has the record",
    "InvitationsResource.resend": "mails of one invitation are a minute apart",
    "IssuerSessionsResource.get": "a session begins with a login",
    "IssuerSessionsResource.reactivate": "a session begins with a login",
    "IssuerSessionsResource.revoke": "a session begins with a login",
    "IssuerSessionsResource.suspend": "a session begins with a login",
    "PaymentMethodsResource.setup_intent_stripe": "a payment provider keeps cards",
    "SsoResource.rotate_secret": "a connection is configured with what its provider publishes",
}


def classes() -> list[type]:
    """The classes with the calls of the SDK."""
    found = [member for member in vars(generated).values() if inspect.isclass(member)]
    return [AuthPIAdmin, *(one for one in found if one.__name__.endswith(("Resource", "Scope")))]


class Reach:
    """Which calls there are, and which were answered."""

    def __init__(self) -> None:
        self.known: set[str] = set()
        self.answered: set[str] = set()
        for owner in classes():
            for name, method in inspect.getmembers(owner, inspect.isfunction):
                # The rest builds scopes and closes connections.
                if name.startswith("_") or name == "close":
                    continue
                title = f"{owner.__name__}.{name}"
                if inspect.iscoroutinefunction(method):
                    setattr(owner, name, self._counted(title, method))
                elif inspect.isasyncgenfunction(method):
                    setattr(owner, name, self._walked(title, method))
                elif name.endswith("_all"):
                    setattr(owner, name, self._started(title, method))
                else:
                    continue
                self.known.add(title)

    def _counted(self, title: str, method: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(method)
        async def call(*args: Any, **options: Any) -> Any:
            answer = await method(*args, **options)
            self.answered.add(title)
            return answer

        return call

    def _walked(self, title: str, method: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(method)
        async def walk(*args: Any, **options: Any) -> Any:
            async for item in method(*args, **options):
                yield item
            self.answered.add(title)

        return walk

    def _started(self, title: str, method: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(method)
        def start(*args: Any, **options: Any) -> Any:
            self.answered.add(title)
            return method(*args, **options)

        return start

    def check(self, check: Checks) -> None:
        """Nothing was left out, and what is excused was not answered after all."""
        check.that("the SDK has calls", len(self.known) > 100, len(self.known))
        check.equal("every call of the SDK is answered", sorted(self.known - self.answered - set(ELSEWHERE)), [])
        check.equal("what cannot be answered is not", sorted(set(ELSEWHERE) - (self.known - self.answered)), [])
