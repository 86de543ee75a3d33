"""The order form of the desk: there from the first ring, saved while it is typed.

The page sends what it shows (`fields`) and what it showed when it last agreed with us (`base`).
Fields are merged one by one: what only one side changed is taken, what both changed is a conflict
that a person decides. The draft itself is made at the first save, or by the projector when the
agent answers, whichever comes first; a call has one order at most.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

import redis
from flask import abort, request
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError
from werkzeug.exceptions import Conflict, ServiceUnavailable

from callcenter.models import Call
from web import intake, presence, step_forms
from web.auth import signed_in
from web.desk import blueprint
from web.localtime import now, stamp
from web.order_form import Changed, Draft, editable, last_editor, save
from web.storage import db, redis_client, saving
from workorder import drafts
from workorder.models import Order, OrderEvent, User
from workorder.numbering import next_number
from workorder.refusals import Conflict as Moved
from workorder.refusals import Refused

log = logging.getLogger(__name__)

ATTEMPTS = 3  # when the projector writes the same order at the same moment


class Clash(Exception):
    """Both sides changed these fields, differently."""

    def __init__(self, names: list[str], saved: dict[str, Any]) -> None:
        super().__init__(", ".join(names))
        self.names = names
        self.saved = saved


@blueprint.get("/orders/<call_id>")
def order(call_id: str) -> Any:
    """The form's content as JSON; `number` null and `version` 0 while there is no order."""
    call = _own_call(call_id)
    return _told(call, order_of(db(), call))


@blueprint.put("/orders/<call_id>")
def save_order(call_id: str) -> Any:
    """Save what was typed; 409 with both versions when somebody else changed the same fields."""
    call = _own_call(call_id)
    mine, base = _sent("fields"), _sent("base")
    problems = _draft(mine).limits()
    if problems:
        return {"problems": problems}, 422
    try:
        changed = _save(call.id, mine, base)
    except Clash as clash:
        db().rollback()
        return _both(call, clash), 409
    if changed:
        _tell(changed, call.id)
    db().expire_all()
    return _told(call, order_of(db(), call))


@blueprint.post("/orders/<call_id>/step")
def take_step(call_id: str) -> Any:
    """Accept, answer at once or decline the order as it was saved: the order page's own steps.

    The page saves first and names the version that it shows. 422 with `problems` (field → words)
    or `message` when the step can't be taken, 409 when the order isn't what the page shows.
    """
    call = _own_call(call_id)
    action, version = request.form.get("action", ""), intake.sent_version()
    if action not in intake.STEPS:
        abort(400)
    found = order_of(db(), call)
    draft = _draft(shown(found))
    if found is not None and not editable(found):
        return _told(call, found) | {"message": _("此工单已提交，不能在这里修改")}, 409
    problems = draft.problems() | intake.problems_of(action, draft)
    if problems or found is None:
        return {"problems": problems}, 422
    try:
        with saving() as session:
            mine = session.get_one(Order, found.id)
            if mine.version != version:
                raise Changed
            intake.take(session, mine, action, draft, signed_in())
    except (Changed, StaleDataError, Moved):
        db().refresh(found)
        message = _("别人刚刚改了此工单，请看过再提交。")
        return _told(call, found) | {"message": message}, 409
    except Refused as error:
        return {"problems": {}, "message": step_forms.why_words(error)}, 422
    _tell(found.number, call.id)
    db().expire_all()
    return _told(call, order_of(db(), call)) | {"message": intake.said(action)}


def _save(call_id: str, mine: Mapping[str, str], base: Mapping[str, str]) -> str | None:
    """The order's number if something was written."""
    for _attempt in range(ATTEMPTS):
        try:
            with saving() as session:
                return _merge(session, session.get_one(Call, call_id), mine, base)
        except (IntegrityError, StaleDataError) as error:
            log.warning("the order of call %s can't be saved, once more: %s", call_id, error)
    raise ServiceUnavailable  # the page keeps what was typed and tries again


