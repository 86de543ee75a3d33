"""Agents and blocked numbers from the database to where the controller and the switch read them."""

from __future__ import annotations

import logging
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from callcenter import live_config
from callcenter.models import Agent, BlockedNumber
from callcenter.switch_conf import AgentDirectoryEntry

logger = logging.getLogger(__name__)


def export(session: Session, data_dir: Path) -> bool:
    """Write `config.json`; False when nothing changed."""
    agents = {
        agent.number: {"name": agent.name, "queues": agent.queues, "skills": agent.skills}
        for agent in session.scalars(select(Agent).where(Agent.active))
    }
    blocked = {
        block.number: {
            "reason": block.reason,
            "until": block.until.timestamp() if block.until else None,
        }
        for block in session.scalars(select(BlockedNumber))
    }
    return live_config.write(data_dir / live_config.FILE, {"agents": agents, "blocked": blocked})


def directory(session: Session) -> list[AgentDirectoryEntry]:
    """The agents whose phones may register."""
    return [
        AgentDirectoryEntry(agent.number, agent.sip_a1_hash)
        for agent in session.scalars(select(Agent).where(Agent.active).order_by(Agent.number))
    ]
