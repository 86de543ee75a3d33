"""Queues in the database: imported once from a file, from then on changed here."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from callcenter.models import AcdSettings, Agent, QueueRow

ONLY = 1  # the id of the one row of AcdSettings


@dataclass(frozen=True, slots=True)
class Difference:
    """What a change does; names of queues, and of settings of the whole engine."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.changed or self.removed or self.settings)


def load(session: Session) -> dict[str, Any] | None:
    """The data of `acd.config.Config`; None before the first import."""
    general = session.get(AcdSettings, ONLY)
    if general is None:
        return None
    rows = session.scalars(select(QueueRow).order_by(QueueRow.place, QueueRow.name))
    return {**general.settings, "queues": {row.name: row.settings for row in rows}}


def version(session: Session) -> int:
    """Grows with every change; 0 before the first import."""
    general = session.get(AcdSettings, ONLY)
    return 0 if general is None else general.version


def compare(old: dict[str, Any] | None, new: dict[str, Any]) -> Difference:
    before, after = dict(old or {}), dict(new)
    old_queues = before.pop("queues", None) or {}
    new_queues = after.pop("queues", None) or {}
    both = old_queues.keys() & new_queues.keys()
    return Difference(
        added=tuple(sorted(new_queues.keys() - old_queues.keys())),
        changed=tuple(sorted(name for name in both if old_queues[name] != new_queues[name])),
        removed=tuple(sorted(old_queues.keys() - new_queues.keys())),
        settings=tuple(
            sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
        ),
    )


def save(session: Session, data: dict[str, Any], now: dt.datetime) -> Difference:
    """Replace all of it by data that was checked; what is the same stays as it is."""
    difference = compare(load(session), data)
    general = session.get(AcdSettings, ONLY)
    if general is None:
        general = AcdSettings(id=ONLY, settings={}, version=0, changed_at=now)
        session.add(general)
    elif not difference:
        return difference
    settings = {key: value for key, value in data.items() if key != "queues"}
    general.settings, general.version, general.changed_at = settings, general.version + 1, now
    wanted = {name: settings or {} for name, settings in data.get("queues", {}).items()}
    known = {row.name: row for row in session.scalars(select(QueueRow))}
    for name in known.keys() - wanted.keys():
        session.delete(known[name])
    for place, (name, settings) in enumerate(wanted.items()):
        row = known.get(name)
        if row is None:
            row = QueueRow(name=name)
            session.add(row)
        row.place, row.settings = place, settings
    session.flush()
    return difference


def agents(session: Session) -> list[tuple[dict[str, int], dict[str, int]]]:
    """Queues and skills of each active agent, for `Config.warnings`."""
    rows = session.scalars(select(Agent).where(Agent.active))
    return [(dict(row.queues), dict(row.skills)) for row in rows]
