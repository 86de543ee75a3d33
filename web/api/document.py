"""The OpenAPI document, made from the routes and from what each says about itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from flask import Flask
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from werkzeug.routing import Rule

from web.api.schemas import Problem

View = TypeVar("View", bound=Callable[..., Any])
REFERENCE = "#/components/schemas/{model}"
ERRORS = {
    400: "The request can't be understood",
    401: "No token, or a wrong one",
    404: "There is no such thing",
    409: "It can't be done now: the controller refused, or the id was used for something else",
    416: "The range lies outside the file",
    428: "The policy wants a reason: give it as `reason`",
    415: "The content type isn't taken here",
    422: "There is nothing in it, or a machine sent it",
    429: "Too often; try again later",
    504: "The controller didn't answer; nobody knows whether it was done",
}


@dataclass(frozen=True, slots=True)
class Operation:
    """What a view tells the document."""

    summary: str
    response: type[BaseModel] | None
    query: type[BaseModel] | None
    body: type[BaseModel] | None
    errors: tuple[int, ...]
    public: bool
    media_type: str


def operation(
    summary: str,
    *,
    response: type[BaseModel] | None = None,
    query: type[BaseModel] | None = None,
    body: type[BaseModel] | None = None,
    errors: tuple[int, ...] = (),
    public: bool = False,
    media_type: str = "application/json",
) -> Callable[[View], View]:
    """Mark a view as part of the API."""

    def mark(view: View) -> View:
        told = Operation(summary, response, query, body, errors, public, media_type)
        view.operation = told  # type: ignore[attr-defined]
        return view

    return mark


def build(app: Flask, version: str) -> dict[str, Any]:
    """The document of every route of the `api` blueprint (OpenAPI 3.1)."""
    paths: dict[str, dict[str, Any]] = {}
    models: set[type[BaseModel]] = {Problem}
    for rule, told in _operations(app):
        models |= {model for model in (told.response, told.body) if model}
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            paths.setdefault(path, {})[method.lower()] = _describe(rule, told, method)
    modes: list[tuple[type[BaseModel], Any]] = [
        (model, "serialization") for model in sorted(models, key=lambda each: each.__name__)
    ]
    _map, schemas = models_json_schema(modes, ref_template=REFERENCE)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Call center API",
            "version": version,
            "description": "Calls, recordings, queues, agents and work orders of a 12345 hotline. "
            "Times are UTC (RFC 3339). Lists are newest first; `next_cursor` leads to older ones.",
        },
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}],
    }


def _operations(app: Flask) -> Iterable[tuple[Rule, Operation]]:
    for rule in app.url_map.iter_rules():
        told = getattr(app.view_functions[rule.endpoint], "operation", None)
        if rule.endpoint.startswith("api.") and isinstance(told, Operation):
            yield rule, told


def _describe(rule: Rule, told: Operation, method: str) -> dict[str, Any]:
    schema: dict[str, Any] = {}
    if told.response:
        schema = {"$ref": REFERENCE.format(model=told.response.__name__)}
    elif told.media_type == "application/json":
        schema = {"type": "object"}
    answer = {"description": told.summary, "content": {told.media_type: {"schema": schema}}}
    described: dict[str, Any] = {
        "operationId": f"{rule.endpoint.removeprefix('api.')}_{method.lower()}",
        "summary": told.summary,
        "parameters": [*_path_parameters(rule), *_query_parameters(told.query)],
        "responses": {"200": answer, **_errors(told)},
    }
    if told.media_type == "audio/wav":
        described["responses"]["206"] = answer | {"description": "The range asked for"}
    if told.body:
        body = {"$ref": REFERENCE.format(model=told.body.__name__)}
        described["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": body}},
        }
    if told.public:
        described["security"] = []
    return described


def _path_parameters(rule: Rule) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in sorted(rule.arguments)
    ]


def _query_parameters(query: type[BaseModel] | None) -> list[dict[str, Any]]:
    if query is None:
        return []
    schema = query.model_json_schema()
    definitions = schema.get("$defs", {})
    found = []
    for name, field in schema["properties"].items():
        text = field.pop("description", "")
        found.append(
            {"name": name, "in": "query", "required": False, "description": text}
            | {"schema": _inlined(field, definitions)}
        )
    return found


def _inlined(schema: Any, definitions: dict[str, Any]) -> Any:
    """`schema` with references replaced: parameters stand outside the components."""
    if isinstance(schema, list):
        return [_inlined(each, definitions) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    return {key: _inlined(value, definitions) for key, value in schema.items()}


def _errors(told: Operation) -> dict[str, Any]:
    codes = told.errors if told.public else (*told.errors, 401)
    content = {"application/json": {"schema": {"$ref": REFERENCE.format(model="Problem")}}}
    return {str(code): {"description": ERRORS[code], "content": content} for code in sorted(codes)}
