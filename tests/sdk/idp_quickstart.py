"""The published identity SDK, unchanged, against a running server: every example of its README, as it is written.

    python idp_quickstart.py BOOTSTRAP_FILE

BOOTSTRAP_FILE is what the server wrote at its first start. People sign in through the hosted pages, in a browser
without a screen. After the examples, what they leave unsaid: who is refused and how, and that a library which was not
made for this server verifies its tokens.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from types import ModuleType

import idp_frameworks
import idp_readme
import idp_refusals
import idp_signatures
import idp_world
from checks import Checks, Server

TOPICS: list[ModuleType] = [idp_readme, idp_frameworks, idp_signatures, idp_refusals]


async def walk(server: Server) -> int:
    """Runs everything and answers how many checks held."""
    checks = Checks()
    async with server.client(server.key_id, server.key_secret) as admin:
        world = await idp_world.build(server, admin)
        with world.browser:
            for topic in TOPICS:
                checks.topic = topic.__name__.removeprefix("idp_")
                await topic.run(checks, world)
    return checks.passed


def main() -> None:
    """Reads the bootstrap file and walks."""
    if len(sys.argv) != 2:
        sys.exit("usage: python idp_quickstart.py BOOTSTRAP_FILE")
    server = Server(**json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    print(f"{asyncio.run(walk(server))} checks passed")


if __name__ == "__main__":
    main()
