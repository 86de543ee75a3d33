"""The OpenAPI document is complete and sound."""

from __future__ import annotations

import re

from web.rights import ENDPOINTS, Door


def _references(node):
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def test_every_route_of_the_api_is_described_and_nothing_else(bare_app):
    paths = bare_app.test_client().get("/api/v1/openapi.json").json["paths"]
    routes = {
        (re.sub(r"<(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in bare_app.url_map.iter_rules()
        if rule.endpoint.startswith("api.")
        for method in rule.methods - {"HEAD", "OPTIONS"}
    }
    assert {(path, method) for path, item in paths.items() for method in item} == routes
    assert ("/api/v1/agents/{agent_id}/state", "put") in routes


def test_every_reference_leads_somewhere(bare_app):
    document = bare_app.test_client().get("/api/v1/openapi.json").json
    references = set(_references(document))
    assert len(references) > 10
    for reference in references:
        node = document
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]


def test_every_operation_has_what_a_client_needs(bare_app):
    document = bare_app.test_client().get("/api/v1/openapi.json").json
    assert document["openapi"] == "3.1.0"
    names = []
    for path, item in document["paths"].items():
        for operation in item.values():
            names.append(operation["operationId"])
            assert operation["summary"]
            assert "200" in operation["responses"]
            wanted = set(re.findall(r"{(\w+)}", path))
            given = {each["name"] for each in operation["parameters"] if each["in"] == "path"}
            assert given == wanted
            if operation.get("security") != []:
                assert "401" in operation["responses"]
    assert len(names) == len(set(names))


def test_what_the_document_calls_public_is_public(bare_app):
    for endpoint, view in bare_app.view_functions.items():
        operation = getattr(view, "operation", None)
        if operation is not None:
            assert operation.public is (ENDPOINTS[endpoint] is Door.PUBLIC), endpoint
