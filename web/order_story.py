"""What happened to an order, as lines that people read: who, when, from where to where, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flask_babel import LazyString
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from web import step_words, words
from web.people import agent_names
from web.units import unit_names
from workorder.models import Order, OrderEvent, User
from workorder.states import Step

GOOD = {Step.ANSWER, Step.RESOLVE, Step.REVIEW, Step.ARCHIVE, Step.GRANT_EXTENSION}
WARN = {
    *(Step.RETURN, Step.HAND_BACK, Step.ASK_EXTENSION, Step.REFUSE_EXTENSION, Step.PAUSE),
    *(Step.REDO, Step.RECALL),
}
BAD = {Step.SUPERVISE, Step.DECLINE}
# Pieces of a step's data that are told beside it, in this order.
TOLD = (
    "unit", "co_units", "cause", "way", "legal_basis", "site_check", "workdays", "signed_by",
    "citizen_told", "progress_report", "signed_letter", "until", "note", "text", "result", "true",
    "solved", "satisfaction", "comment", "into", "order", "category", "topic", "district",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """One event. `told` are (label, value) pairs; `tone` is "", good, warn or bad."""

    event: OrderEvent
    what: LazyString | str
    who: str
    tone: str = ""
    move: str = ""  # from one state to the next
    told: list[tuple[str, str]] = field(default_factory=list)


def story(session: Session, order: Order) -> list[Line]:
    """All events, the newest first."""
    events = list(order.events)
    people = _people(session, {event.actor for event in events})
    units = unit_names(session)
    return [_line(event, people, units) for event in reversed(events)]


def _people(session: Session, names: set[str]) -> dict[str, str]:
    """Login or agent number → the name that people know."""
    rows = session.execute(select(User.username, User.display_name).where(User.username.in_(names)))
    return {**agent_names(), **{row.username: row.display_name for row in rows}}


def _line(event: OrderEvent, people: Mapping[str, str], units: Mapping[str, str]) -> Line:
    moved = event.from_state and event.from_state != event.to_state
    move = (
        f"{words.word(words.ORDER_STATES, event.from_state)} → "
        f"{words.word(words.ORDER_STATES, event.to_state)}"
    )
    tone = "good" if event.kind in GOOD else "warn" if event.kind in WARN else ""
    return Line(
        event,
        words.word(step_words.STEPS, event.kind),
        _who(event, people, units),
        "bad" if event.kind in BAD else tone,
        move if moved else "",
        _told(event.data if isinstance(event.data, dict) else {}, units),
    )


def _who(event: OrderEvent, people: Mapping[str, str], units: Mapping[str, str]) -> str:
    if event.actor == "system":
        return _("系统")
    name = people.get(event.actor, event.actor)
    if event.unit:
        return f"{units.get(event.unit, event.unit)} {name}"
    return name


def _told(data: Mapping[str, Any], units: Mapping[str, str]) -> list[tuple[str, str]]:
    found = []
    changes = data.get("changes")
    if isinstance(changes, dict):
        names = (str(words.word(words.ORDER_FIELDS, name)) for name in changes)
        found.append((_("改动"), _("、").join(names)))
    for name in TOLD:
        value = data.get(name)
        if value is None or value == "" or value == [] or (value is False and name != "solved"):
            continue
        label = str(words.word(step_words.FIELDS, name))
        found.append((label, value_words(name, value, units)))
    return found


def value_words(name: str, value: Any, units: Mapping[str, str]) -> str:
    """A value of a step's data as people read it."""
    if isinstance(value, bool):
        return _("是") if value else _("否")
    if name in ("unit", "co_units"):
        codes = value if isinstance(value, list) else [value]
        return _("、").join(units.get(str(code), str(code)) for code in codes)
    if name == "satisfaction" and isinstance(value, int):
        return str(words.RATINGS.get(value, value))
    if name == "category":
        return str(words.word(words.CATEGORIES, str(value)))
    if name == "way":
        return str(words.word(step_words.OPTIONS, str(value)))
    if name == "cause":
        return str(words.word(words.CAUSES, str(value)))
    return str(value)
