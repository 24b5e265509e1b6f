"""What the examples of the identity SDK need: an issuer with clients, an agent, and a person in three organizations."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from authpi_admin import AuthPIAdmin
from authpi_idp import AuthenticatedAgent, IdpClient

from browsing import Browser
from checks import Server

EMAIL = "user@example.com"
WEB = "https://app.example.com/callback"
HOME = "https://app.example.com"
RESOURCES = ["https://mcp.authpi.com/mcp", "https://api.example.com/orders", "https://api.example.com/payments"]
SCOPES = ["openid", "profile", "email", "offline_access"]


@dataclass(frozen=True)
class Registered:
    """A client or an agent: its id, and its secret if it can keep one."""

    id: str
    secret: str | None


@dataclass
class World:
    """One issuer, and all that is in it."""

    admin: AuthPIAdmin
    issuer_id: str
    issuer_url: str
    browser: Browser
    user_id: str
    password: str
    web: Registered
    public: Registered
    native: Registered
    machine: Registered
    org: str
    owned: str
    viewed: str

    def answers(self, **others: str) -> dict[str, str]:
        """What the person says when the pages ask."""
        return {"identifier": EMAIL, "password": self.password, "approve": "true"} | others

    def sign_in(self, url: str, browser: Browser | None = None) -> str:
        """The person goes to `url`, signs in and agrees; returns where the browser ends."""
        return (browser or self.browser).visit(url, self.answers())

    def client(self, registered: Registered, redirect_uri: str = WEB, **options) -> IdpClient:
        """The SDK, as this client would use it."""
        return IdpClient(self.issuer_url, registered.id, redirect_uri, registered.secret, **options)

    async def agent(self, registered: Registered, scopes: list[str] | None = None, **options) -> AuthenticatedAgent:
        """The person, signed in at a client."""
        async with self.client(registered) as idp:
            auth = idp.create_authorization_url(scopes=scopes or ["openid", "profile", "email"], **options)
            return await idp.exchange_callback(self.sign_in(auth.url), auth)


async def client(tenant, name: str, confidential: bool, openid: dict, scopes: list[str] = SCOPES) -> Registered:
    """Registers a client."""
    body = {
        "name": name,
        "type": "external",
        "confidential": confidential,
        "settings": {"protocol": "oidc", "scopes": scopes, "openid": openid},
    }
    made = await tenant.clients.create(body)
    return Registered(made.id, made.secret)


async def build(server: Server, admin: AuthPIAdmin) -> World:
    """Makes everything."""
    issuer = await admin.issuers.create({"name": "idp"})
    tenant = admin.issuer(issuer.id)
    password = secrets.token_urlsafe(18)
    profile = {"first_name": "John", "last_name": "Doe", "picture_url": "https://example.com/john.png"}
    user = await tenant.users.create(
        {"email": EMAIL, "password": password, "profile": profile | {"email_verified": True}}
    )
    memberships = [
        ("Acme", ["projects:**", "users:read"]),
        ("Globex", ["owner", "admin", "projects:**"]),
        ("Initech", ["dashboard:read"]),
    ]
    organizations = []
    for name, scopes in memberships:
        org = await tenant.organizations.create({"name": name})
        await tenant.organization(org.id).members.create({"member_id": user.id, "scopes": scopes})
        organizations.append(org.id)
    frameworks = ["http://localhost:8000/callback", "http://localhost:5000/callback"]
    redirect_uris = [WEB, *frameworks]
    web = await client(
        tenant, "Web", True, {"redirect_uris": [WEB], "post_logout_redirect_uris": [HOME], "allowed_resources": RESOURCES}
    )
    public = await client(tenant, "Page", False, {"application_type": "spa", "redirect_uris": redirect_uris})
    native = await client(
        tenant, "Tool", False, {"application_type": "native", "redirect_uris": ["http://127.0.0.1/callback"]}
    )
    agent = await tenant.agents.create({"name": "machine", "scopes": ["users:read", "users:write"]})
    verifier = await tenant.agent(agent.id).verifiers.create({"type": "secret", "name": "secret"})
    issuer_url = f"{server.idp_url}/{issuer.id}"
    return World(
        admin=admin,
        issuer_id=issuer.id,
        issuer_url=issuer_url,
        browser=Browser(issuer_url),
        user_id=user.id,
        password=password,
        web=web,
        public=public,
        native=native,
        machine=Registered(agent.id, verifier.secret),
        org=organizations[0],
        owned=organizations[1],
        viewed=organizations[2],
    )
