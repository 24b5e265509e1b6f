"""Compares /openapi.json with the models and methods of the published SDK.

    python models.py BOOTSTRAP_FILE

Every method of the SDK is called once, against a transport that only looks at the request. For the operation that it
asks for, the document must name every query parameter and header that was sent, require every field that the SDK's
model requires, and give each field a type that the model takes. No operation may be missing. Every example in the
document must be what its schema says.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import re
import sys
import typing
from functools import cached_property
from typing import Any

import httpx
import jsonschema_rs
from authpi_admin import AuthPIAdmin
from authpi_admin.pagination import Page
from pydantic import BaseModel, TypeAdapter

from checks import Checks

REFERENCE = "#/components/schemas/"
PER_CALL = {"self", "timeout", "headers", "if_match", "idempotency_key"}


class Document:
    """The OpenAPI document."""

    def __init__(self, content: dict[str, Any]) -> None:
        self.content = content
        self.operations = {
            (method.upper(), path): operation
            for path, item in content["paths"].items()
            for method, operation in item.items()
        }

    def resolve(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The schema that a reference means."""
        while "$ref" in schema:
            found: Any = self.content
            for step in schema["$ref"].removeprefix("#/").split("/"):
                found = found[step]
            schema = found
        return schema

    def find(self, method: str, path: str) -> tuple[str, dict[str, Any]] | None:
        """The operation of a request: of several templates that fit, the one with the fewest parameters."""
        fitting = [
            (template, operation)
            for (verb, template), operation in self.operations.items()
            if verb == method and re.fullmatch(re.sub(r"\{[^}]+\}", "[^/]+", template), path)
        ]
        return min(fitting, key=lambda found: found[0].count("{"), default=None)

    def answer(self, operation: dict[str, Any]) -> dict[str, Any] | None:
        """The schema of the body of a success."""
        status = min(status for status in operation["responses"] if status.startswith("2"))
        content = self.resolve(operation["responses"][status]).get("content", {})
        return content.get("application/json", {}).get("schema")


class Branches:
    """A schema as what it can be: its types, with the schema for each."""

    def __init__(self, schema: dict[str, Any], resolve: Any) -> None:
        self.types: dict[str, list[dict[str, Any]]] = {}
        self.anything = False
        self._add(schema, resolve)

    def _add(self, schema: dict[str, Any], resolve: Any) -> None:
        schema = resolve(schema)
        for key in ("anyOf", "oneOf"):
            if key in schema:
                for branch in schema[key]:
                    self._add(branch, resolve)
                return
        if "allOf" in schema:
            whole: dict[str, Any] = {"properties": {}, "required": []}
            for part in map(resolve, schema["allOf"]):
                whole |= {name: part[name] for name in part if name not in whole}
                whole["properties"] |= part.get("properties", {})
                whole["required"] += part.get("required", [])
            self._add({name: value for name, value in whole.items() if value or name == "type"}, resolve)
            return
        kinds = schema.get("type", [])
        if not kinds and "enum" in schema:
            kinds = "string"
        if not kinds and "const" in schema:
            kinds = {str: "string", bool: "boolean", int: "integer"}[type(schema["const"])]
        if not kinds:
            self.anything = True
        for kind in [kinds] if isinstance(kinds, str) else kinds:
            self.types.setdefault(kind, []).append(schema)


class Comparison:
    """Ours against theirs, with every difference."""

    def __init__(self, document: Document, theirs: dict[str, Any]) -> None:
        self._ours = document.resolve
        self._theirs = lambda schema: theirs["$defs"][schema["$ref"].split("/")[-1]] if "$ref" in schema else schema
        self.defects: list[str] = []

    def run(self, ours: dict[str, Any], theirs: dict[str, Any], place: str) -> None:
        """Everything that ours allows, theirs takes."""
        sent, taken = Branches(ours, self._ours), Branches(theirs, self._theirs)
        if taken.anything:
            return
        if sent.anything:
            self.defects.append(f"{place}: anything at all, where the model takes {sorted(taken.types)}")
            return
        for kind, forms in sent.types.items():
            wanted = taken.types.get(kind) or (taken.types.get("number") if kind == "integer" else None)
            if wanted is None:
                self.defects.append(f"{place}: may be {kind}, where the model takes {sorted(taken.types)}")
                continue
            for form in forms:
                self._same_kind(kind, form, wanted[0], place)

    def _same_kind(self, kind: str, ours: dict[str, Any], theirs: dict[str, Any], place: str) -> None:
        if "enum" in theirs and not set(ours.get("enum", [None])) <= set(theirs["enum"]):
            self.defects.append(f"{place}: {ours.get('enum')}, where the model knows {theirs['enum']}")
        if kind == "array" and "items" in theirs:
            self.run(ours.get("items", {}), theirs["items"], f"{place}[]")
        if kind == "object" and "properties" in theirs:
            own = ours.get("properties", {})
            for name in theirs.get("required", []):
                if name not in ours.get("required", []):
                    self.defects.append(f"{place}.{name}: required by the model, {'optional' if name in own else 'missing'}")
            for name in own.keys() & theirs["properties"].keys():
                self.run(own[name], theirs["properties"][name], f"{place}.{name}")


