"""`callcenter report DAY`: the day's figures, printed or as CSV."""

from __future__ import annotations

import datetime as dt
import time
from pathlib import Path

import click

from callcenter import database
from callcenter.settings import SettingsError, load
from workorder.worktime import CHINA


@click.command("report")
@click.argument("day", default="today")
@click.option("--queue", default="", help="One queue only; all when it isn't given.")
@click.option("--csv", "as_file", is_flag=True, help="CSV instead of lines to read.")
@click.pass_context
def report_command(ctx: click.Context, day: str, queue: str, as_file: bool) -> None:
    """Print a day's figures; DAY is like 2026-03-01, `today` or `yesterday` (China's clock)."""
    from callcenter.day_report import as_csv, as_text, report
    from callcenter.daybook import read_day

    config_file: Path | None = ctx.obj
    engine = database.create_engine(load(config_file).database_url)
    try:
        with database.reading(engine) as session:
            made = report(read_day(session, _day(day), time.time()), queue)
    finally:
        engine.dispose()
    if as_file:
        click.echo(as_csv(made), nl=False)
        return
    for line in as_text(made):
        click.echo(line)


def _day(text: str) -> dt.date:
    today = dt.datetime.now(CHINA).date()
    if text in ("today", "yesterday"):
        return today - dt.timedelta(days=text == "yesterday")
    try:
        return dt.date.fromisoformat(text)
    except ValueError as error:
        raise SettingsError(f"DAY: expected a day such as 2026-03-01, found {text!r}") from error
