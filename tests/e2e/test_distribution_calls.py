"""Citizens and agents: who rings when, and what becomes of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from hotline_kit import SHORT_LEASE, HotlineUnderTest
from phone import Leg
from switches import eventually

AT_ONCE = 1.0  # seconds


def waiting(hotline: HotlineUnderTest, caller: str, dialed: str = "2613710") -> Leg:
    """A citizen who waits in the queue."""
    call = hotline.dial(dialed, caller)
    call.hears("connecting")
    hotline.until(caller, lambda found: found["stage"] == "queue", f"{caller} waits")
    return call


def state(hotline: HotlineUnderTest, agent: str) -> dict[str, Any]:
    return dict(hotline.system.api(f"agents/{agent}/state").json())


def nothing_is_left(hotline: HotlineUnderTest) -> None:
    eventually(lambda: hotline.system.switch.calls() == 0, "no channel is left", 5)


@pytest.fixture(autouse=True)
def nothing_to_repair(hotline: HotlineUnderTest) -> Iterator[None]:
    """However a call went: agents, phones and citizens are as the switch has them."""
    began = time.time()
    yield
    hotline.nothing_to_repair(began)


# --- who is offered the call ----------------------------------------------------------------


def test_given_two_free_agents_when_a_citizen_calls_then_the_one_idle_longest_is_rung(
    hotline: HotlineUnderTest,
) -> None:
    hotline.agent("1002")
    hotline.agent("1001")
    first = hotline.dial("2613710", "13800000301")
    first.hears("agent")
    second = hotline.dial("2613710", "13800000302")
    second.hears("agent")
    first.hang_up()
    second.hang_up()
    assert hotline.ended("13800000301")["agents_offered"] == ["1002"]
    assert hotline.ended("13800000302")["agents_offered"] == ["1001"]


def test_given_an_agent_who_does_not_answer_when_the_lease_ends_then_the_next_is_rung(
    hotline: HotlineUnderTest,
) -> None:
    sleeper = hotline.agent("1001", ring=None)
    awake = hotline.agent("1002")
    call = hotline.dial("2613710", "13800000303")
    ignored = sleeper.rings()
    call.hears("agent", seconds=SHORT_LEASE + 10)
    rang = ignored.times["cancel"] - ignored.times["invite"]
    assert SHORT_LEASE - 0.7 < rang < SHORT_LEASE + 1.5
    assert awake.rings().times["invite"] - ignored.times["cancel"] < AT_ONCE
    missed = hotline.agent_is("1001", "not_ready")
    assert missed["reason"] == "missed_call"
    call.hang_up()
    record = hotline.ended("13800000303")
    assert (record["agents_offered"], record["agent"]) == (["1001", "1002"], "1002")


@pytest.mark.parametrize(
    ("caller", "refusal", "result", "reason"),
    [
        ("13800000304", "486 Busy Here", "refused", "missed_call"),
        ("13800000341", "480 Temporarily Unavailable", "unreachable", "unreachable"),
    ],
)
def test_given_an_agent_whose_phone_refuses_when_it_rings_then_the_next_is_rung_at_once(
    hotline: HotlineUnderTest, caller: str, refusal: str, result: str, reason: str
) -> None:
    busy = hotline.agent("1001")
    busy.refusal = refusal
    free = hotline.agent("1002")
    call = hotline.dial("2613710", caller)
    call.hears("agent")
    assert free.rings().times["invite"] - busy.rings().times["ended"] < AT_ONCE
    assert hotline.agent_is("1001", "not_ready")["reason"] == reason
    call.hang_up()
    ended = hotline.events("offer.ended", hotline.ended(caller)["id"])
    assert [(end["data"]["agent"], end["data"]["result"]) for end in ended] == [
        ("1001", result),
        ("1002", "answered"),
    ]


def test_given_an_agent_whose_phone_leaves_when_a_citizen_calls_then_it_is_not_rung(
    hotline: HotlineUnderTest,
) -> None:
    leaving = hotline.agent("1001")
    hotline.agent("1002")
    leaving.register(expires=0)
    told = hotline.agent_is("1001", "not_ready")
    assert told["reason"] == "unreachable"
    refused = hotline.system.set_state("1001", "ready")
    assert refused.status_code == 409
    call = hotline.dial("2613710", "13800000305")
    call.hears("agent")
    call.hang_up()
    assert hotline.ended("13800000305")["agents_offered"] == ["1002"]
    leaving.register()
    hotline.agent_is("1001", "ready")  # back again, by itself


def test_given_a_phone_that_vanishes_while_it_rings_when_the_lease_ends_then_the_next_is_rung(
    hotline: HotlineUnderTest,
) -> None:
    vanishing = hotline.agent("1001", ring=None)
    hotline.agent("1002")
    call = hotline.dial("2613710", "13800000306")
    vanishing.rings()
    vanishing.vanish()
    call.hears("agent", seconds=SHORT_LEASE + 10)
    assert hotline.agent_is("1001", "not_ready")["reason"] in ("missed_call", "unreachable")
    call.hang_up()
    assert hotline.ended("13800000306")["agents_offered"] == ["1001", "1002"]


# --- a citizen gives up ---------------------------------------------------------------------


def test_given_a_ringing_phone_when_the_citizen_gives_up_then_it_stops_and_the_place_is_kept(
    hotline: HotlineUnderTest, record_property: Any
) -> None:
    first = hotline.agent("1001", ring=None)
    hotline.agent("1002")
    since = state(hotline, "1001")["since"]
    call = hotline.dial("2613710", "13800000307")
    ringing = first.rings()
    call.hang_up()
    left = time.monotonic()
    ringing.is_over(5)
    stopped = ringing.times["cancel"] - left
    record_property("ring_stops_after_seconds", round(stopped, 3))
    print(f"the ring stopped {stopped:.3f} s after the citizen's BYE")
    assert stopped < AT_ONCE
    told = hotline.agent_is("1001", "ready")
    assert told["since"] == since
    record = hotline.ended("13800000307")
    assert (record["outcome"], record["agent"]) == ("abandoned_in_queue", None)
    again = hotline.dial("2613710", "13800000308")
    first.rings(times=2)  # still the one idle longest
    again.hang_up()


def test_given_a_phone_that_answers_although_it_was_cancelled_then_nobody_is_left_on_the_line(
    hotline: HotlineUnderTest,
) -> None:
    stubborn = hotline.agent("1001", ring=None)
    stubborn.answers_cancelled = True
    call = hotline.dial("2613710", "13800000309")
    ringing = stubborn.rings()
    call.hang_up()
    ringing.is_over(5)
    assert ringing.ended_by == "bye"
    hotline.agent_is("1001", "ready")
    record = hotline.ended("13800000309")
    assert (record["outcome"], record["answered_at"]) == ("abandoned_in_queue", None)
    nothing_is_left(hotline)


def test_given_an_agent_who_picked_up_when_the_citizen_leaves_before_the_two_are_joined(
    hotline: HotlineUnderTest,
) -> None:
    """… then the agent isn't left alone with silence."""
    agent = hotline.agent("1001")
    call = hotline.dial("2613710", "13800000310")
    call.hears("agent_before")
    call.hang_up()
    left = time.monotonic()
    leg = agent.rings()
    leg.is_over(5)
    assert leg.times["ended"] - left < AT_ONCE
    hotline.agent_is("1001", "ready", "wrap_up")
    nothing_is_left(hotline)


