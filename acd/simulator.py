"""Whole days in seconds: the live engine over made-up or replayed calls, in virtual time.

    day = make_day(Load(calls=20_000), agents=120, seed=1)
    report = simulate(day)

The same day and seed give the same report. Times are seconds; a day begins at 0.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import accumulate, count

from acd.config import Config, QueueConfig
from acd.engine import Engine
from acd.messages import (
    AgentLoggedIn,
    AgentLoggedOut,
    AgentReady,
    AgentState,
    AgentStateChanged,
    Announce,
    ContactLeft,
    ContactQueued,
    Input,
    LeaveReason,
    Offer,
    OfferAnswered,
    OfferEnded,
    OfferResult,
    Output,
    Overflow,
    TalkEnded,
    Tick,
    Withdraw,
)

# Calls of each hour of a working day as a share of the busiest; the shape of a city's hotline.
WORKING_DAY = (
    *(0.08, 0.05, 0.04, 0.03, 0.03, 0.05, 0.12, 0.35, 0.85, 1.00, 0.98, 0.80),
    *(0.45, 0.55, 0.90, 0.95, 0.88, 0.70, 0.45, 0.40, 0.35, 0.28, 0.20, 0.12),
)
FLAT = (1.0,)
SHORT_ABANDON_SECONDS = 5.0  # counted apart: hung up before anybody could answer


@dataclass(frozen=True, slots=True)
class Call:
    arrived_at: float
    talk: float  # seconds, if answered
    patience: float  # seconds in the queue before giving up
    queue: str = "general"
    requirement: str = ""
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Shift:
    agent: str
    start: float
    end: float
    queues: Mapping[str, int] = field(default_factory=lambda: {"general": 0})
    skills: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Load:
    """What comes in; handling is talk + wrap-up."""

    calls: int = 10_000
    hours: float = 24.0
    profile: tuple[float, ...] = WORKING_DAY  # relative load of equal parts of the time
    talk_seconds: float = 150.0  # mean; exponential
    wrap_up_seconds: float = 30.0
    patience_seconds: float = 180.0  # mean; exponential
    ring_seconds: float = 3.0  # until an agent picks up
    no_answer: float = 0.0  # share of offers that an agent misses

    @property
    def handling_seconds(self) -> float:
        return self.talk_seconds + self.wrap_up_seconds + self.ring_seconds


@dataclass(frozen=True, slots=True)
class Day:
    calls: tuple[Call, ...]
    shifts: tuple[Shift, ...]
    config: Config
    ring_seconds: float = 3.0
    no_answer: float = 0.0
    seed: int = 1


def make_calls(load: Load, seed: int) -> tuple[Call, ...]:
    """Draw a day's calls: arrivals by the profile, exponential talk and patience."""
    draw = random.Random(seed)
    weights = list(accumulate(load.profile))
    part = load.hours * 3600 / len(load.profile)
    parts = draw.choices(range(len(load.profile)), cum_weights=weights, k=load.calls)
    arrivals = sorted((place + draw.random()) * part for place in parts)
    return tuple(
        Call(
            arrived_at,
            draw.expovariate(1 / load.talk_seconds),
            draw.expovariate(1 / load.patience_seconds),
        )
        for arrived_at in arrivals
    )


def make_shifts(load: Load, agents: int) -> tuple[Shift, ...]:
    """Put so many agents to work at the busiest time, and in proportion at all others."""
    busiest = max(load.profile)
    part = load.hours * 3600 / len(load.profile)
    shifts = []
    for number in range(agents):
        start: float | None = None
        for place, weight in enumerate((*load.profile, -1.0)):
            working = weight >= 0 and (number == 0 or number < agents * weight / busiest)
            if working and start is None:
                start = place * part
            elif not working and start is not None:
                shifts.append(Shift(f"{1001 + number}", start, place * part))
                start = None
    return tuple(sorted(shifts, key=lambda shift: (shift.start, shift.agent)))


def make_day(load: Load, agents: int, seed: int = 1, config: Config | None = None) -> Day:
    """Make up a day of one queue."""
    if config is None:
        queue = QueueConfig(wrap_up_seconds=load.wrap_up_seconds)
        config = Config(queues={"general": queue})
    calls, shifts = make_calls(load, seed), make_shifts(load, agents)
    return Day(calls, shifts, config, load.ring_seconds, load.no_answer, seed)


