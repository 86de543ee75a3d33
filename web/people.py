"""Agents' names, read once per request."""

from __future__ import annotations

from typing import cast

from flask import g
from sqlalchemy import select

from callcenter.models import Agent
from web.storage import db


def agent_names() -> dict[str, str]:
    """Agent number → name, of all agents there are or were."""
    if "agent_names" not in g:
        agents = db().scalars(select(Agent).order_by(Agent.number))
        g.agent_names = {agent.number: agent.name for agent in agents}
    return cast(dict[str, str], g.agent_names)


def agent_label(number: str | None) -> str:
    """“1001 王芳”, the number alone when it has no name, a dash for nobody."""
    if not number:
        return "–"
    name = agent_names().get(number)
    return f"{number} {name}" if name else number
