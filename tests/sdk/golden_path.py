"""The golden path: the published Python admin SDK, unchanged, against a running server.

    python golden_path.py BOOTSTRAP_FILE

BOOTSTRAP_FILE is what the server wrote at its first start: {account_id, key_id, key_secret, core_url, idp_url}. First
the quickstart "multi-tenant identity in 15 minutes" with its event trail, then every resource through the SDK. May be
run any number of times against the same server. Every topic after the quickstart works with a key of its own, and so
stays below the rate limits that count by key.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from types import ModuleType

import accounts
import agents
import api_keys
import billing
import auth_methods
import catalogue
import clients
import domains
import events
import factors
import groups
import idempotency
import invitations
import issuers
import members
import notes
import organizations
import quickstart
import reach
import refusals
import sso
import sessions
import tokens
import users
import webhooks
from checks import Checks, Server

TOPICS: list[ModuleType] = [
    accounts,
    issuers,
    auth_methods,
    clients,
    organizations,
    users,
    factors,
    members,
    agents,
    notes,
    groups,
    invitations,
    api_keys,
    billing,
    tokens,
    sessions,
    events,
    idempotency,
    webhooks,
    domains,
    sso,
    refusals,
]


async def walk(server: Server) -> int:
    """Runs everything and answers how many checks held."""
    checks, reached = Checks(), reach.Reach()
    checks.topic = "quickstart"
    await quickstart.run(checks, server)
    async with server.client(server.key_id, server.key_secret) as owner:
        for topic in TOPICS:
            checks.topic = topic.__name__
            key = await owner.api_keys.create(
                {"name": f"golden path: {checks.topic}", "restrictions": {"scopes": ["*:**"]}}
            )
            async with server.client(key.id, key.secret_plain) as admin:
                await topic.run(checks, server, admin)
            await owner.api_keys.delete(key.id)
        checks.topic = "catalogue"
        key = await owner.api_keys.create({"name": "catalogue", "restrictions": {"scopes": ["events:read"]}})
        async with server.client(key.id, key.secret_plain) as admin:
            await catalogue.run(checks, admin)
    checks.topic = "reach"
    reached.check(checks)
    return checks.passed


def main() -> None:
    """Reads the bootstrap file and walks."""
    if len(sys.argv) != 2:
        sys.exit("usage: python golden_path.py BOOTSTRAP_FILE")
    server = Server(**json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    print(f"{asyncio.run(walk(server))} checks passed")


if __name__ == "__main__":
    main()
