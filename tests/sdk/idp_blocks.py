"""The code blocks of the SDK's README, and a place to run one: placeholders are filled in, nothing else is touched."""

from __future__ import annotations

import ast
import importlib.metadata
import inspect
import re
from collections.abc import Callable
from typing import Any

from idp_world import HOME, WEB, Registered, World

BLOCK = re.compile(r"^(#{2,3}) (.+?)$|^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks() -> dict[str, list[str]]:
    """The Python blocks by the heading they stand under, in order."""
    readme = importlib.metadata.metadata("authpi-idp").get_payload()
    found: dict[str, list[str]] = {}
    heading = ""
    for match in BLOCK.finditer(readme):
        if match[2]:
            heading = match[2].strip()
        elif match[3] == "python":
            found.setdefault(heading, []).append(match[4])
    return found


def filled_in(code: str, world: World, registered: Registered, org: str) -> str:
    """The block with what stands for values of one's own replaced by such values."""
    code = code.replace("https://idp.authpi.com/i_xxx", world.issuer_url)
    code = code.replace('client_id="c_xxx"', f'client_id="{registered.id}"')
    code = code.replace('client_id="agt_machine1"', f'client_id="{registered.id}"')
    code = code.replace('client_secret="secret"', f'client_secret="{registered.secret}"')
    # The one place where the README leaves the arguments out.
    arguments = f'"{world.issuer_url}", "{registered.id}", "{WEB}"'
    return code.replace("IdpClient(...)", f"IdpClient({arguments})").replace(
        "IdpClientSync(...)", f"IdpClientSync({arguments})"
    ).replace("org_xxx", org)


class Session(dict):
    """A web session. When an authorization is kept in it, the person goes to its URL and comes back."""

    def __init__(self, scope: dict[str, Any], sign_in: Callable[[str], str]) -> None:
        super().__init__()
        self._scope, self._sign_in = scope, sign_in

    def __setitem__(self, key: str, value: Any) -> None:
        super().__setitem__(key, value)
        if key == "oauth":
            self._scope["callback_url"] = self._sign_in(value["url"])


class Scope(dict):
    """The names of a block at its top level. `callback_url` is where the person comes back when it is asked for."""

    def __init__(self, names: dict[str, Any], sign_in: Callable[[str], str]) -> None:
        super().__init__(names)
        self._sign_in = sign_in

    def __missing__(self, name: str) -> Any:
        if name != "callback_url":
            raise KeyError(name)
        return self._sign_in(self["auth"].url)


async def run(code: str, names: dict[str, Any], sign_in: Callable[[str], str]) -> Scope:
    """Runs a block, with await at its top level; returns its names."""
    scope = Scope(names, sign_in)
    session = Session(scope, sign_in)
    # Functions look names up here: what the block defines, and what is given to it.
    outer = dict(names, session=session)
    session._scope = outer
    scope["session"] = session
    session.update(names.get("session", {}))
    compiled = compile(code, "README.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    pending = eval(compiled, outer, scope)
    if inspect.isawaitable(pending):
        await pending
    outer.update(scope)
    return scope


def answers(code: str, names: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    """The expressions of a block with what they are, and what its comments say that they are (None if nothing)."""
    found = []
    announced = None
    lines = code.splitlines()
    for number, line in enumerate(lines):
        text, _, comment = line.partition("#")
        text, comment = text.strip(), comment.strip()
        if not text:
            spoken = re.search(r"return (True|False)", comment)
            announced = spoken[1] == "True" if spoken else announced
            continue
        if text.startswith(("from ", "import ")):
            exec(text, names)
            continue
        said = re.match(r"(True|False)\b", comment)
        expected = said[1] == "True" if said else announced
        target, equals, value = text.partition(" = ")
        if equals and target.isidentifier():
            names[target] = eval(value, names)
            following = lines[number + 1].strip() if number + 1 < len(lines) else ""
            found.append((text, names[target], following.removeprefix("# ") if following.startswith("#") else None))
        else:
            found.append((text, eval(text, names), expected))
    return found


__all__ = ["HOME", "WEB", "Scope", "answers", "blocks", "filled_in", "run"]
