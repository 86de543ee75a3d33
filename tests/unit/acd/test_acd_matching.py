"""Who goes to whom: skills and their easing, priorities, strategies, the last agent."""

from __future__ import annotations

import pytest
from acd_helpers import Desk

from acd.config import Config, QueueConfig, RelaxStep, Strategy
from acd.messages import (
    AgentLoggedIn,
    AgentLoggedOut,
    AgentNotReady,
    Announce,
    ContactLeft,
    ContactQueued,
    Decision,
    LeaveReason,
    Offer,
    OfferAnswered,
    OfferEnded,
    OfferMode,
    OfferResult,
    TalkEnded,
    Tick,
    WrapUpEnded,
)


def desk(**settings) -> Desk:
    return Desk(Config(queues={"general": QueueConfig(**settings)}))


# --- skills ---------------------------------------------------------------------------------


def test_only_an_agent_with_the_skill_is_offered():
    floor = desk()
    floor.ready("1001", at=0)
    floor.ready("1002", at=1, skills={"topic.tax": 2})
    assert floor.call("c1", at=2, requirement="topic.tax >= 2").agent == "1002"
    assert floor.call("c2", at=3, requirement="topic.tax") is None
    assert floor.call("c3", at=4).agent == "1001"


def test_the_queue_asks_for_skills_too():
    floor = desk(requirement="language.cantonese")
    floor.ready("1001", at=0, skills={"topic.tax": 2})
    assert floor.call("c1", at=1, requirement="topic.tax") is None
    floor.ready("1002", at=2, skills={"language.cantonese": 1})
    assert floor.ready("1003", at=3, skills={"topic.tax": 2, "language.cantonese": 1}) is not None


def test_a_free_agent_passes_over_contacts_without_the_skill():
    floor = desk()
    floor.call("c1", at=0, requirement="topic.tax")
    floor.call("c2", at=1)
    assert floor.ready("1001", at=2).contact == "c2"


def test_demand_is_eased_step_by_step_and_the_last_step_is_anyone():
    floor = desk(
        announce_first_seconds=0,
        relaxation=(
            RelaxStep(10, lower=2),
            RelaxStep(20, drop=("district",)),
            RelaxStep(30, anyone=True),
        ),
    )
    floor.ready("1001", at=0)
    floor.ready("1002", at=0, skills={"a": 9})
    floor.ready("1003", at=0, skills={"a": 1, "district.north": 1})
    assert floor.call("c1", at=0, requirement="a >= 3 and district.north >= 3") is None
    offer = floor.offer(floor.step(Tick(10)))
    assert (offer.contact, offer.agent) == ("c1", "1003")
    floor.call("c2", at=10, queued_at=0, requirement="a >= 3 and district.north >= 3")
    assert floor.offer(floor.step(Tick(19.9))) is None
    assert floor.offer(floor.step(Tick(20))).agent == "1002"
    floor.call("c3", at=20, queued_at=0, requirement="a >= 3 and district.north >= 3")
    assert floor.offer(floor.step(Tick(29.9))) is None
    assert floor.offer(floor.step(Tick(30))).agent == "1001"


def test_easing_counts_the_whole_wait_and_also_the_time_of_an_offer():
    floor = desk(relaxation=(RelaxStep(10, anyone=True),))
    floor.ready("1001", at=0)
    assert floor.call("c1", at=100, queued_at=80, requirement="topic.tax").agent == "1001"


def test_a_requirement_that_does_not_parse_asks_for_nothing():
    floor = desk()
    floor.ready("1001", at=0)
    outputs = floor.step(ContactQueued(1, "c1", "general", 1, 1, requirement="topic.tax >="))
    assert "column 13" in outputs[0].why
    assert floor.offer(outputs).agent == "1001"


def test_new_skills_count_at_once():
    floor = desk()
    floor.ready("1001", at=0)
    floor.call("c1", at=1, requirement="topic.tax")
    outputs = floor.step(AgentLoggedIn(2, "1001", {"general": 0}, {"topic.tax": 1}))
    assert floor.offer(outputs).contact == "c1"


