"""The engine's daily bread: queues, agents, longest idle, no answer, giving up."""

from __future__ import annotations

import pytest
from acd_helpers import Desk

from acd.config import Config, QueueConfig
from acd.messages import (
    AgentLoggedOut,
    AgentNotReady,
    AgentReady,
    AgentRestored,
    AgentState,
    AgentStateChanged,
    Announce,
    ContactLeft,
    ContactQueued,
    Decision,
    HoldEnded,
    HoldStarted,
    Ignored,
    LeaveReason,
    NotReadyReason,
    Offer,
    OfferAnswered,
    OfferEnded,
    OfferResult,
    OfferRinging,
    PhoneRegistered,
    PhoneUnregistered,
    TalkEnded,
    Tick,
    Withdraw,
    WrapUpEnded,
    WrapUpExtended,
)


@pytest.fixture
def desk() -> Desk:
    return Desk(Config(queues={"general": QueueConfig(), "tax": QueueConfig()}))


def test_given_two_free_agents_when_citizens_call_then_the_longest_idle_is_first(desk: Desk):
    desk.ready("1001", at=1)
    desk.ready("1002", at=0.5)  # the clock is behind: still after 1001
    assert desk.call("c1", at=5).agent == "1001"
    assert desk.call("c2", at=6).agent == "1002"
    assert desk.call("c3", at=7) is None


def test_given_nobody_free_when_an_agent_comes_free_then_the_first_citizen_is_offered(desk: Desk):
    desk.call("c1", at=1)
    desk.call("c2", at=2)
    offer = desk.ready("1001", at=3)
    assert offer is not None
    assert (offer.contact, offer.expires_at) == ("c1", 28.0)


def test_given_the_same_microsecond_when_two_calls_come_then_the_first_heard_is_first(desk: Desk):
    desk.call("b", at=1)
    desk.call("a", at=1)
    assert desk.ready("1001", at=2).contact == "b"


def test_given_a_microsecond_between_them_when_heard_in_the_wrong_order_then_arrival_counts(
    desk: Desk,
):
    base = 1_780_000_000.0
    desk.call("later", at=base + 1, queued_at=base + 0.000002)
    desk.call("earlier", at=base + 1, queued_at=base + 0.000001)
    assert desk.ready("1001", at=base + 2).contact == "earlier"


def test_a_call_runs_through_all_states(desk: Desk):
    desk.ready("1001", at=0)
    offer = desk.call("c1", at=1)
    desk.step(OfferRinging(2, offer.offer))
    assert desk.state("1001") is AgentState.RINGING
    desk.step(OfferAnswered(3, offer.offer))
    assert desk.agent("1001").contact == "c1"
    desk.step(HoldStarted(4, "1001"))
    assert desk.state("1001") is AgentState.HOLDING
    desk.step(HoldEnded(5, "1001"))
    assert desk.state("1001") is AgentState.TALKING
    [change] = desk.step(TalkEnded(6, "1001", "c1"))
    assert (change.new, change.until, change.contact) == (AgentState.WRAP_UP, 36, "c1")
    assert desk.engine.next_deadline() == 36
    desk.step(Tick(36))
    assert desk.state("1001") is AgentState.READY


def test_wrap_up_ends_early_when_the_agent_says_so(desk: Desk):
    desk.talk("1001", "c1", at=0)
    desk.step(TalkEnded(5, "1001", "c1"))
    desk.step(WrapUpEnded(7, "1001"))
    assert desk.state("1001") is AgentState.READY
    assert desk.engine.next_deadline() is None


def test_wrap_up_is_extended_up_to_the_most(desk: Desk):
    desk.talk("1001", "c1", at=0)
    desk.step(TalkEnded(10, "1001", "c1"))
    [change] = desk.step(WrapUpExtended(12, "1001", 60))
    assert change.until == 100
    [change] = desk.step(WrapUpExtended(13, "1001", 6000))
    assert change.until == 610
    desk.step(Tick(100))
    assert desk.state("1001") is AgentState.WRAP_UP


