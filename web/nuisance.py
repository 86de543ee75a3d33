"""Calls that an agent marked as a nuisance, until a supervisor has decided. From the event log."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from callcenter.models import Call, JournalEvent

MARKED, DECIDED = "call.nuisance", "call.nuisance_decided"
SHOWN = 50


@dataclass(frozen=True, slots=True)
class Mark:
    call: Call
    agent: str
    note: str
    at: float  # seconds since the epoch


def open_marks(session: Session, call_id: str | None = None) -> list[Mark]:
    """Those nobody has decided on since, the oldest first; of one call or of all."""
    marked, decided = aliased(JournalEvent), aliased(JournalEvent)
    later = (
        select(decided.seq)
        .where(
            decided.call_id == marked.call_id,
            decided.kind == DECIDED,
            decided.at >= marked.at,
        )
        .exists()
    )
    query = (
        select(marked, Call)
        .join(Call, Call.id == marked.call_id)
        .where(marked.kind == MARKED, ~later)
        .order_by(marked.at)
    )
    if call_id is not None:
        query = query.where(marked.call_id == call_id)
    found: dict[str, Mark] = {}
    for event, call in session.execute(query.limit(SHOWN)):
        note, agent = event.data.get("note"), event.data.get("agent")
        found[call.id] = Mark(call, str(agent or ""), str(note or ""), event.at)
    return list(found.values())
