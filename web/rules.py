"""The rules that orders go by, for people: the calendar of working days, and the policies."""

from __future__ import annotations

import calendar as months
import datetime as dt
from dataclasses import dataclass
from typing import Any

import yaml
from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy import select

from callcenter.privacy import clean_text
from web.audit import Action, record
from web.auth import signed_in
from web.localtime import now, today
from web.rights import MANAGES, Role
from web.storage import db, saving
from workorder import lifecycle, workdays
from workorder.models import CalendarDay, CalendarYear, PolicyVersion

blueprint = Blueprint("rules", __name__)

FIRST_YEAR, LAST_YEAR = 2004, 2100
SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Day:
    day: dt.date
    working: bool
    name: str  # of a holiday, or of the one that a weekend makes up for
    special: bool  # isn't what its weekday says


# --- calendar ------------------------------------------------------------------------------------


@blueprint.get("/calendar")
def calendar() -> str:
    return _calendar({})


@blueprint.post("/calendar")
def change_day() -> Any:
    """Make a day a holiday or a working day, or let its weekday decide again."""
    text, kind = request.form.get("day", ""), request.form.get("kind", "")
    name = clean_text(request.form.get("name", ""), 32)
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or not FIRST_YEAR <= day.year <= LAST_YEAR:
        return _calendar({"day": _("请选择日期，例如 2026-10-01。")}), 422
    if kind not in ("holiday", "working", "weekday"):
        return _calendar({"kind": _("请选择这一天是放假、上班还是照星期。")}), 422
    with saving() as session:
        working = kind == "working" or (kind == "weekday" and day.weekday() < SATURDAY)
        by = signed_in().username
        workdays.set_day(session, day, working, name=name, by=by, at=now())
        record(session, Action.CALENDAR_CHANGED, day.isoformat(), signed_in(), kind=kind, name=name)
        changed = lifecycle.rebuild_running(session, now())
    told = _("%(day)s 已改。%(n)s 件在办工单的时限已重新计算。", day=text, n=changed)
    flash(told, "good")
    return redirect(url_for("rules.calendar", year=day.year))


@blueprint.post("/calendar/years")
def know_year() -> Any:
    """Say that a year's holidays are all written down: its deadlines are final from now on."""
    text = request.form.get("year", "")
    year = int(text) if text.isascii() and text.isdigit() and len(text) == 4 else 0
    if not FIRST_YEAR <= year <= LAST_YEAR:
        abort(400)
    with saving() as session:
        workdays.set_year(session, year, by=signed_in().username, at=now())
        record(session, Action.CALENDAR_CHANGED, str(year), signed_in(), kind="year")
        lifecycle.rebuild_running(session, now())
    flash(_("%(year)s 年的节假日已确认。", year=year), "good")
    return redirect(url_for("rules.calendar", year=year))


def known_years() -> set[int]:
    return set(db().scalars(select(CalendarYear.year)))


def _calendar(problems: dict[str, str]) -> str:
    text = request.args.get("year", "")
    year = int(text) if text.isascii() and text.isdigit() and len(text) == 4 else today().year
    year = min(max(year, FIRST_YEAR), LAST_YEAR)
    first, last = dt.date(year, 1, 1), dt.date(year, 12, 31)
    rows = db().scalars(select(CalendarDay).where(CalendarDay.day.between(first, last)))
    special = {row.day: row for row in rows}
    known = known_years()
    return render_template(
        "calendar.html",
        year=year,
        months=[(month, _weeks(year, month, special)) for month in range(1, 13)],
        special=[special[day] for day in sorted(special)],
        known=year in known,
        missing=[each for each in (today().year, today().year + 1) if each not in known],
        problems=problems,
        form=request.form,
        today=today(),
        first_year=FIRST_YEAR,
        last_year=LAST_YEAR,
    )


def _weeks(year: int, month: int, special: dict[dt.date, CalendarDay]) -> list[list[Day | None]]:
    """The month's weeks from Monday on; None outside of the month."""
    weeks: list[list[Day | None]] = []
    for week in months.Calendar().monthdatescalendar(year, month):
        weeks.append([_day(day, special.get(day)) if day.month == month else None for day in week])
    return weeks


def _day(day: dt.date, row: CalendarDay | None) -> Day:
    usual = day.weekday() < SATURDAY
    if row is None:
        return Day(day, usual, "", False)
    return Day(day, row.working, row.name, row.working != usual)


# --- policies ------------------------------------------------------------------------------------


@blueprint.get("/policies")
def policies() -> str:
    found = list(
        db().scalars(
            select(PolicyVersion).order_by(PolicyVersion.name, PolicyVersion.version.desc())
        )
    )
    current = next((each for each in found if each.current), None)
    return render_template("policies.html", versions=found, shown=current, **_explained(current))


@blueprint.get("/policies/<name>/<int:version>")
def policy(name: str, version: int) -> str:
    found = list(
        db().scalars(
            select(PolicyVersion).order_by(PolicyVersion.name, PolicyVersion.version.desc())
        )
    )
    shown = next((each for each in found if (each.name, each.version) == (name, version)), None)
    if shown is None:
        abort(404)
    return render_template("policies.html", versions=found, shown=shown, **_explained(shown))


def _explained(version: PolicyVersion | None) -> dict[str, Any]:
    """The policy's parts as the page shows them."""
    content = version.content if version is not None else {}
    parts = [(key, value) for key, value in content.items() if isinstance(value, dict | list)]
    plain = [(key, value) for key, value in content.items() if not isinstance(value, dict | list)]
    return {
        "plain": plain,
        "parts": [(key, yaml.safe_dump(value, allow_unicode=True, sort_keys=False).strip())
                  for key, value in parts],
        "manages": Role(signed_in().role) in MANAGES,
    }  # fmt: skip