def test_given_no_answer_then_the_agent_is_not_ready_and_the_next_rings_at_once(desk: Desk):
    desk.ready("1001", at=0)
    desk.ready("1002", at=1)
    offer = desk.call("c1", at=2)
    desk.call("c2", at=3)  # goes to 1002
    desk.ready("1003", at=4)
    outputs = desk.step(OfferEnded(10, offer.offer, OfferResult.NO_ANSWER))
    assert desk.agent("1001").reason is NotReadyReason.MISSED_CALL
    [again] = [output for output in outputs if isinstance(output, Offer)]
    assert (again.contact, again.agent) == ("c1", "1003")


def test_given_no_report_when_the_lease_is_over_then_the_ringing_stops(desk: Desk):
    desk.ready("1001", at=0)
    offer = desk.call("c1", at=2)
    assert desk.engine.next_deadline() == 27
    outputs = desk.step(Tick(27))
    assert Withdraw(offer.offer, "c1", "1001", OfferResult.NO_ANSWER) in outputs
    assert desk.agent("1001").reason is NotReadyReason.MISSED_CALL
    [late] = desk.step(OfferEnded(28, offer.offer, OfferResult.NO_ANSWER))
    assert isinstance(late, Ignored)
    assert desk.ready("1002", at=30).contact == "c1"


def test_an_answer_heard_just_after_the_lease_counts(desk: Desk):
    desk.ready("1001", at=0)
    offer = desk.call("c1", at=0)
    desk.step(OfferAnswered(25.01, offer.offer))
    assert desk.state("1001") is AgentState.TALKING


def test_a_refusal_is_a_missed_call_and_the_place_is_kept(desk: Desk):
    desk.ready("1001", at=0)
    offer = desk.call("c1", at=2)
    desk.call("c2", at=3)
    desk.step(OfferEnded(4, offer.offer, OfferResult.REFUSED))
    assert desk.agent("1001").reason is NotReadyReason.MISSED_CALL
    assert desk.ready("1002", at=5).contact == "c1"


def test_given_the_phone_rings_when_the_citizen_gives_up_then_the_agent_stays_first(desk: Desk):
    desk.ready("1001", at=0)
    desk.ready("1002", at=1)
    offer = desk.call("c1", at=2)
    desk.step(OfferRinging(3, offer.offer))
    outputs = desk.step(ContactLeft(4, "c1", LeaveReason.ABANDONED))
    assert outputs[0] == Withdraw(offer.offer, "c1", "1001", OfferResult.WITHDRAWN)
    assert desk.agent("1001").since == 0
    assert desk.call("c2", at=5).agent == "1001"


def test_given_others_wait_when_a_ringing_citizen_gives_up_then_the_next_is_offered(desk: Desk):
    desk.ready("1001", at=0)
    desk.call("c1", at=2)
    desk.call("c2", at=3)
    outputs = desk.step(ContactLeft(4, "c1", LeaveReason.ABANDONED))
    assert [output.contact for output in outputs if isinstance(output, Offer)] == ["c2"]


def test_a_late_answer_after_the_citizen_left_is_ignored(desk: Desk):
    desk.ready("1001", at=0)
    offer = desk.call("c1", at=2)
    desk.step(ContactLeft(4, "c1", LeaveReason.ABANDONED))
    [note] = desk.step(OfferAnswered(4.1, offer.offer))
    assert note == Ignored("OfferAnswered", offer.offer, "the offer is over")
    assert desk.state("1001") is AgentState.READY


@pytest.mark.parametrize(
    "message",
    [
        ContactLeft(1, "nobody", LeaveReason.ABANDONED),
        AgentReady(1, "nobody"),
        AgentNotReady(1, "nobody"),
        AgentLoggedOut(1, "nobody"),
        OfferRinging(1, "nothing"),
        OfferAnswered(1, "nothing"),
        OfferEnded(1, "nothing", OfferResult.FAILED),
        TalkEnded(1, "nobody", "c1"),
        HoldStarted(1, "nobody"),
        WrapUpEnded(1, "nobody"),
        WrapUpExtended(1, "nobody", 10),
    ],
)
def test_the_unknown_is_ignored(desk: Desk, message):
    [note] = desk.step(message)
    assert isinstance(note, Ignored)


