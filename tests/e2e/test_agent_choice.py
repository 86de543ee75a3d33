"""Skills, classes and acquaintance; and what agents may say about their next minutes."""

from __future__ import annotations

from typing import Any

from switches import eventually
from waiting_kit import WaitingRoomUnderTest

from callcenter.presence import connect


def chosen(waiting: WaitingRoomUnderTest, call: str) -> dict[str, Any]:
    """The decision that gave the call to an agent."""
    made = [event["data"] for event in waiting.events("acd.decision", call)]
    return next(data for data in made if data["agent"])


def test_given_a_repeat_caller_when_the_last_agent_is_free_then_they_meet_again(
    waiting: WaitingRoomUnderTest,
) -> None:
    caller = "13900004001"
    waiting.agent("1001")
    call = waiting.dial("12345", caller)
    call.hears("agent")
    call.hang_up()
    waiting.ended(caller)
    keys: Any = connect(waiting.system.settings.redis_url)
    kept = list(keys.scan_iter("cc:last_agent:*"))
    assert kept
    assert not any(caller in key for key in kept)
    assert all(0 < keys.ttl(key) <= 24 * 3600 for key in kept)
    waiting.agent("1004")
    waiting.agent_is("1001", "ready", seconds=15)  # after 1004: the one idle longest is 1004
    again = waiting.dial("12345", caller)
    again.hears("agent")
    again.hang_up()
    record = waiting.ended(caller)
    assert record["agent"] == "1001"
    assert chosen(waiting, record["id"])["rule"] == "last agent"


def test_given_a_hotline_that_asks_for_a_skill_then_only_who_has_it_is_rung_and_it_is_told_why(
    waiting: WaitingRoomUnderTest,
) -> None:
    caller = "13900004002"
    waiting.agent("1001")
    call = waiting.dial("12350", caller)
    call.hears("queue_keys")
    expert = waiting.comes("1004")
    call.hears("agent")
    assert len(expert.calls) == 1
    call.hang_up()
    record = waiting.ended(caller)
    assert record["agents_offered"] == ["1004"]
    joined = waiting.events("queue.joined", record["id"])[0]["data"]
    assert (joined["requirement"], joined["priority"]) == ("tax >= 3", 9)
    first = waiting.events("acd.decision", record["id"])[0]["data"]
    assert ["lacks the skill", 1] in first["counts"]


def test_given_a_caller_whose_history_asks_for_a_skill_then_it_is_asked_for_eased_and_told(
    waiting: WaitingRoomUnderTest,
) -> None:
    caller = "13900004005"
    waiting.agent("1003")
    call = waiting.dial("12346", caller)
    call.hears("agent")
    call.hang_up()
    waiting.ended(caller)
    waiting.agent_is("1003", "ready", seconds=15)
    stranger = waiting.dial("12347", "13900004006")
    stranger.hears("agent")
    stranger.hang_up()
    waiting.agent_is("1003", "ready", seconds=15)
    again = waiting.dial("12347", caller)
    again.hears("agent", seconds=20)
    again.hang_up()
    record = waiting.ended(caller)
    joined = waiting.events("queue.joined", record["id"])[0]["data"]
    assert joined["requirement"] == "tax >= 3"
    first = waiting.events("acd.decision", record["id"])[0]["data"]
    assert (first["agent"], first["counts"]) == (None, [["lacks the skill", 1]])
    assert chosen(waiting, record["id"])["agent"] == "1003"  # after 4 s: anyone
    told = waiting.callcenter("why", record["id"]).stdout
    assert "asks for tax >= 3: 1 call answered in queue quiet within 1 days" in told
    keys: Any = connect(waiting.system.settings.redis_url)
    kept = list(keys.scan_iter("cc:history:*"))
    assert kept
    assert not any(caller in key for key in kept)
    assert all(0 < keys.ttl(key) <= 24 * 3600 for key in kept)


def test_given_a_talk_when_not_ready_is_asked_for_then_it_comes_true_after_the_wrap_up(
    waiting: WaitingRoomUnderTest,
) -> None:
    waiting.agent("1001")
    call = waiting.dial("12345", "13900004003")
    call.hears("agent")
    told = waiting.command("agent.not_ready", agent="1001", reason="meal")
    assert (told["result"]["state"], told["result"]["next"]) == ("talking", "meal")
    call.hang_up()
    waiting.agent_is("1001", "wrap_up")
    state = waiting.agent_is("1001", "not_ready", seconds=15)
    assert state["reason"] == "meal"


def test_given_after_call_work_when_it_is_extended_then_it_lasts_longer_but_not_for_ever(
    waiting: WaitingRoomUnderTest,
) -> None:
    waiting.agent("1001")
    call = waiting.dial("12345", "13900004004")
    call.hears("agent")
    assert not waiting.command("agent.wrapup_extend", agent="1001")["ok"]
    call.hang_up()
    before = waiting.agent_is("1001", "wrap_up")
    first = waiting.command("agent.wrapup_extend", agent="1001", seconds="10")
    assert first["result"]["until"] - first["result"]["since"] >= 11.9
    most = waiting.command("agent.wrapup_extend", agent="1001", seconds="60")
    assert abs(most["result"]["until"] - most["result"]["since"] - 30) < 0.01
    refused = waiting.command("agent.wrapup_extend", agent="1001", seconds="60")
    assert (refused["ok"], refused["error"]) == (False, "after-call work is as long as it may be")
    waiting.command("agent.wrapup_end", agent="1001")
    eventually(lambda: waiting.system.state("1001") == "ready", "done early")
    assert before["state"] == "wrap_up"
