"""Simulated days held against textbook queues."""

from __future__ import annotations

import json
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from acd import chart, report
from acd.config import Action, Config, OverflowRule, QueueConfig, When
from acd.erlang import agents_needed, erlang_a, erlang_b, erlang_c
from acd.simulator import (
    FLAT,
    Call,
    Day,
    Load,
    Shift,
    calls_from_rows,
    make_day,
    make_shifts,
    simulate,
    staffing,
)
from callcenter.commands.simulate import simulate_command

STEADY = Load(
    calls=5000,
    hours=5000 * 180 / 25 / 3600,  # 25 erlang
    profile=FLAT,
    talk_seconds=180,
    wrap_up_seconds=0,
    ring_seconds=0,
)


# --- textbook queues ------------------------------------------------------------------------


def test_erlang_c_gives_the_known_figures():
    found = erlang_c(25, 30, 180, 15)
    assert found.waits == pytest.approx(0.2499, abs=5e-5)
    assert found.service_level == pytest.approx(0.8353, abs=5e-5)
    assert found.mean_wait == pytest.approx(9.0, abs=0.05)


def test_erlang_b_gives_the_known_figure():
    assert erlang_b(10, 10) == pytest.approx(0.2146, abs=5e-5)


def test_too_few_agents_serve_nobody_in_time():
    assert erlang_c(30, 30, 180, 15).service_level == 0
    assert agents_needed(25, 180, 15, 0.8) == 30


def test_erlang_a_with_endless_patience_is_erlang_c():
    endless = erlang_a(25, 30, 180, 1e8, 15)
    known = erlang_c(25, 30, 180, 15)
    assert endless.service_level == pytest.approx(known.service_level, abs=1e-4)
    assert endless.waits == pytest.approx(known.waits, abs=1e-4)


def test_erlang_a_agrees_with_the_steady_state_of_its_birth_and_death_process():
    load, agents, handling, patience = 33.0, 30, 180.0, 120.0
    weight, weights = 1.0, []
    for here in range(400):
        weights.append(weight)
        leaving = min(here + 1, agents) / handling + max(0, here + 1 - agents) / patience
        weight *= load / handling / leaving
    total = sum(weights)
    waits = sum(weights[agents:]) / total
    queue = sum((here - agents) * w for here, w in enumerate(weights) if here > agents) / total
    found = erlang_a(load, agents, handling, patience, 15)
    assert found.waits == pytest.approx(waits, rel=1e-3)
    assert found.abandoned == pytest.approx(queue / patience * handling / load, rel=1e-3)


def test_erlang_a_bears_a_load_far_beyond_its_agents():
    assert erlang_a(2000, 100, 180, 600, 15).abandoned == pytest.approx(0.95, abs=0.01)


# --- the simulator --------------------------------------------------------------------------


def test_a_day_is_repeated_exactly():
    load = replace(STEADY, calls=800, no_answer=0.1)
    first, second = (simulate(make_day(load, 25, seed=7)) for _ in range(2))
    assert first == second
    assert simulate(make_day(load, 25, seed=8)) != first


@pytest.mark.parametrize("agents", [24, 30])
def test_a_steady_load_comes_out_like_erlang_a(agents):
    days = [simulate(make_day(STEADY, agents, seed)) for seed in (1, 2)]
    theory = erlang_a(25, agents, 180, 180, 15)
    level = sum(day.service_level_offered for day in days) / 2
    abandoned = sum(day.abandonment for day in days) / 2
    occupancy = sum(day.occupancy for day in days) / 2
    assert level == pytest.approx(theory.service_level, abs=0.04)
    assert abandoned == pytest.approx(theory.abandoned, abs=0.015)
    assert occupancy == pytest.approx(theory.occupancy, abs=0.03)


def test_endless_patience_comes_out_like_erlang_c():
    load = replace(STEADY, patience_seconds=1e7)
    levels = [simulate(make_day(load, 30, seed)).service_level_offered for seed in (1, 2)]
    assert sum(levels) / 2 == pytest.approx(0.8353, abs=0.05)


def test_wait_estimates_are_honest():
    day = simulate(make_day(STEADY, 23, seed=3))
    assert len(day.estimates) > 500
    assert abs(day.estimate_error) < 6
    assert day.estimate_error_absolute < 15


