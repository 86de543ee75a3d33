"""Agents off hook: one long leg stays up, and each call is joined to it at once."""

from __future__ import annotations

from hotline_kit import HotlineUnderTest
from switches import eventually

FIRST, SECOND, THIRD = "13800000901", "13800000902", "13800000903"


def test_given_an_agent_off_hook_when_citizens_call_then_each_is_joined_to_the_same_leg(
    hotline: HotlineUnderTest,
) -> None:
    phone, leg = hotline.off_hook("1001")

    first = hotline.dial("12348", FIRST)  # no survey there
    leg.hears("citizen")
    first.hears("agent")
    first.hang_up()
    hotline.agent_is("1001", "wrap_up")
    assert hotline.ended(FIRST)["outcome"] == "answered"
    assert leg.state == "up"

    hotline.command("agent.wrapup_end", agent="1001")
    second = hotline.dial("2613710", SECOND)
    leg.hears("citizen", times=2)
    assert hotline.command("agent.end_call", agent="1001")["ok"]
    second.hears("survey")
    second.hang_up()
    ended = hotline.ended(SECOND)
    assert (ended["outcome"], ended["agent"]) == ("answered", "1001")
    by = [event["data"]["by"] for event in hotline.events("talk.ended", ended["id"])]
    assert by == ["agent"]
    assert len(phone.calls) == 1  # it never rang again
    assert leg.state == "up"

    leg.hang_up()
    hotline.line_is("1001", "on_hook")


def test_given_a_talk_off_hook_when_the_controller_is_killed_then_the_line_is_adopted(
    hotline: HotlineUnderTest,
) -> None:
    phone, leg = hotline.off_hook("1001")
    talk = hotline.dial("12348", FIRST)
    talk.hears("agent")
    starts = len(hotline.events("controller.started"))
    hotline.system.kill("controller")
    hotline.system.start_process("controller")
    eventually(
        lambda: len(hotline.events("controller.started")) > starts, "another one is there", 60
    )
    call = hotline.events("controller.started")[-1]["data"]["adopted"]
    told = hotline.events("talk.started", call[0])  # by both controllers, under one id
    assert len({event["id"] for event in told}) == 1
    assert (talk.state, leg.state) == ("up", "up")
    talk.hang_up()
    hotline.agent_is("1001", "wrap_up")

    hotline.command("agent.wrapup_end", agent="1001")
    again = hotline.dial("12348", SECOND)
    leg.hears("citizen", times=2)
    assert hotline.command("agent.on_hook", agent="1001")["ok"]  # after this call
    again.hang_up()
    leg.is_over()
    hotline.line_is("1001", "on_hook")
    assert len(phone.calls) == 1


def test_given_an_agent_who_hangs_up_off_hook_in_a_talk_then_the_citizen_is_asked_and_the_line_ends(
    hotline: HotlineUnderTest,
) -> None:
    phone, leg = hotline.off_hook("1001")
    talk = hotline.dial("2613710", THIRD)
    talk.hears("agent")
    leg.hang_up()
    talk.hears("survey")
    talk.hang_up()
    hotline.line_is("1001", "on_hook")
    hotline.agent_is("1001", "wrap_up")
    assert hotline.ended(THIRD)["outcome"] == "answered"
    assert phone.calls == [leg]
