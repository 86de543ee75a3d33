"""What is counted of a call, of a day, of an agent's time."""

from __future__ import annotations

import dataclasses
import datetime as dt
import random

import pytest

from acd.engine import Engine
from acd.messages import Announce, ContactQueued, Offer, OfferAnswered
from acd.simulator import Load, make_day, simulate
from callcenter.agent_day import AgentBook, together
from callcenter.daybook import ALL, DayBook, bounds
from callcenter.events import Event, Kind, event
from callcenter.figures import CallFacts, Figure, Handling, Tally, figures, tally, total
from callcenter.projection import fold

DAY = dt.date(2026, 3, 2)
START, END = bounds(DAY)


def call(call_id="c", at=36_000.0, **values) -> CallFacts:
    """A call that arrived `at` seconds after midnight; other times are seconds after that."""
    fields = {
        "queue": None, "queued_at": None, "queue_left_at": None, "answered_at": None,
        "told_at": None, "told_seconds": None,
        "ended_at": None, "outcome": None, "rating": None, "placed": False,
    }  # fmt: skip
    arrived = START + at
    for name, value in values.items():
        if name.endswith("_at") and value is not None:
            value = arrived + value
        fields[name] = value
    return CallFacts(call_id, arrived, **fields)


def counted(facts: CallFacts) -> dict[str, float]:
    return {name: value for name, value in dataclasses.asdict(tally(facts)).items() if value}


def test_an_answer_at_exactly_15_seconds_is_in_time_and_a_millisecond_later_is_not():
    queued = {"queue": "general", "queued_at": 0.0}
    assert tally(call(answered_at=15.0, **queued)).answered_in_time == 1
    assert tally(call(answered_at=15.001, **queued)).answered_in_time == 0


def test_who_waits_is_in_no_rate_yet_and_who_left_the_queue_is():
    waits = call(queue="general", queued_at=3.0)
    assert counted(waits) == {"arrived": 1, "queued": 1, "waiting": 1}
    leaves_a_message = dataclasses.replace(waits, queue_left_at=waits.queued_at + 60)
    assert tally(leaves_a_message).settled == 1


def test_who_gives_up_within_5_seconds_is_told_apart():
    gone = {"queue": "general", "queued_at": 10.0, "outcome": "abandoned_in_queue"}
    early = tally(call(queue_left_at=14.9, ended_at=15.0, **gone))
    late = tally(call(queue_left_at=15.0, ended_at=15.1, **gone))
    assert (early.abandoned, early.abandoned_early) == (1, 1)
    assert (late.abandoned, late.abandoned_early) == (1, 0)
    both = Tally()
    both.add(early)
    both.add(late)
    assert figures(both)["abandonment"].parts == "1 ÷ 1 = 100.0%"


def test_a_call_that_the_hotline_placed_counts_for_nothing_but_its_rating():
    back = call(queue="general", queued_at=-600.0, answered_at=2.0, ended_at=90.0, rating=4,
                outcome="answered", placed=True)  # fmt: skip
    assert counted(back) == {"placed": 1, "rated": 1}


def test_a_figure_says_its_parts_its_target_and_nothing_when_there_is_nothing():
    counts = Tally(queued=10, waiting=2, answered=6, answered_in_time=3)
    found = figures(counts)
    assert found["connection_rate"].parts == "6 ÷ 8 = 75.0%"
    assert found["connection_rate"].met is False
    assert found["service_level_of_queued"].parts == "3 ÷ 8 = 37.5%"
    empty = figures(Tally(), Handling())
    assert all(each.value is None and each.met is None for each in empty.values())
    assert empty["occupancy"].parts == "0 ÷ 0 = –"
    assert figures(Tally())["satisfaction"] == Figure("satisfaction", 0, 0, "%", 98.0)


def test_a_book_counts_a_call_once_however_often_and_in_whatever_state_it_is_put_in():
    rng = random.Random(5)
    last: dict[str, CallFacts] = {}
    book = DayBook(DAY)
    for _ in range(400):
        name = f"c{rng.randrange(60)}"
        at = 60.0 * int(name[1:]) * 20
        stage = rng.randrange(4)
        facts = call(
            name, at,
            queue=rng.choice(["general", "tax"]) if stage else None,
            queued_at=5.0 if stage else None,
            answered_at=rng.uniform(6, 40) if stage > 1 else None,
            ended_at=90.0 if stage > 2 else None,
            outcome="answered" if stage > 2 else None,
            rating=rng.choice([None, 1, 5]) if stage > 2 else None,
        )  # fmt: skip
        book.put(facts)
        last[name] = facts
    once = total(last.values())
    assert dataclasses.asdict(book.totals[ALL]) == pytest.approx(dataclasses.asdict(once))
    assert book.going_on == {name for name, facts in last.items() if facts.ended_at is None}
    for queue in ("general", "tax"):
        parts = total(facts for facts in last.values() if facts.queue == queue)
        assert dataclasses.asdict(book.totals[queue]) == pytest.approx(dataclasses.asdict(parts))
    summed = Tally()
    for quarter in book.quarters[ALL].values():
        summed.add(quarter)
    assert dataclasses.asdict(summed) == pytest.approx(dataclasses.asdict(once))


