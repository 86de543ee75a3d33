"""Menus, hours, messages, blocked numbers, and hanging up anywhere: how each call comes out."""

from __future__ import annotations

from typing import Any

import pytest
from hotline_kit import MENU_SECONDS, HotlineUnderTest
from phone import AgentPhone, Leg
from switches import eventually

from callcenter import bootstrap, database
from callcenter.models import Agent


def in_queue(hotline: HotlineUnderTest, caller: str) -> dict[str, Any]:
    return hotline.until(caller, lambda found: found["stage"] == "queue", "waits in the queue")


def in_menu(call: Leg, menu: str = "menu_main") -> Leg:
    call.hears(menu)
    return call


def outcome(hotline: HotlineUnderTest, caller: str) -> str:
    return str(hotline.ended(caller)["outcome"])


def test_given_the_second_number_when_it_is_dialed_then_no_menu_stands_before_the_person(
    hotline: HotlineUnderTest,
) -> None:
    caller = "13800000201"
    hotline.agent("1001")
    call = hotline.dial("2613710", caller)
    call.hears("agent")
    assert not {"menu_main", "menu_auto"} & set(call.heard.words())
    call.hang_up()
    record = hotline.ended(caller)
    assert (record["outcome"], record["menu_path"], record["hotline"]) == ("answered", [], "direct")


def test_given_silence_or_wrong_keys_three_times_when_the_menu_ends_then_a_person_takes_the_call(
    hotline: HotlineUnderTest,
) -> None:
    silent = hotline.dial("12345", "13800000202")
    wrong = hotline.dial("12345", "13800000203")
    for time in range(1, 4):
        wrong.hears("menu_main", times=time)
        wrong.press("7")
        if time < 3:
            wrong.hears("wrong_key", times=time)
    wrong.hears("connecting")
    silent.hears("connecting", seconds=3 * (MENU_SECONDS + 2) + 5)
    assert wrong.heard.words().count("wrong_key") == 2
    assert silent.heard.words().count("silence") == 2
    for call, caller in ((silent, "13800000202"), (wrong, "13800000203")):
        assert in_queue(hotline, caller)["queue"] == "general"
        call.hang_up()
        assert outcome(hotline, caller) == "abandoned_in_queue"


def test_given_the_automatic_menu_when_information_was_heard_then_the_call_was_self_served(
    hotline: HotlineUnderTest,
) -> None:
    caller = "13800000204"
    call = in_menu(hotline.dial("12345", caller))
    call.press("2")
    call.hears("menu_auto")
    call.press("2")
    call.hears("about", length=1.9)
    call.hears("menu_auto", times=2)
    call.hang_up()
    record = hotline.ended(caller)
    assert record["outcome"] == "self_served"
    assert record["menu_path"] == ["main:2", "auto:2"]


@pytest.mark.parametrize("key", ["0", "1"])
def test_given_the_automatic_menu_when_0_or_1_is_pressed_then_a_person_takes_the_call(
    hotline: HotlineUnderTest, key: str
) -> None:
    caller = f"1380000021{key}"
    hotline.agent("1002")
    call = in_menu(hotline.dial("12345", caller))
    call.press("2")
    call.hears("menu_auto")
    call.press(key)
    call.hears("agent")
    call.hang_up()
    record = hotline.ended(caller)
    assert (record["outcome"], record["agent"]) == ("answered", "1002")
    assert record["menu_path"] == ["main:2", f"auto:{key}"]


def test_given_a_menu_when_keys_are_pressed_ahead_of_the_questions_then_they_answer_them(
    hotline: HotlineUnderTest,
) -> None:
    caller = "13800000205"
    call = hotline.dial("12345", caller)
    call.hears("welcome")
    call.press("2")
    call.press("9")
    call.press("1")
    call.hears("connecting")
    record = in_queue(hotline, caller)
    assert record["menu_path"] == ["main:2", "auto:9", "main:1"]
    call.hang_up()


def test_given_calls_when_the_citizen_hangs_up_in_any_stage_then_the_outcome_tells_where(
    hotline: HotlineUnderTest,
) -> None:
    welcome = hotline.dial("12345", "13800000221")
    welcome.hears("welcome")
    welcome.hang_up()
    menu = in_menu(hotline.dial("12345", "13800000222"))
    menu.hang_up()
    queue = hotline.dial("2613710", "13800000223")
    queue.hears("connecting")
    in_queue(hotline, "13800000223")
    queue.hang_up()
    message = in_menu(hotline.dial("12345", "13800000224"))
    message.press("3")
    message.hears("message_prompt")
    message.hang_up()
    assert outcome(hotline, "13800000221") == "abandoned_in_menu"
    assert outcome(hotline, "13800000222") == "abandoned_in_menu"
    assert outcome(hotline, "13800000223") == "abandoned_in_queue"
    assert outcome(hotline, "13800000224") == "abandoned_in_menu"

    agent = hotline.agent("1001")
    talk = hotline.dial("2613710", "13800000225")
    talk.hears("agent")
    talk.hang_up()
    talked = hotline.ended("13800000225")
    assert (talked["outcome"], talked["rating"], talked["hangup_by"]) == (
        "answered",
        None,
        "citizen",
    )
    assert talked["order_number"]
    hotline.ready("1001")
    rated = hotline.dial("2613710", "13800000226")
    rated.hears("agent")
    agent.rings(times=2).hang_up()
    rated.hears("survey")
    rated.hang_up()
    after = hotline.ended("13800000226")
    assert (after["outcome"], after["rating"]) == ("answered", None)
    for caller in range(13800000221, 13800000225):
        assert hotline.ended(str(caller))["order_number"] is None


