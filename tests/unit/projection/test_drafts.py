"""What a call writes into its draft order, and what it leaves to people."""

from __future__ import annotations

import datetime as dt
from typing import Any

from callcenter.events import Event, Kind, event
from callcenter.projection import fold
from workorder.drafts import Draft, draft_of, merge, new_order

NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)


def call(*steps: tuple[Kind, dict[str, Any]], **arrived: Any) -> Draft | None:
    told = {"caller": "13800135678", "name": "", "dialed": "12345", "hotline": "12345"} | arrived
    events: list[Event] = [event(Kind.CALL_ARRIVED, "c", at=1e9, **told)]
    events += [event(kind, "c", at=1e9 + n, **data) for n, (kind, data) in enumerate(steps, 1)]
    return draft_of(fold(events))


TALK = (Kind.TALK_STARTED, {"agent": "1001"})
MESSAGE = (Kind.MESSAGE_RECORDED, {"path": "messages/c.wav"})
CALLBACK = (Kind.CALLBACK_REQUESTED, {"number": "041187654321"})


def test_a_call_that_nobody_answered_gives_no_draft() -> None:
    assert call((Kind.QUEUE_JOINED, {"queue": "general"})) is None


def test_an_answered_call_gives_a_draft_of_the_agent() -> None:
    assert call(TALK, name="张三") == Draft(
        "12345 来电 尾号5678", "13800135678", "张三", "phone", "1001"
    )


def test_a_message_and_a_wish_to_be_called_back_give_drafts_of_their_kind() -> None:
    message, callback = call(MESSAGE), call(CALLBACK)
    assert message is not None
    assert callback is not None
    assert (message.channel, message.title) == ("message", "12345 留言 尾号5678")
    assert (callback.channel, callback.citizen_number) == ("callback", "041187654321")


def test_given_message_then_answer_the_draft_is_of_the_talk() -> None:
    draft = call(MESSAGE, TALK)
    assert draft is not None
    assert draft.channel == "phone"


def test_a_name_that_is_only_the_number_is_no_name() -> None:
    for name in ("13800135678", "+86 138-0013", "", "  "):
        draft = call(TALK, name=name)
        assert draft is not None
        assert draft.citizen_name == ""


def test_a_caller_without_number_still_gives_a_draft() -> None:
    draft = call(TALK, caller="anonymous")
    assert draft is not None
    assert draft.title == "12345 来电"


FIRST = Draft("12345 留言 尾号5678", "13800135678", "", "message", None)
LATER = Draft("12345 来电 尾号5678", "13800135678", "张三", "phone", "1001")


def test_a_draft_follows_its_call() -> None:
    order = new_order("n", "c", FIRST, NOW)
    assert (order.category, order.state) == (None, "draft")
    assert merge(order, LATER)
    assert (order.title, order.citizen_name, order.agent_number) == (LATER.title, "张三", "1001")
    assert not merge(order, LATER)


def test_what_a_person_wrote_stays() -> None:
    order = new_order("n", "c", FIRST, NOW)
    order.title, order.citizen_number = "路灯不亮", ""
    merge(order, LATER)
    assert (order.title, order.citizen_number, order.channel) == ("路灯不亮", "", "phone")


def test_an_order_on_its_way_is_left_alone() -> None:
    order = new_order("n", "c", FIRST, NOW)
    order.state = "dispatched"
    assert not merge(order, LATER)
    assert order.channel == "message"
