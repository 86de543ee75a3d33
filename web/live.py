"""Queues and agents as they are now."""

from __future__ import annotations

from collections import Counter
from typing import Any

from flask import Blueprint, render_template
from sqlalchemy import select

from acd.messages import AgentState
from callcenter.models import Agent
from web import presence
from web.people import agent_names
from web.storage import db, redis_client

blueprint = Blueprint("live", __name__, url_prefix="/live")

# In the order in which a supervisor wants to see them.
ORDER = (
    AgentState.TALKING,
    AgentState.HOLDING,
    AgentState.RINGING,
    AgentState.RESERVED,
    AgentState.WRAP_UP,
    AgentState.READY,
    AgentState.NOT_READY,
    AgentState.LOGGED_OUT,
)


@blueprint.get("")
def live() -> str:
    return render_template("live.html", **_picture())


@blueprint.get("/panel")
def panel() -> str:
    return render_template("_live.html", **_picture())


def _picture() -> dict[str, Any]:
    now = presence.read(redis_client())
    active = db().scalars(select(Agent.number).where(Agent.active).order_by(Agent.number))
    numbers = dict.fromkeys([*active, *now.agents])
    agents = [now.agents.get(number, presence.AgentPresence(number)) for number in numbers]
    agents.sort(key=lambda agent: (ORDER.index(AgentState(agent.state)), agent.number))
    return {
        "now": now,
        "agents": agents,
        "names": agent_names(),
        "states": Counter(agent.state for agent in agents),
        "order": ORDER,
        "stale_after": int(presence.STALE_AFTER),
    }
