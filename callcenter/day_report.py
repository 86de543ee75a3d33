"""A day's report out of its counts: the same for the API, the command line and a file."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from callcenter.agent_day import together
from callcenter.daybook import ALL, Day
from callcenter.figures import DEFINITIONS, QUARTER, Figure, Tally, figures
from workorder.worktime import CHINA


@dataclass(frozen=True, slots=True)
class FigureLine:
    name: str
    value: float | None
    unit: str
    numerator: float
    denominator: float
    target: float | None
    met: bool | None
    definition: str
    left_out: str


@dataclass(frozen=True, slots=True)
class QuarterLine:
    start: dt.datetime
    counts: Tally
    connection_rate: Figure
    service_level: Figure


@dataclass(frozen=True, slots=True)
class AgentLine:
    agent: str
    calls: int
    handling_seconds: float
    idle_seconds: float
    handling_time: float | None  # seconds a call
    occupancy: float | None  # percent


@dataclass(frozen=True, slots=True)
class Report:
    """`queue` is empty for all; agents' time can't be told apart by queue and stays whole."""

    day: dt.date
    queue: str
    over: bool
    now: float
    going_on: int
    counts: Tally
    figures: tuple[FigureLine, ...]
    quarters: tuple[QuarterLine, ...]
    agents: tuple[AgentLine, ...]


def report(day: Day, queue: str = ALL) -> Report:
    spent = day.agents.all(day.now)
    counts = day.calls.totals.get(queue) or Tally()
    found = figures(counts, together(spent.values()) if queue == ALL else None)
    quarters = day.calls.quarters.get(queue) or {}
    return Report(
        day=day.calls.day,
        queue=queue,
        over=day.over,
        now=day.now,
        going_on=len(day.calls.going_on),
        counts=counts,
        figures=tuple(_line(each) for each in found.values()),
        quarters=tuple(
            _quarter(day.calls.start + place * QUARTER, quarters[place])
            for place in sorted(quarters)
        ),
        agents=tuple(_agent(agent, figures(Tally(), spent[agent])) for agent in spent),
    )


def _line(figure: Figure) -> FigureLine:
    definition, left_out = DEFINITIONS[figure.name]
    return FigureLine(
        figure.name,
        figure.value,
        figure.unit,
        figure.numerator,
        figure.denominator,
        figure.target,
        figure.met,
        definition,
        left_out,
    )


def _quarter(start: float, counts: Tally) -> QuarterLine:
    found = figures(counts)
    return QuarterLine(
        dt.datetime.fromtimestamp(start, CHINA),
        counts,
        found["connection_rate"],
        found["service_level"],
    )


def _agent(agent: str, found: dict[str, Figure]) -> AgentLine:
    time, share = found["handling_time"], found["occupancy"]
    return AgentLine(
        agent,
        int(time.denominator),
        time.numerator,
        share.denominator - share.numerator,
        time.value,
        share.value,
    )


# --- as text and as CSV --------------------------------------------------------------------------


def as_csv(made: Report) -> str:
    """Three tables with a title line each; numbers as they are, without rounding for show."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(["figures", made.day.isoformat(), made.queue or "all queues"])
    writer.writerow(
        ["name", "value", "unit", "numerator", "denominator", "target", "definition", "left out"]
    )
    for line in made.figures:
        value = "" if line.value is None else f"{line.value:.4f}"
        writer.writerow(
            [
                *(line.name, value, line.unit, line.numerator, line.denominator),
                *(line.target or "", line.definition, line.left_out),
            ]
        )
    writer.writerow([])
    names = list(asdict(made.counts))
    writer.writerow(["quarter", *names, "connection rate %", "answered in 15 s %"])
    for quarter in made.quarters:
        counts = asdict(quarter.counts)
        rates = [_plain(each.value) for each in (quarter.connection_rate, quarter.service_level)]
        writer.writerow([f"{quarter.start:%H:%M}", *(counts[name] for name in names), *rates])
    writer.writerow([])
    writer.writerow(["agent", "calls", "handling s", "ready s", "s a call", "occupancy %"])
    for agent in made.agents:
        spent = [f"{agent.handling_seconds:.0f}", f"{agent.idle_seconds:.0f}"]
        writer.writerow(
            [agent.agent, agent.calls, *spent, _plain(agent.handling_time), _plain(agent.occupancy)]
        )
    return out.getvalue()


def as_text(made: Report) -> Iterator[str]:
    """Lines for a terminal."""
    state = "" if made.over else f", up to {dt.datetime.fromtimestamp(made.now, CHINA):%H:%M:%S}"
    yield f"{made.day.isoformat()}, {made.queue or 'all queues'}{state}"
    yield ""
    for line in made.figures:
        value = "–" if line.value is None else f"{line.value:.1f} {line.unit}"
        target = "" if line.target is None else f"  (target ≥ {line.target:g} %)"
        parts = f"{line.numerator:g} ÷ {line.denominator:g}"
        yield f"{line.name:<26} {value:>10}   {parts:<22}{target}"
        yield f"{'':<26} {line.definition}; left out: {line.left_out}"
    yield ""
    yield f"{'quarter':<8}{'in':>6}{'queued':>8}{'answered':>10}{'≤ 15 s':>8}{'gave up':>9}"
    for quarter in made.quarters:
        counts = quarter.counts
        yield (
            f"{quarter.start:%H:%M}   {counts.arrived:>6}{counts.queued:>8}{counts.answered:>10}"
            f"{counts.answered_in_time:>8}{counts.abandoned:>9}"
        )
    yield ""
    yield f"{'agent':<8}{'calls':>6}{'s a call':>10}{'occupancy':>11}"
    for agent in made.agents:
        share = _plain(agent.occupancy)
        yield (
            f"{agent.agent:<8}{agent.calls:>6}{_plain(agent.handling_time):>10}"
            f"{share + ' %' if share else '':>11}"
        )


def _plain(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"
