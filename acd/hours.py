"""When a queue is open, as data. Pure: the moment is an argument, in the place's own time."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SPAN = re.compile(r"((?:[01]\d|2[0-3]):[0-5]\d)-((?:[01]\d|2[0-3]):[0-5]\d|24:00)")


@dataclass(frozen=True, slots=True)
class Hours:
    """Spans like "08:30-17:30" by weekday; dates ("2026-10-01") go before weekdays.

    Without `week` and dates nothing is said: the queue goes by the hotlines that lead to it.
    """

    week: dict[str, tuple[str, ...]] = field(default_factory=dict)
    closed: tuple[str, ...] = ()  # dates: public holidays
    open: dict[str, tuple[str, ...]] = field(default_factory=dict)  # dates: make-up working days

    def __bool__(self) -> bool:
        return bool(self.week or self.closed or self.open)

    def is_open(self, local: dt.datetime) -> bool:
        """Say whether the queue is open at `local`."""
        day = local.date().isoformat()
        if day in self.open:
            spans: Iterable[str] = self.open[day]
        elif day in self.closed:
            return False
        else:
            spans = self.week.get(WEEKDAYS[local.weekday()], ())
        clock = local.strftime("%H:%M")
        return any(start <= clock < end for start, end in (span.split("-") for span in spans))

    def fault(self) -> tuple[str, str, object] | None:
        """Return the first key that can't be read, with what was expected and found."""
        for day, spans in self.week.items():
            if day not in WEEKDAYS:
                return f"week.{day}", "one of " + ", ".join(WEEKDAYS), day
            if bad := _bad_span(spans):
                return f"week.{day}", 'spans like "08:30-17:30", start before end', bad
        for day, spans in self.open.items():
            if not _is_date(day):
                return f"open.{day}", "a date like 2026-10-01", day
            if bad := _bad_span(spans):
                return f"open.{day}", 'spans like "08:30-17:30", start before end', bad
        for day in self.closed:
            if not _is_date(day):
                return "closed", "dates like 2026-10-01", day
        return None


def _bad_span(spans: Iterable[str]) -> str | None:
    for span in spans:
        found = _SPAN.fullmatch(span)
        if found is None or found[1] >= found[2]:
            return span
    return None


def _is_date(text: str) -> bool:
    try:
        return dt.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