# --- an agent goes --------------------------------------------------------------------------


def test_given_an_agent_who_hangs_up_during_the_announcement_then_another_one_is_found(
    hotline: HotlineUnderTest,
) -> None:
    hasty = hotline.agent("1001")
    hotline.agent("1002")
    call = hotline.dial("2613710", "13800000311")
    call.hears("agent_before")
    hasty.rings().hang_up()
    call.hears("agent")
    call.hang_up()
    record = hotline.ended("13800000311")
    assert (record["outcome"], record["agent"]) == ("answered", "1002")
    assert record["agents_offered"] == ["1001", "1002"]


def test_given_a_conversation_whose_agent_is_lost_when_it_breaks_then_the_citizen_goes_first(
    hotline: HotlineUnderTest,
) -> None:
    first = hotline.agent("1001")
    call = hotline.dial("2613710", "13800000312")
    call.hears("agent")
    other = waiting(hotline, "13800000313")
    record = hotline.until("13800000312", lambda found: found["answered_at"], "talks")
    (started,) = hotline.events("talk.started", record["id"])
    hotline.system.switch.api(f"uuid_kill {started['data']['leg']} NETWORK_OUT_OF_ORDER")
    call.hears("agent_lost", length=0.45)
    first.rings().is_over()
    hotline.until("13800000312", lambda found: found["stage"] == "queue", "waits again")
    hotline.phone("1002")
    eventually(
        lambda: hotline.system.set_state("1002", "ready").status_code == 200,
        "1002 can get ready",
    )
    call.hears("agent", times=2)
    assert call.state == "up"
    assert "survey" not in call.heard.words()
    assert "agent" not in other.heard.words()
    hotline.until("13800000312", lambda found: found["agent"] == "1002", "talks with 1002")
    call.hang_up()
    ended = hotline.ended("13800000312")
    assert (ended["outcome"], ended["agents_offered"]) == ("answered", ["1001", "1002"])
    first_end = hotline.events("talk.ended", record["id"])[0]
    assert first_end["data"] == {"agent": "1001", "by": "switch"}
    other.hang_up()


