"""Every example of the README of authpi-idp, as it is written there."""

from __future__ import annotations

import contextlib
import inspect
import io
import threading
import time
from collections.abc import Awaitable, Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import authpi_idp
import httpx
from authpi_idp import AuthenticatedAgent, IdpClient, IdpClientSync, OAuthError, PrincipalType

import idp_blocks
from checks import Checks
from idp_blocks import filled_in
from idp_world import EMAIL, HOME, RESOURCES, SCOPES, Registered, World

BASIC = ["openid", "profile", "email"]


class Readme:
    """The blocks; each is taken once, and none may be left."""

    def __init__(self, check: Checks, world: World) -> None:
        self.check, self.world = check, world
        self._left = idp_blocks.blocks()

    def take(self, heading: str, registered: Registered | None = None, org: str | None = None) -> str:
        """The next block under a heading, filled in."""
        left = self._left[heading]
        code = left.pop(0)
        if not left:
            del self._left[heading]
        return filled_in(code, self.world, registered or self.world.public, org or self.world.org)

    async def run(self, code: str, **names: Any) -> dict[str, Any]:
        """Runs a block."""
        return await idp_blocks.run(code, names, self.world.sign_in)

    def nothing_left(self, elsewhere: set[str]) -> None:
        """Every block was taken, save those that another file runs."""
        self.check.equal("no example was left out", set(self._left), elsewhere)


async def run(check: Checks, world: World) -> None:
    """Runs the README from top to bottom."""
    readme = Readme(check, world)
    for part in PARTS:
        await part(readme, check, world)
    readme.nothing_left({"FastAPI", "Django", "Flask"})


async def quick_start(readme: Readme, check: Checks, world: World) -> None:
    code = readme.take("Quick Start", world.web)
    scope = await readme.run(code)
    await scope["main"]()
    tokens = scope["session"]["tokens"]
    check.equal("the quick start ends with tokens", sorted(name for name in tokens if tokens[name])[:3],
                ["access_token", "expires_at", "id_token"])
    check.that("among them one that refreshes", bool(tokens["refresh_token"]), tokens)


