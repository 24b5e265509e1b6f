"""Multi-tenant identity in 15 minutes: the six steps of the quickstart, and the event trail they leave."""

from __future__ import annotations

import json
import re

from authpi_admin import AuthPIAdmin

from checks import Checks, Server, collect

TIME_ORDERED = "[0-9a-z]{25}"
RANDOM = "[0-9a-f]{32}"
SECRET = "[A-Za-z0-9_-]{43}"
SCOPES = ["openid", "profile", "email", "phone", "address", "offline_access"]
TRAIL = [
    "issuer.created",
    "client.created",
    "organization.created",
    "user.created",
    "organization.membership.created",
    "api-key.created",
    "api-key.verified",
]
EVENT_KEYS = {"spec", "id", "trace", "type", "source", "trigger", "auth", "subject", "timestamp", "data"}


async def run(check: Checks, server: Server) -> None:
    """Walks the six steps with the key of the first start, and without naming the account."""
    async with AuthPIAdmin(api_key=(server.key_id, server.key_secret), base_url=server.core_url) as admin:
        await who_am_i(check, server, admin)
        issuer, client = await issuer_and_client(check, server, admin)
        org, user = await organization_with_member(check, admin, issuer.id)
        key = await tenant_key(check, server, admin, issuer.id, org.id)
        await trail(check, server, admin, {"issuer": issuer, "client": client, "org": org, "user": user, "key": key})
        await second_user(check, admin, issuer.id)


async def who_am_i(check: Checks, server: Server, admin: AuthPIAdmin) -> None:
    me = await admin.whoami()
    suffix = server.account_id.removeprefix("acc_")
    org_id = f"org_{suffix}"
    check.that("the account id is acc_ and 25 characters", bool(re.fullmatch(TIME_ORDERED, suffix)), suffix)
    check.equal("whoami says api_key and the key", (me["type"], me["key_id"]), ("api_key", server.key_id))
    access = [{"account_id": server.account_id, "org_id": org_id, "scopes": ["*:**"]}]
    check.equal("whoami lists exactly the one account", me["accounts"], access)
    organization = [{"org_id": org_id, "scopes": ["*:**"]}]
    check.equal("whoami lists the account's organization", me["organizations"], organization)
    check.equal("the SDK finds the account through whoami", await admin.http.resolve_account_id(), server.account_id)


async def issuer_and_client(check: Checks, server: Server, admin: AuthPIAdmin):
    issuer = await admin.issuers.create({"name": "acme-prod"})
    check.that("1: the issuer has an i_ id", bool(re.fullmatch(f"i_{TIME_ORDERED}", issuer.id)), issuer.id)
    facts = (issuer.account_id, issuer.name, issuer.description, issuer.status, issuer.metadata.model_dump())
    check.equal("1: the issuer is active and ours", facts, (server.account_id, "acme-prod", None, "active", {}))
    check.equal("1: the issuer offers the standard scopes", issuer.available_scopes, SCOPES)
    check.equal("1: a new issuer is as old as its last change", issuer.updated_at, issuer.created_at)
    check.equal("1: the ETag is updated_at, quoted", issuer._etag, f'"{issuer.updated_at}"')

    settings = {
        "protocol": "oidc",
        "scopes": ["openid", "profile", "email", "offline_access"],
        "openid": {
            "application_type": "web",
            "grant_types": ["authorization_code", "refresh_token"],
            "redirect_uris": ["https://app.example.com/callback"],
        },
    }
    body = {"name": "Acme web", "type": "external", "confidential": True, "settings": settings}
    client = await admin.issuer(issuer.id).clients.create(body)
    check.that("2: the client has a c_ id", bool(re.fullmatch(f"c_{TIME_ORDERED}", client.id)), client.id)
    check.that(
        "2: a confidential client gets its secret", bool(re.fullmatch(SECRET, client.secret or "")), client.secret
    )
    kept = {key: client.settings["openid"][key] for key in settings["openid"]}
    check.equal("2: the client has the settings it was given", kept, settings["openid"])
    again = await admin.http.request("GET", f"/v1/accounts/{server.account_id}/issuers/{issuer.id}/clients/{client.id}")
    check.that("2: the secret is shown once only", client.secret not in json.dumps(again.data), again.data)
    return issuer, client


async def organization_with_member(check: Checks, admin: AuthPIAdmin, issuer_id: str):
    tenant = admin.issuer(issuer_id)
    org = await tenant.organizations.create({"name": "Globex"})
    check.that("3: the organization has an org_ id", bool(re.fullmatch(f"org_{TIME_ORDERED}", org.id)), org.id)
    facts = (org.issuer_id, org.name, org.status, org.org_type)
    check.equal("3: the organization is active", facts, (issuer_id, "Globex", "active", "default"))

    profile = {"first_name": "Ada", "last_name": "Lovelace", "display_name": "Ada L."}
    user = await tenant.users.create({"username_type": "email", "username": "ada@globex.example", "profile": profile})
    check.that("4: the user has a usr_ id", bool(re.fullmatch(f"usr_{TIME_ORDERED}", user.id)), user.id)
    facts = (user.issuer_id, user.username_type, user.username, user.status)
    check.equal("4: the user is active", facts, (issuer_id, "email", "ada@globex.example", "active"))
    check.equal("4: the user has the profile", {key: user.profile.get(key) for key in profile}, profile)

    scopes = ["invoices:read", "invoices:write"]
    member = await tenant.organization(org.id).members.create({"member_id": user.id, "scopes": scopes})
    facts = (member.org_id, member.member_id, member.member_type, member.issuer_id, member.status)
    check.equal("5: the user is a member", facts, (org.id, user.id, "user", issuer_id, "active"))
    check.equal("5: with exactly the scopes given", member.scopes, scopes)
    return org, user


