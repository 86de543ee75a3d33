"""An agent in Chromium, a citizen on the telephone: one call worked from the desk alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hotline_kit import HotlineUnderTest
from phone import Leg
from playwright.sync_api import Page, expect
from switches import eventually

from callcenter import bootstrap

CITIZEN = "041288123456"
LIMIT_MS = 200  # a command's way to the controller and back
TALKS = {"timeout": 20_000}


@pytest.fixture
def at_desk(hotline: HotlineUnderTest, windows) -> Callable[..., Page]:
    """Agent `number` at her desk."""

    def sit_down(number: str = "1001", **options) -> Page:
        secrets = bootstrap.Secrets.load(hotline.system.settings.data_dir)
        base = hotline.system.url("")
        page = windows.open(base, "/desk", number, secrets.first_logins[number], **options)
        expect(page.locator("#stream-badge")).to_have_attribute("data-state", "live", **TALKS)
        return page

    return sit_down


def state(page: Page, word: str) -> None:
    expect(page.locator(".desk-now")).to_contain_text(word, **TALKS)


def get_ready(page: Page) -> None:
    for word in ("示忙", "空闲"):  # log in, be ready
        page.keyboard.press("Alt+KeyR")
        state(page, word)


def command_times(page: Page) -> list[float]:
    """How long the page waited for each command's answer, ms."""
    asked = page.evaluate("""
        performance.getEntriesByType("resource")
            .filter(each => each.name.endsWith("/desk/command"))
            .map(each => each.duration)
    """)
    return sorted(asked)


def test_given_an_agent_at_her_desk_when_a_citizen_calls_then_the_order_is_written_while_they_talk(
    hotline: HotlineUnderTest, at_desk, record_property
) -> None:
    phone = hotline.phone("1001", ring=None)
    page = at_desk()
    get_ready(page)

    call = hotline.dial("2613710", CITIZEN)
    rung = phone.rings()
    state(page, "振铃中")
    caller = page.locator("#desk-call")
    for told in (CITIZEN, "辽宁省鞍山市", "2613710", "直接转人工"):
        expect(caller).to_contain_text(told)
    page.keyboard.press("Alt+KeyI")
    page.keyboard.type("和平小区停水")  # the phone still rings

    phone.answer(rung)
    state(page, "通话中")
    page.locator("#f-body").fill("三号楼停水两天，楼内有老人。")
    page.locator("#f-category").select_option("help")
    expect(page.locator(".form-status")).to_have_attribute("data-state", "saved", **TALKS)
    call.hears("agent", length=0.5)

    rung.hang_up()
    call.hears("survey")
    call.press("1")
    call.is_over()
    state(page, "话后处理")
    page.keyboard.press("Alt+KeyW")
    state(page, "空闲")

    record = hotline.ended(CITIZEN)
    assert (record["outcome"], record["rating"]) == ("answered", 1)
    order = hotline.order(record["order_number"])
    told = {name: order[name] for name in ("title", "body", "category", "state", "citizen_number")}
    assert told == {
        "title": "和平小区停水",
        "body": "三号楼停水两天，楼内有老人。",
        "category": "help",
        "state": "draft",
        "citizen_number": CITIZEN,
    }
    times = command_times(page)
    record_property("command_ms", times)
    print(f"commands answered after {[round(each) for each in times]} ms")
    assert len(times) == 3
    assert times[0] < LIMIT_MS
    # The same citizen again: the desk knows her.
    again = hotline.dial("2613710", CITIZEN)
    expect(page.locator("#desk-pop")).to_contain_text("和平小区停水", **TALKS)
    again.hang_up()


@pytest.mark.whole_browser
def test_given_a_phone_in_the_browser_when_a_citizen_calls_then_they_hear_each_other(
    hotline: HotlineUnderTest, at_desk
) -> None:
    """SIP over a secure WebSocket, sound over DTLS-SRTP, with Chromium's whistling microphone."""
    if hotline.system.switch.kind == "lab":
        pytest.skip("labswitch speaks neither WebSocket nor DTLS: this needs FreeSWITCH")
    page = at_desk()
    box = page.locator("#softphone")
    page.get_by_role("button", name="启用").click()
    expect(box).to_have_attribute("data-state", "ready", **TALKS)
    expect(page.locator(".desk-phone")).to_contain_text("话机在线", **TALKS)
    get_ready(page)

    call = hotline.dial("2613710", CITIZEN)
    expect(box).to_have_attribute("data-state", "ringing", **TALKS)
    page.keyboard.press("Alt+KeyY")
    expect(box).to_have_attribute("data-state", "talking", **TALKS)
    state(page, "通话中")
    eventually(lambda: level(page, "in") > 0.3, "the agent hears the citizen's tone", 15)
    hears_sound(call)
    page.get_by_role("button", name="关麦克风").click()
    eventually(lambda: level(page, "out") == 0, "a microphone that is off shows nothing", 15)
    hears_silence(call)
    page.get_by_role("button", name="关麦克风").click()
    hears_sound(call)

    box.get_by_role("button", name="挂机").click()
    call.hears("survey")
    call.hang_up()
    expect(box).to_have_attribute("data-state", "ready", **TALKS)
    assert "local" not in page.evaluate("JSON.stringify(localStorage)")  # no secret is kept
    page.get_by_role("button", name="停用").click()
    expect(page.locator(".desk-phone")).to_contain_text("话机未注册", **TALKS)
    # The desk phone's own password counts again.
    eventually(lambda: registers(hotline, "1001"), "the desk phone can register again", 15)


def registers(hotline: HotlineUnderTest, number: str) -> bool:
    try:
        hotline.phone(number)
    except AssertionError:
        return False
    return True


def level(page: Page, way: str) -> float:
    return float(page.locator(f"[data-part=level-{way}]").evaluate("meter => meter.value"))


def hears_sound(call: Leg) -> None:
    before = call.heard.sounding
    eventually(lambda: call.heard.sounding > before + 0.2, "the citizen hears something", 15)


def hears_silence(call: Leg) -> None:
    """A second without a sound; the microphone whistles every second."""

    def silent() -> bool:
        before, start = call.heard.sounding, call.heard.length
        eventually(lambda: call.heard.length > start + 1.5, "1.5 s of sound or silence", 15)
        return call.heard.sounding == before

    eventually(silent, "the citizen hears nothing", 20)
