"""A browser without a screen: it keeps cookies, follows redirects within the issuer, and fills HTML forms."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Self
from urllib.parse import urljoin

import httpx


@dataclass
class Form:
    """A form as it stands on a page: where it goes, what it sends untouched, and what a person can fill or press."""

    action: str
    method: str
    sent: dict[str, str] = field(default_factory=dict)
    inputs: list[str] = field(default_factory=list)
    buttons: list[dict[str, str]] = field(default_factory=list)

    def asks_for(self, name: str) -> bool:
        """A person can type this into it."""
        return name in self.inputs


class _Page(HTMLParser):
    """The forms of a page, in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._open = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(known.get("action", ""), known.get("method", "get").lower()))
            self._open = True
        elif self._open and tag == "input":
            self._input(known)
        elif self._open and tag == "button" and known.get("type") == "submit":
            self.forms[-1].buttons.append(known)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = False

    def _input(self, known: dict[str, str]) -> None:
        form, name = self.forms[-1], known.get("name", "")
        if known.get("type") == "checkbox" and "checked" not in known:
            return
        form.sent[name] = known.get("value", "")
        if known.get("type") != "hidden" and "readonly" not in known:
            form.inputs.append(name)


class Browser:
    """One browser at one issuer."""

    def __init__(self, issuer_url: str) -> None:
        self._issuer_url = issuer_url
        agent = "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0"
        self._http = httpx.Client(headers={"User-Agent": agent, "Accept": "text/html"}, trust_env=False)
        self.pages: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def visit(self, url: str, answers: dict[str, str]) -> str:
        """Goes to `url` and on through the pages of the issuer, with these answers to what they ask; returns the first
        URL outside of the issuer that the browser is sent to."""
        response = self._http.get(url)
        for _ in range(20):
            if response.is_redirect:
                target = urljoin(str(response.url), response.headers["location"])
                if not target.startswith(f"{self._issuer_url}/"):
                    return target
                response = self._http.get(target)
                continue
            if response.status_code != 200:
                raise AssertionError(f"{response.url}: {response.status_code}\n{response.text}")
            self.pages.append(str(response.url))
            response = self._answer(response, answers)
        raise AssertionError(f"the pages lead nowhere: {self.pages}")

    def _answer(self, response: httpx.Response, answers: dict[str, str]) -> httpx.Response:
        """Fills the first form that asks for something there is an answer to, and sends it."""
        for form in _Page(response.text).forms:
            filled = {name: answers[name] for name in form.inputs if name in answers}
            pressed = [
                button
                for button in form.buttons
                if "name" in button and answers.get(button["name"]) == button.get("value")
            ]
            if not filled and not pressed:
                continue
            data = form.sent | filled | {button["name"]: button["value"] for button in pressed}
            if form.method != "post":
                raise AssertionError(f"a form that changes something is posted: {form}")
            # What browsers send of a page with `Referrer-Policy: no-referrer`.
            headers = {"Origin": "null", "Sec-Fetch-Site": "same-origin"}
            return self._http.post(urljoin(str(response.url), form.action), data=data, headers=headers)
        raise AssertionError(f"{response.url} asks for something else\n{response.text}")
