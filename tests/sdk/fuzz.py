"""Fuzzes the server with what /openapi.json says, by schemathesis.

    python fuzz.py BOOTSTRAP_FILE [SECONDS]

Valid and invalid requests are made for every operation, on objects that exist. The server must not fail, answer with an
undocumented status or content type, or with a body that is not what its schema says. The seed is fixed; time is not,
so a slower machine sees fewer requests.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from authpi_admin import AuthPIAdmin

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
SEED = "20261122"


async def world(admin: AuthPIAdmin) -> dict[str, str]:
    """One object of each kind, by the name of the parameter that names it."""
    issuer = await admin.issuers.create({"name": "fuzzed"})
    tenant = admin.issuer(issuer.id)
    org = await tenant.organizations.create({"name": "Acme"})
    user = await tenant.users.create({"username": "ann@example.com"})
    settings = {"openid": {"redirect_uris": ["https://app.example.com/callback"]}}
    client = await tenant.clients.create({"name": "App", "confidential": True, "settings": settings})
    members = tenant.organization(org.id).members
    await members.create({"member_id": user.id, "scopes": ["invoices:read"]})
    key = await admin.api_keys.create({"name": "Key", "restrictions": {"scopes": ["issuers:read"]}})
    event = (await admin.events.list(limit=1)).data[0]
    found = {
        "issuer_id": issuer.id,
        "org_id": org.id,
        "user_id": user.id,
        "member_id": user.id,
        "client_id": client.id,
        "key_id": key.id,
        "event_id": event.id,
    }
    return found | await more(admin, tenant, org.id)


async def more(admin: AuthPIAdmin, tenant: Any, org_id: str) -> dict[str, str]:
    """Objects of rooms that may not be served yet."""
    wanted = {
        "agent_id": lambda: tenant.agents.create({"name": "Agent"}),
        "group_id": lambda: tenant.organization(org_id).groups.create({"name": "Group"}),
        "webhook_id": lambda: admin.webhooks.create({"name": "Hook", "url": "https://hooks.example.com/in"}),
        "note_id": lambda: admin.notes.create({"body": "A note."}),
    }
    found = {}
    for name, create in wanted.items():
        try:
            found[name] = (await create()).id
        except Exception as refusal:  # noqa: BLE001 - its operations are fuzzed on objects that are not there
            print(f"no {name}: {refusal}")
    return found


def configuration(parameters: dict[str, str], username: str, password: str) -> str:
    """schemathesis.toml: who calls, and on what."""
    lines = ["[auth]", f"basic = {{ username = {json.dumps(username)}, password = {json.dumps(password)} }}"]
    lines += ["[parameters]", *(f'"path.{name}" = {json.dumps(value)}' for name, value in parameters.items())]
    return "\n".join(lines) + "\n"


def run(base: str, config: str, arguments: list[str]) -> int:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "schemathesis.toml")
        path.write_text(config, encoding="utf-8")
        command = [sys.executable, "-m", "schemathesis.cli", "--no-color", "--config-file", str(path), "run"]
        command += [f"{base}/openapi.json", "--checks", CHECKS, "--seed", SEED, "--generation-database", "none"]
        return subprocess.run([*command, *arguments], cwd=folder, check=False).returncode


async def main() -> None:
    boot = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 75
    base, login = boot["core_url"], (boot["key_id"], boot["key_secret"])
    async with AuthPIAdmin(api_key=login, base_url=base, account_id=boot["account_id"]) as admin:
        parameters = {"account_id": boot["account_id"]} | await world(admin)
    config = configuration(parameters, *login)
    # Removals come last, when nobody needs their objects any more.
    for share, arguments in ((0.9, ["--exclude-method", "DELETE"]), (0.1, ["--include-method", "DELETE"])):
        time = ["--max-time", str(max(5, round(seconds * share)))]
        if run(base, config, [*arguments, *time]) != 0:
            sys.exit("the server does not do what its description says")
    print("nothing undocumented was found")


asyncio.run(main())