def test_lost_skills_count_at_once():
    floor = desk()
    floor.ready("1001", at=0, skills={"topic.tax": 1})
    floor.step(AgentLoggedIn(2, "1001", {"general": 0}, {}))
    assert floor.call("c1", at=3, requirement="topic.tax") is None


def test_an_agent_serves_the_contact_who_came_first_in_any_queue():
    floor = Desk(Config(queues={"general": QueueConfig(), "tax": QueueConfig()}))
    floor.call("c1", at=1, queue="tax")
    floor.call("c2", at=2, queue="general")
    floor.call("c0", at=3, queue="tax", queued_at=0)
    both = {"general": 9, "tax": 0}
    assert floor.ready("1001", at=4, queues=both).contact == "c0"
    assert floor.ready("1002", at=5, queues=both).contact == "c1"
    assert floor.ready("1003", at=6, queues=both).contact == "c2"


# --- priority and ageing --------------------------------------------------------------------


def test_priority_is_a_head_start():
    floor = desk()
    floor.call("old", at=0)
    floor.call("young", at=100)
    floor.call("urgent", at=110, priority=1)  # counts from -10
    assert [floor.ready(str(n), at=130).contact for n in range(3)] == ["urgent", "old", "young"]


def test_ageing_beats_priority_in_the_end():
    floor = desk()
    floor.call("old", at=0)
    floor.call("urgent", at=361, priority=3)  # 3 × 120 s of head start aren't enough
    assert floor.ready("1001", at=400).contact == "old"


def test_within_a_class_the_first_is_first():
    floor = desk()
    for number in range(5):
        floor.call(f"c{number}", at=number, priority=2)
    assert [floor.ready(str(n), at=10).contact for n in range(5)] == [f"c{n}" for n in range(5)]


def test_a_queue_can_have_a_head_start():
    floor = Desk(
        Config(queues={"general": QueueConfig(), "urgent": QueueConfig(head_start_seconds=60)})
    )
    floor.call("c1", at=0)
    floor.call("c2", at=59, queue="urgent")
    assert floor.ready("1001", at=60, queues={"general": 0, "urgent": 0}).contact == "c2"


def test_classes_have_names():
    config = Config()
    assert config.priority(["callback", "vulnerable"]) == 3
    assert config.priority([]) == 0
    with pytest.raises(ValueError, match="one of callback, cut_off"):
        config.priority(["royal"])


# --- strategies -----------------------------------------------------------------------------


def work(floor: Desk, agent: str, at: float, seconds: float) -> None:
    """The agent, the only free one, takes a call and ends the wrap-up at once."""
    offer = floor.call(f"by {agent} at {at}", at)
    assert offer.agent == agent
    floor.step(OfferAnswered(at, offer.offer))
    floor.step(TalkEnded(at + seconds, agent, offer.contact))
    floor.step(WrapUpEnded(at + seconds, agent))


def three_agents(strategy: Strategy, **more) -> Desk:
    """1003: two short calls; 1001: one long; 1002: one short, the last."""
    floor = desk(strategy=strategy, **more)
    floor.ready("1003", at=0, skills={"a": 1})
    work(floor, "1003", 10, 5)
    work(floor, "1003", 20, 5)
    floor.step(AgentNotReady(30, "1003"))
    floor.ready("1001", at=30, skills={"a": 5, "b": 5})
    work(floor, "1001", 40, 40)
    floor.step(AgentNotReady(80, "1001"))
    floor.ready("1002", at=80, skills={"a": 2})
    work(floor, "1002", 90, 5)
    for at, agent in ((96, "1003"), (97, "1001")):
        floor.ready(agent, at, skills={"a": 1} if agent == "1003" else {"a": 5, "b": 5})
    return floor


@pytest.mark.parametrize(
    ("strategy", "chosen"),
    [
        (Strategy.LONGEST_IDLE, ["1002", "1003", "1001"]),
        (Strategy.FEWEST_CALLS, ["1002", "1001", "1003"]),
        (Strategy.LEAST_OCCUPIED, ["1003", "1002", "1001"]),
        (Strategy.BEST_FIT, ["1003", "1002", "1001"]),
        (Strategy.FIXED_ORDER, ["1001", "1002", "1003"]),
    ],
)
def test_strategies(strategy, chosen):
    floor = three_agents(strategy)
    offers = [floor.call(f"c{number}", 100) for number in range(3)]
    assert [offer.agent for offer in offers] == chosen
    assert offers[0].why.lower().startswith(strategy.value.replace("_", " "))


