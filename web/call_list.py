"""Finding calls: the filter that the calls page and the API share, and its pages."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from callcenter.events import Outcome
from callcenter.models import Call
from web import paging
from web.localtime import day_start

PAGE_SIZE = 50
MAX_PAGE_SIZE = 200
IN_PROGRESS = "in_progress"  # the outcome of calls that have none yet


@dataclass(frozen=True, slots=True)
class CallFilter:
    """What to look for; everything empty finds all. Days are China's, both included."""

    since: dt.date | None = None
    until: dt.date | None = None
    outcome: str = ""  # an Outcome or IN_PROGRESS
    agent: str = ""
    queue: str = ""
    number: str = ""

    @classmethod
    def from_args(cls, args: Any) -> CallFilter:
        """Read a query string; what can't be understood is left out."""
        outcome = args.get("outcome", "")
        return cls(
            since=_day(args.get("since", "")),
            until=_day(args.get("until", "")),
            outcome=outcome if outcome == IN_PROGRESS or outcome in list(Outcome) else "",
            agent=args.get("agent", "").strip()[:16],
            queue=args.get("queue", "").strip()[:64],
            number=_digits(args.get("number", "")),
        )

    def to_args(self) -> dict[str, str]:
        """The query string that `from_args` reads back."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: str(value) for name, value in values.items() if value}

    def without_dates(self) -> CallFilter:
        return replace(self, since=None, until=None)

    def conditions(self, *, part_of_number: bool) -> list[ColumnElement[bool]]:
        """`part_of_number` False: only a whole number matches, which can't be used to guess."""
        found: list[ColumnElement[bool]] = []
        if self.since:
            found.append(Call.arrived_at >= day_start(self.since))
        if self.until:
            found.append(Call.arrived_at < day_start(self.until + dt.timedelta(days=1)))
        if self.outcome == IN_PROGRESS:
            found.append(Call.ended_at.is_(None))
        elif self.outcome:
            found.append(Call.outcome == self.outcome)
        if self.agent:
            found.append(Call.agent == self.agent)
        if self.queue:
            found.append(Call.queue == self.queue)
        if self.number and part_of_number:
            found.append(Call.caller.contains(self.number, autoescape=True))
        elif self.number:
            found.append(Call.caller == self.number)
        return found


def find_calls(
    session: Session,
    conditions: Sequence[ColumnElement[bool]],
    after: paging.Position | None = None,
    limit: int = PAGE_SIZE,
) -> tuple[list[Call], paging.Position | None]:
    """The newest `limit` calls after a position, and the position for the next page, if any."""
    statement = select(Call).where(*conditions)
    if after:
        statement = statement.where(paging.older_than(Call.arrived_at, Call.id, *after))
    statement = statement.order_by(Call.arrived_at.desc(), Call.id.desc()).limit(limit + 1)
    found = list(session.scalars(statement))
    if len(found) <= limit:
        return found, None
    last = found[limit - 1]
    return found[:limit], paging.Position(last.arrived_at, last.id)


def _day(text: str) -> dt.date | None:
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        return None
    return day if 2000 <= day.year <= 9000 else None


def _digits(text: str) -> str:
    return "".join(char for char in text if char.isascii() and (char.isalnum() or char == "+"))[:32]