def resources(thing: Any) -> list[Any]:
    """The resource objects that can be reached from a client or a scope."""
    found = []
    for name, member in inspect.getmembers(type(thing)):
        if name.startswith("_"):
            continue
        if isinstance(member, cached_property):
            found.append(getattr(thing, name))
        elif inspect.isfunction(member):
            answer = typing.get_type_hints(member, vars(sys.modules[type(thing).__module__])).get("return")
            if inspect.isclass(answer) and answer.__name__.endswith("Scope"):
                arguments = [f"x{position}" for position in range(len(inspect.signature(member).parameters) - 1)]
                found.extend(resources(member(thing, *arguments)))
    return found


def model_of(method: Any) -> tuple[Any, bool]:
    """What a method returns, and whether it is a page of that."""
    answer = typing.get_type_hints(method).get("return")
    if typing.get_origin(answer) is Page:
        return typing.get_args(answer)[0], True
    return answer, False


def arguments(method: Any) -> dict[str, Any]:
    """A value for every parameter."""
    values: dict[str, Any] = {"if_match": '"1"', "idempotency_key": "key"}
    known = inspect.signature(method).parameters
    values = {name: value for name, value in values.items() if name in known}
    for name, parameter in known.items():
        if name in PER_CALL:
            continue
        hint = str(parameter.annotation)
        if name == "body":
            values[name] = {}
        elif "int" in hint or "float" in hint:
            values[name] = 1
        elif "bool" in hint:
            values[name] = True
        elif "list[" in hint:
            values[name] = ["x"]
        else:
            values[name] = "x"
    return values


async def asked_for(method: Any, seen: list[httpx.Request]) -> httpx.Request:
    """The request that a method makes."""
    seen.clear()
    try:
        await method(**arguments(method))
    except Exception:  # noqa: BLE001 - the answer is empty on purpose
        pass
    return seen[0]


def check_request(request: httpx.Request, operation: dict[str, Any]) -> list[str]:
    known = {(parameter["in"], parameter["name"].lower()) for parameter in operation["parameters"]}
    sent = {("query", name) for name in request.url.params}
    # The SDK can send both everywhere. A key has no meaning for a removal, nor either for an inspection.
    if not request.url.path.endswith("/introspect"):
        sent |= {("header", name) for name in ("if-match", "idempotency-key") if name in request.headers}
    if request.method == "DELETE":
        sent.discard(("header", "idempotency-key"))
    # An enrollment and a payment are at nothing that has a version.
    if request.url.path.endswith(("/complete-enrollment", "/topups")):
        sent.discard(("header", "if-match"))
    return [f"{place} {name} is sent and not documented" for place, name in sorted(sent - known)]


def check_answer(document: Document, operation: dict[str, Any], model: Any, is_page: bool) -> list[str]:
    if model is None or not inspect.isclass(model) or not issubclass(model, BaseModel):
        return []
    answer = document.answer(operation)
    if answer is None:
        return ["answers nothing, where the SDK takes a model"]
    data = document.resolve(answer)["properties"]["data"]
    ours = document.resolve(data)["items"] if is_page else data
    theirs = TypeAdapter(model).json_schema()
    comparison = Comparison(document, theirs)
    comparison.run(ours, theirs, model.__name__)
    return comparison.defects


def examples(document: Document) -> list[tuple[str, dict[str, Any], Any]]:
    """Every example of a body, with its schema."""
    found = []
    for (method, path), operation in document.operations.items():
        bodies = {"request": operation.get("requestBody", {})}
        bodies |= {status: document.resolve(answer) for status, answer in operation["responses"].items()}
        for name, body in bodies.items():
            content = body.get("content", {}).get("application/json", {})
            if "example" in content:
                found.append((f"{method} {path} {name}", content["schema"], content["example"]))
    return found


async def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as file:
        base = json.load(file)["core_url"]
    document = Document(httpx.get(f"{base}/openapi.json").json())
    checks = Checks()
    checks.topic = "models"
    seen: list[httpx.Request] = []

    def look(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"data": {}})

    transport = httpx.AsyncClient(transport=httpx.MockTransport(look))
    left_out = []
    async with AuthPIAdmin(api_key=("key_x", "x"), account_id="acc_x", http_client=transport) as admin:
        for resource in resources(admin):
            for name, method in inspect.getmembers(resource, inspect.iscoroutinefunction):
                if name.startswith("_"):
                    continue
                request = await asked_for(method, seen)
                found = document.find(request.method, request.url.path)
                title = f"{type(resource).__name__}.{name}"
                if found is None:
                    left_out.append(f"{title} ({request.method} {request.url.path})")
                    continue
                operation = found[1]
                checks.that(f"{title} is no extension", not operation.get("x-extension"), operation["operationId"])
                defects = check_request(request, operation) + check_answer(document, operation, *model_of(method))
                checks.equal(f"{title} is as documented", defects, [])
    everything = {"$schema": "https://json-schema.org/draft/2020-12/schema", "components": document.content["components"]}
    for title, schema, example in examples(document):
        problems = jsonschema_rs.Draft202012Validator(everything | schema).iter_errors(example)
        checks.equal(f"the example of {title} is what the schema says", [str(error.message) for error in problems], [])
    checks.equal("every operation of the SDK is served", left_out, [])
    print(f"{checks.passed} checks passed")


asyncio.run(main())
