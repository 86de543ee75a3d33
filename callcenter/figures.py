"""The figures a hotline is measured by: the one place that counts, for pages, API and reports.

Each figure is a numerator over a denominator, and says what is left out. Definitions: GB/T
33358-2016 (connection rate, answers within 15 s) and the hotlines' work standard (targets,
satisfaction). A call counts for the day and the quarter of an hour (China's clock) in which it
arrived, and for the queue that it was in last. An expected wait is compared with the real one from
the moment at which it was announced, once a call: the first that was told in its last queue. Calls
that the hotline places itself, to call a citizen back, are no calls in: only their ratings count.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from callcenter.events import Outcome
from callcenter.models import Call

ANSWER_WITHIN = 15.0  # seconds, GB/T 33358-2016
SHORT_WAIT = 5.0  # who gives up sooner is counted apart
SATISFIED = 3  # 基本满意 or better
QUARTER = 900  # seconds
BATCH = 2000  # rows read at a time


@dataclass(frozen=True, slots=True)
class CallFacts:
    """What is counted of a call. Times are seconds since the epoch."""

    id: str
    arrived_at: float
    queue: str | None
    queued_at: float | None
    queue_left_at: float | None
    told_at: float | None  # the first expected wait that was announced
    told_seconds: float | None
    answered_at: float | None
    ended_at: float | None
    outcome: str | None
    rating: int | None
    placed: bool  # by the hotline, to call a citizen back


@dataclass(slots=True)
class Tally:
    """Counts of calls; sums of tallies are tallies."""

    arrived: int = 0
    queued: int = 0
    waiting: int = 0  # entered a queue, neither answered nor out of it
    answered: int = 0
    answered_in_time: int = 0  # within 15 s of entering the queue
    answered_in_time_of_arrival: int = 0  # within 15 s of arrival at the switch
    wait_answered: float = 0.0  # seconds, of all that were answered
    told: int = 0  # answered after an expected wait was announced
    told_error: float = 0.0  # seconds, sum of (announced - real)
    told_error_absolute: float = 0.0
    abandoned: int = 0  # hung up in the queue
    abandoned_early: int = 0  # of those, within 5 s
    abandoned_in_menu: int = 0
    callback_requested: int = 0
    message_left: int = 0
    transferred: int = 0
    self_served: int = 0
    blocked: int = 0
    failed: int = 0
    placed: int = 0
    rated: int = 0
    satisfied: int = 0

    def add(self, other: Tally, sign: int = 1) -> None:
        for name in _FIELDS:
            value = getattr(other, name)
            if value:
                setattr(self, name, getattr(self, name) + sign * value)

    @property
    def settled(self) -> int:
        """Entered a queue and no longer waiting: the denominator of rates over the offered."""
        return self.queued - self.waiting


_FIELDS = [field.name for field in fields(Tally)]
_OUTCOMES = {
    Outcome.ABANDONED_IN_MENU: "abandoned_in_menu",
    Outcome.CALLBACK_REQUESTED: "callback_requested",
    Outcome.MESSAGE_LEFT: "message_left",
    Outcome.TRANSFERRED: "transferred",
    Outcome.SELF_SERVED: "self_served",
    Outcome.BLOCKED: "blocked",
    Outcome.FAILED: "failed",
}


def tally(call: CallFacts) -> Tally:
    """One call's part in the counts."""
    found = Tally()
    if call.rating is not None:
        found.rated = 1
        found.satisfied = int(call.rating <= SATISFIED)
    if call.placed:
        found.placed = 1
        return found
    found.arrived = 1
    if name := _OUTCOMES.get(call.outcome or ""):  # type: ignore[call-overload]
        setattr(found, name, 1)
    if call.queued_at is None:
        return found
    found.queued = 1
    if call.answered_at is not None:
        wait = _between(call.queued_at, call.answered_at)
        found.answered = 1
        found.wait_answered = wait
        found.answered_in_time = int(wait <= ANSWER_WITHIN)
        arrived = _between(call.arrived_at, call.answered_at)
        found.answered_in_time_of_arrival = int(arrived <= ANSWER_WITHIN)
        if call.told_at is not None and call.told_seconds is not None:
            error = round(call.told_seconds - _between(call.told_at, call.answered_at), 3)
            found.told, found.told_error, found.told_error_absolute = 1, error, abs(error)
    elif call.ended_at is None and call.queue_left_at is None:
        found.waiting = 1
    elif call.outcome == Outcome.ABANDONED_IN_QUEUE:
        left = call.queue_left_at if call.queue_left_at is not None else call.ended_at
        found.abandoned = 1
        found.abandoned_early = int(_between(call.queued_at, left or 0.0) < SHORT_WAIT)
    return found


def _between(start: float, end: float) -> float:
    # To the millisecond: 15 s are 15 s whatever a float makes of them.
    return max(0.0, round(end - start, 3))


# --- figures -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Handling:
    """Agents' time in seconds, and the calls that they took."""

    calls: int = 0
    handling: float = 0.0  # talk, hold and wrap-up
    idle: float = 0.0  # ready