def test_a_contact_queued_twice_stays_once(desk: Desk):
    desk.call("c1", at=1)
    [note] = desk.step(ContactQueued(2, "c1", "general", 1, 1))
    assert isinstance(note, Ignored)
    assert desk.engine.snapshot().queues["general"].waiting == 1


def test_an_unknown_queue_gives_the_default_overflow(desk: Desk):
    outputs = desk.step(ContactQueued(2, "c1", "nowhere", 1, 1))
    assert [output.action for output in outputs if hasattr(output, "action")] == ["message"]


def test_not_ready_during_talk_comes_true_after_wrap_up(desk: Desk):
    desk.talk("1001", "c1", at=0)
    assert desk.step(AgentNotReady(3, "1001", NotReadyReason.MEAL)) == []
    desk.step(TalkEnded(5, "1001", "c1"))
    desk.step(Tick(35))
    assert desk.agent("1001").reason is NotReadyReason.MEAL


def test_ready_during_talk_takes_back_not_ready(desk: Desk):
    desk.talk("1001", "c1", at=0)
    desk.step(AgentNotReady(3, "1001", NotReadyReason.MEAL))
    desk.step(AgentReady(4, "1001"))
    desk.step(TalkEnded(5, "1001", "c1"))
    desk.step(WrapUpEnded(6, "1001"))
    assert desk.state("1001") is AgentState.READY


def test_log_out_during_talk_waits_for_the_end_of_the_call(desk: Desk):
    desk.talk("1001", "c1", at=0)
    desk.step(AgentLoggedOut(3, "1001"))
    assert desk.state("1001") is AgentState.TALKING
    desk.step(TalkEnded(5, "1001", "c1"))
    assert desk.state("1001") is AgentState.LOGGED_OUT
    assert desk.engine.next_deadline() is None


def test_log_out_while_ringing_passes_the_citizen_on(desk: Desk):
    desk.ready("1001", at=0)
    desk.ready("1002", at=1)
    offer = desk.call("c1", at=2)
    outputs = desk.step(AgentLoggedOut(3, "1001"))
    assert outputs[0] == Withdraw(offer.offer, "c1", "1001", OfferResult.WITHDRAWN)
    assert desk.state("1001") is AgentState.LOGGED_OUT
    assert [output.agent for output in outputs if isinstance(output, Offer)] == ["1002"]


def test_an_unregistered_phone_gets_no_calls_and_comes_back_by_itself(desk: Desk):
    desk.ready("1001", at=0)
    [change] = desk.step(PhoneUnregistered(1, "1001"))
    assert (change.new, change.reason) == (AgentState.NOT_READY, NotReadyReason.UNREACHABLE)
    assert desk.call("c1", at=2) is None
    outputs = desk.step(PhoneRegistered(3, "1001"))
    assert [output.agent for output in outputs if isinstance(output, Offer)] == ["1001"]


def test_an_agent_on_break_stays_on_break_when_the_phone_registers(desk: Desk):
    desk.ready("1001", at=0)
    desk.step(AgentNotReady(1, "1001", NotReadyReason.MEAL))
    desk.step(PhoneUnregistered(2, "1001"))
    desk.step(PhoneRegistered(3, "1001"))
    assert desk.agent("1001").reason is NotReadyReason.MEAL


def test_a_phone_lost_during_talk_keeps_the_call_and_is_unreachable_afterwards(desk: Desk):
    desk.talk("1001", "c1", at=0)
    desk.step(PhoneUnregistered(2, "1001"))
    assert desk.state("1001") is AgentState.TALKING
    desk.step(TalkEnded(5, "1001", "c1"))
    desk.step(Tick(35))
    assert desk.agent("1001").reason is NotReadyReason.UNREACHABLE
    desk.step(PhoneRegistered(40, "1001"))
    assert desk.state("1001") is AgentState.READY


