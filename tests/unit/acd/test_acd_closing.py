"""Opening hours of a queue, and what becomes of its contacts at closing time."""

from __future__ import annotations

import datetime as dt

import pytest
from acd_helpers import Desk

from acd.config import Action, Config, ConfigError, OverflowRule, QueueConfig, When
from acd.hours import Hours
from acd.messages import AgentLoggedOut, ContactQueued, Overflow, QueueClosed, QueueOpened, Tick

DAY = Hours(
    week={"mon": ("08:30-12:00", "13:00-17:30"), "tue": ("00:00-24:00",)},
    closed=("2026-10-05",),  # a Monday
    open={"2026-10-10": ("09:00-11:00",)},  # a Saturday
)


@pytest.mark.parametrize(
    ("moment", "open_"),
    [
        ("2026-09-28 08:29", False),
        ("2026-09-28 08:30", True),
        ("2026-09-28 12:00", False),
        ("2026-09-28 17:29", True),
        ("2026-09-29 23:59", True),
        ("2026-09-30 10:00", False),
        ("2026-10-05 10:00", False),
        ("2026-10-10 10:59", True),
        ("2026-10-10 11:00", False),
    ],
)
def test_hours_go_by_the_date_first_and_then_by_the_weekday(moment, open_):
    assert DAY.is_open(dt.datetime.fromisoformat(moment)) is open_


@pytest.mark.parametrize(
    ("hours", "key"),
    [
        ({"week": {"mo": ["08:00-09:00"]}}, "hours.week.mo"),
        ({"week": {"mon": ["09:00-08:00"]}}, "hours.week.mon"),
        ({"open": {"2026-13-01": ["08:00-09:00"]}}, "hours.open.2026-13-01"),
        ({"closed": ["1.10."]}, "hours.closed"),
    ],
)
def test_hours_that_cannot_be_read_are_named(hours, key):
    with pytest.raises(ConfigError) as error:
        Config.from_data({"queues": {"general": {"hours": hours}}})
    assert error.value.key == key


def desk(*rules: OverflowRule) -> Desk:
    queue = QueueConfig(overflow=rules, announce_first_seconds=0)
    return Desk(Config(queues={"general": queue}))


def ended(outputs) -> list[tuple[str, str, str]]:
    return [(o.contact, o.rule, o.action) for o in Desk.of(Overflow, outputs)]


def test_given_no_rule_when_the_queue_is_closed_then_a_newcomer_goes_by_the_default():
    floor = desk()
    floor.talk("1001", "c0", at=0)
    floor.step(QueueClosed(10, "general"))
    out = floor.step(ContactQueued(11, "c1", "general", 11, 11))
    assert ended(out) == [("c1", "closed", "message")]


def test_given_no_rule_when_the_last_agent_leaves_a_closed_queue_then_nobody_waits_on():
    floor = desk()
    floor.ready("1001", at=0)
    first = floor.call("c0", at=1)
    floor.call("c1", at=2)
    floor.step(QueueClosed(10, "general"))
    assert ended(floor.step(Tick(500))) == []  # somebody is there: who waits is served
    out = floor.step(AgentLoggedOut(600, "1001"))
    out += floor.step(Tick(600))
    assert sorted(ended(out)) == [("c0", "closed", "message"), ("c1", "closed", "message")]
    assert first.contact == "c0"
    assert floor.engine.snapshot().contacts == {}


def test_given_a_rule_that_leads_on_when_closing_time_comes_then_the_arrival_is_kept():
    rule = OverflowRule(When.CLOSED, Action.QUEUE, target="night", seconds=60)
    config = Config(
        queues={
            "general": QueueConfig(overflow=(rule,), announce_first_seconds=0),
            "night": QueueConfig(announce_first_seconds=0),
        }
    )
    floor = Desk(config)
    floor.call("c1", at=5)
    floor.step(QueueClosed(10, "general"))
    assert ended(floor.step(Tick(70))) == [("c1", "closed", "queue")]
    contact = floor.engine.snapshot().contacts["c1"]
    assert (contact.queue, contact.queued_at) == ("night", 5)


def test_a_queue_that_opens_again_takes_newcomers():
    floor = desk()
    floor.step(QueueClosed(10, "general"))
    assert floor.engine.closed_queues() == {"general"}
    floor.step(QueueOpened(20, "general"))
    floor.ready("1001", at=21)
    assert floor.call("c1", at=22).agent == "1001"
