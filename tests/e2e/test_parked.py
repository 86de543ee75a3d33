"""Who waits for long is parked in the switch: music without a connection to the controller."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from listening import AGENT, CITIZEN
from phone import Leg
from survival import longest_run, restart, resumed_after, revive, variable
from switches import eventually
from waiting_kit import WaitingRoomUnderTest

CALLER = "13800009001"


@pytest.fixture
def parked(waiting: WaitingRoomUnderTest) -> Iterator[tuple[str, Leg]]:
    """A citizen who has waited until nothing more was done; the call's id, and the call."""
    call = waiting.dial("12352", CALLER)
    call.hears("queue_keys")
    yield rests(waiting), call
    revive(waiting.system)


def rests(waiting: WaitingRoomUnderTest) -> str:
    channel = str((waiting.record(CALLER) or {})["id"])
    eventually(lambda: is_parked(waiting, channel), "the call is parked", 20)
    return channel


def is_parked(waiting: WaitingRoomUnderTest, channel: str) -> bool:
    return variable(waiting.system.switch, channel, "socket_resume") == "false"


def test_given_a_parked_call_when_the_place_is_told_and_an_agent_comes_then_as_for_any_other(
    waiting: WaitingRoomUnderTest, parked: tuple[str, Leg]
) -> None:
    channel, call = parked
    music = call.heard.words().count("music")
    call.hears("queue_keys", times=2, seconds=25)
    call.hears("music", times=music + 1)
    assert is_parked(waiting, channel)
    phone = waiting.comes("1003")
    call.hears("agent")
    talk = phone.rings()
    talk.hears("citizen", length=1.0)
    call.hang_up()
    record = waiting.ended(CALLER)
    assert (record["id"], record["outcome"], record["agent"]) == (channel, "answered", "1003")
    path = waiting.system.settings.recordings_dir / record["recording"]["path"]
    for side, hertz in ((0, CITIZEN), (1, AGENT)):
        assert longest_run(path, side, hertz) > 0.5


def test_given_a_parked_call_when_the_citizen_presses_1_then_they_are_called_back(
    waiting: WaitingRoomUnderTest, parked: tuple[str, Leg]
) -> None:
    channel, call = parked
    call.press("1")
    call.hears("callback_taken")
    call.is_over()
    assert waiting.story(channel, "callback.requested")
    left = waiting.story(channel, "queue.left")
    assert [event["data"]["reason"] for event in left] == ["callback"]
    waiting.comes("1003")
    called = waiting.carrier.call_to(CALLER)
    called.hears("agent", seconds=20)
    called.hang_up()
    waiting.until(CALLER, lambda record: record["id"] != channel and record["ended_at"], "served")


def test_given_a_parked_call_when_the_citizen_presses_2_then_a_message_is_taken(
    waiting: WaitingRoomUnderTest, parked: tuple[str, Leg]
) -> None:
    channel, call = parked
    call.press("2")
    call.hears("beep")
    assert waiting.system.switch.api(f"sched_del {channel}") == "+OK Deleted: 0"
    call.speaks(1.5)
    call.press("#")
    call.hears("message_saved")
    call.is_over()
    record = waiting.ended(CALLER)
    assert (record["id"], record["outcome"]) == (channel, "message_left")
    assert record["order_number"]


def test_given_a_parked_call_when_the_citizen_hangs_up_then_it_is_abandoned(
    waiting: WaitingRoomUnderTest, parked: tuple[str, Leg]
) -> None:
    channel, call = parked
    call.hang_up()
    assert waiting.ended(CALLER)["outcome"] == "abandoned_in_queue"
    left = waiting.story(channel, "queue.left")
    assert [event["data"]["reason"] for event in left] == ["abandoned"]


def test_given_a_parked_call_when_the_controller_is_killed_then_it_keeps_its_place(
    waiting: WaitingRoomUnderTest, parked: tuple[str, Leg]
) -> None:
    channel, call = parked
    queued = variable(waiting.system.switch, channel, "cc_queued_at")
    killed = restart(waiting.system, "controller")
    resumed_after(waiting, CALLER, killed)
    waiting.comes("1003")
    call.hears("agent")
    assert variable(waiting.system.switch, channel, "cc_queued_at") == queued
    call.hang_up()
    assert waiting.ended(CALLER)["outcome"] == "answered"


def test_given_a_parked_call_when_the_switch_brings_it_back_then_the_wait_goes_on(
    waiting: WaitingRoomUnderTest, parked: tuple[str, Leg]
) -> None:
    channel, call = parked
    waiting.system.switch.api(f"sched_transfer +1 {channel} hotline XML hotline")
    eventually(lambda: not is_parked(waiting, channel), "it is back")
    assert rests(waiting) == channel
    phone = waiting.comes("1003")
    call.hears("agent")
    call.hang_up()
    record = waiting.ended(CALLER)
    assert (record["outcome"], len(phone.calls)) == ("answered", 1)
