"""Virtual hold: who hangs up keeps the place and is called back."""

from __future__ import annotations

from typing import Any

import pytest
from phone import Leg
from switches import eventually
from waiting_kit import WaitingRoomUnderTest


def chooses_callback(waiting: WaitingRoomUnderTest, dialed: str, caller: str) -> dict[str, Any]:
    """A citizen waits, presses 1 and is thanked; the record of the call once it is over."""
    call = waiting.dial(dialed, caller)
    call.hears("queue_keys")
    call.press("1")
    call.hears("callback_taken", length=0.4)
    call.is_over()
    return waiting.ended(caller)


def open_callbacks(waiting: WaitingRoomUnderTest) -> int:
    folder = waiting.system.settings.data_dir / "callbacks"
    return len(list(folder.glob("*.json")))


def second_record(waiting: WaitingRoomUnderTest, caller: str, first: dict[str, Any]) -> Any:
    return waiting.until(
        caller,
        lambda found: found["id"] != first["id"] and found["ended_at"],
        "the call back has a record of its own",
    )


def talked_and_rated(waiting: WaitingRoomUnderTest, called: Leg, agents_leg: Leg) -> None:
    called.hears("agent", seconds=20)
    agents_leg.hears("citizen")
    agents_leg.hang_up()
    called.hears("survey")
    called.press("1")
    called.hears("survey_thanks")
    called.is_over()


def test_given_a_promise_when_an_agent_comes_then_the_citizen_is_called_and_served_like_any_other(
    waiting: WaitingRoomUnderTest,
) -> None:
    caller = "13900002001"
    first = chooses_callback(waiting, "12345", caller)
    assert first["outcome"] == "callback_requested"
    assert first["callback_number"] == caller
    assert open_callbacks(waiting) == 1
    agent = waiting.comes("1001")
    called = waiting.carrier.call_to(caller)
    assert "sip:12345@" in called.invite.get("from")  # type: ignore[union-attr]
    called.hears("callback_hello")
    talked_and_rated(waiting, called, agent.rings(20))
    second = second_record(waiting, caller, first)
    assert second["outcome"] == "answered"
    assert second["callback_of"] == first["id"]
    assert (second["agent"], second["rating"], second["dialed"]) == ("1001", 1, "12345")
    assert second["order_number"] == first["order_number"]
    waiting.until(
        caller,
        lambda found: found["recording"] and found["recording"]["state"] == "indexed",
        "the talk is recorded",
    )
    told = [event["kind"] for event in waiting.story(
        first["id"], "callback.requested", "callback.dialed", "callback.answered"
    )]  # fmt: skip
    assert told == ["callback.requested", "callback.dialed", "callback.answered"]
    eventually(lambda: open_callbacks(waiting) == 0, "the promise is kept")


def test_given_agent_first_when_the_turn_comes_then_the_agent_is_on_the_line_before_the_citizen(
    waiting: WaitingRoomUnderTest,
) -> None:
    caller = "13900002002"
    first = chooses_callback(waiting, "12348", caller)
    agent = waiting.comes("1002")
    agents_leg = agent.rings(20)
    called = waiting.carrier.call_to(caller)
    assert agents_leg.times["answered"] < called.times["invite"]
    talked_and_rated(waiting, called, agents_leg)
    second = second_record(waiting, caller, first)
    assert (second["outcome"], second["agent"]) == ("answered", "1002")
    assert second["callback_of"] == first["id"]


def test_given_citizen_first_while_the_telephone_rings_then_the_agent_is_kept_and_no_one_passes(
    waiting: WaitingRoomUnderTest,
) -> None:
    caller, other = "13900002008", "13900002009"
    first = chooses_callback(waiting, "12345", caller)
    waiting.carrier.ways[caller] = "ring"
    agent = waiting.comes("1001")
    called = waiting.carrier.call_to(caller)
    kept = waiting.agent_is("1001", "reserved")
    assert kept["until"]
    late = waiting.dial("12345", other)
    late.hears("next_in_line")
    assert agent.calls == []  # not for the other one, and not before the citizen is there
    waiting.carrier.answer(called)
    agents_leg = agent.rings(20)
    assert agents_leg.times["invite"] - called.times["answered"] < 1.0
    called.hears("agent", seconds=20)
    called.hang_up()
    assert second_record(waiting, caller, first)["agent"] == "1001"
    late.hears("agent", seconds=20)
    dialed = waiting.story(first["id"], "callback.dialed")
    assert [event["data"]["agent"] for event in dialed] == ["1001"]
    late.hang_up()


