"""Times as the office reads them: those of Asia/Shanghai."""

from __future__ import annotations

import datetime as dt

from workorder.worktime import CHINA

Moment = dt.datetime | float | int


def local(moment: Moment) -> dt.datetime:
    """`moment` (aware, or seconds since the epoch) in China."""
    if isinstance(moment, dt.datetime):
        return moment.astimezone(CHINA)
    return dt.datetime.fromtimestamp(moment, CHINA)


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def today() -> dt.date:
    return local(now()).date()


def day_start(day: dt.date) -> dt.datetime:
    """Midnight at the beginning of `day` in China."""
    return dt.datetime.combine(day, dt.time(), CHINA)


def clock(moment: Moment | None) -> str:
    """14:03:12, or a dash."""
    return local(moment).strftime("%H:%M:%S") if moment is not None else "–"


def stamp(moment: Moment | None) -> str:
    """2026-03-01 14:03:12, or a dash."""
    return local(moment).strftime("%Y-%m-%d %H:%M:%S") if moment is not None else "–"


def short_stamp(moment: Moment | None) -> str:
    """14:03:12 for today, else 03-01 14:03:12; the year only when it isn't this one."""
    if moment is None:
        return "–"
    there = local(moment)
    if there.date() == today():
        return there.strftime("%H:%M:%S")
    return there.strftime("%m-%d %H:%M:%S" if there.year == today().year else "%Y-%m-%d %H:%M")


def between(start: dt.datetime | None, end: dt.datetime | None) -> float | None:
    """Seconds from `start` to `end`, never negative; None when either is missing."""
    if start is None or end is None:
        return None
    return max(0.0, (end - start).total_seconds())


def duration(seconds: float | None) -> str:
    """0:07, 3:25 or 1:02:03; a dash for None."""
    if seconds is None:
        return "–"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
