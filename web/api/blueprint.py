"""The API's blueprint: its errors, and reading what is asked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any, TypeVar

from flask import Blueprint, Response, current_app, jsonify, request
from pydantic import BaseModel, ValidationError
from werkzeug.exceptions import BadRequest, HTTPException

from callcenter.privacy import mask, mask_name
from web import paging
from web.api import document
from web.api.document import operation
from web.api.schemas import Problem
from web.rights import API_FIELDS, Door, Field, Sight, sight

blueprint = Blueprint("api", __name__, url_prefix="/api/v1")
Asked = TypeVar("Asked", bound=BaseModel)


@blueprint.errorhandler(HTTPException)
def problem(error: HTTPException) -> tuple[Response, int]:
    code = error.code or 500
    body = Problem(error=error.name.lower().replace(" ", "_"), message=error.description or "")
    response = jsonify(body.model_dump())
    if code == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="callcenter"'
    return response, code


def read_query(model: type[Asked]) -> Asked:
    """The query string as `model`; raise BadRequest that names what is wrong."""
    return _read(model, request.args.to_dict())


def read_body(model: type[Asked]) -> Asked:
    return _read(model, request.get_json())


def read_cursor(text: str) -> paging.Position | None:
    try:
        return paging.decode(text) if text else None
    except paging.BadCursor as error:
        raise BadRequest("cursor: take it from next_cursor of the page before") from error


def answer(model: BaseModel) -> Response:
    """The model as JSON; what identifies citizens as `web.rights` says that a token sees it."""
    hidden = {
        name: field
        for name, field in API_FIELDS.items()
        if sight(Door.TOKEN, field) is not Sight.WHOLE
    }
    text = model.model_dump_json()
    if hidden:
        text = json.dumps(_masked(json.loads(text), hidden))
    return current_app.response_class(text, mimetype="application/json")


def _masked(value: Any, hidden: Mapping[str, Field]) -> Any:
    if isinstance(value, list):
        return [_masked(each, hidden) for each in value]
    if not isinstance(value, dict):
        return value
    shown = {}
    for key, each in value.items():
        if key in hidden and isinstance(each, str):
            shown[key] = mask(each) if hidden[key] is Field.NUMBER else mask_name(each)
        else:
            shown[key] = _masked(each, hidden)
    return shown


def _read(model: type[Asked], values: Any) -> Asked:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise BadRequest(f"{where}: {first['msg']}" if where else first["msg"]) from error


@blueprint.get("/openapi.json")
@operation("This document", public=True)
def openapi() -> Response:
    return jsonify(document.build(current_app, version("callcenter-12345")))


from web.api import agents, calls, figures, intake, orders  # noqa: E402, F401 – they add their routes
