"""When a supervisor is to be alarmed: thresholds as data, and what follows from a picture. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from callcenter import datafile

FILE = Path(__file__).with_name("alarms.yaml")
Number = Annotated[float, Field(ge=0)]


class Kind(StrEnum):
    SWITCH_DOWN = "switch_down"
    NEWS_LAG = "news_lag"
    JOURNAL_LAG = "journal_lag"
    NO_AGENTS = "no_agents"
    LONGEST_WAIT = "longest_wait"
    SERVICE_LEVEL = "service_level"


class Level(StrEnum):
    WARN = "warn"
    ALARM = "alarm"


class Limit(BaseModel):
    """At or past `warn` it is yellow, at or past `alarm` red."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    warn: Number | None = None
    alarm: Number | None = None

    def level(self, value: float, *, below: bool = False) -> Level | None:
        """`below`: the smaller the value, the worse; then the limit itself is still good."""
        for level, limit in ((Level.ALARM, self.alarm), (Level.WARN, self.warn)):
            if limit is not None and (value < limit if below else value >= limit):
                return level
        return None


class QueueLimits(BaseModel):
    """A queue's own limits; what isn't given is as for all."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    longest_wait: Limit | None = None
    service_level: Limit | None = None
    no_agents: Limit | None = None


class Thresholds(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    longest_wait: Limit = Limit()
    service_level: Limit = Limit()
    service_level_from: int = Field(1, ge=1)
    no_agents: Limit = Limit()
    journal_lag: Limit = Limit()
    news_lag: Limit = Limit()
    queues: dict[str, QueueLimits] = {}

    @model_validator(mode="after")
    def _in_order(self) -> Thresholds:
        for name, limit in self._limits():
            if limit.warn is None or limit.alarm is None:
                continue
            wrong = limit.warn < limit.alarm if "service" in name else limit.warn > limit.alarm
            if wrong:
                raise ValueError(f"{name}: expected warn to come before alarm, found {limit!r}")
        return self

    def _limits(self) -> Iterator[tuple[str, Limit]]:
        for name in ("longest_wait", "service_level", "no_agents", "journal_lag", "news_lag"):
            yield name, getattr(self, name)
        for queue, own in self.queues.items():
            for name in QueueLimits.model_fields:
                if getattr(own, name) is not None:
                    yield f"queues.{queue}.{name}", getattr(own, name)

    def of(self, queue: str, name: str) -> Limit:
        """A queue's limit: its own, else the one for all."""
        own = getattr(self.queues.get(queue), name, None)
        found: Limit = own if own is not None else getattr(self, name)
        return found


def load(path: Path) -> Thresholds:
    """Read the file; raise DataFileError (file, line, key, what was expected)."""
    return datafile.load(path, Thresholds)


@dataclass(frozen=True, slots=True)
class QueueNow:
    """A queue as it is: people, seconds, and today's answers."""

    waiting: int
    longest_wait: float
    at_work: int  # agents of this queue who are ready or busy
    unattended: float  # seconds for which people have waited with nobody at work
    answered: int
    answered_in_time: int
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Now:
    """What is looked at. None: not known."""

    switch_up: bool | None
    news_age: float | None  # seconds since the controller told its state
    journal_lag: float | None  # seconds that the database is behind
    queues: Mapping[str, QueueNow]


@dataclass(frozen=True, slots=True)
class Alarm:
    kind: Kind
    level: Level
    queue: str = ""
    value: float = 0.0  # seconds or percent
    limit: float = 0.0

    @property
    def key(self) -> str:
        """The same for as long as the same thing is wrong."""
        return f"{self.kind}:{self.queue}"


def raised(thresholds: Thresholds, now: Now) -> list[Alarm]:
    """All alarms of the moment, red ones first, in the order in which they matter."""
    found = [*_of_the_system(thresholds, now), *_of_queues(thresholds, now)]
    order = list(Kind)
    return sorted(
        found, key=lambda each: (each.level is Level.WARN, order.index(each.kind), each.queue)
    )


def _of_the_system(thresholds: Thresholds, now: Now) -> Iterator[Alarm]:
    if now.switch_up is False:
        yield Alarm(Kind.SWITCH_DOWN, Level.ALARM)
    # News that never came are as old as can be.
    age = float("inf") if now.news_age is None else now.news_age
    for kind, limit, value in (
        (Kind.NEWS_LAG, thresholds.news_lag, age),
        (Kind.JOURNAL_LAG, thresholds.journal_lag, now.journal_lag),
    ):
        if value is not None:
            yield from _alarm(kind, limit, "", value)


def _of_queues(thresholds: Thresholds, now: Now) -> Iterator[Alarm]:
    for name, queue in now.queues.items():
        if queue.waiting:
            longest = thresholds.of(name, "longest_wait")
            yield from _alarm(Kind.LONGEST_WAIT, longest, name, queue.longest_wait)
            if not queue.at_work and not queue.closed:
                nobody = thresholds.of(name, "no_agents")
                yield from _alarm(Kind.NO_AGENTS, nobody, name, queue.unattended)
        if queue.answered >= thresholds.service_level_from:
            percent = 100.0 * queue.answered_in_time / queue.answered
            limit = thresholds.of(name, "service_level")
            yield from _alarm(Kind.SERVICE_LEVEL, limit, name, percent, below=True)


def _alarm(
    kind: Kind, limit: Limit, queue: str, value: float, *, below: bool = False
) -> Iterator[Alarm]:
    level = limit.level(value, below=below)
    if level is not None:
        passed = limit.alarm if level is Level.ALARM else limit.warn
        yield Alarm(kind, level, queue, value, passed or 0.0)
