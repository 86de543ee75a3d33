"""The clocks of an order: what was written about them, and the deadline that comes of it.

A clock runs once or several times (`resolve:1`, `resolve:2` after a redo). What happens to a run
is written into a ledger and never changed. Its deadline is a pure function of the ledger, the
policy that the order keeps and the calendar as it is now; whoever asks gets it step by step.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from workorder.policy import Limit, Policy, Starts
from workorder.worktime import (
    CHINA,
    Calendar,
    DayCounted,
    Duration,
    Measure,
    days,
    earlier,
    later,
    next_midnight,
    passed,
)


class Clock(StrEnum):
    REGISTER = "register"  # another channel than the telephone: until acceptance
    DISPATCH = "dispatch"
    ACKNOWLEDGE = "acknowledge"
    RETURN = "return"  # while it runs the unit may send the order back
    CONTACT = "contact"
    ON_SITE = "on_site"
    RESOLVE = "resolve"
    REVIEW = "review"
    FOLLOW_UP = "follow_up"
    SUPERVISE = "supervise"  # the unit's reply to a notice
    WRITTEN = "written"  # the written result

    @property
    def chinese(self) -> str:
        return _CHINESE[self]


_CHINESE = {
    Clock.REGISTER: "登记",
    Clock.DISPATCH: "派单",
    Clock.ACKNOWLEDGE: "签收",
    Clock.RETURN: "退单",
    Clock.CONTACT: "联系市民",
    Clock.ON_SITE: "到达现场",
    Clock.RESOLVE: "办结",
    Clock.REVIEW: "复核",
    Clock.FOLLOW_UP: "回访",
    Clock.SUPERVISE: "督办答复",
    Clock.WRITTEN: "书面结果",
}


class Entering(StrEnum):
    """What can be written about a run."""

    STARTED = "started"
    PAUSED = "paused"
    RESUMED = "resumed"
    EXTENDED = "extended"
    STOPPED = "stopped"  # what it waited for was done
    VOIDED = "voided"  # it came to nothing: taken back, redispatched, lapsed


class Outcome(StrEnum):
    MET = "met"
    LATE = "late"
    VOID = "void"


class Light(StrEnum):
    GREEN = "green"
    YELLOW = "yellow"  # near the deadline
    RED = "red"  # overdue


class Level(StrEnum):
    """Of the notices; a later one includes the earlier."""

    WARNING = "warning"
    YELLOW = "yellow"
    RED = "red"


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the ledger."""

    run: str
    what: Entering
    at: dt.datetime  # aware
    rule: str = ""  # started: the policy's limit, as in resolve.help
    unit: str | None = None  # started: whose clock it is
    workdays: int = 0  # extended: by so many
    until: dt.datetime | None = None  # paused: resumes then at the latest

    @property
    def clock(self) -> Clock:
        return Clock(self.run.partition(":")[0])

    def to_data(self) -> dict[str, Any]:
        data: dict[str, Any] = {
            "run": self.run,
            "what": self.what.value,
            "at": self.at.astimezone(dt.UTC).isoformat(),
        }
        if self.rule:
            data["rule"] = self.rule
        if self.unit:
            data["unit"] = self.unit
        if self.workdays:
            data["workdays"] = self.workdays
        if self.until:
            data["until"] = self.until.astimezone(dt.UTC).isoformat()
        return data

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> Entry:
        until = data.get("until")
        return cls(
            run=data["run"],
            what=Entering(data["what"]),
            at=dt.datetime.fromisoformat(data["at"]),
            rule=data.get("rule", ""),
            unit=data.get("unit"),
            workdays=data.get("workdays", 0),
            until=dt.datetime.fromisoformat(until) if until else None,
        )


@dataclass(frozen=True, slots=True)
class Counted:
    """One line of the reckoning: after `entry`, the deadline was `due` (None: it stands still)."""

    entry: Entry
    due: dt.datetime | None


@dataclass(frozen=True, slots=True)
class Account:
    """A run, reckoned. All times are aware; None where there is no such level."""

    run: str
    clock: Clock
    unit: str | None
    rule: str
    limit: Limit
    started_at: dt.datetime
    counts_from: dt.datetime  # started_at, or 00:00 of the day after
    target_at: dt.datetime | None
    warn_at: dt.datetime | None
    yellow_at: dt.datetime | None
    due_at: dt.datetime | None  # None while paused
    red_at: dt.datetime | None
    extended: int  # working days in all
    paused_until: dt.datetime | None
    stopped_at: dt.datetime | None
    outcome: Outcome | None
    provisional: bool  # the calendar doesn't know all of the days yet
    lines: tuple[Counted, ...]
    days: tuple[DayCounted, ...]  # from counts_from to the deadline

    @property
    def runs(self) -> bool:
        return self.stopped_at is None

    def light(self, now: dt.datetime) -> Light:
        """Green, yellow when near, red when over; of a stopped run as it was when it stopped."""
        at = self.stopped_at or now
        if self.due_at is None or self.outcome is Outcome.VOID:
            return Light.GREEN
        if at > self.due_at:
            return Light.RED
        return Light.YELLOW if self.warn_at is not None and at >= self.warn_at else Light.GREEN

    def levels(self) -> list[tuple[Level, dt.datetime]]:
        """When which level is reached, in order of time; none while it stands still."""
        moments = [
            (Level.WARNING, self.warn_at),
            (Level.YELLOW, self.yellow_at),
            (Level.RED, self.red_at),
        ]
        return [(level, at) for level, at in moments if at is not None]