def test_fixed_order_as_set():
    floor = three_agents(Strategy.FIXED_ORDER, order=("1003", "1001"))
    chosen = [floor.call(f"c{number}", 100).agent for number in range(3)]
    assert chosen == ["1003", "1001", "1002"]


def test_round_robin_goes_round():
    floor = desk(strategy=Strategy.ROUND_ROBIN)
    for agent in ("1001", "1002", "1003"):
        floor.ready(agent, at=0)
    chosen = []
    for number in range(6):
        offer = floor.call(f"c{number}", at=number + 1)
        chosen.append(offer.agent)
        floor.step(ContactLeft(number + 1.5, offer.contact, LeaveReason.ABANDONED))
    assert chosen == ["1001", "1002", "1003"] * 2


def test_the_better_level_goes_first():
    floor = desk()
    floor.ready("1001", at=0, queues={"general": 3})
    floor.ready("1002", at=1, queues={"general": 9})
    floor.ready("1003", at=2, queues={"general": 9})
    assert [floor.call(f"c{n}", at=5).agent for n in range(3)] == ["1002", "1003", "1001"]


def test_an_off_hook_agent_is_offered_as_such():
    floor = desk()
    floor.ready("1001", at=0, off_hook=True)
    assert floor.call("c1", at=1).mode is OfferMode.OFF_HOOK


# --- the last agent -------------------------------------------------------------------------


def test_a_repeat_caller_gets_the_last_agent_when_free():
    floor = desk()
    floor.ready("1001", at=0)
    floor.ready("1002", at=1)
    offer = floor.call("c1", at=2, last_agent="1002")
    assert (offer.agent, offer.why[:10]) == ("1002", "Last agent")


def test_a_repeat_caller_waits_for_the_last_agent_only_so_long():
    floor = desk(last_agent_seconds=15, announce_first_seconds=0)
    floor.talk("1001", "c0", at=0)
    floor.ready("1002", at=1)
    outputs = floor.step(ContactQueued(2, "c1", "general", 2, 2, last_agent="1001"))
    assert floor.of(Decision, outputs)[0].rule == "waits for the last agent"
    assert floor.call("c2", at=3).agent == "1002"
    floor.ready("1003", at=4)
    assert floor.offer(floor.step(Tick(16.9))) is None
    offer = floor.offer(floor.step(Tick(17)))
    assert (offer.contact, offer.agent) == ("c1", "1003")


def test_the_last_agent_who_comes_free_in_time_gets_the_caller():
    floor = desk(last_agent_seconds=15)
    floor.talk("1001", "c0", at=0)
    floor.ready("1002", at=1)
    floor.call("c1", at=2, last_agent="1001")
    floor.step(TalkEnded(5, "1001", "c0"))
    assert floor.offer(floor.step(WrapUpEnded(6, "1001"))).contact == "c1"


@pytest.mark.parametrize(
    "leaving",
    [AgentLoggedOut(4, "1001"), AgentNotReady(4, "1001")],
)
def test_when_the_last_agent_leaves_anybody_serves(leaving):
    floor = desk(last_agent_seconds=60)
    floor.talk("1001", "c0", at=0)
    floor.ready("1002", at=1)
    floor.call("c1", at=2, last_agent="1001")
    floor.step(leaving)
    outputs = floor.step(TalkEnded(5, "1001", "c0"))
    outputs += floor.step(WrapUpEnded(6, "1001"))
    assert floor.offer(outputs).agent == "1002"


