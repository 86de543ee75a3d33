"""A supervisor's actions: the forms, and what becomes of them.

What is to be done, to whom and why stands in the audit log before the controller hears of it.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from flask import abort, make_response, render_template, request
from flask import session as flask_session
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from acd.messages import AgentState
from callcenter import config_export
from callcenter.models import Agent, BlockedNumber, Call
from callcenter.privacy import ANONYMOUS, clean_text, mask
from web import actions, presence, words
from web.acd_admin import pairs
from web.actions import ACTIONS, WHY_LENGTH, Problems
from web.audit import Action, record
from web.auth import signed_in
from web.commands import Answer, NoAnswer, send
from web.live import blueprint
from web.localtime import now
from web.nuisance import open_marks
from web.rights import COMMANDS, Role
from web.storage import db, redis_client, saving, settings
from workorder.models import User

BLOCK_DAYS = {"1": 1, "7": 7, "30": 30, "": None}


# --- forms ---------------------------------------------------------------------------------------


@blueprint.get("/agent/<number>")
def agent(number: str) -> str:
    """What can be done about an agent now."""
    row = db().get(Agent, number) or abort(404)
    me = presence.read_agent(redis_client(), number) or presence.AgentPresence(number)
    return render_template(
        "_act.html",
        subject={"agent": number},
        title=f"{number} {row.name}",
        state=me,
        now={"queues": pairs(me.queues or row.queues), "skills": pairs(me.skills or row.skills)},
        **_form("agent", AgentState(me.state)),
    )


@blueprint.get("/call/<call_id>")
def waiting(call_id: str) -> str:
    """What can be done about a call that waits."""
    call = db().get(Call, call_id) or abort(404)
    return render_template(
        "_act.html",
        subject={"call": call_id},
        title=_("排队来电 %(number)s", number=str(words.ANONYMOUS)
                if call.caller == ANONYMOUS else mask(call.caller)),
        queues=sorted(presence.read(redis_client()).queues),
        **_form("call", None),
    )  # fmt: skip


@blueprint.get("/everybody")
def everybody() -> str:
    return render_template(
        "_act.html",
        subject={"agent": "all"},
        title=_("全体坐席"),
        **_form("agent", None) | {"actions": [ACTIONS["supervisor.message"]]},
    )


def _form(about: str, state: AgentState | None) -> dict[str, Any]:
    role = Role(signed_in().role)
    return {
        "actions": [
            action
            for action in ACTIONS.values()
            if action.about == about
            and role in COMMANDS[action.command]
            and (state is None or state in action.states)
        ],
        "phone": flask_session.get("phone") or signed_in().agent_number or "",
        "RELEASES": actions.RELEASES,
        "STATES": actions.STATES,
        "reasons": words.CHOOSABLE_REASONS,
        "why_length": WHY_LENGTH,
    }


# --- doing ---------------------------------------------------------------------------------------


@blueprint.post("/do")
def do() -> Any:
    """Do one action: its command, `agent` or `call`, its fields, `why`, `confirmed`."""
    action = ACTIONS.get(request.form.get("action", "")) or abort(400)
    user = signed_in()
    if Role(user.role) not in COMMANDS[action.command]:
        abort(403)
    problems: Problems = {}
    args = action.read(request.form, problems)
    why = clean_text(request.form.get("why", ""), WHY_LENGTH)
    if not why:
        problems["why"] = _("请写明原因，会记入审计日志。")
    if action.cuts and request.form.get("confirmed") != "yes":
        problems["confirmed"] = _("请先勾选确认：%(what)s", what=str(action.cuts))
    subject = _subject(action)
    if problems:
        return _notice("bad", " ".join(problems.values())), 422
    if "phone" in args:
        flask_session["phone"] = args["phone"]
    return _perform(action.command, str(action.label), subject, args, why, user)


def _subject(action: actions.Action) -> dict[str, str]:
    """Whom or what it is done to; 400 when the page couldn't have asked for that."""
    name = request.form.get(action.about, "")[:64]
    if action.command == "supervisor.message":
        known = name == "all" or db().get(Agent, name) is not None
        return {"to": name} if known else abort(400)
    row = db().get(Agent, name) if action.about == "agent" else db().get(Call, name)
    return {action.about: name} if row is not None else abort(400)


