"""Limits and overflow, closing time, changes of configuration, settings and their errors."""

from __future__ import annotations

import pytest
from acd_helpers import Desk

from acd.config import Action, Config, ConfigError, OverflowRule, QueueConfig, Strategy, When
from acd.messages import (
    AgentLoggedOut,
    AgentState,
    ContactLeft,
    ContactQueued,
    LeaveReason,
    Offer,
    OfferEnded,
    OfferResult,
    Overflow,
    QueueClosed,
    QueueOpened,
    Tick,
)

CALM = {"announce_first_seconds": 0}


def desk(*rules: OverflowRule, **queues: QueueConfig) -> Desk:
    return Desk(Config(queues={"general": QueueConfig(overflow=rules, **CALM), **queues}))


def overflows(outputs) -> list[Overflow]:
    return [output for output in outputs if isinstance(output, Overflow)]


def enter(floor: Desk, contact: str, at: float, queue: str = "general", **more) -> list:
    return floor.step(ContactQueued(at, contact, queue, at, more.pop("queued_at", at), **more))


def test_a_full_queue_takes_nobody_more_but_who_comes_back():
    floor = desk(OverflowRule(When.FULL, Action.CALLBACK, limit=2))
    assert not overflows(enter(floor, "c1", 0)) + overflows(enter(floor, "c2", 1))
    [ending] = overflows(enter(floor, "c3", 2))
    assert ending == Overflow("c3", "general", "full", "callback")
    assert not overflows(enter(floor, "old", 100, queued_at=50))
    assert floor.ready("1001", at=101).contact == "c1"


def test_a_full_queue_does_not_matter_while_an_agent_is_free():
    floor = desk(OverflowRule(When.FULL, Action.GOODBYE, limit=0))
    floor.ready("1001", at=0)
    assert floor.call("c1", at=1).agent == "1001"
    assert overflows(enter(floor, "c2", 2))


def test_who_waits_too_long_moves_and_keeps_the_arrival():
    floor = desk(
        OverflowRule(When.WAITED, Action.QUEUE, target="backup", seconds=60),
        backup=QueueConfig(**CALM),
    )
    floor.call("c1", at=0)
    floor.call("b1", at=10, queue="backup")
    [ending] = overflows(floor.step(Tick(60)))
    assert (ending.action, ending.target, ending.rule) == ("queue", "backup", "waited")
    contact = floor.engine.snapshot().contacts["c1"]
    assert (contact.queue, contact.queued_at, contact.position) == ("backup", 0, 1)
    assert floor.ready("1001", at=61, queues={"backup": 0}).contact == "c1"


def test_the_wait_in_each_queue_counts_by_itself():
    floor = desk(
        OverflowRule(When.WAITED, Action.QUEUE, target="backup", seconds=60),
        backup=QueueConfig(
            overflow=(OverflowRule(When.WAITED, Action.MESSAGE, seconds=30),), **CALM
        ),
    )
    enter(floor, "c1", 0)
    floor.step(Tick(60))
    assert not overflows(floor.step(Tick(89)))
    assert overflows(floor.step(Tick(90)))[0].action == "message"


def test_nobody_goes_in_circles():
    floor = desk(
        OverflowRule(When.NO_AGENT, Action.QUEUE, target="other"),
        other=QueueConfig(
            overflow=(OverflowRule(When.NO_AGENT, Action.QUEUE, target="general"),), **CALM
        ),
    )
    endings = overflows(enter(floor, "c1", 0))
    assert [ending.target for ending in endings] == ["other"]
    assert floor.engine.snapshot().contacts["c1"].queue == "other"


def test_no_agent_logged_in_is_a_reason_to_go():
    floor = desk(OverflowRule(When.NO_AGENT, Action.MESSAGE))
    assert overflows(enter(floor, "c1", 0))[0].rule == "no_agent"
    floor.talk("1001", "c2", at=1)
    assert not overflows(enter(floor, "c3", 2))


def test_when_the_last_agent_logs_out_the_grace_runs():
    floor = desk(OverflowRule(When.NO_AGENT, Action.MESSAGE, seconds=30))
    floor.ready("1001", at=0)
    offer = floor.call("c1", at=5)
    floor.call("c2", at=5)
    floor.step(OfferEnded(6, offer.offer, OfferResult.NO_ANSWER))
    floor.step(AgentLoggedOut(10, "1001"))
    assert not overflows(floor.step(Tick(39)))
    assert [ending.contact for ending in overflows(floor.step(Tick(40)))] == ["c1", "c2"]


def test_an_agent_who_comes_in_time_stops_the_grace():
    floor = desk(OverflowRule(When.NO_AGENT, Action.MESSAGE, seconds=30))
    enter(floor, "c1", 0)
    assert floor.ready("1001", at=29).contact == "c1"
    assert not overflows(floor.step(Tick(31)))


