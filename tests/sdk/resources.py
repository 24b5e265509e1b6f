"""Runs the examples of docs/resources: what a reader copies must work as written.

    python resources.py BOOTSTRAP_FILE FOLDER

Each page has one `sh` block and one `python` block. Each runs in a world of its own: an issuer with an organization, a
user and a client. The variables are those that docs/resources/README.md names.
"""

from __future__ import annotations

import ast
import asyncio
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from authpi_admin import AuthPIAdmin

from checks import Server

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


async def world(admin: AuthPIAdmin) -> dict[str, str]:
    """An issuer with an organization, a user and a client."""
    issuer = await admin.issuers.create({"name": "docs"})
    tenant = admin.issuer(issuer.id)
    org = await tenant.organizations.create({"name": "Acme"})
    user = await tenant.users.create(
        {"username": "ann@example.com", "profile": {"first_name": "Ann", "email_verified": True}}
    )
    settings = {"openid": {"redirect_uris": ["https://app.example.com/callback"]}}
    client = await tenant.clients.create({"name": "App", "confidential": True, "settings": settings})
    return {"issuer_id": issuer.id, "org_id": org.id, "user_id": user.id, "client_id": client.id}


def run_shell(code: str, server: Server, names: dict[str, str]) -> None:
    """The shell block; it must succeed, and answer JSON if anything."""
    variables = {
        "AUTHPI_URL": server.core_url,
        "AUTHPI_KEY": f"{server.key_id}:{server.key_secret}",
        "ACCOUNT": server.account_id,
        "ISSUER": names["issuer_id"],
        "ORG": names["org_id"],
        "USER_ID": names["user_id"],
        "CLIENT": names["client_id"],
    }
    shell = ["bash", "-euo", "pipefail", "-c", code]
    done = subprocess.run(shell, env=os.environ | variables, capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        raise AssertionError(f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}")
    if done.stdout.strip():
        json.loads(done.stdout)


async def run_python(code: str, page: Path, admin: AuthPIAdmin, server: Server, names: dict[str, str]) -> None:
    """The Python block, with await at its top level."""
    compiled = compile(code, str(page), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    scope = {"admin": admin, "account_id": server.account_id, **names}
    pending = eval(compiled, scope)
    if pending is not None:
        await pending


async def check(page: Path, server: Server) -> None:
    """Runs both blocks of a page."""
    blocks = BLOCK.findall(page.read_text())
    if [language for language, _ in blocks] != ["sh", "python"]:
        raise AssertionError("a page has one sh block and then one python block")
    async with server.client(server.key_id, server.key_secret) as admin:
        run_shell(blocks[0][1], server, await world(admin))
        await run_python(blocks[1][1], page, admin, server, await world(admin))


async def main(bootstrap: Path, folder: Path) -> int:
    known = json.loads(bootstrap.read_text())
    server = Server(**{name: known[name] for name in Server.__dataclass_fields__})
    pages = sorted(page for page in folder.glob("*.md") if page.name != "README.md")
    failures = 0
    async with server.client(server.key_id, server.key_secret) as owner:
        for page in pages:
            try:
                # A key of its own for each page: rate limits count by key.
                made = await owner.api_keys.create({"name": page.name, "restrictions": {"scopes": ["*:**"]}})
                await check(page, replace(server, key_id=made.id, key_secret=made.secret_plain))
                print(f"ok {page.name}", flush=True)
            except Exception as failure:
                failures += 1
                print(f"FAILED {page.name}: {type(failure).__name__}: {failure}", flush=True)
    if failures == 0:
        print(f"{len(pages)} pages passed")
    return 1 if failures or not pages else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2]))))
