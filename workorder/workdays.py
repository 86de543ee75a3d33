"""The calendar of working days as a table, seeded from `chinesecalendar` and edited by hand.

That library knows the holidays of some years only and refuses the others, so the table says which
years it knows; `missing_years` warns in time.
"""

from __future__ import annotations

import datetime as dt

import chinese_calendar
from chinese_calendar.constants import holidays, workdays
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from workorder.models import CalendarDay, CalendarYear
from workorder.worktime import DAY, Calendar, local_day

LIBRARY = "chinesecalendar"
MANUAL = "manual"
FIRST = 2004
_CACHE = "workorder.calendar"


def load(session: Session) -> Calendar:
    """The calendar as it stands in the table; read once per session."""
    found = session.info.get(_CACHE)
    if isinstance(found, Calendar):
        return found
    rows = session.execute(select(CalendarDay.day, CalendarDay.working, CalendarDay.name)).all()
    years = session.scalars(select(CalendarYear.year)).all()
    calendar = Calendar(
        exceptions={day: working for day, working, _ in rows},
        years=frozenset(years),
        names={day: name for day, _, name in rows if name},
    )
    session.info[_CACHE] = calendar
    return calendar


def from_library() -> Calendar:
    """What the library knows, without a database."""
    years = library_years()
    days = [day for year in years for day in _exceptions(year)]
    return Calendar(
        exceptions={day: working for day, working, _ in days},
        years=frozenset(years),
        names={day: name for day, _, name in days},
    )


def library_years() -> list[int]:
    """The years that the library knows."""
    last = max(max(holidays), max(workdays)).year
    return list(range(FIRST, last + 1))


def _exceptions(year: int) -> list[tuple[dt.date, bool, str]]:
    """The days of a year that aren't what their weekday says."""
    found = []
    day = dt.date(year, 1, 1)
    while day.year == year:
        working = chinese_calendar.is_workday(day)
        if working != (day.weekday() < 5):
            found.append((day, working, _name(day)))
        day += DAY
    return found


def _name(day: dt.date) -> str:
    """The holiday that a day belongs to, in Chinese."""
    detail = (workdays if chinese_calendar.is_workday(day) else holidays).get(day)
    name = detail if isinstance(detail, str) else getattr(detail, "value", "")
    holiday = next((h for h in chinese_calendar.Holiday if h.value == name), None)
    return holiday.chinese if holiday else ""


def seed(session: Session, at: dt.datetime) -> list[int]:
    """Put the years that the library knows and the table doesn't into it; give those years."""
    known = set(session.scalars(select(CalendarYear.year)))
    fresh = [year for year in library_years() if year not in known]
    for year in fresh:
        session.add(CalendarYear(year=year, source=LIBRARY, changed_at=at))
        edited = set(session.scalars(_days_of(year)))
        for day, working, name in _exceptions(year):
            if day not in edited:
                row = CalendarDay(day=day, working=working, name=name, source=LIBRARY)
                row.changed_at = at
                session.add(row)
    _changed(session)
    return fresh


def _days_of(year: int) -> Select[dt.date]:
    return select(CalendarDay.day).where(
        CalendarDay.day >= dt.date(year, 1, 1), CalendarDay.day <= dt.date(year, 12, 31)
    )


def set_day(
    session: Session, day: dt.date, working: bool, *, name: str, by: str, at: dt.datetime
) -> None:
    """Say by hand whether a day is worked. Deadlines follow with `lifecycle.rebuild_running`."""
    row = session.get(CalendarDay, day)
    if working == (day.weekday() < 5):  # what its weekday says: no exception any more
        if row is not None:
            session.delete(row)
    elif row is None:
        session.add(
            CalendarDay(
                day=day, working=working, name=name, source=MANUAL, changed_by=by, changed_at=at
            )
        )
    else:
        row.working, row.name, row.source = working, name, MANUAL
        row.changed_by, row.changed_at = by, at
    _changed(session)


def set_year(session: Session, year: int, *, by: str, at: dt.datetime) -> None:
    """Say that all exceptions of a year have been entered: its deadlines are final."""
    if session.get(CalendarYear, year) is None:
        session.add(CalendarYear(year=year, source=MANUAL, changed_by=by, changed_at=at))
    _changed(session)


def missing_years(calendar: Calendar, now: dt.datetime) -> list[int]:
    """This year and the next, where the calendar doesn't know their holidays."""
    year = local_day(now).year
    return [wanted for wanted in (year, year + 1) if wanted not in calendar.years]


def _changed(session: Session) -> None:
    session.flush()
    session.info.pop(_CACHE, None)
