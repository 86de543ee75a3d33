"""What a waiting citizen hears, and may press."""

from __future__ import annotations

import pytest
from waiting_kit import WaitingRoomUnderTest

RECORDED = 1.5  # seconds of a message


def test_given_a_wait_when_the_place_is_told_then_the_choices_of_the_queue_follow(
    waiting: WaitingRoomUnderTest,
) -> None:
    both = waiting.dial("12345", "13800001001")
    one = waiting.dial("12347", "13800001002")
    both.hears("queue_keys")
    one.hears("queue_keys_message")
    for call in (both, one):
        words = call.heard.words()
        assert words.index("next_in_line") == len(words) - 2, words
    both.hears("music", times=both.heard.words().count("music") + 1)
    assert waiting.story(
        str(waiting.record("13800001001")["id"]),
        "queue.announced",  # type: ignore[index]
    )


def test_given_a_number_abroad_when_it_waits_then_a_callback_is_not_offered(
    waiting: WaitingRoomUnderTest,
) -> None:
    call = waiting.dial("12345", "0085212345678")
    call.hears("queue_keys_message")
    call.press("1")
    call.hears("next_in_line", times=2)
    assert waiting.events("callback.requested", str(waiting.record("0085212345678")["id"])) == []  # type: ignore[index]


def test_given_a_queue_without_announcements_when_time_goes_by_then_words_of_comfort_take_turns(
    waiting: WaitingRoomUnderTest,
) -> None:
    call = waiting.dial("12346", "13800001003")
    call.hears("please_hold", seconds=20)
    call.hears("other", seconds=20)  # all_busy
    call.hears("please_hold", seconds=20, times=2)
    assert not {"next_in_line", "queue_keys"} & set(call.heard.words())


def test_given_the_choices_when_the_citizen_presses_2_then_a_message_is_taken_and_the_place_is_free(
    waiting: WaitingRoomUnderTest,
) -> None:
    call = waiting.dial("12347", "13800001004")
    call.hears("queue_keys_message")
    call.press("2")
    call.hears("beep")
    call.speaks(RECORDED)
    call.press("#")
    call.hears("message_saved")
    call.is_over()
    record = waiting.ended("13800001004")
    assert record["outcome"] == "message_left"
    assert record["order_number"]
    left = waiting.story(record["id"], "queue.left")
    assert [event["data"]["reason"] for event in left] == ["message"]
    agent = waiting.agent("1003")
    waiting.dial("12347", "13800001005").hears("agent")
    assert len(agent.calls) == 1


@pytest.mark.parametrize("key", ["0", "9", "2"])
def test_given_the_wait_when_another_key_is_pressed_then_the_citizen_goes_on_waiting(
    waiting: WaitingRoomUnderTest, key: str
) -> None:
    caller = f"1380000110{key}"
    call = waiting.dial("12347", caller)
    call.hears("connecting")
    if key != "2":  # which counts once it was named
        call.hears("queue_keys_message")
    call.press(key)
    call.hears("queue_keys_message", times=2 if key != "2" else 1)
    waiting.comes("1003")
    call.hears("agent")
    call.hang_up()
    assert waiting.ended(caller)["outcome"] == "answered"