def test_the_error_of_announced_waits_in_the_day_is_what_the_engine_measured(monkeypatch):
    """A day is simulated, its events are written down as the controller does, and counted."""
    events: list[Event] = []
    engines: list[Engine] = []

    class Written(Engine):
        def __init__(self, *args, **more) -> None:
            super().__init__(*args, **more)
            self.offered: dict[str, str] = {}
            engines.append(self)

        def step(self, message):
            def tell(kind, contact, **data):
                events.append(event(kind, contact, at=START + message.at, **data))

            if isinstance(message, ContactQueued):
                tell(Kind.CALL_ARRIVED, message.contact, caller="13800000000")
                tell(Kind.QUEUE_JOINED, message.contact, queue=message.queue)
            elif isinstance(message, OfferAnswered):
                tell(Kind.TALK_STARTED, self.offered[message.offer], agent="1001")
            outputs = super().step(message)
            for output in outputs:
                if isinstance(output, Offer):
                    self.offered[output.offer] = output.contact
                elif isinstance(output, Announce):
                    tell(Kind.QUEUE_ANNOUNCED, output.contact, estimate=output.estimate_seconds)
            return outputs

    monkeypatch.setattr("acd.simulator.Engine", Written)
    simulate(make_day(Load(calls=600, hours=2.0, profile=(1.0,)), agents=13, seed=3))
    counts = Tally()
    stories: dict[str | None, list[Event]] = {}
    for told in events:
        stories.setdefault(told.call, []).append(told)
    for story in stories.values():
        columns = fold(story).columns() | {"placed": False}
        facts = {field.name: columns[field.name] for field in dataclasses.fields(CallFacts)}
        counts.add(tally(CallFacts(**{name: _seconds(value) for name, value in facts.items()})))
    (queue,) = engines[0].queues().values()
    found = figures(counts)
    assert counts.told == queue.estimates > 50
    assert found["wait_estimate_error"].value == pytest.approx(
        queue.estimate_error_absolute, abs=0.01
    )
    assert found["wait_estimate_bias"].value == pytest.approx(queue.estimate_error, abs=0.01)


def _seconds(value):
    return value.timestamp() if isinstance(value, dt.datetime) else value


def test_a_call_belongs_to_the_day_and_the_quarter_in_which_it_arrived():
    book = DayBook(DAY)
    book.put(call("first", 0.0))
    book.put(call("last", 86_399.9, queue="general", queued_at=5.0))
    book.put(call("yesterday", -1.0))
    book.put(call("tomorrow", 86_400.0))
    assert {quarter: part.arrived for quarter, part in book.quarters[ALL].items()} == {0: 1, 95: 1}
    assert book.going_on == {"first", "last", "yesterday", "tomorrow"}  # of any day


def test_an_agent_s_day_is_handling_and_idle_and_what_is_neither():
    book = AgentBook(START, END)
    steps = [
        (100, "logged_out", "ready"), (160, "ready", "reserved"), (161, "reserved", "ringing"),
        (165, "ringing", "talking"), (200, "talking", "holding"), (210, "holding", "talking"),
        (225, "talking", "wrap_up"), (245, "wrap_up", "ready"), (300, "ready", "not_ready"),
        (900, "not_ready", "ready"),
    ]  # fmt: skip
    for at, old, new in steps:
        book.take(START + at, "1001", old, new)
    assert book.of("1001", START + 910) == Handling(calls=1, handling=80.0, idle=60 + 55 + 10)
    assert book.of("1001", END + 5000).idle == 60 + 55 + (86_400 - 900)  # no longer than the day
    assert book.of("1002", START) == Handling()
    found = figures(Tally(), book.of("1001", START + 910))
    assert found["handling_time"].parts == "80 ÷ 1 = 80.0 s"
    assert found["occupancy"].parts == "80 ÷ 205 = 39.0%"


def test_the_state_before_an_agent_s_first_event_counts_from_midnight():
    book = AgentBook(START, END)
    book.take(START - 10, "1001", "logged_out", "talking")  # yesterday's
    book.take(START + 30, "1001", "talking", "wrap_up")
    book.take(START + 40, "1001", "wrap_up", "logged_out")
    assert book.of("1001", START + 100) == Handling(calls=0, handling=40.0, idle=0.0)
    assert together([Handling(1, 2.0, 3.0), Handling(4, 5.0, 6.0)]) == Handling(5, 7.0, 9.0)