def test_everybody_comes_out_somehow_even_with_missed_calls_and_limits():
    rules = (
        OverflowRule(When.FULL, Action.CALLBACK, limit=5),
        OverflowRule(When.WAITED, Action.MESSAGE, seconds=60),
    )
    config = Config(queues={"general": QueueConfig(overflow=rules)})
    load = Load(calls=2000, hours=4, no_answer=0.2)
    day = simulate(make_day(load, 20, seed=1, config=config))
    assert day.answered + day.abandoned + day.overflowed == day.offered == 2000
    assert min(day.answered, day.abandoned, day.overflowed) > 50
    assert max(day.waits) < 60 + 25 + 3


def test_a_night_without_agents_answers_nobody():
    calls = (Call(10, talk=60, patience=30), Call(1000, talk=60, patience=30))
    config = Config(queues={"general": QueueConfig()})
    day = simulate(Day(calls, (Shift("1001", 900, 2000),), config))
    assert (day.answered, day.abandoned) == (1, 1)


def test_skills_are_replayed():
    calls = (Call(10, 60, 30, requirement="tax"), Call(11, 60, 30))
    config = Config(queues={"general": QueueConfig()})
    shifts = (Shift("1001", 0, 900), Shift("1002", 0, 900, skills={"tax": 1}))
    assert simulate(Day(calls, shifts, config)).answered == 2
    assert simulate(Day(calls, shifts[:1], config)).answered == 1


def test_shifts_follow_the_load():
    shifts = make_shifts(Load(hours=2, profile=(0.5, 1.0)), 4)
    assert [(shift.agent, shift.start, shift.end) for shift in shifts] == [
        ("1001", 0, 7200),
        ("1002", 0, 7200),
        ("1003", 3600, 7200),
        ("1004", 3600, 7200),
    ]


def test_recorded_calls_are_read():
    rows = [
        {"arrived_at": "20", "talk": "5", "patience": "", "queue": "tax", "priority": "2"},
        {"arrived_at": "10", "talk": "6.5", "patience": "7"},
    ]
    assert calls_from_rows(rows, 180) == [
        Call(10, 6.5, 7),
        Call(20, 5, 180, "tax", "", 2),
    ]
    with pytest.raises(ValueError, match="row 2: could not convert"):
        calls_from_rows([rows[0], {"arrived_at": "x", "talk": "1"}], 180)
    with pytest.raises(ValueError, match="row 1: 'talk'"):
        calls_from_rows([{"arrived_at": "1"}], 180)


# --- what is shown --------------------------------------------------------------------------


def test_the_staffing_table_finds_enough_agents():
    load = replace(STEADY, calls=3000, hours=3000 * 180 / 25 / 3600)
    rows = report.staffing_rows(load, staffing(load, (22, 34)))
    assert [row["enough"] for row in rows] == [False, True]
    assert rows[1]["erlang_c_service_level"] > 0.9
    assert report.staffing_lines(rows)[-1].endswith("34 agents or more")
    assert report.staffing_lines(rows[:1])[-1].startswith("none of these")
    assert 30 in report.around_erlang_c(load)


def test_charts_are_well_formed():
    day = simulate(make_day(Load(calls=500, hours=3), 10, seed=1))
    found = report.charts(day)
    assert len(found) == 4
    for svg in found.values():
        root = ElementTree.fromstring(svg)
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
    bars = ElementTree.fromstring(chart.bars("a < b & c", [("x", 1.0), ("y", 3.0)], "x", "y", 2))
    shapes = [shape for shape in bars.iter() if shape.tag.endswith("rect")]
    assert [float(shape.get("height")) for shape in shapes[1:]] == [44.8, 134.4]


def test_charts_of_nothing_are_drawn():
    for svg in (chart.bars("t", [], "x", "y"), chart.points("t", [], "x", "y")):
        ElementTree.fromstring(svg)


def run(*arguments: str):
    return CliRunner().invoke(simulate_command, arguments)


def test_the_command_prints_figures_and_writes_charts(tmp_path):
    result = run("--calls", "300", "--agents", "20", "--charts", str(tmp_path / "new"), "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.output)["offered"] == 300
    assert len(list((tmp_path / "new").glob("*.svg"))) == 4


def test_the_command_replays_a_file(tmp_path):
    file = tmp_path / "calls.csv"
    file.write_text("arrived_at,talk,queue\n30000,60,tax\n30010,60,general\n")
    result = run("--replay", str(file))
    assert "answered                         2" in result.output
    file.write_text("arrived_at,talk\n30000,long\n")
    result = run("--replay", str(file))
    assert (result.exit_code, "row 1" in result.output) == (2, True)


def test_the_command_prints_a_staffing_table():
    result = run("--staffing", "--calls", "400", "--hours", "4")
    assert result.exit_code == 0, result.output
    assert "Erlang C" in result.output
