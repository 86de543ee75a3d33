"""Virtual hold: the citizen hangs up, keeps the place and is called back."""

from __future__ import annotations

import pytest
from acd_helpers import Desk

from acd.config import Config, QueueConfig, VirtualHold
from acd.messages import (
    AgentLoggedIn,
    AgentLoggedOut,
    AgentNotReady,
    AgentState,
    CallBack,
    CallbackAnswered,
    CallbackChosen,
    CallbackFailed,
    ContactLeft,
    Ignored,
    LeaveReason,
    NotReadyReason,
    OfferAnswered,
    Overflow,
    PhoneUnregistered,
    TalkEnded,
    Tick,
    Withdraw,
)


def desk(first: str) -> Desk:
    hold = VirtualHold(first=first, retry_seconds=60, attempts=2)
    return Desk(Config(queues={"general": QueueConfig(virtual_hold=hold)}, wrap_up_seconds=0))


def test_citizen_first_the_agent_is_kept_while_the_citizen_is_dialed_and_offered_at_the_answer():
    floor = desk("citizen")
    floor.call("c1", at=0)
    floor.call("c2", at=1)
    floor.step(CallbackChosen(5, "c1"))
    floor.ready("1001", at=10)  # c1's turn: c2 doesn't get the agent
    view = floor.engine.snapshot().contacts
    assert (view["c1"].stage, view["c1"].agent, view["c2"].stage) == ("dialing", "1001", "waiting")
    assert floor.state("1001") is AgentState.RESERVED
    assert floor.call("urgent", at=11, priority=9) is None
    outputs = floor.step(CallbackAnswered(15, "c1"))
    offer = floor.offer(outputs)
    assert (offer.contact, offer.agent, offer.virtual) == ("c1", "1001", False)
    assert outputs[0].rule == "kept while the citizen was called back"
    floor.step(OfferAnswered(17, offer.offer))
    assert floor.state("1001") is AgentState.TALKING


def test_citizen_first_a_citizen_who_is_not_reached_frees_the_agent_at_once():
    floor = desk("citizen")
    floor.ready("1001", at=0)
    assert floor.call("c1", at=1, virtual=True) is None
    floor.ready("1002", at=2)
    floor.call("c2", at=3)
    assert floor.call("c3", at=4) is None
    offer = floor.offer(floor.step(CallbackFailed(9, "c1")))
    assert (offer.contact, offer.agent) == ("c3", "1001")
    assert floor.engine.snapshot().contacts["c1"].stage == "resting"


def test_citizen_first_an_agent_is_kept_no_longer_than_a_call_back_may_take():
    floor = desk("citizen")
    floor.ready("1001", at=0)
    floor.call("c1", at=1, virtual=True)
    assert floor.agent("1001").until == floor.engine.next_deadline() == 61
    floor.step(Tick(61))
    assert floor.state("1001") is AgentState.READY
    assert floor.agent("1001").since == 0  # the place in line is as before


@pytest.mark.parametrize(
    "gone",
    [
        AgentNotReady(5, "1001", NotReadyReason.MEAL),
        AgentLoggedOut(5, "1001"),
        PhoneUnregistered(5, "1001"),
    ],
    ids=["not ready", "logged out", "without a phone"],
)
def test_citizen_first_a_kept_agent_who_goes_is_replaced_by_another_free_one(gone):
    floor = desk("citizen")
    floor.ready("1001", at=0)
    floor.call("c1", at=1, virtual=True)
    floor.ready("1002", at=2)
    assert floor.call("c2", at=3).agent == "1002"
    floor.ready("1003", at=4)
    floor.step(gone)
    assert floor.state("1001") in (AgentState.NOT_READY, AgentState.LOGGED_OUT)
    assert floor.engine.snapshot().contacts["c1"].agent == "1003"
    assert floor.offer(floor.step(CallbackAnswered(9, "c1"))).agent == "1003"


def test_citizen_first_without_any_agent_left_the_citizen_waits_in_the_old_place():
    floor = desk("citizen")
    floor.ready("1001", at=0)
    floor.call("c1", at=1, virtual=True)
    floor.step(AgentNotReady(5, "1001"))
    floor.call("c2", at=6)
    assert floor.offer(floor.step(CallbackAnswered(9, "c1"))) is None
    assert floor.ready("1002", at=16).contact == "c1"


def test_citizen_first_the_citizen_who_cancels_frees_the_agent():
    floor = desk("citizen")
    floor.ready("1001", at=0)
    floor.call("c1", at=1, virtual=True)
    floor.call("c2", at=2)
    offer = floor.offer(floor.step(ContactLeft(5, "c1", LeaveReason.ABANDONED)))
    assert (offer.contact, offer.agent) == ("c2", "1001")


def test_citizen_first_an_agent_who_lost_the_skill_meanwhile_is_not_offered_the_call():
    floor = desk("citizen")
    floor.ready("1001", at=0, skills={"tax": 5})
    floor.call("c1", at=1, virtual=True, requirement="tax >= 3")
    floor.step(AgentLoggedIn(2, "1001", {"general": 0}, {}))
    assert floor.offer(floor.step(CallbackAnswered(9, "c1"))) is None
    assert floor.state("1001") is AgentState.READY
    assert floor.engine.snapshot().contacts["c1"].stage == "waiting"