@pytest.mark.parametrize("dialed", ["12345", "12348"])
def test_given_a_busy_citizen_when_called_back_then_it_is_tried_again_and_the_place_kept(
    waiting: WaitingRoomUnderTest, dialed: str
) -> None:
    caller = f"139000030{dialed[-2:]}"
    first = chooses_callback(waiting, dialed, caller)
    waiting.carrier.ways[caller] = "busy"
    number = "1001" if dialed == "12345" else "1002"
    agent = waiting.comes(number)
    waiting.carrier.call_to(caller)
    failed = eventually(
        lambda: waiting.events("callback.failed", first["id"]), "the attempt is written down"
    )
    assert (failed[0]["data"]["cause"], failed[0]["data"]["attempt"]) == ("USER_BUSY", 1)
    waiting.agent_is(number, "ready")  # at once, and for as long as the next attempt is away
    assert open_callbacks(waiting) == 1
    waiting.carrier.ways.pop(caller)
    called = waiting.carrier.call_to(caller, times=2)
    legs = len(agent.calls)
    called.hears("agent", seconds=20)
    called.hang_up()
    second = second_record(waiting, caller, first)
    assert second["outcome"] == "answered"
    assert len(agent.calls) >= legs


def test_given_the_last_attempt_fails_then_the_wish_is_left_to_people_as_an_order(
    waiting: WaitingRoomUnderTest,
) -> None:
    caller = "13900002003"
    first = chooses_callback(waiting, "12345", caller)
    waiting.carrier.ways[caller] = "redirect"  # which is refused: who knows where it leads
    waiting.comes("1001")
    eventually(
        lambda: len(waiting.events("callback.failed", first["id"])) == 2, "both attempts", 30
    )
    last = waiting.events("callback.failed", first["id"])[-1]["data"]
    assert (last["attempt"], last["again"], last["then"]) == (2, None, "message")
    eventually(lambda: open_callbacks(waiting) == 0, "it isn't tried any more")
    assert waiting.carrier.asked.count(caller) == 2
    assert "phone" not in waiting.carrier.asked  # the redirection's target
    order = waiting.order(first["order_number"])
    assert (order["channel"], order["citizen_number"]) == ("callback", caller)
    waiting.agent_is("1001", "ready", seconds=15)


def test_given_a_promise_when_the_controller_is_killed_then_another_one_keeps_it_in_its_place(
    waiting: WaitingRoomUnderTest,
) -> None:
    caller = "13900002004"
    first = chooses_callback(waiting, "12348", caller)
    later = waiting.dial("12348", "13900002005")
    later.hears("position_before")  # somebody is before them, though not on the line
    waiting.system.kill("controller")
    waiting.system.start_process("controller")
    told = later.heard.words().count("position_before")
    later.hears("position_before", seconds=30, times=told + 1)
    agent = waiting.comes("1002")
    called = waiting.carrier.call_to(caller)
    called.hears("agent", seconds=20)
    assert len(agent.calls) == 1
    assert "agent" not in later.heard.words()
    called.hang_up()
    assert second_record(waiting, caller, first)["callback_of"] == first["id"]
    later.hears("agent", seconds=20)


def test_given_a_rule_that_calls_back_when_the_wait_is_too_long_then_the_citizen_is_promised_a_call(
    waiting: WaitingRoomUnderTest,
) -> None:
    caller = "13900002006"
    call = waiting.dial("12349", caller)
    call.hears("callback_taken", length=0.4)
    call.is_over()
    first = waiting.ended(caller)
    assert first["outcome"] == "callback_requested"
    waiting.comes("1001")
    called = waiting.carrier.call_to(caller)
    called.hears("agent", seconds=20)
    called.hang_up()
    assert second_record(waiting, caller, first)["outcome"] == "answered"


def test_given_a_citizen_who_waits_when_the_switch_dies_then_they_are_called_back_before_others(
    waiting: WaitingRoomUnderTest,
) -> None:
    caller = "13900002007"
    call = waiting.dial("12345", caller)
    call.hears("next_in_line")
    record = waiting.record(caller)
    assert record is not None
    switch = waiting.system.switch
    switch.kill()
    switch.start()
    requested = eventually(
        lambda: waiting.events("callback.requested", record["id"]), "a callback is promised", 30
    )
    assert requested[0]["data"]["reason"] == "cut_off"
    waiting.comes("1001")
    called = waiting.carrier.call_to(caller)
    called.hears("agent", seconds=20)
    called.hang_up()
    second = second_record(waiting, caller, record)
    joined = waiting.events("queue.joined", second["id"])[0]["data"]
    assert joined["priority"] == 4
    assert second["callback_of"] == record["id"]