def add(calendar: Calendar, at: dt.datetime, length: Duration) -> dt.datetime:
    """The end of `length` that begins at `at`."""
    if length.measure is Measure.SAME_DAY:
        return next_midnight(at)
    return later(calendar, at, length.seconds, working=length.working)


def counts_from(policy: Policy, limit: Limit, at: dt.datetime) -> dt.datetime:
    """When a limit that is set off at `at` begins to count.

    Hours and minutes always count at once; working days as the city's rule says.
    """
    if policy.starts.clock is Starts.NEXT_DAY and limit.limit.measure is Measure.WORKDAYS:
        return next_midnight(at)
    return at.astimezone(CHINA)


def runs_of(ledger: Iterable[Entry]) -> dict[str, list[Entry]]:
    """The ledger by run, in the order in which they were started."""
    found: dict[str, list[Entry]] = {}
    for entry in ledger:
        found.setdefault(entry.run, []).append(entry)
    return found


def reckon(
    entries: Sequence[Entry], policy: Policy, calendar: Calendar, limit: Limit | None = None
) -> Account:
    """The account of one run; `limit` stands in for the one that the policy has for it."""
    first = entries[0]
    limit = limit or policy.rule(first.rule)
    start = counts_from(policy, limit, first.at)
    reckoning = _Reckoning(calendar, limit, add(calendar, start, limit.limit))
    lines = tuple(Counted(entry, reckoning.take(entry)) for entry in entries)
    due = reckoning.due
    shown = due or reckoning.before_pause
    counted = tuple(days(calendar, start, shown))
    return Account(
        run=first.run,
        clock=first.clock,
        unit=first.unit,
        rule=first.rule,
        limit=limit,
        started_at=first.at,
        counts_from=start,
        target_at=add(calendar, start, limit.target) if limit.target else None,
        warn_at=reckoning.level(limit.warning) if limit.warning else _near(reckoning, policy),
        yellow_at=reckoning.level(limit.yellow),
        due_at=due,
        red_at=reckoning.level(limit.red) if limit.red else due,
        extended=reckoning.extended,
        paused_until=reckoning.paused_until,
        stopped_at=reckoning.stopped_at,
        outcome=reckoning.outcome,
        provisional=not all(day.known for day in counted),
        lines=lines,
        days=counted,
    )


class _Reckoning:
    """Goes through a run's lines and keeps its deadline."""

    def __init__(self, calendar: Calendar, limit: Limit, due: dt.datetime) -> None:
        self._calendar = calendar
        self._limit = limit
        self.due: dt.datetime | None = due
        self.before_pause = due
        self.extended = 0
        self.paused_until: dt.datetime | None = None
        self.stopped_at: dt.datetime | None = None
        self.outcome: Outcome | None = None
        self._left = 0.0

    @property
    def _working(self) -> bool:
        return self._limit.limit.working

    def take(self, entry: Entry) -> dt.datetime | None:
        match entry.what:
            case Entering.PAUSED if self.due is not None:
                self._left = passed(self._calendar, entry.at, self.due, working=self._working)
                self.before_pause, self.paused_until = self.due, entry.until
                # Overdue already: time that stands still doesn't make it good.
                self.due = self.due if self.due < entry.at else None
            case Entering.RESUMED:
                if self.due is None:
                    self.due = later(self._calendar, entry.at, self._left, working=self._working)
                self.paused_until = None
            case Entering.EXTENDED if self.due is not None:
                day = Duration(1, Measure.WORKDAYS).seconds
                self.due = later(self._calendar, self.due, entry.workdays * day, working=True)
                self.extended += entry.workdays
            case Entering.STOPPED | Entering.VOIDED:
                self.stopped_at = entry.at
                late = self.due is not None and entry.at > self.due
                self.outcome = Outcome.LATE if late else Outcome.MET
                if entry.what is Entering.VOIDED:
                    self.outcome = Outcome.VOID
        return self.due

    def level(self, length: Duration | None) -> dt.datetime | None:
        """When a level is reached; an extension moves it with the deadline."""
        if length is None or self.due is None:
            return None
        distance = length.seconds - self._limit.limit.seconds
        return later(self._calendar, self.due, distance, working=self._working)

    def before(self, seconds: float) -> dt.datetime | None:
        if self.due is None:
            return None
        return earlier(self._calendar, self.due, seconds, working=self._working)


def _near(reckoning: _Reckoning, policy: Policy) -> dt.datetime | None:
    """The yellow light where the limit names no warning (policy: near)."""
    limit = reckoning._limit.limit
    if limit.measure is Measure.SAME_DAY:
        return None
    near = policy.near.before
    enough = near.working == limit.working and limit.seconds > near.seconds
    return reckoning.before(near.seconds if enough else limit.seconds / 2)


def accounts(ledger: Iterable[Entry], policy: Policy, calendar: Calendar) -> list[Account]:
    """Every run of a ledger, reckoned."""
    return [reckon(entries, policy, calendar) for entries in runs_of(ledger).values()]
