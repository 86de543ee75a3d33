"""Queues, agents and their states."""

from __future__ import annotations

import datetime as dt

from flask import Response, abort
from sqlalchemy import select
from werkzeug.exceptions import Conflict, GatewayTimeout

from acd.messages import AgentState
from callcenter.models import Agent
from web import presence
from web.api.blueprint import answer, blueprint, read_body
from web.api.document import operation
from web.api.schemas import AgentList, AgentOut, AgentStateIn, QueueList, QueueOut
from web.audit import Action, record
from web.commands import Command, NoAnswer, send
from web.storage import db, redis_client, saving


@blueprint.get("/queues")
@operation("Queues as they are now", response=QueueList)
def queues() -> Response:
    live = presence.read(redis_client())
    found = [
        QueueOut.model_validate(queue | {"name": name})
        for name, queue in sorted(live.queues.items())
    ]
    return answer(QueueList(queues=found, at=_moment(live.at), stale=live.stale))


@blueprint.get("/agents")
@operation("Agents and their states", response=AgentList)
def agents() -> Response:
    live = presence.read(redis_client())
    rows = db().scalars(select(Agent).where(Agent.active).order_by(Agent.number))
    return answer(AgentList(agents=[_agent(row, live) for row in rows]))


@blueprint.get("/agents/<agent_id>/state")
@operation("One agent's state", response=AgentOut, errors=(404,))
def agent_state(agent_id: str) -> Response:
    return answer(_agent(_existing(agent_id), presence.read(redis_client())))


@blueprint.route("/agents/<agent_id>/state", methods=["PUT", "POST"])
@operation(
    "Set an agent's state; one who isn't logged in is logged in first",
    response=AgentOut,
    body=AgentStateIn,
    errors=(400, 404, 409, 504),
)
def set_agent_state(agent_id: str) -> Response:
    row, asked = _existing(agent_id), read_body(AgentStateIn)
    known = presence.read_agent(redis_client(), agent_id)
    if asked.state == "logged_out":
        _do(Command.LOGOUT, agent_id)
    else:
        if known is None or known.state == AgentState.LOGGED_OUT:
            _do(Command.LOGIN, agent_id)
        if asked.state == "ready":
            _do(Command.READY, agent_id)
        else:
            _do(Command.NOT_READY, agent_id, reason=asked.reason)
    with saving() as session:
        record(session, Action.AGENT_STATE_SET, agent_id, None, state=asked.state)
    return answer(_agent(row, presence.read(redis_client())))


def _do(command: Command, agent: str, **args: str) -> None:
    try:
        told = send(redis_client(), command, agent=agent, **args)
    except NoAnswer as error:
        raise GatewayTimeout(str(error)) from error
    if not told.ok:
        raise Conflict(told.error or "the controller refused")


def _existing(agent_id: str) -> Agent:
    row = db().get(Agent, agent_id)
    return row if row is not None and row.active else abort(404, "there is no such agent")


def _agent(row: Agent, live: presence.Live) -> AgentOut:
    now = live.agents.get(row.number) or presence.AgentPresence(row.number)
    return AgentOut(
        number=row.number,
        name=row.name,
        state=AgentState(now.state),
        reason=now.reason,
        since=_moment(now.since),
        until=_moment(now.until),
        contact=now.contact,
        queues=now.queues or row.queues,
        skills=now.skills or row.skills,
        registered=now.registered,
        stale=live.stale,
    )


def _moment(seconds: float | None) -> dt.datetime | None:
    return None if seconds is None else dt.datetime.fromtimestamp(seconds, dt.UTC)