def test_nobody_overflows_while_the_phone_rings():
    floor = desk(OverflowRule(When.WAITED, Action.MESSAGE, seconds=10))
    floor.ready("1001", at=0)
    offer = floor.call("c1", at=1)
    assert not overflows(floor.step(Tick(15)))
    assert overflows(floor.step(OfferEnded(16, offer.offer, OfferResult.NO_ANSWER)))


def test_after_closing_time_nobody_new_is_taken_and_the_others_have_a_while():
    floor = desk(OverflowRule(When.CLOSED, Action.MESSAGE, seconds=600))
    floor.talk("1001", "c0", at=0)
    enter(floor, "c1", 10)
    floor.step(QueueClosed(20, "general"))
    assert floor.engine.snapshot().queues["general"].closed
    assert overflows(enter(floor, "c2", 30))[0].rule == "closed"
    assert [ending.contact for ending in overflows(floor.step(Tick(620)))] == ["c1"]
    floor.step(QueueOpened(700, "general"))
    assert not overflows(enter(floor, "c3", 701))


def test_a_contact_moved_by_hand_keeps_its_arrival():
    floor = desk(other=QueueConfig(**CALM))
    floor.call("c1", at=0)
    floor.call("c2", at=5, queue="other")
    floor.step(ContactQueued(10, "c1", "other", 10, 10))
    assert floor.engine.snapshot().contacts["c1"].queued_at == 0
    assert floor.ready("1001", at=11, queues={"other": 0}).contact == "c1"


# --- changing the configuration -------------------------------------------------------------


def test_a_deleted_queue_moves_its_people_by_rule():
    floor = desk(
        OverflowRule(When.DELETED, Action.QUEUE, target="other"), other=QueueConfig(**CALM)
    )
    floor.call("c1", at=0)
    floor.call("c2", at=5, queue="other")
    outputs = floor.engine.configure(Config(queues={"other": QueueConfig(**CALM)}), at=10)
    assert overflows(outputs) == [Overflow("c1", "general", "deleted", "queue", "other")]
    assert floor.ready("1001", at=11, queues={"other": 0}).contact == "c1"


def test_a_deleted_queue_without_a_rule_goes_by_the_default():
    floor = desk()
    floor.call("c1", at=0)
    config = Config(default_overflow=Action.CALLBACK)
    outputs = floor.engine.configure(config, at=10)
    assert overflows(outputs) == [Overflow("c1", "general", "deleted", "callback")]


def test_a_queue_deleted_while_the_phone_rings_lets_the_agent_answer():
    floor = desk()
    floor.ready("1001", at=0)
    offer = floor.call("c1", at=1)
    assert not overflows(floor.engine.configure(Config(), at=2))
    endings = overflows(floor.step(OfferEnded(3, offer.offer, OfferResult.NO_ANSWER)))
    assert endings == [Overflow("c1", "general", "deleted", "message")]


def test_a_change_keeps_places_and_counts_at_once():
    floor = desk()
    floor.ready("1001", at=0)
    floor.call("c1", at=1, requirement="topic.tax")
    floor.call("c2", at=2)
    floor.call("c3", at=3)
    floor.call("c4", at=4, priority=1)
    floor.ready("1002", at=5, queues={"tax": 0})
    settings = QueueConfig(strategy=Strategy.FIXED_ORDER, head_start_seconds=5, **CALM)
    config = Config(queues={"general": settings, "tax": QueueConfig()}, priority_seconds=0)
    floor.engine.configure(config, at=6)
    assert [floor.ready(f"200{n}", at=7).contact for n in range(2)] == ["c3", "c4"]


def test_an_eased_queue_requirement_serves_at_once():
    floor = Desk(Config(queues={"general": QueueConfig(requirement="topic.tax", **CALM)}))
    floor.ready("1001", at=0)
    floor.call("c1", at=1)
    outputs = floor.engine.configure(Config(queues={"general": QueueConfig(**CALM)}), at=2)
    assert [output.agent for output in outputs if isinstance(output, Offer)] == ["1001"]


# --- time -----------------------------------------------------------------------------------


def test_a_clock_set_back_lets_nobody_pass():
    floor = desk()
    floor.call("c1", at=1000)
    floor.call("c2", at=400)  # the clock was set back ten minutes
    assert floor.ready("1001", at=401).contact == "c1"
    assert floor.engine.snapshot().at == 1000


def test_a_contact_from_the_future_counts_from_now():
    floor = desk()
    floor.call("c1", at=0, queued_at=500)
    floor.call("c2", at=1)
    assert floor.ready("1001", at=2).contact == "c1"


def test_after_hours_of_silence_one_tick_is_enough():
    floor = Desk(Config(queues={"general": QueueConfig()}))
    floor.call("c1", at=0)
    assert len(floor.step(Tick(20000))) == 1
    assert floor.engine.next_deadline() == 20060


