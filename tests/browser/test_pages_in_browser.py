"""The pages in a real browser: live rows, keys, the player, the desk, drafts, staleness."""

from __future__ import annotations

import json
import re
import time
import uuid
from pathlib import Path

import pytest
import web_scene
from playwright.sync_api import Locator, expect
from sqlalchemy import select
from web_kit import add_call

from callcenter import database
from callcenter.models import Call
from workorder.models import AuditEntry

AXE = Path(__file__).parents[2] / "node_modules/axe-core/axe.min.js"
PAGES = {
    "login": (None, "/login"),
    "calls": ("admin", "/calls"),
    "call": ("admin", f"/calls/{web_scene.CALL}"),
    "orders": ("admin", "/orders"),
    "order": ("admin", f"/orders/{web_scene.order_number()}"),
    "desk": ("wangfang", "/desk"),
    "live": ("banzhang", "/live"),
    "wall": ("banzhang", "/live/wall"),
    "blocked": ("admin", "/admin/blocked"),
    "users": ("admin", "/admin/users"),
    "audit": ("shenji", "/admin/audit"),
    "account": ("admin", "/account"),
}


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("name", PAGES)
def test_every_page_works_for_everybody(visit, controller_ticks, name, language):
    """axe-core's rules of WCAG 2.1 A and AA: nothing serious, in both languages; and nothing is
    cut off in any window."""
    username, path = PAGES[name]
    page = visit(path, username, language=language)
    if page.locator("#stream-badge").count():
        expect(page.locator("#stream-badge")).to_have_attribute("data-state", "live")
    # The policy of the page lets no script in from outside: axe goes in past it.
    page.evaluate(AXE.read_text("utf-8"))
    found = page.evaluate(
        "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']})"
    )
    serious = [
        (each["id"], [node["target"] for node in each["nodes"]][:4])
        for each in found["violations"]
        if each["impact"] in ("serious", "critical")
    ]
    assert serious == []
    assert len(found["passes"]) > 8
    for width in (390, 768, 1366, 1920):
        page.set_viewport_size({"width": width, "height": 768})
        until(page.locator("html"), "html => html.scrollWidth <= innerWidth")  # charts follow


def test_a_new_call_comes_to_the_top_and_changes_in_place(visit, site, controller_ticks):
    page = visit("/calls")
    expect(page.locator("#stream-badge")).to_have_attribute("data-state", "live")
    add_call(site.engine, "brand-new", age=0, caller="13700001111", queue="general", queued_at=0)
    site.redis.publish("cc:events", json.dumps({"kind": "call", "id": "brand-new"}))
    row = page.locator("#call-brand-new")
    expect(row).to_contain_text("137****1111")
    expect(page.locator("#calls tr").first).to_have_attribute("data-id", "brand-new")
    expect(row).to_contain_text("排队中")
    with database.writing(site.engine) as session:
        call = session.get_one(Call, "brand-new")
        call.outcome, call.stage, call.ended_at = "abandoned_in_queue", "ended", call.arrived_at
    site.redis.publish("cc:events", json.dumps({"kind": "call", "id": "brand-new"}))
    expect(row).to_contain_text("排队中放弃")
    assert page.locator("#call-brand-new").count() == 1


def test_a_filtered_list_takes_only_what_matches(visit, site, controller_ticks):
    page = visit("/calls?outcome=blocked")
    expect(page.locator("#stream-badge")).to_have_attribute("data-state", "live")
    add_call(site.engine, "unwanted", age=0, ended_at=0, outcome="answered")
    add_call(site.engine, "wanted", age=0, ended_at=0, outcome="blocked")
    for call in ("unwanted", "wanted"):
        site.redis.publish("cc:events", json.dumps({"kind": "call", "id": call}))
    expect(page.locator("#call-wanted")).to_be_visible()
    assert page.locator("#call-unwanted").count() == 0


def test_the_keyboard_moves_opens_and_searches(visit):
    page = visit("/calls")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("j")
    second = page.locator("#calls tr").nth(1)
    expect(second).to_have_class(re.compile("is-current"))
    target = second.get_attribute("data-href")
    page.keyboard.press("/")
    expect(page.locator("#search")).to_be_focused()
    page.keyboard.type("jk")
    expect(page.locator("#search")).to_have_value("jk")
    page.keyboard.press("Escape")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{target}")


def until(element: Locator, condition: str, seconds: float = 15.0) -> None:
    """Playwright's own `wait_for_function` needs eval, which the page's policy forbids."""
    deadline = time.monotonic() + seconds
    while not element.evaluate(condition):
        assert time.monotonic() < deadline, condition
        element.page.wait_for_timeout(50)


def test_a_recording_plays_and_seeks_and_is_written_down(visit, site):
    page = visit(f"/calls/{web_scene.CALL}")
    pieces = []
    page.on("response", lambda got: "/recording" in got.url and pieces.append(got.status))
    player = page.locator("audio")
    player.evaluate("player => player.play()")
    until(player, "player => player.currentTime > 0")
    assert round(player.evaluate("player => player.duration")) == 181
    player.evaluate("player => { player.currentTime = 170 }")
    until(player, "player => player.currentTime > 170 && !player.seeking")
    assert set(pieces) == {206}
    with database.reading(site.engine) as session:
        entries = session.scalars(
            select(AuditEntry).where(AuditEntry.action == "recording_played")
        ).all()
    assert [entry.username for entry in entries] == ["admin"]