def _perform(
    command: str, label: str, subject: dict[str, str], args: dict[str, Any], why: str, user: User
) -> Any:
    """Write it down, have it done, say what came of it."""
    (whom,) = subject.values()
    with saving() as session:
        record(session, Action(command), whom, user, why=why, **args)
    answer = _send(command, **subject, **args, by=user.username, why=why)
    if answer is None:
        _not_done(command, whom, user, "no answer")
        text = _("“%(what)s”没有得到系统答复，请看状态是否已变，必要时再试一次。", what=label)
        return _notice("bad", text)
    if not answer.ok:
        _not_done(command, whom, user, answer.error)
        why_not = actions.refusal(answer.error)
        return _notice("warn", _("“%(what)s”未执行：%(why)s", what=label, why=why_not))
    return _notice("good", _("“%(what)s”已执行。", what=label))


def _send(command: str, **args: Any) -> Answer | None:
    try:
        return send(redis_client(), command, **args)
    except NoAnswer:
        return None


def _not_done(command: str, whom: str, user: User, result: str) -> None:
    with saving() as session:
        record(session, Action.NOT_DONE, whom, user, command=command, result=result[:200])


def _notice(tone: str, text: str) -> Any:
    response = make_response(render_template("_notice.html", tone=tone, text=text))
    if tone == "good":
        response.headers["HX-Trigger"] = "live-done"
    return response


# --- nuisance calls ------------------------------------------------------------------------------


@blueprint.get("/nuisance")
def nuisance() -> str:
    return render_template("_nuisance.html", marks=open_marks(db()), days=BLOCK_DAYS)


@blueprint.post("/nuisance/<call_id>")
def decide(call_id: str) -> Any:
    """Confirm (the number is blocked, `days` long; empty: until it is removed) or dismiss."""
    marks = open_marks(db(), call_id)
    confirmed = request.form.get("decision") == "confirm"
    why = clean_text(request.form.get("why", ""), WHY_LENGTH)
    if request.form.get("decision") not in ("confirm", "dismiss"):
        abort(400)
    if not marks:
        return _notice("warn", _("这条标记已经处理过了。")), 409
    if not why:
        return _notice("bad", _("请写明原因，会记入审计日志。")), 422
    user, number = signed_in(), marks[0].call.caller
    with saving() as session:
        if confirmed and number != ANONYMOUS:
            _block(session, number, why, user)
        record(session, Action.DECIDED_NUISANCE, call_id, user, why=why, confirmed=confirmed)
    config_export.export(db(), settings().data_dir)
    answer = _send(
        "supervisor.nuisance", call=call_id, confirmed=confirmed, by=user.username, why=why
    )
    if answer is None or not answer.ok:
        _not_done("supervisor.nuisance", call_id, user, answer.error if answer else "no answer")
        return _notice("bad", _("没有得到系统答复，标记仍在列表中，请稍后再试。"))
    return _notice("good", _("已拦截该号码。") if confirmed else _("已撤销标记。"))


def _block(session: Session, number: str, why: str, user: User) -> None:
    if session.get(BlockedNumber, number) is not None:
        return
    days = BLOCK_DAYS.get(request.form.get("days", ""), 7)
    session.add(
        BlockedNumber(
            number=number,
            reason=why,
            blocked_by=user.username,
            created_at=now(),
            until=now() + dt.timedelta(days=days) if days else None,
        )
    )
    record(session, Action.NUMBER_BLOCKED, mask(number), user, reason=why)