# --- settings -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"lease_seconds": 0}, "lease_seconds: expected seconds from 1"),
        ({"lease_seconds": "long"}, "lease_seconds: expected a number, found 'long'"),
        ({"colour": 1}, "colour: expected one of default_overflow"),
        ({"queues": []}, "queues: expected a table"),
        ({"queues": {"q": 5}}, "queue 'q', settings: expected a table"),
        ({"queues": {"q": {"strategy": "best"}}}, "queue 'q', strategy: expected one of best_fit"),
        (
            {"queues": {"q": {"requirement": "a and"}}},
            "queue 'q', requirement: expected a skill expression",
        ),
        (
            {"queues": {"q": {"overflow": [{"when": "full", "then": "queue", "target": "x"}]}}},
            "queue 'q', overflow[0].target: expected one of",
        ),
        (
            {"queues": {"q": {"overflow": [{"when": "full"}]}}},
            "queue 'q', overflow[0]: expected all keys it needs",
        ),
        (
            {"queues": {"q": {"overflow": {"when": "full"}}}},
            "queue 'q', overflow: expected a list",
        ),
        (
            {"queues": {"q": {"relaxation": [{"after": 20, "lower": 1}, {"after": 10}]}}},
            "queue 'q', relaxation[1].after: expected 20 or more",
        ),
        (
            {"queues": {"q": {"relaxation": [{"after": 20}]}}},
            "queue 'q', relaxation[0]: expected lower, drop or anyone",
        ),
        (
            {"queues": {"q": {"announce_every_seconds": 1}}},
            "queue 'q', announce_every_seconds: expected seconds from 5",
        ),
        (
            {"queues": {"q": {"virtual_hold": {"first": "boss"}}}},
            "queue 'q', virtual_hold.first: expected 'agent' or 'citizen'",
        ),
        ({"queues": {"q": {"order": "1001"}}}, "queue 'q', order: expected a list"),
        ({"priorities": {"vip": 12}}, "priorities.vip: expected a whole number from 0 to 9"),
        ({"default_overflow": "queue"}, "default_overflow: expected message"),
        (
            {"queues": {"q": {"wrap_up_seconds": float("nan")}}},
            "queue 'q', wrap_up_seconds: expected a number",
        ),
    ],
)
def test_an_error_names_queue_key_and_what_is_expected(data, message):
    with pytest.raises(ConfigError) as caught:
        Config.from_data(data)
    assert message in str(caught.value)


def test_settings_are_read_from_plain_data():
    config = Config.from_data(
        {
            "wrap_up_seconds": 20,
            "queues": {
                "tax": {
                    "strategy": "best_fit",
                    "requirement": "topic.tax",
                    "relaxation": [{"after": 30, "drop": ["topic"]}],
                    "overflow": [
                        {"when": "waited", "then": "queue", "target": "general", "seconds": 90}
                    ],
                    "virtual_hold": {"first": "agent"},
                },
                "general": {},
            },
        }
    )
    assert config.queues["tax"].strategy is Strategy.BEST_FIT
    assert config.queues["tax"].overflow[0].seconds == 90
    assert config.queues["tax"].relaxation[0].drop == ("topic",)
    assert config.wrap_up_seconds == 20.0


def test_a_queue_nobody_can_serve_is_warned_of():
    config = Config.from_data(
        {
            "queues": {
                "empty": {},
                "hard": {"requirement": "a >= 9"},
                "eased": {
                    "requirement": "a >= 9",
                    "relaxation": [{"after": 5, "lower": 1}, {"after": 30, "anyone": True}],
                },
                "fine": {"requirement": "a"},
            }
        }
    )
    agents = [({"hard": 1, "eased": 1, "fine": 1, "typo": 1}, {"a": 2})]
    assert config.warnings(agents) == [
        "queue 'empty': no agent serves it",
        "queue 'hard': no agent ever meets 'a >= 9'",
        "queue 'eased': no agent meets 'a >= 9'; every contact waits 30 s until it is eased",
        "queue 'typo': agents serve it, but it isn't set up",
    ]


# --- snapshot -------------------------------------------------------------------------------


def test_the_snapshot_shows_queues_agents_and_contacts():
    floor = desk()
    floor.talk("1001", "c0", at=0)
    floor.ready("1002", at=1)
    floor.call("c1", at=2)
    floor.call("c2", at=3)
    floor.call("c3", at=4)
    floor.step(ContactLeft(9, "c3", LeaveReason.ABANDONED))
    view = floor.engine.snapshot()
    queue = view.queues["general"]
    assert (queue.waiting, queue.offered, queue.longest_wait) == (1, 1, 7)
    assert (queue.entered, queue.answered, queue.answered_in_time) == (4, 1, 1)
    assert queue.abandoned == 1
    assert queue.agents[AgentState.TALKING] == 1
    assert queue.agents[AgentState.RESERVED] == 1
    assert AgentState.LOGGED_OUT not in queue.agents
    assert view.agents["1001"].occupancy == 1.0
    assert (view.contacts["c1"].agent, view.contacts["c2"].position) == ("1002", 1)
