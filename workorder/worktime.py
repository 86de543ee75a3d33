"""Working days, and time that runs on them alone.

A working day counts as a whole day of 24 hours, China's time; on any other day no working time
passes. So "2 workdays" from Monday 10:00 end on Wednesday 10:00, from Saturday at the end of
Tuesday, and a deadline at 00:00 is the end of the day before.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import GetCoreSchemaHandler
from pydantic_core import core_schema

CHINA = ZoneInfo("Asia/Shanghai")
DAY = dt.timedelta(days=1)
SATURDAY = 5
FARTHEST = 4000  # days that a reckoning may walk


@dataclass(frozen=True, slots=True)
class Calendar:
    """Which days are worked.

    `exceptions` are the days that aren't what their weekday says: holidays (False) and make-up
    working days (True). Outside `years` nothing is known yet, and weekdays are all there is.
    """

    exceptions: Mapping[dt.date, bool] = field(default_factory=dict)
    years: frozenset[int] = frozenset()
    names: Mapping[dt.date, str] = field(default_factory=dict)

    def works(self, day: dt.date) -> bool:
        return self.exceptions.get(day, day.weekday() < SATURDAY)

    def knows(self, day: dt.date) -> bool:
        return day.year in self.years

    def name(self, day: dt.date) -> str:
        return self.names.get(day, "")


class Measure(StrEnum):
    """How a limit is counted."""

    WORKDAYS = "workday"
    WORKING_HOURS = "working hour"
    DAYS = "day"
    HOURS = "hour"
    MINUTES = "minute"
    SAME_DAY = "same day"


_SECONDS = {
    Measure.WORKDAYS: 86_400,
    Measure.WORKING_HOURS: 3_600,
    Measure.DAYS: 86_400,
    Measure.HOURS: 3_600,
    Measure.MINUTES: 60,
}
_FORM = re.compile(r"([1-9][0-9]{0,3}) (workday|working hour|day|hour|minute)s?")
EXPECTED = 'a length of time like "2 workdays", "24 working hours", "3 days", "12 hours", "5 minutes" or "same day"'  # noqa: E501


@dataclass(frozen=True, slots=True)
class Duration:
    """A limit's length, as in a policy: `2 workdays`."""

    amount: int
    measure: Measure

    @classmethod
    def parse(cls, text: object) -> Duration:
        """Read "2 workdays" and the like; ValueError says what was expected."""
        if isinstance(text, Duration):
            return text
        if text == Measure.SAME_DAY:
            return cls(1, Measure.SAME_DAY)
        found = _FORM.fullmatch(text) if isinstance(text, str) else None
        if found is None:
            raise ValueError(f"expected {EXPECTED}")
        return cls(int(found[1]), Measure(found[2]))

    def __str__(self) -> str:
        if self.measure is Measure.SAME_DAY:
            return self.measure.value
        return f"{self.amount} {self.measure.value}{'' if self.amount == 1 else 's'}"

    @property
    def working(self) -> bool:
        """Whether it passes on working days only."""
        return self.measure in (Measure.WORKDAYS, Measure.WORKING_HOURS)

    @property
    def seconds(self) -> int:
        """Its length; "same day" has none of its own."""
        return self.amount * _SECONDS.get(self.measure, 0)

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            cls.parse, serialization=core_schema.to_string_ser_schema()
        )


def midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), CHINA)


def local_day(at: dt.datetime) -> dt.date:
    return at.astimezone(CHINA).date()


def next_midnight(at: dt.datetime) -> dt.datetime:
    """00:00 of the day after `at`."""
    return midnight(local_day(at) + DAY)


def later(calendar: Calendar, at: dt.datetime, seconds: float, *, working: bool) -> dt.datetime:
    """The moment `seconds` (of working time, or of any) after `at`; negative ones lie before."""
    if seconds < 0:
        return earlier(calendar, at, -seconds, working=working)
    if not working:
        return at + dt.timedelta(seconds=seconds)
    left = seconds
    moment = at
    for _ in range(FARTHEST):
        end = next_midnight(moment)
        if calendar.works(local_day(moment)):
            there = (end - moment).total_seconds()
            if left <= there:
                return moment + dt.timedelta(seconds=left)
            left -= there
        moment = end
    raise ValueError(f"no working day found within {FARTHEST} days of {at}")


def earlier(calendar: Calendar, at: dt.datetime, seconds: float, *, working: bool) -> dt.datetime:
    """The latest moment from which `seconds` lead to `at`."""
    if not working:
        return at - dt.timedelta(seconds=seconds)
    left = seconds
    moment = at
    for _ in range(FARTHEST):
        day = local_day(moment - dt.timedelta(microseconds=1))
        start = midnight(day)
        if calendar.works(day):
            there = (moment - start).total_seconds()
            if left <= there:
                return moment - dt.timedelta(seconds=left)
            left -= there
        moment = start
    raise ValueError(f"no working day found within {FARTHEST} days before {at}")


def passed(calendar: Calendar, start: dt.datetime, end: dt.datetime, *, working: bool) -> float:
    """Seconds (of working time, or of any) from `start` to `end`; 0 when `end` lies before."""
    if end <= start:
        return 0.0
    if not working:
        return (end - start).total_seconds()
    total = 0.0
    moment = start
    while moment < end:
        stop = min(next_midnight(moment), end)
        if calendar.works(local_day(moment)):
            total += (stop - moment).total_seconds()
        moment = stop
    return total


@dataclass(frozen=True, slots=True)
class DayCounted:
    """A day between a clock's start and its deadline, for the explanation."""

    day: dt.date
    works: bool
    known: bool  # whether the year's holidays are in the calendar
    exceptional: bool  # a holiday on a weekday, or a make-up working day
    name: str


def days(calendar: Calendar, start: dt.datetime, end: dt.datetime) -> Iterator[DayCounted]:
    """Every day touched from `start` to `end`."""
    day, last = local_day(start), local_day(end - dt.timedelta(microseconds=1))
    while day <= last:
        yield DayCounted(
            day,
            calendar.works(day),
            calendar.knows(day),
            day in calendar.exceptions,
            calendar.name(day),
        )
        day += DAY