def test_given_an_unreachable_phone_when_offered_then_the_next_agent_rings(desk: Desk):
    desk.ready("1001", at=0)
    desk.ready("1002", at=1)
    offer = desk.call("c1", at=2)
    outputs = desk.step(OfferEnded(2.1, offer.offer, OfferResult.UNREACHABLE))
    assert desk.agent("1001").reason is NotReadyReason.UNREACHABLE
    assert [output.agent for output in outputs if isinstance(output, Offer)] == ["1002"]
    desk.step(PhoneRegistered(3, "1001"))
    assert desk.state("1001") is AgentState.READY


def test_a_failed_offer_pauses_the_agent_shortly(desk: Desk):
    desk.ready("1001", at=0)
    offer = desk.call("c1", at=2)
    desk.step(OfferEnded(3, offer.offer, OfferResult.FAILED))
    assert desk.engine.next_deadline() == 8
    outputs = desk.step(Tick(8))
    assert [output.contact for output in outputs if isinstance(output, Offer)] == ["c1"]


def test_after_a_restart_everybody_has_the_old_place(desk: Desk):
    outputs = desk.engine.restore(
        [
            AgentRestored(100, "1002", AgentState.READY, 50, queues={"general": 0}),
            AgentRestored(100, "1001", AgentState.READY, 40, queues={"general": 0}),
            AgentRestored(100, "1003", AgentState.TALKING, 90, contact="c0", queues={"general": 0}),
            AgentRestored(100, "1004", AgentState.WRAP_UP, 80, queues={"general": 0}),
            ContactQueued(100, "third", "general", 30, 30),
            ContactQueued(100, "first", "general", 10, 10),
            ContactQueued(100, "second", "general", 20, 20),
        ]
    )
    offers = [output for output in outputs if isinstance(output, Offer)]
    assert [(offer.contact, offer.agent) for offer in offers] == [
        ("first", "1001"),
        ("second", "1002"),
    ]
    outputs = desk.step(Tick(110))
    assert [output.contact for output in outputs if isinstance(output, Offer)] == ["third"]
    outputs = desk.step(TalkEnded(111, "1003", "c0"))
    assert outputs[0].new is AgentState.WRAP_UP


def test_places_are_announced_at_intervals(desk: Desk):
    desk.call("c1", at=0)
    desk.call("c2", at=5)
    assert desk.engine.next_deadline() == 20
    assert desk.step(Tick(20)) == [Announce("c1", "general", 1, None)]
    assert desk.step(Tick(25)) == [Announce("c2", "general", 2, None)]
    desk.step(ContactLeft(30, "c1", LeaveReason.ABANDONED))
    assert desk.step(Tick(85)) == [Announce("c2", "general", 1, None)]


def test_every_decision_is_explained(desk: Desk):
    desk.ready("1001", at=0)
    desk.ready("1002", at=10, queues={"general": 0, "tax": 0})
    desk.ready("1003", at=20, queues={"tax": 0})
    outputs = desk.step(ContactQueued(30, "c1", "general", 30, 30))
    [decision] = [output for output in outputs if isinstance(output, Decision)]
    assert (decision.agent, decision.rule) == ("1001", "longest idle")
    assert decision.considered == (
        ("1001", "chosen: longest idle, free for 30 s, level 0, 0 calls"),
        ("1002", "free for 20 s, level 0, 0 calls"),
    )
    assert decision.counts == (("free", 1),)


def test_nobody_free_is_explained_too(desk: Desk):
    desk.talk("1001", "c0", at=0)
    desk.ready("1002", at=1)
    desk.step(AgentNotReady(2, "1002", NotReadyReason.MEAL))
    outputs = desk.step(ContactQueued(30, "c1", "general", 30, 30))
    [decision] = outputs
    assert decision.agent is None
    assert decision.considered == (("1001", "talking"), ("1002", "not ready (meal)"))
    assert decision.counts == (("not ready", 1), ("talking", 1))


def test_state_changes_say_old_and_new(desk: Desk):
    desk.ready("1001", at=0)
    [change] = desk.step(AgentNotReady(4, "1001", NotReadyReason.TRAINING))
    assert change == AgentStateChanged(
        "1001", AgentState.READY, AgentState.NOT_READY, NotReadyReason.TRAINING, 4
    )
