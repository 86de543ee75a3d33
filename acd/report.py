"""A simulation's results as lines of text, as plain data and as charts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from acd import chart, erlang
from acd.simulator import PART_SECONDS, Load, Report, Staffing

SERVICE_LEVEL_GOAL = 0.80  # of the answered within 15 s (work standard, GB/T 33358)
CONNECTION_GOAL = 0.95  # answered ÷ entered a queue


def figures(report: Report) -> dict[str, Any]:
    """Return the figures as plain data; shares from 0 to 1, times in seconds."""
    return {
        "offered": report.offered,
        "answered": report.answered,
        "answered_in_time": report.answered_in_time,
        "abandoned": report.abandoned,
        "abandoned_within_5s": report.abandoned_short,
        "overflowed": report.overflowed,
        "service_level_15s": report.service_level,
        "service_level_15s_of_offered": report.service_level_offered,
        "connection_rate": report.connection_rate,
        "abandonment": report.abandonment,
        "mean_wait": report.mean_wait,
        "wait_p90": report.wait_below(0.9),
        "wait_max": max(report.waits, default=0.0),
        "occupancy": report.occupancy,
        "estimates": len(report.estimates),
        "estimate_error": report.estimate_error,
        "estimate_error_absolute": report.estimate_error_absolute,
    }


def lines(report: Report) -> list[str]:
    """Describe a day, every share with what it is a share of."""
    told = [
        f"offered (entered a queue)        {report.offered}",
        f"answered                         {report.answered}",
        f"abandoned                        {report.abandoned}"
        f"  ({report.abandonment:.1%} of offered; {report.abandoned_short} within 5 s)",
        f"overflowed by rule               {report.overflowed}",
        f"service level 15 s               {report.service_level:.1%} of answered,"
        f" {report.service_level_offered:.1%} of offered",
        f"connection rate                  {report.connection_rate:.1%} (answered ÷ offered)",
        f"wait of the answered             mean {report.mean_wait:.1f} s,"
        f" 90 % under {report.wait_below(0.9):.1f} s",
        f"occupancy                        {report.occupancy:.1%} of staffed time",
    ]
    if report.estimate_error is not None and report.estimate_error_absolute is not None:
        told.append(
            f"wait estimates announced         {len(report.estimates)}, error on average"
            f" {report.estimate_error:+.1f} s, absolute {report.estimate_error_absolute:.1f} s"
        )
    return told


def charts(report: Report) -> dict[str, str]:
    """Return the day's charts as SVG, by file name."""
    parts = sorted(report.by_part.items())
    levels = [(_clock(part), in_time / offered) for part, (offered, in_time) in parts]
    offered = [(_clock(part), float(counts[0])) for part, counts in parts]
    waits = [0] * 13
    for wait in report.waits:
        waits[min(12, int(wait // 10))] += 1
    spread = [(f"{10 * place} s", float(count)) for place, count in enumerate(waits)]
    return {
        "service-level.svg": chart.bars(
            "Answered within 15 s, of offered, by half hour",
            levels,
            "arrival",
            "share",
            SERVICE_LEVEL_GOAL,
        ),
        "arrivals.svg": chart.bars("Contacts by half hour", offered, "arrival", "contacts"),
        "waits.svg": chart.bars("Waits of the answered", spread, "wait from", "contacts"),
        "estimates.svg": chart.points(
            "Announced and real waits", report.estimates, "announced, s", "real, s"
        ),
    }


def _clock(part: int) -> str:
    minutes = int(part * PART_SECONDS // 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def around_erlang_c(load: Load, within: float = 15.0) -> range:
    """Return numbers of agents worth simulating, around what Erlang C asks for."""
    offered = load.calls / (load.hours * 3600) * load.handling_seconds
    needed = erlang.agents_needed(offered, load.handling_seconds, within, SERVICE_LEVEL_GOAL)
    step = max(1, needed // 30)
    return range(max(1, needed - 5 * step), needed + 4 * step, step)


def staffing_rows(
    load: Load, table: Sequence[Staffing], within: float = 15.0
) -> list[dict[str, Any]]:
    """Set the simulated figures beside those of Erlang C and Erlang A."""
    rows = []
    for line in table:
        handling = load.handling_seconds
        c = erlang.erlang_c(line.load, line.agents, handling, within)
        a = erlang.erlang_a(line.load, line.agents, handling, load.patience_seconds, within)
        rows.append(
            {
                "agents": line.agents,
                "service_level": line.report.service_level,
                "service_level_of_offered": line.report.service_level_offered,
                "connection_rate": line.report.connection_rate,
                "mean_wait": line.report.mean_wait,
                "occupancy": line.report.occupancy,
                "erlang_c_service_level": c.service_level,
                "erlang_a_service_level": a.service_level,
                "erlang_a_connection_rate": 1 - a.abandoned,
                "enough": line.report.service_level >= SERVICE_LEVEL_GOAL
                and line.report.connection_rate >= CONNECTION_GOAL,
            }
        )
    return rows


def staffing_lines(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Print the table, with the fewest agents that are enough."""
    told = [
        "        simulated                                      Erlang C  Erlang A",
        "agents  15 s/answ. 15 s/off. connected  wait  occupancy  15 s/off. 15 s/off. connected",
    ]
    told.extend(
        f"{row['agents']:6d}  {row['service_level']:9.1%} {row['service_level_of_offered']:9.1%}"
        f" {row['connection_rate']:9.1%} {row['mean_wait']:6.1f} {row['occupancy']:9.1%}"
        f"  {row['erlang_c_service_level']:9.1%} {row['erlang_a_service_level']:9.1%}"
        f" {row['erlang_a_connection_rate']:9.1%}{'  *' if row['enough'] else ''}"
        for row in rows
    )
    enough = [row["agents"] for row in rows if row["enough"]]
    if enough:
        told.append(f"* enough for 80 % in 15 s and 95 % connected: {min(enough)} agents or more")
    else:
        told.append("none of these is enough for 80 % in 15 s and 95 % connected")
    return told
