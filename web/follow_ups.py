"""Follow-ups that people take care of: whom to ask, what was said so far, and what becomes of it.

Most citizens are asked by the hotline's own call or by a link (`callcenter.followups`). Whoever is
not content, wants a person, or was not reached, stands here until somebody has decided: redo or
archive.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import LazyString
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import Session

from callcenter import followups
from callcenter.models import FollowUp
from callcenter.privacy import clean_text
from web import step_forms, step_words, words
from web.auth import signed_in
from web.live_orders import tell
from web.localtime import now
from web.order_list import count
from web.storage import db, saving
from web.units import unit_names
from workorder.follow_up import Answers, Decision, Reason, Result, State
from workorder.models import Order
from workorder.needs import COUNTS
from workorder.refusals import Conflict, Refused
from workorder.roles import Actor
from workorder.states import Step

blueprint = Blueprint("follow_ups", __name__, url_prefix="/follow-ups")

ROWS = 50
WHY, COMMENT = 500, 500  # characters

REASONS: Mapping[str, LazyString] = {
    Reason.DISSATISFIED: _l("不满意"),
    Reason.UNTRUE: _l("答复不属实"),
    Reason.UNSOLVED: _l("未解决"),
    Reason.WANTS_PERSON: _l("要求人工"),
    Reason.NOT_REACHED: _l("未联系上"),
    Reason.NO_WAY: _l("没有可用的联系方式"),
    Reason.SUPERVISED: _l("督办件，须人工回访"),
    Reason.INCOMPLETE: _l("没有答完"),
    Reason.HELD: _l("满意，但暂不能归档"),
}
RESULTS: Mapping[str, LazyString] = {
    Result.SATISFIED: _l("满意"),
    Result.DISSATISFIED: _l("不满意"),
    Result.NOT_REACHED: _l("未联系上"),
}
WAYS: Mapping[str, LazyString] = {
    "voice": _l("自动语音"),
    "sms": _l("短信链接"),
    "person": _l("人工"),
}
# How the last call ended: Q.850 names and our own.
PROBLEMS: Mapping[str, LazyString] = {
    **words.DIAL_FAILURES,
    "NO_KEY": _l("接通后没有按键"),
    "LOST": _l("通话中断"),
    "TOO_LATE": _l("超出可拨打时段"),
    "SWITCH_GONE": _l("交换机没有执行"),
    "NO_TRUNK": _l("没有外线"),
    "the order went on": _l("工单已由他人继续办理"),
}
TABS: dict[str, tuple[LazyString, tuple[State, ...]]] = {
    "person": (_l("待人工回访"), (State.PERSON,)),
    "calling": (_l("自动回访中"), (State.WAITING, State.DIALING)),
    "done": (_l("已完成"), (State.DONE,)),
}
WORDS = {"reasons": REASONS, "results": RESULTS, "ways": WAYS, "problems": PROBLEMS}


@blueprint.get("")
def index() -> str:
    """Those for people oldest first; what is done newest first."""
    name = request.args.get("tab", "person")
    _title, states = TABS.get(name) or abort(404)
    after = request.args.get("after", type=int)
    query = select(FollowUp, Order).join(Order, Order.id == FollowUp.order_id)
    query = query.where(FollowUp.state.in_(states))
    if after is not None and abs(after) < 1 << 62:
        query = query.where(FollowUp.id < after if name == "done" else FollowUp.id > after)
    order_by = FollowUp.id.desc() if name == "done" else FollowUp.id
    rows = db().execute(query.order_by(order_by).limit(ROWS + 1)).all()
    return render_template(
        "follow_ups.html",
        tabs=[(each, title, _many(held)) for each, (title, held) in TABS.items()],
        tab=name,
        title=TABS[name][0],
        rows=rows[:ROWS],
        after=rows[ROWS - 1][0].id if len(rows) > ROWS else None,
        newest=after is None,
        **WORDS,
    )


def _many(states: tuple[State, ...]) -> str:
    return count(db(), select(FollowUp.id).where(FollowUp.state.in_(states)))


@blueprint.get("/<int:follow_up_id>")
def show(follow_up_id: int) -> str:
    return _page(follow_up_id, {})


@blueprint.post("/<int:follow_up_id>")
def decide(follow_up_id: int) -> Any:
    """Note what the citizen told the person, and send the order back or close it."""
    asked = _asked(db(), follow_up_id)
    decision, why = request.form.get("decision", ""), clean_text(request.form.get("why", ""), WHY)
    if decision not in list(Decision):
        abort(400)
    problems = _problems(decision, why)
    if problems:
        return _page(follow_up_id, problems), 422
    number = asked.order_number
    try:
        with saving() as session:
            comment = clean_text(request.form.get("comment", ""), COMMENT)
            mine = session.get_one(FollowUp, follow_up_id)
            mine.comment = comment or mine.comment
            followups.decide(
                session, follow_up_id, decision, Actor.of(signed_in()), why, now(), _answers(),
                [each for each in request.form.getlist("unsatisfied_with") if each in COUNTS],
            )  # fmt: skip
    except (followups.NotOpen, Conflict):
        flash(_("工单 %(number)s 的回访刚刚已由他人处理，请查看最新状态。", number=number), "bad")
        return redirect(url_for("follow_ups.index"))
    except Refused as error:
        db().expire_all()
        step = str(step_words.STEPS[Step(decision)])
        told = _("现在不能“%(step)s”：%(why)s", step=step, why=step_forms.why_words(error))
        return _page(follow_up_id, {"decision": told}), 409
    tell(number)
    if decision == Decision.REDO:
        flash(_("工单 %(number)s 已重办。", number=number), "good")
    else:
        flash(_("工单 %(number)s 已归档。", number=number), "good")
    return redirect(url_for("follow_ups.index"))


def _asked(session: Session, follow_up_id: int) -> FollowUp:
    return session.get(FollowUp, follow_up_id) or abort(404)


def _answers() -> Answers:
    given = {}
    for name in ("true", "solved", "satisfied"):
        text = request.form.get(name, "")
        if len(text) == 1 and text in "12345":
            given[name] = int(text)
    return Answers.of_keys(given)


def _problems(decision: str, why: str) -> dict[str, str]:
    """Field → what is wrong. Whoever wasn't reached has answered nothing: that is said in `why`."""
    found: dict[str, str] = {}
    answers = _answers()
    if not answers.empty and not answers.complete:
        found["answers"] = _("请回答全部三个问题；没有联系上市民时全部不选。")
    if not why and (decision == Decision.REDO or answers.empty):
        found["why"] = _("请写明理由。")
    return found


def _page(follow_up_id: int, problems: dict[str, str]) -> str:
    asked = _asked(db(), follow_up_id)
    order = db().get_one(Order, asked.order_id)
    return render_template(
        "follow_up.html",
        asked=asked,
        order=order,
        rounds=followups.of_order(db(), asked.order_number),
        units=unit_names(db()),
        form=request.form,
        problems_found=problems,
        open=asked.state == State.PERSON,
        counts=COUNTS,
        **WORDS,
    )
