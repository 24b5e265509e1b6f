"""PyJWT, which was not made for this server, verifies tokens by the published keys: RS256, ES256 and EdDSA."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import jwt
from jwt import PyJWKClient

import idp_world
from authpi_idp import IdpClient
from checks import Checks
from idp_world import SCOPES, WEB, World

HASHES = {"RS256": hashlib.sha256, "ES256": hashlib.sha256, "EdDSA": hashlib.sha512}


async def run(check: Checks, world: World) -> None:
    """Verifies what each algorithm signs, then a machine's token; and tries what must fail."""
    tenant = world.admin.issuer(world.issuer_id)
    keys = PyJWKClient(f"{world.issuer_url}/jwks.json")
    published = sorted(key.algorithm_name for key in keys.get_signing_keys())
    check.equal("a new issuer publishes a key of each algorithm", published, ["ES256", "EdDSA", "RS256"])
    for algorithm in HASHES:
        openid = {"redirect_uris": [WEB], "response_signature_alg": algorithm}
        registered = await idp_world.client(tenant, algorithm, True, openid, SCOPES)
        agent = await world.agent(registered)
        identity = verified(keys, world, agent.tokens.id_token, algorithm, registered.id)
        access = verified(keys, world, agent.tokens.access_token, algorithm, registered.id)
        check.equal(f"{algorithm}: both tokens are the person's", {identity["sub"], access["sub"]}, {world.user_id})
        check.equal(f"{algorithm}: the ID token is bound to the access token", identity["at_hash"],
                    half(HASHES[algorithm], agent.tokens.access_token))
        headers = [jwt.get_unverified_header(token) for token in (agent.tokens.id_token, agent.tokens.access_token)]
        check.equal(f"{algorithm}: only the access token says what it is", [header.get("typ") for header in headers],
                    [None, "at+jwt"])
        refused(check, f"{algorithm}: not for another audience", jwt.InvalidAudienceError,
                keys, world, agent.tokens.id_token, algorithm, world.web.id)
        flipped = agent.tokens.id_token[:-6] + ("A" * 6 if agent.tokens.id_token[-6:] != "A" * 6 else "B" * 6)
        refused(check, f"{algorithm}: not with another signature", jwt.InvalidSignatureError,
                keys, world, flipped, algorithm, registered.id)
    await machine(check, world, keys)


async def machine(check: Checks, world: World, keys: PyJWKClient) -> None:
    """A machine's token."""
    async with IdpClient(world.issuer_url, world.machine.id, None, world.machine.secret) as idp:
        agent = await idp.client_credentials(["users:read"])
    claims = verified(keys, world, agent.tokens.access_token, "ES256", world.machine.id)
    check.equal("a machine's token has the scope that it asked for", claims["scope"], "users:read")


def verified(keys: PyJWKClient, world: World, token: str, algorithm: str, audience: str) -> dict[str, Any]:
    """The claims of a token, after all that a careful reader checks."""
    return jwt.decode(
        token,
        keys.get_signing_key_from_jwt(token),
        algorithms=[algorithm],
        audience=audience,
        issuer=world.issuer_url,
        options={"require": ["exp", "iat", "iss", "aud", "sub", "jti"]},
    )


def refused(check: Checks, rule: str, kind: type[Exception], *arguments: Any) -> None:
    """Verification fails with this."""
    try:
        claims = verified(*arguments)
    except kind:
        check.equal(rule, True, True)
    else:
        raise AssertionError(f"{check.topic}: {rule}\n  actual: {claims!r}")


def half(digest: Any, text: str) -> str:
    """The left half of a hash, as `at_hash` has it (OpenID Connect Core §3.1.3.6)."""
    found = digest(text.encode()).digest()
    return base64.urlsafe_b64encode(found[: len(found) // 2]).rstrip(b"=").decode()
