"""An agent's own page: state, current call, the day's calls."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, make_response, render_template, request
from flask_babel import gettext as _

from acd.messages import AgentState
from callcenter.models import Call
from web import presence, words
from web.auth import signed_in
from web.call_list import find_calls
from web.commands import Answer, Command, NoAnswer, send
from web.localtime import day_start, today
from web.people import agent_names
from web.scope import visible_calls
from web.storage import db, redis_client

blueprint = Blueprint("desk", __name__, url_prefix="/desk")

RECENT = 12

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


@blueprint.get("")
def desk() -> str:
    return render_template("desk.html", **_panel(), recent=_recent())


@blueprint.get("/panel")
def panel() -> str:
    return render_template("_desk.html", **_panel())


@blueprint.get("/recent")
def recent() -> str:
    return render_template("_desk_recent.html", recent=_recent())


@blueprint.post("/command")
def command() -> Any:
    """Send a command for the agent who is logged in, and say what came of it."""
    number = signed_in().agent_number
    try:
        name = Command(request.form.get("name", ""))
    except ValueError:
        abort(400)
    reason = request.form.get("reason", "")
    if not number or (name is Command.NOT_READY and reason not in words.CHOOSABLE_REASONS):
        abort(400)
    args = {"agent": number} | ({"reason": reason} if name is Command.NOT_READY else {})
    try:
        answer = send(redis_client(), name, **args)
    except NoAnswer:
        answer = None
    response = make_response(render_template("_notice.html", **_told(name, answer)))
    response.headers["HX-Trigger"] = "desk-changed"
    return response


def _told(name: Command, answer: Answer | None) -> dict[str, str]:
    label = str(words.COMMANDS[name])
    if answer is None:
        text = _("“%(command)s”没有得到系统答复，请看状态是否已变，必要时再试一次。", command=label)
        return {"tone": "bad", "text": text}
    if not answer.ok:
        text = _("“%(command)s”未执行：%(why)s", command=label, why=answer.error)
        return {"tone": "warn", "text": text}
    return {"tone": "good", "text": _("“%(command)s”已执行。", command=label)}


def _panel() -> dict[str, Any]:
    number = signed_in().agent_number or ""
    client = redis_client()
    me = presence.read_agent(client, number)
    live = presence.read(client)
    contact = me.contact if me else None
    return {
        "number": number,
        "name": agent_names().get(number, ""),
        "me": me or presence.AgentPresence(number),
        "stale": live.stale,
        "waiting": sum(queue["waiting"] for queue in live.queues.values()),
        "call": db().get(Call, contact) if contact else None,
        "buttons": BUTTONS[me.state if me else AgentState.LOGGED_OUT],
        "reasons": words.CHOOSABLE_REASONS,
        "Command": Command,
    }


def _recent() -> list[Call]:
    conditions = [visible_calls(signed_in()), Call.arrived_at >= day_start(today())]
    return find_calls(db(), conditions, limit=RECENT)[0]