def calls_from_rows(rows: Iterable[Mapping[str, str]], patience_seconds: float) -> list[Call]:
    """Read recorded calls to replay: arrived_at, talk; and, if known, patience, queue, …

    Times are seconds. Who was answered has shown no end of patience: without a `patience` the mean
    is taken. Raise ValueError with the row's number.
    """
    calls = []
    for number, row in enumerate(rows, 1):
        try:
            calls.append(
                Call(
                    float(row["arrived_at"]),
                    float(row["talk"]),
                    float(row.get("patience") or patience_seconds),
                    row.get("queue") or "general",
                    row.get("requirement") or "",
                    int(row.get("priority") or 0),
                )
            )
        except (KeyError, ValueError) as error:
            raise ValueError(f"row {number}: {error}") from error
    return sorted(calls, key=lambda call: call.arrived_at)


@dataclass(slots=True)
class Report:
    """What came of a day. Shares are 0 to 1; the words for the figures are those of `domain.md`."""

    offered: int = 0
    answered: int = 0
    answered_in_time: int = 0
    abandoned: int = 0
    abandoned_short: int = 0  # within 5 s, part of `abandoned`
    overflowed: int = 0  # message, callback or goodbye by rule
    within: float = 15.0
    waits: list[float] = field(default_factory=list)  # of the answered, by time of answer
    estimates: list[tuple[float, float]] = field(default_factory=list)  # (announced, real)
    by_part: dict[int, list[int]] = field(default_factory=dict)  # half hour: [offered, in time]
    busy_seconds: float = 0.0
    staffed_seconds: float = 0.0
    steps: int = 0

    @property
    def service_level(self) -> float:
        """Answered in time ÷ answered (the form of the work standard)."""
        return self.answered_in_time / self.answered if self.answered else 1.0

    @property
    def service_level_offered(self) -> float:
        """Answered in time ÷ offered."""
        return self.answered_in_time / self.offered if self.offered else 1.0

    @property
    def connection_rate(self) -> float:
        """Answered ÷ offered (人工接通率)."""
        return self.answered / self.offered if self.offered else 1.0

    @property
    def abandonment(self) -> float:
        return self.abandoned / self.offered if self.offered else 0.0

    @property
    def mean_wait(self) -> float:
        """Return the mean speed of answer, of the answered."""
        return sum(self.waits) / len(self.waits) if self.waits else 0.0

    @property
    def occupancy(self) -> float:
        """Return the share of the agents' time from offer to the end of wrap-up."""
        return self.busy_seconds / self.staffed_seconds if self.staffed_seconds else 0.0

    @property
    def estimate_error(self) -> float | None:
        """Return the mean of announced - real, of those answered after an announcement."""
        errors = [told - real for told, real in self.estimates]
        return sum(errors) / len(errors) if errors else None

    @property
    def estimate_error_absolute(self) -> float | None:
        errors = [abs(told - real) for told, real in self.estimates]
        return sum(errors) / len(errors) if errors else None

    def wait_below(self, share: float) -> float:
        """Return the wait that this share of the answered didn't exceed."""
        ordered = sorted(self.waits)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


_IDLE = {AgentState.READY, AgentState.NOT_READY, AgentState.LOGGED_OUT}
PART_SECONDS = 1800.0


