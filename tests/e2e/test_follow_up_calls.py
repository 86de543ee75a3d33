"""The hotline calls: follow-ups answered by keys, notices; and citizens who ask how far it is."""

from __future__ import annotations

import datetime as dt

from outreach_kit import OutreachUnderTest, answers
from outreach_kit import outreach as outreach
from outreach_kit import shared_outreach as shared_outreach
from switches import eventually

from callcenter import database, outbox
from callcenter.order_notices import spoken
from callcenter.outbox import Channel, Message, State


def test_given_a_dissatisfied_citizen_then_it_is_done_again_and_asked_again(
    outreach: OutreachUnderTest,
) -> None:
    caller = "13900004001"
    order = outreach.reviewed(caller)
    call = outreach.carrier.call_to(caller)
    assert "sip:12345@" in call.invite.get("from")  # type: ignore[union-attr]
    call.hears("follow_up_hello")
    answers(call, "1", "2", "5")
    call.hears("follow_up_thanks")
    call.is_over()
    asked = outreach.follow_up(order, state="person")
    assert (asked.reason, asked.way, asked.answers["satisfied"]) == ("dissatisfied", "voice", 5)
    assert outreach.state_of(order) == "reviewed"
    outreach.decide(asked, "redo", "承办单位责任")
    assert outreach.state_of(order) == "dispatched"
    outreach.handled_again(order)
    again = outreach.carrier.call_to(caller, times=2)
    answers(again, "1", "1", "1")
    again.hears("follow_up_thanks")
    again.is_over()
    done = outreach.follow_up(order, round=1, state="done")
    assert (done.result, done.attempts) == ("satisfied", 1)
    assert outreach.state_of(order) == "archived"
    record = outreach.ended(caller)
    assert (record["purpose"], record["order_number"]) == ("follow_up", order)
    assert record["outcome"] == "self_served"


def test_given_nobody_answers_then_it_is_tried_again_and_then_left_to_a_person(
    outreach: OutreachUnderTest,
) -> None:
    caller = "13900004002"
    outreach.carrier.ways[caller] = "busy"
    order = outreach.reviewed(caller)
    asked = outreach.follow_up(order, state="person")
    assert (asked.reason, asked.attempts, asked.problem) == ("not_reached", 2, "USER_BUSY")
    assert outreach.carrier.asked.count(caller) == 2


def test_given_the_controller_is_killed_in_mid_follow_up_then_the_next_question_is_asked(
    outreach: OutreachUnderTest,
) -> None:
    caller = "13900004003"
    order = outreach.reviewed(caller)
    call = outreach.carrier.call_to(caller)
    answers(call, "1")
    call.hears("follow_up_solved")
    outreach.system.kill("controller")
    outreach.system.start_process("controller")
    call.hears("follow_up_solved", seconds=30, times=2)
    call.press("1")
    call.hears("follow_up_satisfied")
    call.press("3")
    call.hears("follow_up_thanks")
    asked = outreach.follow_up(order, state="done")
    assert asked.answers == {"true": True, "solved": True, "satisfied": 3}
    assert outreach.carrier.asked.count(caller) == 1
    assert outreach.state_of(order) == "archived"


def test_given_0_then_a_person_takes_the_call(outreach: OutreachUnderTest) -> None:
    caller = "13900004004"
    agent = outreach.agent("1001")
    order = outreach.reviewed(caller)
    call = outreach.carrier.call_to(caller)
    answers(call, "1", "0")
    leg = agent.rings(20)
    call.hears("agent", seconds=20)
    leg.hang_up()
    call.hears("goodbye")
    asked = outreach.follow_up(order, state="person")
    assert asked.reason == "wants_person"
    assert outreach.ended(caller)["order_number"] == order  # no order of its own


def test_given_a_voice_notice_then_it_is_over_when_1_is_pressed(
    outreach: OutreachUnderTest,
) -> None:
    number = "13900004005"
    message = Message(
        key="notice:test",
        channel=Channel.VOICE,
        address=number,
        kind="notice.red",
        prompts=spoken("red", "20260301000042"),
    )
    with database.writing(outreach.engine) as session:
        outbox.put(session, [message], dt.datetime.now(dt.UTC))
    call = outreach.carrier.call_to(number)
    call.hears("notice_hello")
    call.press("1")
    call.hears("notice_thanks")
    call.is_over()

    def sent() -> bool:
        found = outreach.message("notice:test")
        return found is not None and found.state == State.SENT

    eventually(sent, "the notice was heard", 15)


def test_given_a_citizen_who_asks_then_state_and_deadline_are_spoken(
    outreach: OutreachUnderTest,
) -> None:
    caller = "13900004006"
    outreach.carrier.ways[caller] = "busy"
    order = outreach.reviewed(caller)
    call = outreach.dial("12345", caller)
    call.hears("menu_main")
    call.press("4")
    for tail, heard in (("0000", "progress_wrong"), (caller[-4:], "progress_state")):
        call.hears("progress_number", times=1 if heard == "progress_wrong" else 2)
        for digit in order:
            call.press(digit)
        call.hears("progress_phone", times=1 if heard == "progress_wrong" else 2)
        for digit in tail:
            call.press(digit)
        call.hears(heard)
    call.hang_up()
    record = outreach.ended(caller)
    assert record["outcome"] == "self_served"
    asked = outreach.events("progress.asked", record["id"])
    assert [event["data"]["result"] for event in asked] == ["wrong", "found"]
