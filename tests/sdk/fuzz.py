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

from authpi_admin import AuthPIAdmin

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
SEED = "20261122"
# What these lead to leaves the machine: deliveries, and questions to name servers.
REACHING_OUT = [
    "createWebhook",
    "updateWebhook",
    "redeliverWebhookDelivery",
    "redeliverFailedWebhookDeliveries",
    "verifyAccountDomain",
    "verifySsoDomain",
]
# And what an organization's identity provider is asked for: it is never named.
HOOKS = """
import schemathesis


@schemathesis.hook
def before_call(context, case, kwargs):
    sso = case.body.get("sso") if isinstance(case.body, dict) else None
    if isinstance(sso, dict):
        sso.pop("issuer_url", None)
"""


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
    note = {"subject_type": "user", "subject_id": user.id, "issuer_id": issuer.id, "content": "Call back."}
    found = {
        "issuer_id": issuer.id,
        "org_id": org.id,
        "user_id": user.id,
        "member_id": user.id,
        "client_id": client.id,
        "key_id": key.id,
        "event_id": event.id,
    }
    found["agent_id"] = (await tenant.agents.create({"name": "Agent"})).id
    found["group_id"] = (await tenant.organization(org.id).groups.create({"name": "Group"})).id
    found["note_id"] = (await admin.notes.create(note)).id
    return found | await below_user(admin, issuer.id, user.id, found["agent_id"]) | await others(admin, issuer.id, org.id)


async def below_user(admin: AuthPIAdmin, issuer_id: str, user_id: str, agent_id: str) -> dict[str, str]:
    """What a user has."""
    scope = admin.issuer(issuer_id).user(user_id)
    await scope.verifiers.create({"type": "password", "password": "correct horse battery"})
    await scope.tokens.create({"name": "Token", "restrictions": {"scopes": []}})
    account = (await admin.accounts.list()).data[0]
    path = f"/v1/accounts/{account.id}/issuers/{issuer_id}/users/{user_id}/delegations"
    made = await admin.http.request("POST", path, body={"agent_id": agent_id, "scopes": ["orders:read"]})
    return {
        "verifier_id": (await scope.verifiers.list()).data[0].id,
        "token_id": (await scope.tokens.list()).data[0].id,
        "device_id": (await scope.trusted_devices.create({"fingerprint": "laptop"})).device_id,
        "delegation_id": made.data["data"]["id"],
    }


async def others(admin: AuthPIAdmin, issuer_id: str, org_id: str) -> dict[str, str]:
    """A login method, an invitation, a domain of the account and the organization, a webhook that nothing is sent to."""
    tenant = admin.issuer(issuer_id)
    invitation = {"email_invited": "bob@example.com", "scopes": ["invoices:read"]}
    hook = {"url": "https://hooks.example.com/", "auth": {"type": "signature"}, "events": ["user.sso.linked"]}
    await admin.domains.create({"host": "login.example.org"})
    await tenant.organization(org_id).sso.add_domain({"domain": "login.example.org"})
    return {
        "method_id": (await tenant.auth_methods.list()).data[0].id,
        "invitation_id": (await tenant.organization(org_id).invitations.create(invitation)).id,
        "domain": "login.example.org",
        "webhook_id": (await admin.webhooks.create(hook)).id,
    }


def configuration(parameters: dict[str, str], username: str, password: str) -> str:
    """schemathesis.toml: who calls, and on what."""
    lines = ['hooks = "hooks"', "[auth]", f"basic = {{ username = {json.dumps(username)}, password = {json.dumps(password)} }}"]
    lines += ["[parameters]", *(f'"path.{name}" = {json.dumps(value)}' for name, value in parameters.items())]
    return "\n".join(lines) + "\n"


def run(base: str, config: str, arguments: list[str]) -> bool:
    """Whether something was tried and nothing found."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "schemathesis.toml")
        path.write_text(config, encoding="utf-8")
        Path(folder, "hooks.py").write_text(HOOKS, encoding="utf-8")
        command = [sys.executable, "-m", "schemathesis.cli", "--no-color", "--config-file", str(path), "run"]
        command += [f"{base}/openapi.json", "--checks", CHECKS, "--seed", SEED, "--generation-database", "none"]
        command += ["--phases", "examples,coverage,fuzzing"]
        command += [word for name in REACHING_OUT for word in ("--exclude-operation-id", name)]
        done = subprocess.run([*command, *arguments], cwd=folder, check=False, stdout=subprocess.PIPE, text=True)
    print(done.stdout, flush=True)
    return done.returncode == 0 and "No test cases were generated" not in done.stdout


async def main() -> None:
    boot = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 75
    base, login = boot["core_url"], (boot["key_id"], boot["key_secret"])
    async with AuthPIAdmin(api_key=login, base_url=base, account_id=boot["account_id"]) as admin:
        parameters = {"account_id": boot["account_id"]} | await world(admin)
    config = configuration(parameters, *login)
    # Chains of requests are left out: with a bound on time the fuzzer fails by itself in the middle of one. Removals come
    # last, when nobody needs their objects any more.
    for arguments in (
        ["--exclude-method", "DELETE", "--max-time", str(seconds)],
        ["--include-method", "DELETE", "--max-examples", "10"],
    ):
        if not run(base, config, arguments):
            sys.exit("the server does not do what its description says")
    print("nothing undocumented was found")


asyncio.run(main())
