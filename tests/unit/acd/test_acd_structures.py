"""The structures under the engine: the masked order, deadlines; and that nothing is scanned."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acd import bench
from acd.agents import TRANSITIONS, Step
from acd.messages import AgentState
from acd.order import MaskedOrder
from acd.timers import Timers


@dataclass
class Item:
    mask: int


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["add", "add", "add", "remove", "change", "ask"]),
            st.integers(0, 400),
            st.integers(0, 255),
        ),
        max_size=600,
    ),
    st.integers(0, 300),
)
def test_the_masked_order_finds_what_a_scan_finds(events, filling):
    order: MaskedOrder[Item] = MaskedOrder()
    plain: dict[int, Item] = {}
    for number in range(filling):
        plain[1000 + number * 7 % 307] = item = Item(1 << number % 9)
        order.add(1000 + number * 7 % 307, item)
    for kind, key, mask in events:
        if kind == "add" and key not in plain:
            plain[key] = Item(mask)
            order.add(key, plain[key])
        elif kind == "remove" and key in plain:
            del plain[key]
            order.remove(key)
        elif kind == "change" and key in plain:
            plain[key].mask = mask
            order.widen(key)
        else:
            found = next((plain[k] for k in sorted(plain) if plain[k].mask & mask), None)
            assert order.first(mask) is found
    assert len(order) == len(plain)
    assert list(order) == [plain[key] for key in sorted(plain)]


def test_a_key_that_is_not_there_is_an_error():
    order: MaskedOrder[Item] = MaskedOrder()
    with pytest.raises(KeyError):
        order.remove(1)
    order.add(2, Item(1))
    for key in (1, 3):
        with pytest.raises(KeyError):
            order.remove(key)


def test_deadlines_come_in_order_and_the_last_one_set_counts():
    timers = Timers()
    timers.set(("a", "1"), 10)
    timers.set(("a", "2"), 5)
    timers.set(("a", "1"), 3)
    timers.set(("a", "3"), 4)
    timers.cancel(("a", "3"))
    assert timers.next() == 3
    assert timers.pop(2) is None
    assert [timers.pop(20) for _ in range(3)] == [("a", "1"), ("a", "2"), None]


def test_outdated_deadlines_are_swept():
    timers = Timers()
    for number in range(10_000):
        timers.set(("a", str(number % 3)), 10_000 - number)
    assert len(timers._heap) < 1100
    assert timers.pop(10_000) == ("a", "0")


def test_every_state_can_be_reached_and_left():
    reached = {new for steps in TRANSITIONS.values() for new in steps.values()}
    assert reached == set(TRANSITIONS) == set(AgentState)
    assert {step for steps in TRANSITIONS.values() for step in steps} == set(Step)


# --- no scan --------------------------------------------------------------------------------


def lines_of_a_decision(agents: int, waiting: int, queues: int = 1, skills: int = 0) -> float:
    """Count the engine's lines run for one call that ends and the one that follows it."""
    scene = bench._Scene(agents, queues, skills, 1)
    scene.log_in()
    scene.make_ready()
    offers = [offer for _ in range(2 * agents) for offer in scene.arrival()]
    for _ in range(waiting):
        scene.arrival()
    lines = 0

    def count(frame, event, _):
        nonlocal lines
        if "acd" not in frame.f_code.co_filename:
            return None
        lines += event == "line"
        return count

    rounds = 20
    before = sys.gettrace()
    sys.settrace(count)
    try:
        for offer in offers[:rounds]:
            scene.finish(offer)
            scene.arrival()
    finally:
        sys.settrace(before)
    return lines / rounds


def test_a_decision_costs_the_same_with_many_more_waiting():
    assert lines_of_a_decision(30, 5000) < 1.2 * lines_of_a_decision(30, 50)


def test_a_decision_costs_hardly_more_with_many_more_agents_and_skills():
    few = lines_of_a_decision(30, 100, queues=5, skills=10)
    many = lines_of_a_decision(1500, 3000, queues=5, skills=100)
    assert many < 3 * few


def test_the_bench_measures_what_it_says():
    figures = bench.decisions(agents=60, waiting=50, skills=10, rounds=20)
    assert [figure.name for figure in figures] == [
        "decision, agents free, p50",
        "decision, agents free, p99",
        "decision, all busy, p50",
        "decision, all busy, p99",
    ]
    assert all(figure.value > 0 for figure in figures)
    [memory] = bench.memory(agents=20, waiting=20, skills=5)
    assert 0 < memory.value < 50
    assert len(bench.growth(sizes=(10, 20), rounds=5)) == 2
    assert len(bench.announcements(waiting=20, rounds=10)) == 2
    assert len(bench.abandonment(waiting=20)) == 2
