"""`callcenter calendar …`: the working days that deadlines are counted by."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from callcenter.settings import SettingsError, load

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

DATE = click.DateTime(["%Y-%m-%d"])
BY = "command line"


@click.group("calendar")
def calendar_command() -> None:
    """Holidays and make-up working days; deadlines follow when they are changed."""


@calendar_command.command("show")
@click.argument("year", type=click.IntRange(2004, 2100))
@click.pass_context
def show_command(ctx: click.Context, year: int) -> None:
    """The days of YEAR that aren't what their weekday says."""
    from workorder import workdays

    with _database(ctx) as (session, now):
        calendar = workdays.load(session)
        for day in sorted(day for day in calendar.exceptions if day.year == year):
            what = "worked" if calendar.works(day) else "free"
            click.echo(f"{day} {day:%a}  {what:<7}{calendar.name(day)}")
        if year not in calendar.years:
            click.echo(f"the holidays of {year} are not complete: deadlines are provisional")
        missing = [other for other in workdays.missing_years(calendar, now) if other != year]
        if missing:
            click.echo(f"warning: {', '.join(map(str, missing))} isn't in the calendar")


@calendar_command.command("set")
@click.argument("first", type=DATE)
@click.argument("last", type=DATE, required=False)
@click.option("--free/--worked", "free", required=True, help="Nobody works, or everybody does.")
@click.option("--name", default="", help="The holiday's name.")
@click.pass_context
def set_command(
    ctx: click.Context, first: dt.datetime, last: dt.datetime | None, free: bool, name: str
) -> None:
    """Say whether the days from FIRST to LAST are worked, and reckon running deadlines again."""
    from workorder import lifecycle, workdays

    end = (last or first).date()
    if not 0 <= (end - first.date()).days <= 31:
        raise SettingsError(f"{end}: expected a day no more than a month after {first.date()}")
    with _database(ctx) as (session, now):
        day = first.date()
        while day <= end:
            workdays.set_day(session, day, not free, name=name[:32], by=BY, at=now)
            day += dt.timedelta(days=1)
        count = lifecycle.rebuild_running(session, now)
    click.echo(f"{count} running orders were reckoned again")


@calendar_command.command("complete")
@click.argument("year", type=click.IntRange(2004, 2100))
@click.pass_context
def complete_command(ctx: click.Context, year: int) -> None:
    """Say that all of YEAR's days have been entered: its deadlines are no longer provisional."""
    from workorder import workdays

    with _database(ctx) as (session, now):
        workdays.set_year(session, year, by=BY, at=now)


@contextmanager
def _database(ctx: click.Context) -> Iterator[tuple[Session, dt.datetime]]:
    from callcenter import database

    engine = database.create_engine(load(ctx.obj).database_url)
    try:
        with database.writing(engine) as session:
            yield session, dt.datetime.now(dt.UTC)
    finally:
        engine.dispose()
