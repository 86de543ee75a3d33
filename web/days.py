"""Today's counts, kept current: only what changed is read again."""

from __future__ import annotations

import datetime as dt
import threading
import time
from typing import cast

from flask import current_app
from sqlalchemy import or_
from sqlalchemy.orm import Session

from callcenter.daybook import Day, DayBook, read_day
from callcenter.figures import read_facts
from callcenter.models import Call
from web.localtime import day_start, now, today
from web.scope import sees_all_calls, visible_calls
from workorder.models import User

FRESH_FOR = 1.0  # seconds that counts may be shown again
# A record is visible when its transaction ends, which is after the time that it bears.
OVERLAP = dt.timedelta(seconds=10)
LONG_OVERLAP = dt.timedelta(seconds=120)
LONG_EVERY = 60.0  # seconds


class Today:
    """One book for everybody who may see all calls."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._day: Day | None = None
        self._looked = self._looked_long = 0.0  # monotonic
        self._changed_at = dt.datetime.fromtimestamp(0, dt.UTC)

    @property
    def last(self) -> Day | None:
        """As last counted, however old."""
        return self._day

    def get(self, session: Session) -> Day:
        """The day up to now, at most `FRESH_FOR` seconds old."""
        with self._lock:
            at = time.monotonic()
            if self._day is None or self._day.calls.day != today():
                self._changed_at = now()
                self._day = read_day(session, today(), time.time())
                self._looked = self._looked_long = at
            elif at - self._looked >= FRESH_FOR:
                self._look_again(session, at)
            return self._day

    def _look_again(self, session: Session, at: float) -> None:
        day = cast(Day, self._day)
        long = at - self._looked_long >= LONG_EVERY
        since = self._changed_at - (LONG_OVERLAP if long else OVERLAP)
        changed_at = now()
        day.calls.put_all(read_facts(session, Call.updated_at >= since))
        day.agents.read(session)
        self._changed_at = changed_at
        self._looked = at
        self._looked_long = at if long else self._looked_long
        self._day = Day(day.calls, day.agents, time.time())


def all_of_today(session: Session) -> Day:
    return cast(Today, current_app.extensions["callcenter.today"]).get(session)


def calls_of_today(session: Session, user: User) -> DayBook:
    """The calls that `user` may see."""
    if sees_all_calls(user):
        return all_of_today(session).calls
    book = DayBook(today())
    of_day = or_(Call.arrived_at >= day_start(book.day), Call.ended_at.is_(None))
    book.put_all(read_facts(session, visible_calls(user), of_day))
    return book
