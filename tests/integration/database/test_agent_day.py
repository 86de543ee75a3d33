"""An agent's day read from the database while events are still coming in."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.orm import Session

from callcenter.agent_day import AgentBook
from callcenter.daybook import bounds
from callcenter.events import Kind
from callcenter.figures import Handling
from callcenter.models import JournalEvent

START, END = bounds(dt.date(2026, 3, 2))


def change(seq: int, at: float, old: str, new: str, agent: str = "1001") -> JournalEvent:
    return JournalEvent(
        seq=seq,
        id=f"e{seq}",
        at=START + at,
        kind=Kind.AGENT_STATE,
        data={"agent": agent, "old": old, "new": new},
    )


def stored(engine: sa.Engine, *events: JournalEvent) -> None:
    with Session(engine) as session, session.begin():
        session.add_all(events)


def looked(engine: sa.Engine, book: AgentBook) -> AgentBook:
    with Session(engine) as session:
        book.read(session)
    return book


def test_what_is_read_again_counts_once(engine: sa.Engine) -> None:
    stored(engine, change(1, 10, "logged_out", "ready"), change(2, 40, "ready", "talking"))
    book = looked(engine, looked(engine, AgentBook(START, END)))
    stored(engine, change(3, 100, "talking", "wrap_up"))
    assert looked(engine, book).of("1001", START + 120) == Handling(1, 80.0, 30.0)


def test_a_number_that_shows_up_late_counts_too(engine: sa.Engine) -> None:
    """Transactions may end in another order than they began."""
    stored(engine, change(1, 10, "logged_out", "ready"), change(4, 20, "ready", "talking", "1002"))
    book = looked(engine, AgentBook(START, END))
    stored(engine, change(3, 40, "ready", "talking"), change(5, 100, "talking", "wrap_up"))
    assert looked(engine, book).of("1001", START + 120) == Handling(1, 80.0, 30.0)
    assert looked(engine, book).of("1002", START + 30) == Handling(1, 10.0, 20.0)