def test_given_a_message_when_the_citizen_hangs_up_while_speaking_then_it_is_still_an_order(
    hotline: HotlineUnderTest,
) -> None:
    long, short = "13800000231", "13800000232"
    calls = {caller: in_menu(hotline.dial("12345", caller)) for caller in (long, short)}
    for caller, seconds in ((long, 2.0), (short, 0.2)):
        calls[caller].press("3")
        calls[caller].hears("beep", length=0.28)
        calls[caller].speaks(seconds)
        calls[caller].hang_up()
    record = hotline.ended(long)
    assert record["outcome"] == "message_left"
    assert hotline.order(record["order_number"])["channel"] == "message"
    nothing = hotline.ended(short)
    assert (nothing["outcome"], nothing["order_number"]) == ("abandoned_in_menu", None)


def test_given_a_queue_with_a_limit_when_it_is_reached_then_the_citizen_hears_goodbye(
    hotline: HotlineUnderTest,
) -> None:
    caller = "13800000241"
    call = in_menu(hotline.dial("12345", caller))
    call.press("6")
    call.hears("connecting")
    call.hears("goodbye", length=0.35)
    call.is_over()
    record = hotline.ended(caller)
    assert (record["outcome"], record["queue"]) == ("abandoned_in_queue", "hasty")


def test_given_closing_time_when_a_citizen_calls_then_the_closed_menu_or_a_message_is_offered(
    hotline: HotlineUnderTest,
) -> None:
    by_menu, by_itself, silent = "13800000251", "13800000252", "13800000253"
    menu, message, patient = (
        hotline.dial(dialed, caller)
        for dialed, caller in (("12346", by_menu), ("12347", by_itself), ("12346", silent))
    )
    menu.hears("menu_closed")
    menu.press("3")
    for call, caller in ((menu, by_menu), (message, by_itself), (patient, silent)):
        call.hears("message_prompt")
        call.hears("beep", length=0.28)
        call.speaks(1.5)
        call.press("#")
        call.hears("message_saved", length=0.35)
        call.is_over()
        record = hotline.ended(caller)
        assert record["order_number"]
        assert record["outcome"] == "message_left"
        assert record["queued_at"] is None
        assert "menu_main" not in call.heard.words()


def turned_away(hotline: HotlineUnderTest, caller: str) -> bool:
    """Call, listen, hang up: whether the hotline refused."""
    call = hotline.dial("12345", caller)
    eventually(lambda: {"blocked", "welcome"} & set(call.heard.words()), "hears anything")
    refused = "blocked" in call.heard.words()
    if refused:
        call.is_over()
    else:
        call.hang_up()
    assert (outcome(hotline, caller) == "blocked") == refused
    return refused


def test_given_a_number_blocked_on_the_page_when_it_calls_then_it_is_turned_away_politely(
    hotline: HotlineUnderTest,
) -> None:
    caller = "13800000261"
    assert not turned_away(hotline, caller)
    hotline.post("/admin/blocked", "/admin/blocked", number=caller, reason="恶意骚扰", until="")
    eventually(lambda: turned_away(hotline, caller), "the number is blocked", 20)
    heard = hotline.phones[-1].legs[-1].heard
    assert heard.words() == ["blocked"]
    assert heard.seconds("blocked") == pytest.approx(0.5, abs=0.06)
    record = hotline.ended(caller)
    assert (record["queued_at"], record["order_number"]) == (None, None)

    hotline.post(f"/admin/blocked/{caller}/remove", "/admin/blocked")
    eventually(lambda: not turned_away(hotline, caller), "the number is served again", 20)


def test_given_a_new_agent_in_the_database_when_the_phone_registers_then_it_takes_calls(
    hotline: HotlineUnderTest,
) -> None:
    settings = hotline.system.settings
    engine = database.create_engine(settings.database_url)
    with database.writing(engine) as session:
        session.add(bootstrap.new_agent("1042", "新坐席", settings.domain, "a-new-word"))
    phone = AgentPhone(hotline.system.switch.registrar, "1042", "a-new-word", settings.domain)
    hotline.phones.append(phone)

    def registers() -> bool:
        try:
            phone.register()
        except AssertionError:
            return False
        return True

    try:
        eventually(registers, "the switch knows the new phone", 20)
        hotline.ready("1042")
        call = hotline.dial("2613710", "13800000271")
        call.hears("agent")
        call.hang_up()
        assert hotline.ended("13800000271")["agent"] == "1042"
    finally:
        with database.writing(engine) as session:
            session.delete(session.get_one(Agent, "1042"))
        engine.dispose()
    # Who is no longer an agent is logged out, and the phone may not register any more.
    eventually(lambda: not registers(), "the switch forgets the phone", 20)
