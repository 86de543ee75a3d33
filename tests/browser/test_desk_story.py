"""Two agents and a supervisor in three windows; SIPp is the citizen and 12330.

SIPp can't tell what it hears: the agent's phone, the supervisor's and the recording do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from carrier import Carrier
from listening import CITIZEN as CITIZENS_VOICE
from listening import THIRD
from playwright.sync_api import Page, expect
from sipp import Sipp, SippRun, cue, sipp_missing
from survival import longest_run
from switches import eventually
from system import System
from transfer_kit import AGENT, hears_more
from waiting_kit import WaitingRoomUnderTest, assign_queues, write_rules

from callcenter import bootstrap

CITIZEN = "041288120001"
COLLEAGUE, EAR = "1004", "1003"  # another agent; whose phone the supervisor listens with
SLOW = {"timeout": 30_000}

Opens = Callable[[System, str, str], Page]


@pytest.fixture
def opens(windows) -> Opens:
    """Somebody's window at a page of a system."""

    def open_window(system: System, username: str, path: str) -> Page:
        secrets = bootstrap.Secrets.load(system.settings.data_dir)
        base = system.url("")
        page = windows.open(base, path, username, secrets.first_logins[username])
        expect(page.locator("#stream-badge")).to_have_attribute("data-state", "live", **SLOW)
        return page

    return open_window


@dataclass
class Played:
    """A hotline whose citizen and whose 12330 SIPp plays."""

    room: WaitingRoomUnderTest
    sipp: Sipp
    third: SippRun


@pytest.fixture
def played(
    make_system: Callable[..., System], shared_carrier: Carrier, tmp_path: Path
) -> Iterator[Played]:
    if reason := sipp_missing():
        pytest.skip(reason)
    with Sipp(tmp_path / "sipp") as sipp:
        third = sipp.third_on_cue(THIRD)
        gateway = f"127.0.0.1:{third.port}"
        system = make_system(trunk_gateway=gateway, **write_rules(tmp_path / "rules"))
        assign_queues(system)
        room = WaitingRoomUnderTest(system, shared_carrier)
        yield Played(room, sipp, third)
        room.close()


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
    played: Played, opens: Opens
) -> None:
    room, system = played.room, played.room.system
    phone = room.agent(AGENT, ring=None)
    room.phone(COLLEAGUE)
    ear = room.phone(EAR)
    desk, colleague, live = (
        opens(system, AGENT, "/desk"),
        opens(system, COLLEAGUE, "/desk"),
        opens(system, "supervisor", "/live"),
    )

    room.begins(CITIZEN)
    citizen = played.sipp.citizen_on_cue(system.switch.trunk, "12345", CITIZEN, "1")
    agent = phone.rings(30)
    expect(desk.locator("#desk-call")).to_contain_text(CITIZEN, **SLOW)
    expect(desk.locator("#f-title")).to_be_visible()
    desk.keyboard.press("Alt+KeyI")
    desk.keyboard.type("商标被仿冒")
    phone.answer(agent)
    phase(desk, "talking")
    hears_more(agent, "citizen")

    supervise(live, "监听")
    supervisor = ear.rings(30)
    supervisor.hears("agent+citizen", length=0.3)
    supervise(live, "耳语")
    hears_more(supervisor, "agent+citizen")
    hears_more(agent, "agent+citizen")  # the supervisor's telephone has an agent's voice

    desk.keyboard.press("Alt+KeyC")
    desk.locator("#whom-find").fill("12330")
    expect(desk.locator("#whom-list li:visible")).to_have_count(1)
    desk.keyboard.press("Enter")
    phase(desk, "consulting")
    hears_more(agent, "agent+third")  # and not the citizen, who hears music
    expect(desk.locator(".third")).to_contain_text("Intellectual property")
    desk.keyboard.press("Alt+KeyG")
    phase(desk, "joined")
    hears_more(agent, "agent+citizen+third")
    desk.locator("#f-category").select_option("inquiry")
    desk.keyboard.press("Alt+KeyA")
    expect(desk.locator(".form-status")).to_contain_text("工单已受理", **SLOW)
    desk.keyboard.press("Alt+KeyL")
    agent.is_over()

    cue(played.third)  # 12330 hangs up
    call = str(room.until(CITIZEN, lambda told: told["answered_at"], "answered")["id"])
    eventually(lambda: room.events("survey.started", call), "the citizen is asked", 20)
    cue(citizen)
    for run in (played.third, citizen):
        result = run.wait(30)
        assert (result.exit_code, result.successful) == (0, 1), result.explain()
    record = room.ended(CITIZEN)
    assert (record["outcome"], record["rating"], record["agent"]) == ("answered", 1, AGENT)
    order = room.order(record["order_number"])
    assert (order["title"], order["state"]) == ("商标被仿冒", "accepted")
    (recording,) = system.settings.recordings_dir.rglob("*.wav")
    assert longest_run(recording, 0, CITIZENS_VOICE) > 0.5
    assert longest_run(recording, 1, THIRD) > 0.5
    expect(colleague.locator("#desk-call")).not_to_contain_text(CITIZEN)
    eventually(lambda: supervisor.state == "ended", "the supervisor's ear is free", 20)


def test_given_a_talk_when_held_marked_and_sent_to_the_survey_then_it_is_done_by_keys(
    transfers: WaitingRoomUnderTest, opens: Opens
) -> None:
    room = transfers
    phone = room.agent(AGENT)
    desk = opens(room.system, AGENT, "/desk")
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