def test_nobody_waits_for_a_last_agent_who_is_away_or_unfit():
    floor = desk(last_agent_seconds=60)
    floor.ready("1001", at=0)
    floor.step(AgentNotReady(0, "1001"))
    floor.talk("1002", "c0", at=0)
    for number, last in enumerate(("1001", "9999")):
        floor.ready(f"100{number + 3}", at=1)
        assert floor.call(f"c{number + 1}", at=2, last_agent=last) is not None
    floor.ready("1009", at=3, skills={"topic.tax": 1})
    assert floor.call("c9", at=4, last_agent="1002", requirement="topic.tax").agent == "1009"


# --- estimates ------------------------------------------------------------------------------


def test_no_estimate_until_enough_is_known():
    floor = desk(announce_first_seconds=5)
    floor.talk("1001", "c0", at=0)
    floor.call("c1", at=1)
    [told] = floor.step(Tick(6))
    assert told == Announce("c1", "general", 1, None)


def test_the_estimate_grows_with_the_place_and_falls_with_agents():
    floor = desk(announce_first_seconds=5, handling_seconds=100)
    floor.talk("1001", "c0", at=0)
    floor.talk("1002", "c00", at=0)
    floor.call("c1", at=1)
    floor.call("c2", at=2)
    told = floor.of(Announce, floor.step(Tick(7)))
    assert [(output.position, output.estimate_seconds) for output in told] == [(1, 50), (2, 100)]


def test_the_estimate_is_that_of_the_skill_set():
    floor = desk(announce_first_seconds=5, handling_seconds=100)
    floor.talk("1001", "c0", at=0, skills={"tax": 1})
    floor.talk("1002", "c00", at=0)
    for number in range(4):
        floor.call(f"c{number + 1}", at=1)
    floor.call("t1", at=2, requirement="tax")
    [told] = [out for out in floor.step(Tick(7)) if out.contact == "t1"]
    # Half of the four ahead will go to the other agent.
    assert (told.position, told.estimate_seconds) == (5, 300)


def test_the_error_of_estimates_is_measured():
    floor = desk(announce_first_seconds=5, handling_seconds=100)
    floor.talk("1001", "c0", at=0)
    floor.call("c1", at=1)
    floor.step(Tick(6))
    floor.step(TalkEnded(50, "1001", "c0"))
    offer = floor.offer(floor.step(WrapUpEnded(65, "1001")))
    floor.step(OfferAnswered(65, offer.offer))
    queue = floor.engine.snapshot().queues["general"]
    assert (queue.estimates, queue.estimate_error, queue.estimate_error_absolute) == (1, 41, 41)


def test_offers_are_never_made_twice():
    floor = desk()
    floor.ready("1001", at=0)
    floor.call("c1", at=1)
    floor.call("c2", at=1)
    assert not [output for output in floor.step(Tick(2)) if isinstance(output, Offer)]


# --- who come free together -----------------------------------------------------------------


def test_an_agent_and_an_older_contact_freed_together_find_each_other():
    floor = desk()
    floor.ready("1001", at=0)
    offer = floor.call("c1", at=1)
    floor.call("c2", at=2)
    again = floor.offer(floor.step(OfferEnded(3, offer.offer, OfferResult.WITHDRAWN)))
    assert (again.contact, again.agent) == ("c1", "1001")


def test_an_agent_and_a_younger_contact_freed_together_do_not_pass_who_waits():
    floor = desk()
    floor.ready("1001", at=0)
    offer = floor.call("c1", at=1)
    floor.call("c2", at=2, priority=1)
    again = floor.offer(floor.step(OfferEnded(3, offer.offer, OfferResult.WITHDRAWN)))
    assert (again.contact, again.agent) == ("c2", "1001")


def test_contacts_freed_together_are_served_by_age():
    queue = QueueConfig(last_agent_seconds=600)
    floor = Desk(Config(queues={"general": queue, "tax": queue}))
    both = {"general": 0, "tax": 0}
    floor.talk("1001", "c0", at=0, queues=both)
    floor.ready("1002", at=1, queues=both)
    floor.call("younger", at=10, last_agent="1001")
    floor.call("older", at=11, queued_at=5, queue="tax", last_agent="1001")
    floor.step(TalkEnded(12, "1001", "c0"))
    assert floor.offer(floor.step(AgentNotReady(13, "1001"))).contact == "older"