async def native(readme: Readme, check: Checks, world: World) -> None:
    """With a listener of its own, as the README tells."""
    heard: list[str] = []

    class Listener(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            heard.append(f"http://127.0.0.1:{self.server.server_port}{self.path}")
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    listener = HTTPServer(("127.0.0.1", 0), Listener)
    threading.Thread(target=listener.serve_forever, daemon=True).start()

    def opened(url: str) -> str:
        httpx.get(world.sign_in(url), trust_env=False)
        return heard[-1]

    code = readme.take("Native Applications and CLI Tools", world.native)
    scope = await idp_blocks.run(code, {"IdpClient": IdpClient, "bound_port": listener.server_port}, opened)
    listener.shutdown()
    check.equal("a tool on a port that was free signs in", scope["agent"].id, world.user_id)
    check.equal("its browser came back once", len(heard), 1)


async def sessions(readme: Readme, check: Checks, world: World) -> None:
    before = (await world.agent(world.public)).tokens
    aged = before.model_dump() | {"expires_at": int(time.time()) - 1}
    scope = await readme.run(readme.take("Session Management"), session={"tokens": aged})
    kept = scope["session"]["tokens"]
    check.equal("stored tokens that ran out are refreshed", scope["agent"].id, world.user_id)
    check.that("and the new ones are stored", kept["refresh_token"] not in (None, before.refresh_token), kept)
    check.equal("what is stored is what the agent has", kept, scope["agent"].tokens.model_dump())

    scope = await readme.run(readme.take("Configuring Auto-Refresh"), IdpClient=IdpClient, tokens=aged)
    check.equal("nothing is refreshed when nothing should be", scope["agent"].tokens.model_dump(), aged)

    fresh = await world.agent(world.public)
    code = readme.take("Token Expiration")
    found = [value for _, value, _ in idp_blocks.answers(code, {"agent": fresh})]
    check.that("tokens last half an hour", 1790 <= found[1] <= 1800, found[1])
    check.equal("they are not expired", found[2:], [False, False, False])


async def resources(readme: Readme, check: Checks, world: World) -> None:
    heading = "Resource Indicators (RFC 8707)"
    scope = await readme.run(readme.take(heading, world.web), IdpClient=IdpClient)
    idp = scope["idp"]
    auth = idp.create_authorization_url(scopes=["openid"])
    agent = await idp.exchange_callback(world.sign_in(auth.url), auth)
    check.equal("the resource of the client is the audience", audience(agent), RESOURCES[0])

    scope = await readme.run(readme.take(heading, world.web), idp=idp)
    check.equal("several are, in their order", audience(scope["agent"]), RESOURCES[1:])
    check.equal("a refresh selects one of them", audience(scope["narrowed"]), RESOURCES[1])
    check.equal("its tokens are stored", scope["session"]["tokens"]["access_token"],
                scope["narrowed"].tokens.access_token)
    # The README goes on: "automatic refresh … relies on the authorization server's stored refresh-family selection".
    aged = scope["narrowed"].tokens.model_dump() | {"expires_at": 0}
    later = await idp.create_agent(aged)
    check.equal("and the selection of the family stays", audience(later), RESOURCES[1:])
    await idp.close()


def audience(agent: AuthenticatedAgent) -> Any:
    """`aud` of the access token, which only its resource server reads."""
    return claims(agent.tokens.access_token)["aud"]


def claims(token: str) -> dict[str, Any]:
    import jwt

    return jwt.decode(token, options={"verify_signature": False})


async def machines(readme: Readme, check: Checks, world: World) -> None:
    code = readme.take("Machine-to-Machine Authentication", world.machine)
    scope = await readme.run(code)
    agent = scope["agent"]
    check.equal("a machine has the access of its token", agent.has_access("read", "users"), True)
    check.equal("and no other", agent.has_access("delete", "users"), False)
    check.equal("it is an agent", (agent.type, agent.id), (PrincipalType.AGENT, world.machine.id))
    check.that("its token lasts five minutes", 290 <= agent.expires_in <= 300, agent.expires_in)


async def synchronous(readme: Readme, check: Checks, world: World) -> None:
    scope = await readme.run(readme.take("Sync Support"))
    check.equal("the same without await", (scope["agent"].id, scope["agent"].email), (world.user_id, EMAIL))


async def authorization(readme: Readme, check: Checks, world: World) -> None:
    agent = await world.agent(world.public)
    names = {"agent": agent}
    found = idp_blocks.answers(readme.take("Using the Built-in Authorization"), dict(names))
    check.equal("access, roles and scopes are answered locally", [value for _, value, _ in found],
                [True, True, True, False, False, True, ["projects:**", "users:read"]])

    asked: list[str] = []
    service = type("Service", (), {"get_permissions": staticmethod(asked.append)})
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        await readme.run(readme.take("Rolling Your Own Authorization"), **names, my_permission_service=service)
    check.equal("the raw data is there for one's own rules", asked, [world.user_id])
    check.equal("every organization has its id, title, scopes and time", len(printed.getvalue().splitlines()), 12)
    check.that("and says them", world.owned in printed.getvalue(), printed.getvalue())

    for text, value, said in idp_blocks.answers(readme.take("How Scopes Work"), dict(names)):
        check.equal(f"{text.split('(', 1)[1]} is as the README says", value, said)
    roles = readme.take("Special Role Scopes", org=world.owned)
    for text, value, said in idp_blocks.answers(roles, dict(names)):
        check.equal(f"{text.split('(')[0]} is as the README says", value, said)
    for text, value, said in idp_blocks.answers(readme.take("Scope Utilities"), {}):
        if said is not None:
            check.equal(f"{text} is as the README says", str(value) if isinstance(said, str) else value,
                        f"resource={said.split('=', 1)[1].split(',')[0]} action={said.rsplit('=', 1)[1].rstrip(')')}"
                        if isinstance(said, str) else said)


async def failures(readme: Readme, check: Checks, world: World) -> None:
    code = readme.take("Error Handling")
    sent_away: list[None] = []

    async def fails_with(rule: str, tokens: dict[str, Any], says: list[str], sends_away: int) -> None:
        printed = io.StringIO()
        sent_away.clear()
        async with world.client(world.public) as idp:
            with contextlib.redirect_stdout(printed):
                await readme.run(code, idp=idp, tokens=tokens, redirect_to_login=lambda: sent_away.append(None))
        check.equal(rule, (printed.getvalue().splitlines(), len(sent_away)), (says, sends_away))

    mine = (await world.agent(world.public)).tokens.model_dump() | {"expires_at": 0}
    await fails_with("without a refresh token one signs in again", mine | {"refresh_token": None}, [], 1)
    await fails_with("tokens that are none", mine | {"id_token": "x"}, ["Invalid token data"], 0)
    other = await world.agent(world.public)
    async with world.client(world.public) as idp:
        await idp.revoke_token(mine["refresh_token"], "refresh_token")
    said = ["Refresh failed: The session of the refresh token was ended.", "Status: 400"]
    printed = io.StringIO()
    async with world.client(world.public) as idp:
        with contextlib.redirect_stdout(printed):
            await readme.run(code, idp=idp, tokens=mine, redirect_to_login=lambda: sent_away.append(None))
    lines = printed.getvalue().splitlines()
    check.that("a revoked refresh token fails with a reason", lines[0] > "Refresh failed: ", lines)
    check.equal("and its status", lines[1:], said[1:])
    stranger = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ1c3JfeCJ9.x"
    mixed = other.tokens.model_dump() | {"expires_at": 0, "id_token": stranger}
    await fails_with("tokens of two people", mixed, [f"Expected usr_x, got {world.user_id}"], 0)

    scope = await readme.run(readme.take("Error Hierarchy"))
    named = {name: kind for name, kind in scope.items() if inspect.isclass(kind)}
    real = {name: getattr(authpi_idp, name) for name in named}
    check.equal("all errors are errors of OAuth", [kind for kind in real.values() if not issubclass(kind, OAuthError)], [])


async def user_info(readme: Readme, check: Checks, world: World) -> None:
    agent = await world.agent(world.web, org=world.org)
    async with world.client(world.web) as idp:
        scope = await readme.run(readme.take("User Info"), idp=idp, agent=agent)
    info = scope["userinfo"]
    check.equal("the profile is complete", (info.sub, info.email, info.name, info.picture),
                (world.user_id, EMAIL, "John Doe", "https://example.com/john.png"))
    check.equal("a selected organization is told", (info.org_id, agent.org_id), (world.org, world.org))
    # A token of one organization speaks of no other.
    check.equal("with its scopes", [(org.id, org.scopes) for org in info.organizations],
                [(world.org, ["projects:**", "users:read"])])


async def logout(readme: Readme, check: Checks, world: World) -> None:
    agent = await world.agent(world.web)
    async with world.client(world.web) as idp:
        code = readme.take("Logout")
        scope = await readme.run(code, idp=idp, agent=agent)
        back = world.sign_in(scope["logout_url"])
        check.equal("a person who signs out comes back", back, f"{HOME}?state=logout_state")
        asked = world.browser.visit(idp.create_authorization_url(["openid"]).url + "&prompt=none", {})
        check.that("and is signed in no more", "error=login_required" in asked, asked)

        agent = await world.agent(world.web)
        await readme.run(readme.take("Token Revocation"), idp=idp, agent=agent)
        with contextlib.suppress(OAuthError):
            await idp.get_user_info(agent)
            raise AssertionError("a revoked access token still works")
        with contextlib.suppress(authpi_idp.RefreshError):
            await idp.refresh(agent)
            raise AssertionError("a revoked refresh token still works")
    check.equal("revoked tokens are worth nothing", True, True)


async def reference(readme: Readme, check: Checks, world: World) -> None:
    listed = readme.take("IdpClient / IdpClientSync")
    for kind in (IdpClient, IdpClientSync):
        names = [name for name in inspect.signature(kind).parameters]
        missing = [name for name in names if f"{name}:" not in listed]
        check.equal(f"{kind.__name__} takes what the README lists", missing, [])
    scope = await readme.run(readme.take("AuthenticatedAgent"), **vars(authpi_idp))
    agent = await world.agent(world.public)
    named = [name for name in vars(scope["AuthenticatedAgent"]) if not name.startswith("_")]
    check.equal("an agent has what the README lists", [name for name in named if not hasattr(agent, name)], [])
    check.equal("it is a user with a proven address", (agent.type, agent.email, agent.email_verified),
                (PrincipalType.USER, EMAIL, True))


async def contexts(readme: Readme, check: Checks, world: World) -> None:
    scope = await readme.run(readme.take("Context Manager Support"), IdpClient=IdpClient, IdpClientSync=IdpClientSync)
    check.that("both clients clean up", scope["auth"].url.startswith(f"{world.issuer_url}/authorize?"), scope["auth"])


PARTS: list[Callable[[Readme, Checks, World], Awaitable[None]]] = [
    quick_start,
    native,
    sessions,
    resources,
    machines,
    synchronous,
    authorization,
    failures,
    user_info,
    logout,
    reference,
    contexts,
]