async def tenant_key(check: Checks, server: Server, admin: AuthPIAdmin, issuer_id: str, org_id: str):
    body = {"name": "Globex CI", "type": "api_key", "restrictions": {"scopes": ["invoices:read"]}}
    key = await admin.issuer(issuer_id).organization(org_id).api_keys.create(body)
    check.that("6: the key has a key_ id", bool(re.fullmatch(f"key_{RANDOM}", key.id)), key.id)
    check.that("6: the key shows its secret once", bool(re.fullmatch(SECRET, key.secret_plain)), key.secret_plain)
    shown = (key.secret["algorithm"], key.secret["hint"])
    check.equal("6: the last characters stay as a hint", shown, ("sha256", key.secret_plain[-8:]))
    check.equal("6: the restrictions are complete", key.restrictions, {"scopes": ["invoices:read"], "ip_allowlist": []})
    async with server.client(key.id, key.secret_plain) as tenant:
        me = await tenant.whoami()
    check.equal("6: the tenant's key verifies as itself", (me["type"], me["key_id"]), ("api_key", key.id))
    check.equal("6: it has no account", me["accounts"], [])
    check.equal("6: it has its organization", me["organizations"], [{"org_id": org_id, "scopes": ["invoices:read"]}])
    check.equal("6: it belongs to the issuer", me.get("issuer_id"), issuer_id)
    return key


async def trail(check: Checks, server: Server, admin: AuthPIAdmin, made: dict) -> None:
    issuer_id = made["issuer"].id
    newest_first = (await admin.events.list(issuer_id=issuer_id, limit=100)).data
    events = list(reversed(newest_first))
    check.equal("the event trail has the documented order", [event.type for event in events], TRAIL)

    paged = await collect(admin.events.list_all(issuer_id=issuer_id, limit=2))
    check.equal(
        "pages of two show all events exactly once", [event.id for event in paged], [e.id for e in newest_first]
    )
    check.equal("an event read alone is the one of the list", await admin.events.get(events[0].id), events[0])

    ids = {"account_id": server.account_id, "issuer_id": issuer_id}
    org, user, key = made["org"].id, made["user"].id, made["key"].id
    subjects = [
        ids,
        ids | {"client_id": made["client"].id},
        ids | {"org_id": org},
        ids | {"user_id": user},
        ids | {"org_id": org, "user_id": user},
        ids | {"org_id": org, "key_id": key},
        ids | {"org_id": org, "key_id": key},
    ]
    check.equal("each event names what it is about", [event.subject for event in events], subjects)
    actors = [(event.auth["type"], event.auth["key_id"]) for event in events]
    check.equal("each event names who acted", actors, [("api_key", server.key_id)] * 6 + [("api_key", key)])
    agents = {str(event.auth["user_agent"]).split("/")[0] for event in events}
    check.equal("each event holds the context of its request", agents, {"authpi-admin-py"})
    constants = {(event.spec, event.source, event.trigger) for event in events}
    check.equal("each event has the constants of the envelope", constants, {("1.0", "com.authpi/v1", "api")})
    traces = [event.trace for event in events]
    check.that("each request has a trace of its own", len(set(traces)) == len(TRAIL) and all(traces), traces)

    data = {event.type: event.data for event in events}
    check.equal("issuer.created tells the name", data["issuer.created"], {"name": "acme-prod"})
    expected = {"application_type": "web", "confidential": True, "grant_types": ["authorization_code", "refresh_token"]}
    check.equal("client.created tells what kind it is", data["client.created"], expected)
    check.equal(
        "organization.created tells name and type",
        data["organization.created"],
        {"name": "Globex", "org_type": "default"},
    )
    check.equal("api-key.verified tells the scopes", data["api-key.verified"]["scopes"], ["invoices:read"])
    raw = (
        await admin.http.request("GET", f"/v1/accounts/{server.account_id}/events", query={"issuer_id": issuer_id})
    ).data
    keys = {frozenset(event) for event in raw["data"]}
    check.equal("every event has all ten keys", keys, {frozenset(EVENT_KEYS)})
    text = json.dumps(raw)
    secrets = [made["client"].secret, made["key"].secret_plain]
    private = [value for value in ["ada@globex.example", "Lovelace", *secrets] if value in text]
    check.equal("no event holds a name, an address or a secret", private, [])


async def second_user(check: Checks, admin: AuthPIAdmin, issuer_id: str) -> None:
    user = await admin.issuer(issuer_id).users.create({"email": "grace@globex.example", "display_name": "Grace"})
    facts = (user.username_type, user.username, user.profile.get("display_name"))
    check.equal("4: email and display_name are short forms", facts, ("email", "grace@globex.example", "Grace"))