def test_citizen_first_who_is_kept_goes_before_the_last_agent():
    floor = Desk(
        Config(
            queues={
                "general": QueueConfig(
                    virtual_hold=VirtualHold(first="citizen"), last_agent_seconds=600
                )
            }
        )
    )
    floor.talk("1002", "c0", at=0)
    floor.ready("1001", at=1)
    floor.call("c1", at=2, virtual=True, last_agent="1002")
    assert floor.offer(floor.step(CallbackAnswered(9, "c1"))).agent == "1001"


def test_at_the_turn_an_output_asks_to_call_back():
    floor = desk("citizen")
    floor.call("c1", at=0, virtual=True)
    outputs = floor.ready("1001", at=10)
    assert outputs is None
    floor.step(CallbackFailed(15, "c1"))
    assert floor.engine.next_deadline() == 75
    assert floor.step(Tick(75))[-1] == CallBack("c1", "general", "citizen", 2, "1001")


def test_a_busy_citizen_keeps_the_place():
    floor = desk("citizen")
    floor.call("c1", at=0, virtual=True)
    floor.ready("1001", at=10)
    floor.step(CallbackFailed(15, "c1"))
    floor.step(AgentNotReady(20, "1001"))
    floor.call("c2", at=21)
    floor.step(Tick(75))  # nobody is free: c1 stands in line again, before c2
    assert floor.engine.snapshot().contacts["c1"].position == 1
    assert floor.ready("1001", at=80) is None  # kept for c1
    assert floor.engine.snapshot().contacts["c1"].stage == "dialing"
    assert floor.ready("1002", at=81).contact == "c2"


def test_after_all_attempts_the_rule_decides():
    floor = desk("citizen")
    floor.ready("1001", at=0)
    floor.call("c1", at=0, virtual=True)
    floor.step(CallbackFailed(15, "c1"))
    floor.step(Tick(75))
    outputs = floor.step(CallbackFailed(80, "c1"))
    assert outputs[0] == Overflow("c1", "general", "callback attempts", "message")
    assert floor.state("1001") is AgentState.READY


def test_a_call_back_that_nobody_reports_on_has_failed():
    floor = desk("citizen")
    floor.ready("1001", at=0)
    floor.call("c1", at=0, virtual=True)
    floor.step(Tick(120))
    assert floor.engine.snapshot().contacts["c1"].stage == "resting"


def test_agent_first_the_agent_is_on_the_line_when_the_citizen_is_dialed():
    floor = desk("agent")
    floor.ready("1001", at=0)
    offer = floor.call("c1", at=1, virtual=True)
    assert offer.virtual
    outputs = floor.step(OfferAnswered(3, offer.offer))
    assert outputs[-1] == CallBack("c1", "general", "agent", 1, "1001")
    floor.step(CallbackAnswered(9, "c1"))
    view = floor.engine.snapshot()
    assert view.queues["general"].answered == 1
    assert view.agents["1001"].state is AgentState.TALKING
    floor.step(TalkEnded(60, "1001", "c1"))
    assert floor.state("1001") is AgentState.READY


def test_agent_first_a_busy_citizen_frees_the_agent_who_keeps_the_place_in_line():
    floor = desk("agent")
    floor.ready("1001", at=0)
    offer = floor.call("c1", at=1, virtual=True)
    floor.ready("1002", at=2)
    floor.step(OfferAnswered(3, offer.offer))
    floor.step(CallbackFailed(9, "c1"))
    assert floor.agent("1001").since == 0
    assert floor.call("c2", at=10).agent == "1001"
    outputs = floor.step(Tick(69))
    assert floor.offer(outputs).agent == "1002"


def test_agent_first_an_agent_who_hangs_up_counts_as_a_failed_attempt():
    floor = desk("agent")
    floor.ready("1001", at=0)
    offer = floor.call("c1", at=1, virtual=True)
    floor.step(OfferAnswered(3, offer.offer))
    floor.step(AgentNotReady(4, "1001", NotReadyReason.MEAL))
    floor.step(TalkEnded(5, "1001", "c1"))
    view = floor.engine.snapshot()
    assert view.contacts["c1"].stage == "resting"
    assert view.agents["1001"].reason is NotReadyReason.MEAL


def test_a_citizen_who_rings_off_for_a_call_back_while_ringing_is_dialed_at_once():
    floor = desk("citizen")
    floor.ready("1001", at=0)
    floor.call("c1", at=1)
    outputs = floor.step(CallbackChosen(2, "c1"))
    assert isinstance(outputs[0], Withdraw)
    assert outputs[-1] == CallBack("c1", "general", "citizen", 1, "1001")


def test_a_citizen_may_cancel_the_call_back():
    floor = desk("agent")
    floor.ready("1001", at=0)
    offer = floor.call("c1", at=1, virtual=True)
    floor.step(OfferAnswered(3, offer.offer))
    floor.step(ContactLeft(5, "c1", LeaveReason.ABANDONED))
    assert floor.state("1001") is AgentState.READY
    assert isinstance(floor.step(CallbackAnswered(6, "c1"))[0], Ignored)
    assert isinstance(floor.step(CallbackFailed(6, "c1"))[0], Ignored)
    assert isinstance(floor.step(CallbackChosen(6, "c1"))[0], Ignored)


def test_who_hung_up_hears_no_announcements():
    floor = desk("citizen")
    floor.call("c1", at=0, virtual=True)
    assert floor.engine.next_deadline() is None