@dataclass(frozen=True, slots=True)
class Figure:
    """A numerator over a denominator; `value` in percent or seconds."""

    name: str
    numerator: float
    denominator: float
    unit: str  # "%" or "s"
    target: float | None = None  # percent, at least

    @property
    def value(self) -> float | None:
        """None when there is nothing to divide by."""
        if not self.denominator:
            return None
        return self.numerator / self.denominator * (100.0 if self.unit == "%" else 1.0)

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None when there is none, or nothing to measure."""
        if self.target is None or self.value is None:
            return None
        return self.value >= self.target

    def __str__(self) -> str:
        if self.value is None:
            return "–"
        return f"{self.value:.1f}{'%' if self.unit == '%' else ' s'}"

    @property
    def parts(self) -> str:
        """95 ÷ 100 = 95.0%"""
        return f"{_plain(self.numerator)} ÷ {_plain(self.denominator)} = {self}"


def agents_figures(spent: Handling) -> tuple[Figure, Figure]:
    """Handling time and occupancy."""
    time = round(spent.handling, 3)
    return (
        Figure("handling_time", time, spent.calls, "s"),
        Figure("occupancy", time, round(spent.handling + spent.idle, 3), "%"),
    )


def _plain(number: float) -> str:
    return f"{number:.0f}" if number == round(number) else f"{number:.1f}"


# What each figure is, and what it leaves out; for the API and the report.
DEFINITIONS = {
    "connection_rate": (
        "answered by an agent ÷ entered a queue",
        "those still waiting; calls that the hotline placed",
    ),
    "service_level": (
        "answered within 15 s of entering the queue ÷ answered",
        "calls that the hotline placed",
    ),
    "service_level_of_queued": (
        "answered within 15 s of entering the queue ÷ entered a queue",
        "those still waiting; calls that the hotline placed",
    ),
    "service_level_of_arrival": (
        "answered within 15 s of arrival at the switch ÷ answered",
        "calls that the hotline placed",
    ),
    "abandonment": (
        "gave up in the queue ÷ entered a queue",
        "those who gave up within 5 s; those still waiting; calls that the hotline placed",
    ),
    "answer_speed": (
        "wait from entering the queue to the answer ÷ answered",
        "calls that the hotline placed",
    ),
    "wait_estimate_error": (
        "|announced wait - real wait| ÷ answered after an expected wait was announced (once a"
        " call: the first in its last queue, compared with the wait from that moment on)",
        "those who heard no expected wait; those who weren't answered; calls that the hotline"
        " placed",
    ),
    "wait_estimate_bias": (
        "announced wait - real wait ÷ answered after an expected wait was announced; more than 0:"
        " too long was announced",
        "as for the error",
    ),
    "handling_time": ("talk, hold and wrap-up ÷ calls taken by agents", "ringing"),
    "occupancy": ("handling ÷ (handling + ready)", "ringing, breaks and other not-ready time"),
    "satisfaction": ("rated three levels or better ÷ rated", "calls that were not rated"),
}
TARGETS = {"connection_rate": 95.0, "service_level": 80.0, "satisfaction": 98.0}


def figures(counts: Tally, agents: Handling | None = None) -> dict[str, Figure]:
    """By name, in the order in which they are shown; without agents' time, without its figures."""
    found = [
        Figure("connection_rate", counts.answered, counts.settled, "%"),
        Figure("service_level", counts.answered_in_time, counts.answered, "%"),
        Figure("service_level_of_queued", counts.answered_in_time, counts.settled, "%"),
        Figure(
            "service_level_of_arrival", counts.answered_in_time_of_arrival, counts.answered, "%"
        ),
        Figure(
            "abandonment",
            counts.abandoned - counts.abandoned_early,
            counts.settled - counts.abandoned_early,
            "%",
        ),
        Figure("answer_speed", round(counts.wait_answered, 3), counts.answered, "s"),
        Figure("wait_estimate_error", round(counts.told_error_absolute, 3), counts.told, "s"),
        Figure("wait_estimate_bias", round(counts.told_error, 3), counts.told, "s"),
        Figure("satisfaction", counts.satisfied, counts.rated, "%"),
    ]
    if agents is not None:
        found += agents_figures(agents)
    return {
        each.name: Figure(
            each.name, each.numerator, each.denominator, each.unit, TARGETS.get(each.name)
        )
        for each in found
    }


# --- from the database ---------------------------------------------------------------------------

_COLUMNS = (
    Call.id,
    Call.arrived_at,
    Call.queue,
    Call.queued_at,
    Call.queue_left_at,
    Call.told_at,
    Call.told_seconds,
    Call.answered_at,
    Call.ended_at,
    Call.outcome,
    Call.rating,
    Call.callback_of,
    Call.purpose,
)


def read_facts(session: Session, *conditions: ColumnElement[bool]) -> Iterator[CallFacts]:
    """The calls that fulfil the conditions, in no order, a batch at a time."""
    query = select(*_COLUMNS).where(*conditions).execution_options(yield_per=BATCH)
    for row in session.execute(query):
        call_id, arrived, queue, queued, left, told_at, told, *more = row
        answered, ended, outcome, rating, callback_of, purpose = more
        yield CallFacts(
            call_id,
            arrived.timestamp(),
            queue,
            _seconds(queued),
            _seconds(left),
            _seconds(told_at),
            told,
            _seconds(answered),
            _seconds(ended),
            outcome,
            rating,
            callback_of is not None or purpose != "",
        )


def _seconds(moment: dt.datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


def total(calls: Iterable[CallFacts]) -> Tally:
    found = Tally()
    for call in calls:
        found.add(tally(call))
    return found