def test_a_number_is_shown_at_the_press_of_a_button(visit):
    page = visit(f"/calls/{web_scene.CALL}")
    expect(page.locator("h1")).to_contain_text("138****4472")
    page.get_by_role("button", name="显示完整号码").click()
    expect(page.locator("h1")).to_contain_text("13815664472")


def test_a_call_page_follows_its_call_while_a_player_goes_on(visit, site, controller_ticks):
    page = visit(f"/calls/{web_scene.CALL}")
    expect(page.locator("#stream-badge")).to_have_attribute("data-state", "live")
    page.evaluate("document.querySelector('audio').mine = 'yes'")
    page.locator("details summary", has_text="为什么").first.click()
    with database.writing(site.engine) as session:
        session.get_one(Call, web_scene.CALL).rating = 1
    site.redis.publish("cc:events", json.dumps({"kind": "call", "id": web_scene.CALL}))
    expect(page.locator(".facts-line")).to_contain_text("非常满意")
    assert page.evaluate("document.querySelector('audio').mine") == "yes"  # the same player
    expect(page.locator(".timeline details[open]")).to_have_count(1)


def test_the_desk_follows_the_agent_s_state(visit, site, controller_ticks):
    page = visit("/desk", "wangfang")
    expect(page.locator("#stream-badge")).to_have_attribute("data-state", "live")
    now = time.time()
    web_scene.tell_agent(site.redis, "1001", "wrap_up", since=now, until=now + 25)
    expect(page.locator(".desk-now")).to_have_text("话后处理")
    expect(page.locator(".desk-clock time")).to_have_text(re.compile(r"0:[12]\d"))
    web_scene.tell_agent(site.redis, "1001", "ready", since=now)
    expect(page.locator(".desk-now")).to_have_text("空闲")
    page.get_by_role("button", name="用餐").click()
    popped = site.redis.blpop(["cc:commands"], timeout=10)
    assert popped is not None
    command = json.loads(popped[1])
    assert command["args"] == {"agent": "1001", "reason": "meal"}
    site.redis.rpush(f"cc:reply:{command['id']}", json.dumps({"ok": False, "error": "not now"}))
    expect(page.locator("#desk-notice")).to_contain_text("未执行：not now")
    web_scene.live_again(site.redis)


def test_when_news_stop_the_page_says_so(visit, site, controller_ticks):
    page = visit("/live", "banzhang")
    badge = page.locator("#stream-badge")
    expect(badge).to_have_text("实时")
    site.redis_server.stop()
    try:
        expect(badge).to_have_text("数据停滞")
        expect(page.locator(".notice")).to_contain_text("与实时数据的连接中断")
    finally:
        site.redis_server.start()
        web_scene.live_again(site.redis)
    expect(badge).to_have_text("实时")
    page.context.set_offline(True)
    page.evaluate("window.dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    expect(badge).to_have_text("连接中断")
    page.context.set_offline(False)
    expect(badge).to_have_text("实时")
    visit.complaints.clear()  # the browser tells of every request that found no network


def test_a_draft_is_written_and_a_second_writer_is_warned(visit, site):
    path = f"/orders/{web_scene.order_number(3)}"
    mine, other = visit(path), visit(path, "paidan")
    title = f"油烟直排，已现场取证 {uuid.uuid4().hex[:6]}"  # another one when it is tried again
    mine.locator("#f-title").fill(title)
    other.locator("#f-title").fill("油烟直排居民楼")
    mine.get_by_role("button", name="保存草稿").click()
    expect(mine.locator(".notice-good")).to_contain_text("工单已保存")
    other.get_by_role("button", name="保存草稿").click()
    expect(other.locator(".error-summary")).to_contain_text("别人已经保存了此工单")
    expect(other.locator(".error-summary")).to_contain_text(title)
    expect(other.locator("#f-title")).to_have_value("油烟直排居民楼")
    assert [said for said in visit.complaints if "409" not in said] == []
    visit.complaints.clear()


def test_wrong_input_leads_to_the_field(visit):
    page = visit("/admin/blocked")
    page.locator("#f-number").fill("12")
    page.locator("#f-reason").fill("骚扰")
    page.get_by_role("button", name="拦截", exact=True).click()
    expect(page.locator("#error-summary")).to_be_focused()
    page.locator("#error-summary a").click()
    expect(page.locator("#f-number")).to_be_focused()
    assert [said for said in visit.complaints if "422" not in said] == []
    visit.complaints.clear()


def test_a_hostile_display_name_stays_text(visit):
    page = visit("/calls", "paidan")
    expect(page.get_by_text("<img src=x", exact=False)).to_have_count(1)
    assert page.locator("td img").count() == 0
