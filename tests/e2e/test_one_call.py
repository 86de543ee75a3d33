"""One real call, from the dial to the work order."""

from __future__ import annotations

import datetime as dt
import time
from typing import Any

import pytest
from hotline_kit import HotlineUnderTest

ORDER_SECONDS = 2.0  # from the end of the call until its order can be read


def whole_call(hotline: HotlineUnderTest, caller: str, how: Any) -> dict[str, Any]:
    """Menu 1, a talk, a rating of 2; the record once it has ended."""
    agent = hotline.agent("1001")
    call = hotline.dial("12345", caller)
    call.hears("menu_main")
    call.press("1", how)
    call.hears("agent")
    talk = agent.rings()
    talk.hears("citizen", length=1.0)
    talk.hang_up()
    call.hears("survey")
    call.press("2", how)
    call.hears("survey_thanks")
    call.is_over()
    record = hotline.ended(caller)
    assert call.ended_by == "bye"
    return record


@pytest.mark.parametrize("how", ["info", "rfc4733"])
def test_given_a_free_agent_when_a_citizen_calls_talks_and_rates_then_all_of_it_is_on_record(
    hotline: HotlineUnderTest, how: str
) -> None:
    caller = "13800000001" if how == "info" else "13800000002"
    record = whole_call(hotline, caller, how)
    assert record["outcome"] == "answered"
    assert record["dialed"] == "12345"
    assert record["menu_path"] == ["main:1"]
    assert record["queue"] == "general"
    assert record["agents_offered"] == ["1001"]
    assert record["agent"] == "1001"
    assert record["rating"] == 2
    times = [
        record[name]
        for name in ("arrived_at", "queued_at", "offered_at", "answered_at", "talk_ended_at")
    ]
    assert None not in times
    assert times == sorted(times)
    order = hotline.order(record["order_number"])
    assert (order["state"], order["citizen_number"]) == ("draft", caller)
    hotline.agent_is("1001", "wrap_up")


def test_given_a_call_that_ends_when_its_order_is_asked_for_then_it_is_there_within_two_seconds(
    hotline: HotlineUnderTest, record_property: Any
) -> None:
    caller = "13800000003"
    hotline.browser("dispatcher")
    agent = hotline.agent("1001")
    call = hotline.dial("2613710", caller)
    call.hears("agent")
    agent.rings().hears("citizen")
    call.hang_up()
    ended = time.time()
    record = hotline.until(
        caller, lambda found: found["ended_at"] and found["order_number"], "order", 10
    )
    assert hotline.order(record["order_number"])["state"] == "draft"
    waited = time.time() - dt.datetime.fromisoformat(record["ended_at"]).timestamp()
    page = hotline.page(f"/orders/{record['order_number']}", user="dispatcher")
    assert record["order_number"] in page
    record_property("order_readable_after_seconds", round(waited, 3))
    print(f"order readable {waited:.3f} s after ended_at, {time.time() - ended:.3f} s after BYE")
    assert waited <= ORDER_SECONDS
