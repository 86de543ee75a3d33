"""A day's calls, counted as they change: by quarter of an hour and queue.

A call is put in again whenever its record changed; what it counted for before is taken back
first. So the book is right whatever comes twice, and costs as much as what changed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import or_
from sqlalchemy.orm import Session

from callcenter.agent_day import AgentBook
from callcenter.figures import QUARTER, CallFacts, Tally, read_facts, tally
from callcenter.models import Call
from workorder.worktime import CHINA

ALL = ""  # the name of all queues together, and of calls that entered none


def bounds(day: dt.date) -> tuple[float, float]:
    """Seconds since the epoch of the day's midnights in China."""
    start = dt.datetime.combine(day, dt.time(), CHINA)
    return start.timestamp(), (start + dt.timedelta(days=1)).timestamp()


class DayBook:
    """The calls of one day; those of other days only while they go on."""

    def __init__(self, day: dt.date) -> None:
        self.day = day
        self.start, self.end = bounds(day)
        self.going_on: set[str] = set()
        self.totals: dict[str, Tally] = {ALL: Tally()}  # by queue
        self.quarters: dict[str, dict[int, Tally]] = {ALL: {}}  # by queue and quarter of the day
        self._counted: dict[str, tuple[str | None, int, Tally]] = {}

    def put(self, call: CallFacts) -> None:
        (self.going_on.discard if call.ended_at is not None else self.going_on.add)(call.id)
        if not self.start <= call.arrived_at < self.end:
            return
        fresh = call.queue, int((call.arrived_at - self.start) // QUARTER), tally(call)
        old = self._counted.get(call.id)
        if old == fresh:
            return
        if old is not None:
            self._count(*old, sign=-1)
        self._counted[call.id] = fresh
        self._count(*fresh)

    def _count(self, queue: str | None, quarter: int, part: Tally, sign: int = 1) -> None:
        for name in {ALL, queue or ALL}:
            self.totals.setdefault(name, Tally()).add(part, sign)
            self.quarters.setdefault(name, {}).setdefault(quarter, Tally()).add(part, sign)

    def put_all(self, calls: Iterable[CallFacts]) -> None:
        for call in calls:
            self.put(call)


@dataclass(frozen=True, slots=True)
class Day:
    """A day as read from the database at one moment: calls and agents."""

    calls: DayBook
    agents: AgentBook
    now: float  # seconds since the epoch; the day's end when it is over

    @property
    def over(self) -> bool:
        return self.now >= self.calls.end


def read_day(session: Session, day: dt.date, now: float) -> Day:
    """Count a day anew; `now` in seconds since the epoch."""
    book = DayBook(day)
    start, end = (dt.datetime.fromtimestamp(edge, CHINA) for edge in (book.start, book.end))
    of_day = Call.arrived_at.between(start, end)
    book.put_all(read_facts(session, or_(of_day, Call.ended_at.is_(None))))
    agents = AgentBook(book.start, book.end)
    agents.read(session)
    return Day(book, agents, min(now, book.end))