# --- waiting --------------------------------------------------------------------------------


def test_given_one_agent_and_two_citizens_when_wrap_up_is_ended_then_the_second_is_served(
    hotline: HotlineUnderTest, record_property: Any
) -> None:
    agent = hotline.agent("1001")
    first = hotline.dial("2613710", "13800000314")
    first.hears("agent")
    second = waiting(hotline, "13800000315")
    third = waiting(hotline, "13800000316")
    second.hears("next_in_line", length=0.35)
    third.hears("position_before")
    first.hang_up()
    hotline.agent_is("1001", "wrap_up")
    assert len(agent.calls) == 1
    asked = time.monotonic()
    assert hotline.command("agent.wrapup_end", agent="1001")["ok"]
    rings = agent.rings(times=2).times["invite"] - asked
    record_property("ready_to_invite_seconds", round(rings, 3))
    print(f"from the end of wrap-up to the INVITE at the phone: {rings:.3f} s")
    assert rings < AT_ONCE
    second.hears("agent")
    assert "agent" not in third.heard.words()
    second.hang_up()
    third.hang_up()
    assert hotline.ended("13800000315")["outcome"] == "answered"
    assert hotline.ended("13800000316")["outcome"] == "abandoned_in_queue"


def test_given_a_waiting_citizen_when_an_agent_gets_ready_through_the_api_then_the_phone_rings(
    hotline: HotlineUnderTest, record_property: Any
) -> None:
    phone = hotline.phone("1001", ring=None)
    taken = []
    for number in range(5):
        caller = f"1380000032{number}"
        call = waiting(hotline, caller)
        asked = time.monotonic()
        assert hotline.system.set_state("1001", "ready").status_code == 200
        taken.append(phone.rings(times=number + 1).times["invite"] - asked)
        call.hang_up()
        phone.calls[number].is_over()
        assert hotline.system.set_state("1001", "not_ready", reason="break").status_code == 200
        hotline.agent_is("1001", "not_ready")
    taken.sort()
    record_property("api_ready_to_invite_seconds", [round(each, 3) for each in taken])
    print("PUT state=ready to INVITE at the phone:", [f"{each * 1000:.0f} ms" for each in taken])
    assert taken[2] < AT_ONCE
