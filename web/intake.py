"""The intake form: an order's draft, completed during or after the call, and what becomes of it.

The form stands on the order's page and on the agent's desk. Saving keeps a draft; the other
buttons save it and take the step at once: accept, answer on the spot, or decline with a reason.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from callcenter.privacy import clean_text
from web import step_forms
from web.auth import signed_in
from web.live_orders import tell
from web.localtime import now
from web.order_form import Changed, Draft, editable, last_editor, save
from web.scope import visible_order, visible_orders
from web.storage import db, saving
from web.units import districts
from workorder import lifecycle, policies, repeats
from workorder.models import DispatchRule, Order, User
from workorder.policy import Policy
from workorder.refusals import Conflict, Refused
from workorder.roles import Actor
from workorder.states import Step

blueprint = Blueprint("intake", __name__, url_prefix="/orders")

STEPS = {"accept": Step.ACCEPT, "answer": Step.ANSWER, "decline": Step.DECLINE}
ANSWER_LONGEST = 2000
SHORTEST = 4  # characters of a title from which similar orders are looked for


def fields_context() -> dict[str, Any]:
    """What `_order_fields.html` offers: topics of the dispatch directory, districts."""
    topics = db().scalars(
        select(DispatchRule.topic)
        .where(DispatchRule.topic.is_not(None), DispatchRule.active)
        .distinct()
        .order_by(DispatchRule.topic)
    )
    return {"topics": list(topics), "districts": districts(db())}


def context(
    order: Order,
    draft: Draft,
    version: int,
    problems: dict[str, str] | None = None,
    conflict: bool = False,
) -> dict[str, Any]:
    """What `_intake.html` draws."""
    return {
        "order": order,
        "draft": draft,
        "version": version,
        "problems": problems or {},
        "conflict": last_editor(db(), order) if conflict else None,
        "saved": Draft.of(order),
        "refusals": refusals(policy_of(order)),
        "typed": request.form,
        **fields_context(),
    }


def refusals(policy: Policy) -> dict[str, str]:
    """The policy's reasons for which an order isn't accepted: code → words."""
    return {name: each.text for name, each in policy.not_accepted.items()}


def policy_of(order: Order) -> Policy:
    """The policy that the order goes by: the one in use, until it has begun."""
    if order.policy_id is not None:
        return policies.by_id(db(), order.policy_id)
    return policy_in_use()


def policy_in_use() -> Policy:
    """What an order that begins now goes by."""
    return policies.policy_of(policies.current(db()))


@blueprint.post("/<number>")
def intake(number: str) -> Any:
    """Save the draft and, with the button that says so, take the step."""
    order = visible_order(number)
    action = request.form.get("action", "save")
    if action not in {"save", *STEPS}:
        abort(400)
    if not editable(order):
        abort(409)
    draft, version = Draft.from_form(request.form), sent_version()
    problems = draft.problems() | problems_of(action, draft)
    if problems:
        return _answer(order, draft, version, 422, problems=problems)
    try:
        with saving() as session:
            mine = session.get_one(Order, order.id)
            changed = save(session, mine, draft, version, signed_in())
            if action in STEPS:
                session.flush()
                take(session, mine, action, draft, signed_in())
    except (Changed, StaleDataError, Conflict):
        db().refresh(order)
        # Keep what was typed; a second save is then on purpose, over the version shown.
        return _answer(order, draft, order.version, 409, conflict=True)
    except Refused as error:
        why = step_forms.why_words(error)
        return _answer(order, draft, version, 422, problems={"title": why})
    db().refresh(order)
    if changed or action in STEPS:
        tell(order.number)
    if request.headers.get("HX-Request"):
        return render_template("_intake.html", **context(order, Draft.of(order), order.version))
    flash(said(action, changed), "good")
    return redirect(url_for("orders.show", number=number))


@blueprint.get("/<number>/similar")
def similar(number: str) -> str:
    """Orders that may be about the same, for what stands in the form now."""
    order = visible_order(number)
    title = clean_text(request.args.get("title", order.title), 200)
    body = request.args.get("body", order.body)[:ANSWER_LONGEST]
    return render_template("_similar.html", order=order, repeats=similar_to(order, title, body))


def similar_to(order: Order, title: str, body: str) -> list[repeats.Repeat]:
    """Repeats that this person may see."""
    found = repeats.find(
        db(), number=order.citizen_number, title=title, body=body, at=now(), exclude_id=order.id,
        policy=policy_of(order),
    )  # fmt: skip
    ids = [each.order.id for each in found]
    seen = set(db().scalars(select(Order.id).where(Order.id.in_(ids), visible_orders(signed_in()))))
    return [each for each in found if each.order.id in seen]


def take(session: Session, order: Order, action: str, draft: Draft, user: User) -> None:
    """Take the step that the request's form describes; raise Refused or Conflict."""
    data: dict[str, Any] = {}
    reason = ""
    if action == "accept":
        data = {name: getattr(draft, name) for name in ("category", "topic", "district")}
        data |= {name: request.form.get(name) == "yes" for name in ("specialised", "unclear")}
    elif action == "answer":
        data = {"text": _long("answer_text"), "category": draft.category}
    else:
        data = {"cause": request.form.get("decline_cause", "")[:32]}
        reason = _long("decline_reason")
    lifecycle.take(
        session, order, STEPS[action], actor=Actor.of(user), at=now(), reason=reason, data=data
    )


def problems_of(action: str, draft: Draft) -> dict[str, str]:
    """Field → what the step needs that the request's form doesn't have."""
    found = {}
    if action == "accept" and not draft.category:
        found["category"] = _("受理前请选择类别。")
    if action == "answer" and not _long("answer_text"):
        found["answer_text"] = _("请写明怎样答复了市民。")
    if action == "decline":
        if not request.form.get("decline_cause"):
            found["decline_cause"] = _("请选择不予受理的原因。")
        if not _long("decline_reason"):
            found["decline_reason"] = _("请写明怎样向市民说明。")
    return found


def said(action: str, changed: bool = True) -> str:
    """What was done, in words."""
    if action == "accept":
        return _("工单已受理，等待派单。")
    if action == "answer":
        return _("已登记即时答复。")
    if action == "decline":
        return _("已登记不予受理。")
    return _("工单已保存。") if changed else _("没有改动，未保存新版本。")


def _answer(order: Order, draft: Draft, version: int, status: int, **more: Any) -> Any:
    shown = context(order, draft, version, **more)
    if request.headers.get("HX-Request"):
        return render_template("_intake.html", **shown), status
    from web.order_page import page

    return page(order, shown), status


def sent_version() -> int:
    """The version that the page shows; 400 when it doesn't say."""
    version = request.form.get("version", "")
    return int(version) if version.isdecimal() and len(version) < 10 else abort(400)


def _long(name: str) -> str:
    text = request.form.get(name, "").replace("\r\n", "\n").strip()
    return "".join(char for char in text if char in "\n\t" or ord(char) >= 32)[:ANSWER_LONGEST]
