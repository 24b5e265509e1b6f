"""What the SDK's users meet when something goes wrong: each with the class and the code that they can act on."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from authpi_idp import AuthenticatedAgent, IdpClient, OAuthError, RefreshError

from browsing import Browser
from checks import Checks
from idp_world import World


async def run(check: Checks, world: World) -> None:
    """Runs everything that must fail."""
    async with world.client(world.web) as idp:
        await callbacks(check, world, idp)
        await tokens(check, world, idp)
        await machines(check, world)
        await organizations(check, world, idp)


async def fails(check: Checks, rule: str, call: Awaitable[Any], kind: type[OAuthError], error: str) -> OAuthError:
    """The call fails with this class and code, and says why."""
    try:
        answer = await call
    except OAuthError as refusal:
        check.equal(rule, (type(refusal), refusal.error), (kind, error))
        check.that(f"{rule}, which is told", bool(refusal.error_description), refusal.error_description)
        return refusal
    raise AssertionError(f"{check.topic}: {rule}\n  expected: {error}\n  actual:   {answer!r}")


async def callbacks(check: Checks, world: World, idp: IdpClient) -> None:
    with Browser(world.issuer_url) as stranger:
        auth = idp.create_authorization_url(["openid"])
        silent = stranger.visit(f"{auth.url}&prompt=none", {})
        await fails(check, "nobody is signed in", idp.exchange_callback(silent, auth), OAuthError, "login_required")
        check.equal("the state comes back with an error", parse_qs(urlsplit(silent).query)["state"], [auth.state])

        auth = idp.create_authorization_url(["openid"])
        denied = stranger.visit(f"{auth.url}&prompt=consent", world.answers(approve="false"))
        await fails(check, "who says no", idp.exchange_callback(denied, auth), OAuthError, "access_denied")

        wide = idp.create_authorization_url(["openid", "everything:write"])
        refused = stranger.visit(wide.url, {})
        await fails(check, "a scope of nobody", idp.exchange_callback(refused, wide), OAuthError, "invalid_scope")

    auth, other = (idp.create_authorization_url(["openid"]) for _ in range(2))
    back = world.sign_in(auth.url)
    await fails(check, "an answer to another request", idp.exchange_callback(back, other), OAuthError, "invalid_state")
    code = parse_qs(urlsplit(back).query)["code"][0]
    verifier = idp.exchange_code(code, other.code_verifier)
    await fails(check, "the verifier of another request", verifier, OAuthError, "invalid_grant")
    again = idp.exchange_callback(back, auth)
    await fails(check, "which spends the code", again, OAuthError, "invalid_grant")


async def tokens(check: Checks, world: World, idp: IdpClient) -> None:
    agent = await world.agent(world.web)
    renewed = await idp.refresh(agent)
    replayed = await fails(check, "a spent refresh token", idp.refresh(agent), RefreshError, "invalid_grant")
    check.equal("with its status", getattr(replayed, "status_code", None), 400)
    await fails(check, "and all of its family", idp.refresh(renewed), RefreshError, "invalid_grant")
    await fails(check, "whose session is over", idp.get_user_info(renewed), OAuthError, "userinfo_error")
    wrong = IdpClient(world.issuer_url, world.web.id, "https://app.example.com/callback", "wrong")
    async with wrong:
        agent = await world.agent(world.web)
        refused = await fails(check, "a wrong secret", wrong.refresh(agent), RefreshError, "invalid_client")
        check.equal("is 401", getattr(refused, "status_code", None), 401)
    renewed = await idp.refresh(agent)
    check.equal("and spends nothing", renewed.id, agent.id)
    users = world.admin.issuer(world.issuer_id).users
    await users.update(world.user_id, {"status": "suspended"})
    await fails(check, "a suspended user", idp.refresh(renewed), RefreshError, "invalid_grant")
    await users.update(world.user_id, {"status": "active"})
    check.equal("who comes back", (await idp.refresh(renewed)).id, agent.id)


async def machines(check: Checks, world: World) -> None:
    async with IdpClient(world.issuer_url, world.machine.id, None, world.machine.secret) as idp:
        await fails(check, "more than the agent has", idp.client_credentials(["users:delete"]), OAuthError, "invalid_scope")
        await fails(check, "a person's scope", idp.client_credentials(["openid"]), OAuthError, "invalid_scope")
    async with IdpClient(world.issuer_url, world.machine.id, None, "wrong") as idp:
        await fails(check, "an agent's wrong secret", idp.client_credentials(), OAuthError, "invalid_client")


async def organizations(check: Checks, world: World, idp: IdpClient) -> None:
    agent: AuthenticatedAgent = await world.agent(world.web, org=world.owned)
    check.equal("an organization can be selected", (agent.org_id, [org.id for org in agent.organizations]),
                (world.owned, [world.owned]))
    check.equal("a refresh keeps it", (await idp.refresh(agent)).org_id, world.owned)
    foreign = idp.create_authorization_url(["openid"], org="org_0000000000000000000000000")
    back = world.sign_in(foreign.url)
    await fails(check, "one that is not theirs", idp.exchange_callback(back, foreign), OAuthError, "access_denied")
