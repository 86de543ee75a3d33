"""From the database to where controller and switch read it: agents, blocked numbers, queues."""

from __future__ import annotations

import datetime as dt
import logging
import time
from pathlib import Path

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from callcenter import live_config, queue_store, switch_conf
from callcenter.database import reading
from callcenter.models import Agent, BlockedNumber, BrowserPhone
from callcenter.switch_conf import AgentDirectoryEntry
from workorder.models import User

logger = logging.getLogger(__name__)

EXPORT_SECONDS = 2.0


class Exporter:
    """Carries what people change in the database to the files, however they changed it."""

    def __init__(self, engine: Engine, data_dir: Path) -> None:
        self._engine = engine
        self._data_dir = data_dir
        self._next = 0.0

    def poll(self) -> None:
        """Export when it is time again; raise SQLAlchemyError when the database is away."""
        if time.monotonic() < self._next:
            return
        with reading(self._engine) as session:
            if export(session, self._data_dir):
                logger.info("agents, blocked numbers or queues have changed")
            if export_phones(session, self._data_dir):
                logger.info("agents' phones have changed")
        self._next = time.monotonic() + EXPORT_SECONDS


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
    told = {
        "agents": agents,
        "blocked": blocked,
        "queues": queue_store.load(session),
        "queues_version": queue_store.version(session),
    }
    return live_config.write(data_dir / live_config.FILE, told)


def export_phones(session: Session, data_dir: Path) -> bool:
    """Write the phones that may register, for a switch whose configuration is in our folder.

    False when nothing changed, or there is no such folder.
    """
    conf = data_dir / switch_conf.HOME
    if not conf.is_dir():
        return False
    try:
        return switch_conf.write_directory(directory(session), conf)
    except ValueError as error:  # a row that the switch couldn't read: it keeps what it has
        logger.error("agents' phones cannot be told to the switch: %s", error)
        return False


def directory(session: Session) -> list[AgentDirectoryEntry]:
    """The agents whose phones may register, each with the one secret that counts now."""
    browsers = _browser_phones(session)
    return [
        AgentDirectoryEntry(agent.number, browsers.get(agent.number, agent.sip_a1_hash))
        for agent in session.scalars(select(Agent).where(Agent.active).order_by(Agent.number))
    ]


def _browser_phones(session: Session) -> dict[str, str]:
    """Agent → HA1 of the phone in the browser, where its user is still logged in."""
    phones = session.scalars(
        select(BrowserPhone)
        .join(User, User.username == BrowserPhone.username)
        .where(
            BrowserPhone.until > dt.datetime.now(dt.UTC),
            User.active,
            User.agent_number == BrowserPhone.agent,
            User.session_epoch == BrowserPhone.session_epoch,
        )
    )
    return {phone.agent: phone.a1_hash for phone in phones}
