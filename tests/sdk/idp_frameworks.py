"""The examples of the README for FastAPI, Django and Flask, each as an application that a browser uses."""

from __future__ import annotations

from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import idp_blocks
from checks import Checks
from idp_blocks import filled_in
from idp_world import EMAIL, World


async def run(check: Checks, world: World) -> None:
    """Signs in at each, and opens what is behind."""
    written = idp_blocks.blocks()
    for name, use in {"FastAPI": fastapi, "Django": django, "Flask": flask}.items():
        code = filled_in(written[name][0], world, world.public, world.viewed)
        # A person of their own: no cookie of another sign-in is around.
        module = ModuleType(name)
        exec(compile(code, f"README.md ({name})", "exec"), vars(module))
        before, after = use(module, world)
        check.equal(f"{name}: nobody is let in without a login", before in (302, 401), True)
        check.that(f"{name}: the person is greeted", EMAIL in after, after)


def path_of(url: str) -> str:
    """Path and query, as the application is asked for them."""
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"


def fastapi(module: ModuleType, world: World) -> tuple[int, str]:
    from starlette.middleware.sessions import SessionMiddleware
    from starlette.testclient import TestClient

    # What the example leaves to the reader: sessions.
    module.app.add_middleware(SessionMiddleware, secret_key="test")
    with TestClient(module.app, base_url="http://localhost:8000", follow_redirects=False) as client:
        before = client.get("/dashboard").status_code
        callback = world.sign_in(client.get("/login").headers["location"])
        client.get(path_of(callback))
        answer = client.get("/dashboard")
        if answer.json()["user"] != world.user_id:
            raise AssertionError(answer.text)
        return before, answer.text


def django(module: ModuleType, world: World) -> tuple[int, str]:
    import django as package
    from django.conf import settings
    from django.test import Client
    from django.urls import path

    urls: Any = ModuleType("urls")
    urls.urlpatterns = [path(name, getattr(module, name)) for name in ("login", "callback", "dashboard")]
    settings.configure(
        SECRET_KEY="test",
        ALLOWED_HOSTS=["localhost"],
        ROOT_URLCONF=urls,
        MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware"],
        SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
    )
    package.setup()
    client = Client(headers={"host": "localhost:8000"})
    before = client.get("/dashboard").status_code
    callback = world.sign_in(client.get("/login")["location"])
    client.get(path_of(callback))
    return before, client.get("/dashboard").content.decode()


def flask(module: ModuleType, world: World) -> tuple[int, str]:
    client = module.app.test_client()
    at = {"base_url": "http://localhost:5000"}
    before = client.get("/dashboard", **at).status_code
    callback = world.sign_in(client.get("/login", **at).headers["location"])
    client.get(path_of(callback), **at)
    return before, client.get("/dashboard", **at).text
