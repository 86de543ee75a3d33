"""An agent's day out of the journal's `agent.state` events: calls taken, time spent on what.

Handling is talk, hold and wrap-up; idle is ready. Ringing and not-ready time are neither, so that
occupancy = handling ÷ (handling + idle). Before an agent's first event of the day the state that
this event left counts from midnight.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from acd.messages import AgentState
from callcenter.events import Kind
from callcenter.figures import BATCH, Handling
from callcenter.models import JournalEvent

TALK = frozenset({AgentState.TALKING, AgentState.HOLDING})
HANDLING = TALK | {AgentState.WRAP_UP}
OVERLAP = 1000  # events read again: transactions may end in another order than they began


@dataclass(slots=True)
class _Agent:
    state: str
    since: float
    at: float = 0.0  # of the last event
    calls: int = 0
    handling: float = 0.0
    idle: float = 0.0

    def spend(self, until: float) -> None:
        seconds = max(0.0, until - self.since)
        if self.state in HANDLING:
            self.handling += seconds
        elif self.state == AgentState.READY:
            self.idle += seconds
        self.since = max(self.since, until)


class AgentBook:
    """Agents' time between two moments (seconds since the epoch)."""

    def __init__(self, start: float, end: float) -> None:
        self._start, self._end = start, end
        self._agents: dict[str, _Agent] = {}
        self._seen: dict[int, None] = {}  # numbers of events, the newest last
        self._last = 0

    def take(self, at: float, agent: str, old: str, new: str) -> None:
        """A change of state; changes of one agent come in their order."""
        if not self._start <= at < self._end:
            return
        known = self._agents.get(agent)
        if known is None:
            known = self._agents[agent] = _Agent(old, self._start)
        known.spend(at)
        if new == AgentState.TALKING and old not in TALK:
            known.calls += 1
        known.state, known.at = new, at

    def read(self, session: Session) -> None:
        """Take in what is new in the database."""
        late = self._missing(session, self._last - OVERLAP) if self._seen else []
        fresh = self._events(session, JournalEvent.seq > self._last)
        if late:
            fresh = iter(sorted([*self._events(session, JournalEvent.seq.in_(late)), *fresh]))
        for at, seq, data in fresh:
            self._seen[seq] = None
            self._last = max(self._last, seq)
            self.take(at, _text(data, "agent"), _text(data, "old"), _text(data, "new"))
        while len(self._seen) > 2 * OVERLAP:
            del self._seen[next(iter(self._seen))]

    def _missing(self, session: Session, after: int) -> list[int]:
        """Numbers up to the newest known that weren't there at the last look.

        Only the numbers are read of what overlaps: taking the events' data apart again every
        second held up whatever else the process does.
        """
        numbers = select(JournalEvent.seq).where(
            *self._ours(), JournalEvent.seq > after, JournalEvent.seq <= self._last
        )
        return [seq for seq in session.scalars(numbers) if seq not in self._seen]

    def _events(
        self, session: Session, which: ColumnElement[bool]
    ) -> Iterator[tuple[float, int, dict[str, object]]]:
        """Time, number (no two are the same) and data, in that order."""
        query = (
            select(JournalEvent.at, JournalEvent.seq, JournalEvent.data)
            .where(*self._ours(), which)
            .order_by(JournalEvent.at, JournalEvent.seq)
            .execution_options(yield_per=BATCH)
        )
        yield from session.execute(query)

    def _ours(self) -> tuple[ColumnElement[bool], ...]:
        return (
            JournalEvent.kind == Kind.AGENT_STATE,
            JournalEvent.at >= self._start,
            JournalEvent.at < self._end,
        )

    def of(self, agent: str, now: float) -> Handling:
        """One agent's time, with the state that goes on."""
        known = self._agents.get(agent)
        if known is None:
            return Handling()
        running = _Agent(known.state, known.since, 0, known.calls, known.handling, known.idle)
        running.spend(min(now, self._end))
        return Handling(running.calls, running.handling, running.idle)

    def all(self, now: float) -> dict[str, Handling]:
        return {agent: self.of(agent, now) for agent in sorted(self._agents)}


def together(each: Iterable[Handling]) -> Handling:
    calls, handling, idle = 0, 0.0, 0.0
    for one in each:
        calls, handling, idle = calls + one.calls, handling + one.handling, idle + one.idle
    return Handling(calls, handling, idle)


def _text(data: dict[str, object], key: str) -> str:
    return str(data.get(key) or "")
