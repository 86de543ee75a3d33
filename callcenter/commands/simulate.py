"""`callcenter simulate`: a day through the ACD engine; how many agents it takes."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import click

from acd import report as reports
from acd.simulator import (
    FLAT,
    WORKING_DAY,
    Day,
    Load,
    calls_from_rows,
    make_day,
    simulate,
    staffing,
)


@click.command("simulate")
@click.option("--calls", default=10_000, show_default=True, type=click.IntRange(1), help="Calls.")
@click.option(
    "--agents", default=60, show_default=True, type=click.IntRange(1), help="At the peak."
)
@click.option("--hours", default=24.0, show_default=True, type=click.FloatRange(0.1))
@click.option("--flat", is_flag=True, help="The same load all the time, not a working day's.")
@click.option("--talk", default=150.0, show_default=True, type=click.FloatRange(1), help="Mean s.")
@click.option("--wrap-up", default=30.0, show_default=True, type=click.FloatRange(0), help="s.")
@click.option(
    "--patience", default=180.0, show_default=True, type=click.FloatRange(1), help="Mean s."
)
@click.option(
    "--no-answer", default=0.0, type=click.FloatRange(0, 0.9), help="Share of offers missed."
)
@click.option("--seed", default=1, show_default=True)
@click.option(
    "--replay",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Recorded calls: CSV with arrived_at, talk (seconds) and maybe patience, priority.",
)
@click.option(
    "--staffing", "table", is_flag=True, help="How many agents for 80 % in 15 s and 95 %?"
)
@click.option(
    "--charts",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for charts (SVG).",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def simulate_command(
    calls: int,
    agents: int,
    hours: float,
    flat: bool,
    talk: float,
    wrap_up: float,
    patience: float,
    no_answer: float,
    seed: int,
    replay: Path | None,
    table: bool,
    charts: Path | None,
    as_json: bool,
) -> None:
    """Run a day through the ACD engine in virtual time."""
    load = Load(
        calls=calls,
        hours=hours,
        profile=FLAT if flat or table else WORKING_DAY,
        talk_seconds=talk,
        wrap_up_seconds=wrap_up,
        patience_seconds=patience,
        no_answer=no_answer,
    )
    if table:
        _staffing(load, seed, as_json)
        return
    day = make_day(load, agents, seed)
    result = simulate(_replayed(day, replay, patience) if replay else day)
    if charts:
        charts.mkdir(parents=True, exist_ok=True)
        for name, svg in reports.charts(result).items():
            (charts / name).write_text(svg, encoding="utf-8")
    click.echo(json.dumps(reports.figures(result)) if as_json else "\n".join(reports.lines(result)))


def _replayed(day: Day, path: Path, patience: float) -> Day:
    try:
        with path.open(encoding="utf-8-sig", newline="") as rows:
            calls = calls_from_rows(csv.DictReader(rows), patience)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--replay") from error
    unknown = {call.queue for call in calls} - set(day.config.queues)
    config = replace(
        day.config,
        queues={**day.config.queues, **dict.fromkeys(unknown, day.config.queues["general"])},
    )
    queues = dict.fromkeys(config.queues, 0)
    shifts = tuple(replace(shift, queues=queues) for shift in day.shifts)
    return replace(day, calls=tuple(calls), shifts=shifts, config=config)


def _staffing(load: Load, seed: int, as_json: bool) -> None:
    lines = staffing(load, reports.around_erlang_c(load), seed)
    rows = reports.staffing_rows(load, lines)
    click.echo(json.dumps(rows) if as_json else "\n".join(reports.staffing_lines(rows)))