def _merge(
    session: Session, call: Call, mine: Mapping[str, str], base: Mapping[str, str]
) -> str | None:
    found = order_of(session, call)
    theirs = shown(found)
    touched = [name for name in theirs if mine.get(name, "") != base.get(name, "")]
    clashes = [
        name
        for name in touched
        if theirs[name] != base.get(name, "") and theirs[name] != mine.get(name, "")
    ]
    if clashes:
        raise Clash(clashes, theirs)
    if not touched:
        return None
    if found is None:
        found = _new_order(session, call)
    if not editable(found):
        raise Conflict
    merged = asdict(Draft.of(found)) | {name: mine.get(name, "") for name in touched}
    changed = save(session, found, Draft(**merged), found.version, signed_in(), auto=True)
    return found.number if changed else None


def order_of(session: Session, call: Call) -> Order | None:
    """The call's order; of a call that we placed, the order of the call that asked for it."""
    for call_id in (call.id, call.callback_of):
        if call_id:
            found = session.scalar(select(Order).where(Order.call_id == call_id))
            if found is not None:
                return found
    if call.order_number:
        return session.scalar(select(Order).where(Order.number == call.order_number))
    return None


def _new_order(session: Session, call: Call) -> Order:
    """The draft, before the projector makes it: the same that it would make."""
    facts = drafts.draft_at_ring(call, signed_in().agent_number or "")
    made = drafts.new_order(next_number(session, now()), call.id, facts, now())
    made.events.append(
        OrderEvent(
            at=now(),
            kind="drafted",
            actor=signed_in().username,
            to_state=drafts.DRAFT,
            key=f"{call.id}:drafted",
        )
    )
    session.add(made)
    session.flush()
    call.order_number = made.number
    return made


# --- who, what -------------------------------------------------------------------------------


def _own_call(call_id: str) -> Call:
    """The call at the agent's phone, one that she answered, or one that rang there in vain."""
    call = db().get(Call, call_id)
    if call is None or not _may_write(signed_in(), call):
        abort(404)
    return call


def _may_write(user: User, call: Call) -> bool:
    number = user.agent_number
    if not number:
        return False
    rang = call.agent is None and number in call.agents_offered
    if call.agent == number or rang:
        return True
    me = presence.read_agent(redis_client(), number)
    return me is not None and me.contact == call.id


def shown(order: Order | None) -> dict[str, str]:
    """The form's fields. A title that nobody wrote isn't shown as if somebody had."""
    if order is None:
        return asdict(Draft())
    values = asdict(Draft.of(order))
    if values["title"] == (order.drafted or {}).get("title"):
        values["title"] = ""
    return values


def _sent(key: str) -> dict[str, str]:
    """One of the two versions in the request, cleaned as a form would be."""
    body = request.get_json(silent=True)
    raw = body.get(key) if isinstance(body, dict) else None
    if not isinstance(raw, dict):
        abort(400)
    known = {field.name for field in fields(Draft)}
    texts = {name: text for name, text in raw.items() if name in known and isinstance(text, str)}
    return asdict(Draft.from_form(texts))


def _draft(values: Mapping[str, Any]) -> Draft:
    return Draft(**values)


# --- what is told ----------------------------------------------------------------------------


def _told(call: Call, found: Order | None) -> dict[str, Any]:
    return {
        "call": call.id,
        "number": found.number if found else None,
        "version": found.version if found else 0,
        "state": found.state if found else drafts.DRAFT,
        "editable": found is None or editable(found),
        "saved_at": stamp(found.updated_at) if found else "",
        "hint": (found.drafted or {}).get("title", "") if found else "",
        "fields": shown(found),
    }


def _both(call: Call, clash: Clash) -> dict[str, Any]:
    found = order_of(db(), call)
    editor = last_editor(db(), found) if found else None
    who = editor.actor if editor else ""
    at = stamp(editor.at) if editor else ""
    return {
        **_told(call, found),
        "fields": clash.saved,
        "conflicts": clash.names,
        "message": _("%(who)s 在 %(at)s 保存了不同的内容。", who=who, at=at),
    }


def _tell(number: str, call_id: str) -> None:
    client = redis_client()
    if client is None:
        return
    try:
        client.publish("cc:events", json.dumps({"kind": "order", "number": number}))
        client.publish("cc:events", json.dumps({"kind": "call", "id": call_id}))
    except redis.RedisError as error:
        log.warning("other pages don't hear of order %s: %s", number, error)
