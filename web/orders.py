"""The orders list and the page of one order with its draft form."""

from __future__ import annotations

import json
import logging
from typing import Any

import redis
from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm.exc import StaleDataError

from callcenter.models import Call
from web import paging, words
from web.audit import Action, record
from web.auth import signed_in
from web.calls import cursor_argument
from web.order_form import Changed, Draft, editable, last_editor, save
from web.order_list import OrderFilter, find_orders
from web.rights import WRITES_ORDERS
from web.scope import visible_calls, visible_orders
from web.storage import db, redis_client, saving
from workorder.models import Order, OrderEvent

log = logging.getLogger(__name__)
blueprint = Blueprint("orders", __name__, url_prefix="/orders")


@blueprint.get("")
def index() -> str:
    wanted = OrderFilter.from_args(request.args)
    after = cursor_argument()
    conditions = [visible_orders(signed_in()), *wanted.conditions()]
    found, more = find_orders(db(), conditions, after)
    return render_template(
        "orders.html",
        orders=found,
        wanted=wanted,
        newest=after is None,
        next_cursor=paging.encode(more) if more else None,
    )


@blueprint.get("/<number>")
def show(number: str) -> str:
    order = _visible_order(number)
    return _page(order, Draft.of(order), order.version)


@blueprint.post("/<number>")
def save_draft(number: str) -> Any:
    order = _visible_order(number)
    draft, version = Draft.from_form(request.form), _version()
    if not editable(order):
        abort(409)
    problems = draft.problems()
    if problems:
        return _page(order, draft, version, problems=problems), 422
    try:
        with saving() as session:
            changed = save(session, session.get_one(Order, order.id), draft, version, signed_in())
    except (Changed, StaleDataError):
        db().refresh(order)
        # Keep what was typed; a second save is then on purpose, over the version shown.
        return _page(order, draft, order.version, conflict=True), 409
    if changed:
        _tell(order.number)
    flash(_("工单已保存。") if changed else _("没有改动，未保存新版本。"), "good")
    return redirect(url_for("orders.show", number=number))


@blueprint.post("/<number>/number")
def show_number(number: str) -> str:
    """The citizen's whole number, once; that it was looked at is kept."""
    order = _visible_order(number)
    with saving() as session:
        record(session, Action.NUMBER_SHOWN, order.number, signed_in())
    return render_template("_number.html", shown=order.citizen_number)


def _visible_order(number: str) -> Order:
    order = db().scalar(select(Order).where(Order.number == number, visible_orders(signed_in())))
    return order or abort(404)


def _version() -> int:
    version = request.form.get("version", "")
    return int(version) if version.isdecimal() and len(version) < 10 else abort(400)


def _page(
    order: Order,
    draft: Draft,
    version: int,
    problems: dict[str, str] | None = None,
    conflict: bool = False,
) -> str:
    user = signed_in()
    call = (
        db().scalar(select(Call).where(Call.id == order.call_id, visible_calls(user)))
        if order.call_id
        else None
    )
    return render_template(
        "order.html",
        order=order,
        draft=draft,
        version=version,
        problems=problems or {},
        conflict=last_editor(db(), order) if conflict else None,
        saved=Draft.of(order),
        editable=editable(order) and user.role in WRITES_ORDERS,
        call=call,
        steps=[(event, _changed_fields(event)) for event in reversed(order.events)],
    )


def _changed_fields(event: OrderEvent) -> str:
    changes = event.data.get("changes") if isinstance(event.data, dict) else None
    if not isinstance(changes, dict):
        return ""
    return _("、").join(str(words.word(words.ORDER_FIELDS, name)) for name in changes)


def _tell(number: str) -> None:
    """Let open pages know; they also look by themselves, so a missing Redis costs little."""
    client = redis_client()
    if client is None:
        return
    try:
        client.publish("cc:events", json.dumps({"kind": "order", "number": number}))
    except redis.RedisError as error:
        log.warning("order %s: live pages weren't told: %s", number, error)