class _Run:
    """One run of a day: events of the world on a heap, deadlines of the engine beside it."""

    def __init__(self, day: Day) -> None:
        self.day = day
        self.draw = random.Random(day.seed + 1)
        self.report = Report()
        offers = count(1)
        self.engine = Engine(day.config, new_offer_id=lambda: f"o{next(offers)}")
        self.order = count()
        self.heap: list[tuple[float, int, Input]] = []
        self.waiting: dict[str, Call] = {}
        self.talks: dict[str, Call] = {}  # agent -> the call of the offer or talk
        self.told: dict[str, list[tuple[float, float]]] = {}  # contact -> (when, seconds)
        self.open: dict[str, Offer] = {}
        self.busy_since: dict[str, float] = {}
        self.here_since: dict[str, float] = {}

    def run(self) -> Report:
        for shift in self.day.shifts:
            queues, skills = dict(shift.queues), dict(shift.skills)
            self.plan(AgentLoggedIn(shift.start, shift.agent, queues, skills))
            self.plan(AgentReady(shift.start, shift.agent))
            self.plan(AgentLoggedOut(shift.end, shift.agent))
        calls = iter(enumerate(self.day.calls))
        number, call = next(calls, (0, None))
        while call or self.heap or self.waiting:
            at = self.heap[0][0] if self.heap else float("inf")
            due = self.engine.next_deadline()
            if call and call.arrived_at <= min(at, due if due is not None else at):
                self.arrive(f"c{number}", call)
                number, call = next(calls, (0, None))
            elif due is not None and due <= at:
                self.step(Tick(due))
            elif self.heap:
                self.happen(heapq.heappop(self.heap)[2])
            else:
                break
        return self.report

    def plan(self, message: Input) -> None:
        heapq.heappush(self.heap, (message.at, next(self.order), message))

    def arrive(self, name: str, call: Call) -> None:
        at = call.arrived_at
        self.waiting[name] = call
        self.report.offered += 1
        self.report.by_part.setdefault(int(at // PART_SECONDS), [0, 0])[0] += 1
        self.plan(ContactLeft(at + call.patience, name, LeaveReason.ABANDONED))
        self.step(ContactQueued(at, name, call.queue, at, at, call.requirement, call.priority))

    def happen(self, message: Input) -> None:
        if isinstance(message, ContactLeft):
            call = self.waiting.pop(message.contact, None)
            if call is None:
                return  # answered long ago
            self.report.abandoned += 1
            self.report.abandoned_short += call.patience < SHORT_ABANDON_SECONDS
        elif isinstance(message, OfferAnswered | OfferEnded):
            offer = self.open.pop(message.offer, None)
            if offer is None:
                return
            if isinstance(message, OfferAnswered):
                self.answer(offer, message.at)
            else:
                self.plan(AgentReady(message.at + 30, offer.agent))
        self.step(message)

    def answer(self, offer: Offer, at: float) -> None:
        report, call = self.report, self.waiting.pop(offer.contact)
        wait = at - call.arrived_at
        report.answered += 1
        report.waits.append(wait)
        if wait <= report.within:
            report.answered_in_time += 1
            report.by_part[int(call.arrived_at // PART_SECONDS)][1] += 1
        told = self.told.pop(offer.contact, [])
        report.estimates.extend((seconds, at - told_at) for told_at, seconds in told)
        self.plan(TalkEnded(at + call.talk, offer.agent, offer.contact))

    def step(self, message: Input) -> None:
        self.report.steps += 1
        for output in self.engine.step(message):
            self.react(output, message.at)

    def react(self, output: Output, at: float) -> None:
        if isinstance(output, Offer):
            self.open[output.offer] = output
            if self.draw.random() < self.day.no_answer:
                missed = OfferEnded(at + 20, output.offer, OfferResult.NO_ANSWER)
                self.plan(missed)
            else:
                self.plan(OfferAnswered(at + self.day.ring_seconds, output.offer))
        elif isinstance(output, AgentStateChanged):
            if output.old is AgentState.LOGGED_OUT:
                self.here_since[output.agent] = at
            elif output.new is AgentState.LOGGED_OUT:
                self.report.staffed_seconds += at - self.here_since.pop(output.agent)
            if output.new not in _IDLE:
                self.busy_since.setdefault(output.agent, at)
            elif output.agent in self.busy_since:
                self.report.busy_seconds += at - self.busy_since.pop(output.agent)
        elif isinstance(output, Announce):
            if output.estimate_seconds is not None:
                self.told.setdefault(output.contact, []).append((at, output.estimate_seconds))
        elif isinstance(output, Withdraw):
            self.open.pop(output.offer, None)
        elif isinstance(output, Overflow) and output.action != "queue":
            self.waiting.pop(output.contact, None)
            self.report.overflowed += 1


def simulate(day: Day) -> Report:
    """Run a day through the engine."""
    return _Run(day).run()


@dataclass(frozen=True, slots=True)
class Staffing:
    """One line of a staffing table."""

    agents: int
    report: Report
    load: float  # erlang


def staffing(load: Load, counts: Iterable[int], seed: int = 1) -> list[Staffing]:
    """Simulate a steady load with different numbers of agents."""
    steady = replace(load, profile=FLAT)
    erlang = steady.calls / (steady.hours * 3600) * steady.handling_seconds
    return [Staffing(agents, simulate(make_day(steady, agents, seed)), erlang) for agents in counts]
