"""Two agents and a supervisor in three windows, a citizen and 12330 on the telephone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from switches import eventually
from transfer_kit import AGENT, hears_more
from waiting_kit import WaitingRoomUnderTest

from callcenter import bootstrap

CITIZEN = "041288120001"
COLLEAGUE, EAR = "1004", "1003"  # another agent; whose phone the supervisor listens with
SLOW = {"timeout": 30_000}

Opens = Callable[[str, str], Page]


@pytest.fixture
def opens(transfers: WaitingRoomUnderTest, windows) -> Opens:
    """Somebody's window at a page."""

    def open_window(username: str, path: str) -> Page:
        secrets = bootstrap.Secrets.load(transfers.system.settings.data_dir)
        base = transfers.system.url("")
        page = windows.open(base, path, username, secrets.first_logins[username])
        expect(page.locator("#stream-badge")).to_have_attribute("data-state", "live", **SLOW)
        return page

    return open_window


def phase(page: Page, name: str) -> None:
    expect(page.locator("#desk-bar")).to_have_attribute("data-phase", name, **SLOW)


def supervise(page: Page, label: str) -> None:
    """Press one of the supervisor's actions on the agent, with a reason."""
    if not page.locator("#act[open]").count():
        page.locator(f"#agent-{AGENT} .agent-act").click()
    act = page.locator("details.act-one", has=page.locator("summary", has_text=label)).first
    act.locator("summary").click()
    phone = act.locator("[name=phone]")
    if phone.count():
        phone.fill(EAR)
    act.locator("[name=why]").fill("带教")
    act.locator("form button").click()


def test_given_a_question_for_12330_when_worked_from_the_desk_then_each_hears_who_should_be_heard(
    transfers: WaitingRoomUnderTest, opens: Opens
) -> None:
    room = transfers
    phone = room.agent(AGENT, ring=None)
    room.phone(COLLEAGUE)
    ear = room.phone(EAR)
    desk, colleague, live = (
        opens(AGENT, "/desk"),
        opens(COLLEAGUE, "/desk"),
        opens("supervisor", "/live"),
    )

    citizen = room.dial("12345", CITIZEN)
    agent = phone.rings(30)
    expect(desk.locator("#desk-call")).to_contain_text(CITIZEN, **SLOW)
    expect(desk.locator("#f-title")).to_be_visible()
    desk.keyboard.press("Alt+KeyI")
    desk.keyboard.type("商标被仿冒")
    phone.answer(agent)
    phase(desk, "talking")
    hears_more(citizen, "agent")

    supervise(live, "监听")
    supervisor = ear.rings(30)
    supervisor.hears("agent+citizen", length=0.3)
    supervise(live, "耳语")
    hears_more(supervisor, "agent+citizen")

    desk.keyboard.press("Alt+KeyC")
    desk.locator("#whom-find").fill("12330")
    expect(desk.locator("#whom-list li:visible")).to_have_count(1)
    desk.keyboard.press("Enter")
    third = room.carrier.call_to("12330")
    phase(desk, "consulting")
    citizen.hears("music", length=0.3)
    expect(desk.locator(".third")).to_contain_text("Intellectual property")
    desk.keyboard.press("Alt+KeyG")
    phase(desk, "joined")
    citizen.hears("agent+third", length=0.3)
    third.hears("agent+citizen", length=0.3)
    desk.keyboard.press("Alt+KeyL")
    agent.is_over()
    citizen.hears("third", length=0.3)

    third.hang_up()
    citizen.hears("survey")
    citizen.press("1")
    citizen.is_over()
    record = room.ended(CITIZEN)
    assert (record["outcome"], record["rating"], record["agent"]) == ("answered", 1, AGENT)
    assert room.order(record["order_number"])["title"] == "商标被仿冒"
    expect(colleague.locator("#desk-call")).not_to_contain_text(CITIZEN)
    eventually(lambda: supervisor.state == "ended", "the supervisor's ear is free", 20)


def test_given_a_talk_when_held_marked_and_sent_to_the_survey_then_it_is_done_by_keys(
    transfers: WaitingRoomUnderTest, opens: Opens
) -> None:
    room = transfers
    phone = room.agent(AGENT)
    desk = opens(AGENT, "/desk")
    citizen = room.dial("12345", "041288120002")
    agent = phone.rings(30)
    phase(desk, "talking")
    expect(desk.locator("#do-call-join")).to_contain_text("没有在咨询")
    desk.keyboard.press("Alt+KeyJ")
    phase(desk, "held")
    citizen.hears("music", length=0.3)
    desk.keyboard.press("Alt+KeyJ")
    phase(desk, "talking")
    hears_more(citizen, "agent")
    desk.keyboard.press("Alt+KeyP")
    desk.locator("#mark-label").fill("市民承诺")
    desk.keyboard.press("Enter")
    expect(desk.locator("#desk-notice")).to_contain_text("“录音标注”已执行", **SLOW)
    desk.keyboard.press("Alt+KeyQ")
    agent.is_over()
    citizen.hears("survey")
    citizen.press("2")
    citizen.is_over()
    record = room.ended("041288120002")
    assert record["rating"] == 2
    marks = [event["data"]["label"] for event in room.events("recording.mark", record["id"])]
    assert "市民承诺" in marks
