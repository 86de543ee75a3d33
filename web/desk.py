"""An agent's own page: state, current call, who calls, the day's calls. Commands are given here."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import redis
from flask import Blueprint, abort, make_response, render_template, request
from flask_babel import gettext as _
from sqlalchemy import select

from acd.messages import AgentState
from callcenter import dial_rules
from callcenter.models import Call
from callcenter.privacy import clean_text
from web import controls, presence, words
from web.auth import signed_in
from web.call_list import find_calls
from web.commands import Answer, Command, NoAnswer, send
from web.desk_dial import choices
from web.desk_pop import known_of
from web.i18n import language
from web.intake import fields_context, policy_in_use, refusals
from web.localtime import day_start, today
from web.order_form import Draft
from web.people import agent_names
from web.places import place_of
from web.scope import visible_calls
from web.storage import db, redis_client, settings

blueprint = Blueprint("desk", __name__, url_prefix="/desk")

RECENT = 12
LABEL, NOTE = 40, 500  # characters of a mark on the recording

# What an agent may press in each state.
BUTTONS: dict[str, tuple[Command, ...]] = {
    AgentState.LOGGED_OUT: (Command.LOGIN,),
    AgentState.NOT_READY: (Command.READY, Command.NOT_READY, Command.LOGOUT),
    AgentState.READY: (Command.NOT_READY, Command.LOGOUT),
    AgentState.RESERVED: (Command.NOT_READY,),
    AgentState.RINGING: (Command.NOT_READY,),
    AgentState.TALKING: (Command.NOT_READY,),
    AgentState.HOLDING: (Command.NOT_READY,),
    AgentState.WRAP_UP: (Command.END_WRAP_UP, Command.EXTEND_WRAP_UP, Command.NOT_READY),
}
AT_WORK = (
    AgentState.RESERVED,
    AgentState.RINGING,
    AgentState.TALKING,
    AgentState.HOLDING,
    AgentState.WRAP_UP,
)
NEEDS_DESTINATION = (Command.CONSULT, Command.TRANSFER)


@blueprint.get("")
def desk() -> str:
    return render_template(
        "desk.html",
        **_panel(),
        **fields_context(),
        recent=_recent(),
        draft=Draft(),
        problems={},
        typed={},
        refusals=refusals(policy_in_use()),
    )


@blueprint.get("/panel")
def panel() -> str:
    return render_template("_desk.html", **_panel())


@blueprint.get("/recent")
def recent() -> str:
    return render_template("_desk_recent.html", recent=_recent())


@blueprint.get("/destinations")
def destinations() -> str:
    """Whom a call can be given to, as the choices of the page's dialog."""
    return render_template(
        "_desk_destinations.html", destinations=controls.destinations(redis_client())
    )


@blueprint.get("/dialable")
def dialable() -> str:
    """Whom the agent may dial, as the choices of the page's dialog; `order` comes first."""
    number = signed_in().agent_number or ""
    me = presence.read_agent(redis_client(), number)
    current = _call_of(me) if me else None
    calls = ([current] if current else []) + [call for call in _recent() if call != current]
    return render_template(
        "_desk_dialable.html",
        choices=choices(db(), number, calls, request.args.get("order", "")),
        destinations=controls.destinations(redis_client()),
    )


@blueprint.post("/command")
def command() -> Any:
    """Send a command for the agent who is logged in, and say what came of it."""
    number = signed_in().agent_number
    try:
        name = Command(request.form.get("name", ""))
    except ValueError:
        abort(400)
    if not number:
        abort(400)
    args = {"agent": number} | _arguments(name)
    try:
        answer = send(redis_client(), name, **args)
    except NoAnswer:
        answer = None
    response = make_response(render_template("_notice.html", **_told(name, answer)))
    response.headers["HX-Trigger"] = "desk-changed"
    return response


def _arguments(name: Command) -> dict[str, str]:
    """What the command needs besides the agent; 400 when the page didn't send it."""
    form = request.form
    if name is Command.NOT_READY:
        if form.get("reason", "") not in words.CHOOSABLE_REASONS:
            abort(400)
        return {"reason": form["reason"]}
    if name in NEEDS_DESTINATION:
        return {"to": clean_text(form.get("to", ""), 64) or abort(400)}
    if name is Command.DIAL:
        wanted = dial_rules.wanted(form) or abort(400)
        return {wanted.what.value: wanted.name}
    if name is Command.MARK:
        label = clean_text(form.get("label", ""), LABEL) or abort(400)
        return {"label": label, "note": clean_text(form.get("note", ""), NOTE)}
    if name is Command.NUISANCE:
        return {"note": clean_text(form.get("note", ""), NOTE)}
    return {}


def _told(name: Command, answer: Answer | None) -> dict[str, str]:
    label = str(words.COMMANDS[name])
    if answer is None:
        text = _("“%(command)s”没有得到系统答复，请看状态是否已变，必要时再试一次。", command=label)
        return {"tone": "bad", "text": text}
    if not answer.ok:
        why = words.refusal(answer.error)
        text = _("“%(command)s”未执行：%(why)s", command=label, why=why)
        return {"tone": "warn", "text": text}
    return {"tone": "good", "text": _("“%(command)s”已执行。", command=label)}


def _panel() -> dict[str, Any]:
    number = signed_in().agent_number or ""
    client = redis_client()
    me = presence.read_agent(client, number) or presence.AgentPresence(number)
    live = presence.read(client)
    call = _call_of(me)
    return {
        "number": number,
        "name": agent_names().get(number, ""),
        "me": me,
        "stale": live.stale,
        "waiting": sum(queue["waiting"] for queue in live.queues.values()),
        "call": call,
        "known": known_of(db(), call) if call else None,
        "place": place_of(call.caller, language()) if call else None,
        "can": _controls(client, me),
        "buttons": BUTTONS[me.state],
        "reasons": words.CHOOSABLE_REASONS,
        "at_work": me.state in AT_WORK,
        "Command": Command,
    }


def _controls(client: redis.Redis | None, me: presence.AgentPresence) -> controls.Controls:
    """What the controller told, and whether dialing out is possible, by the controller's rule."""
    told = controls.read(client, me.number)
    why = dial_rules.when(
        dial_rules.Standing(
            state=me.state,
            registered=me.registered is not False,
            busy=told.phase != controls.IDLE,
            trunk=bool(settings().trunk_gateway),
        )
    )
    return replace(told, can={**told.can, Command.DIAL: why})


def _call_of(me: presence.AgentPresence) -> Call | None:
    """The call at the agent's phone; in wrap-up the one just finished."""
    if me.contact:
        return db().get(Call, me.contact)
    if me.state != AgentState.WRAP_UP:
        return None
    mine = select(Call).where(Call.agent == me.number).order_by(Call.arrived_at.desc()).limit(1)
    return db().scalar(mine)


def _recent() -> list[Call]:
    conditions = [visible_calls(signed_in()), Call.arrived_at >= day_start(today())]
    return find_calls(db(), conditions, limit=RECENT)[0]
