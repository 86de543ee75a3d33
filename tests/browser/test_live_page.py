"""The supervisor's page and the wall in a real browser: drawn in place, chosen, acted upon."""

from __future__ import annotations

import json
import re
import threading
import time

import pytest
import web_scene
from playwright.sync_api import Page, expect
from web_kit import add_events

from callcenter.events import Kind, event


@pytest.fixture
def live(visit, site, controller_ticks) -> Page:
    page = visit("/live", "banzhang")
    expect(page.locator("#stream-badge")).to_have_attribute("data-state", "live")
    expect(page.locator("#line li")).to_have_count(3)  # the board has come
    return page


def test_an_agent_s_card_follows_without_being_replaced(live, site):
    card = live.locator("#agent-1003")
    expect(card).to_contain_text("空闲")
    card.evaluate("card => { card.mine = 'yes' }")
    web_scene.tell_agent(site.redis, "1003", "talking", since=time.time() - 61, contact="c-live")
    expect(card.locator("[data-is=state]")).to_have_text("通话中")
    expect(card.locator("time")).to_have_text("1:01")
    expect(card.locator("[data-is=call]")).to_have_attribute("href", "/calls/c-live")
    assert card.evaluate("card => card.mine") == "yes"
    web_scene.live_again(site.redis)
    expect(card).to_contain_text("空闲")


def test_groups_states_and_names_choose_what_is_shown(live):
    shown = live.locator("#agents > li:visible")
    expect(shown).to_have_count(12)
    live.locator("#group").select_option("queue:enterprise")
    expect(shown).to_have_count(3)
    expect(live.locator("#queues tbody tr:visible")).to_have_count(1)
    expect(live.locator("#queues [data-queue=general] [data-is=wait_estimate_error]")).to_have_text(
        re.compile(r"^\d+ 秒$")
    )
    live.locator("#group").select_option("skill:language.english")
    expect(shown).to_have_count(2)
    live.reload()
    expect(live.locator("#group")).to_have_value("skill:language.english")
    live.locator("#group").select_option("")
    chip = live.locator("#chips button", has_text="示忙")
    chip.click()
    expect(shown).to_have_count(2)
    expect(chip).to_have_attribute("aria-pressed", "true")
    chip.click()
    live.locator("#search").fill("陈静")
    expect(shown).to_have_count(1)


def test_an_action_is_done_from_the_card_and_confirmed_where_it_cuts(live, site):
    live.get_by_role("button", name="对 1001 的操作").click()
    dialog = live.locator("#act")
    expect(dialog).to_contain_text("1001 王芳")
    dialog.get_by_text("强拆", exact=True).first.click()
    form = dialog.locator("details[open] form")
    form.get_by_label("拆除整通电话").check()
    form.get_by_label("原因").fill("市民辱骂坐席")
    form.get_by_role("button", name="强拆").click()
    assert site.redis.llen("cc:commands") == 0  # the browser asks for the confirmation first
    form.get_by_label("我确认").check()
    commands = []

    def answer() -> None:
        popped = site.redis.blpop(["cc:commands"], timeout=10)
        commands.append(json.loads(popped[1]))
        site.redis.rpush(f"cc:reply:{commands[0]['id']}", json.dumps({"ok": True}))

    controller = threading.Thread(target=answer)
    controller.start()
    form.get_by_role("button", name="强拆").click()
    expect(dialog.locator("#act-notice")).to_contain_text("“强拆”已执行")
    controller.join()
    assert commands[0]["name"] == "supervisor.release"
    assert commands[0]["args"]["why"] == "市民辱骂坐席"
    live.keyboard.press("Escape")
    expect(dialog).not_to_be_visible()


def test_an_alarm_stands_on_the_page_as_long_as_it_holds(live, site):
    red = live.locator(".alarm-alarm", has_text="交换机连接中断")
    expect(red).to_have_count(0)
    told = json.loads(site.redis.get("cc:live")) | {"kind": "live", "switch": "down"}
    site.redis.publish("cc:events", json.dumps(told | {"at": time.time()}))
    expect(red).to_have_count(1)  # until the next news say otherwise
    expect(red).to_have_count(0)


def test_a_wait_grows_too_long_by_itself_and_is_told_by_colour_shape_and_words(visit, site):
    page = visit("/live", "banzhang")
    expect(page.locator("#stream-badge")).to_have_attribute("data-state", "live")
    cell = page.locator("#queues [data-queue=general] [data-is=longest]")
    web_scene.tell_live(site.redis, waits_from=time.time() - 35.0)
    expect(cell).to_have_class(re.compile(r"\bis-late\b"))
    expect(cell).to_have_attribute("title", "等待偏长")
    mark = "cell => getComputedStyle(cell, '::before').content"
    assert "▲" in cell.evaluate(mark)
    page.clock.install()
    page.clock.fast_forward(30_000)
    expect(cell).to_have_class(re.compile(r"\bis-too-late\b"))  # nobody told anything
    expect(cell).to_contain_text("等待过长")
    assert "▲▲" in cell.evaluate(mark)
    web_scene.tell_live(site.redis, waits_from=time.time() + 30.0)
    expect(cell).not_to_have_class(re.compile(r"too-late"))
    other = page.locator("#queues [data-queue=enterprise] [data-is=longest]")
    expect(other).not_to_have_class(re.compile(r"late"))


def test_a_nuisance_mark_comes_and_goes_while_a_reason_is_being_written(live, site):
    marks = live.locator("#nuisance li")
    expect(marks).to_have_count(0)

    def tell(kind: Kind, call: str, **data: object) -> None:
        """As the projector does: first into the database, then as news."""
        add_events(site.engine, [event(kind, call, **data)])
        site.redis.publish("cc:events", json.dumps({"kind": "nuisance", "id": call}))

    tell(Kind.NUISANCE, web_scene.CALL, agent="1003", note="反复骚扰")
    expect(marks).to_contain_text(["反复骚扰"])
    marks.get_by_label("拦截多久").select_option("30")
    marks.get_by_label("原因").fill("写到一半")
    live.locator("#search").focus()
    tell(Kind.NUISANCE, web_scene.LIVE_CALL, agent="1001", note="不出声")
    expect(marks).to_have_count(2)
    first = live.locator(f"#nuisance-{web_scene.CALL}")
    expect(first.get_by_label("原因")).to_have_value("写到一半")
    expect(first.get_by_label("拦截多久")).to_have_value("30")
    for call in (web_scene.CALL, web_scene.LIVE_CALL):
        tell(Kind.NUISANCE_DECIDED, call, by="banzhang", why="误会", confirmed=False)
    expect(marks).to_have_count(0)


def test_charts_are_drawn_and_told_in_words(live):
    expect(live.locator("#chart-calls canvas")).to_have_count(1)
    expect(live.locator("#chart-rates canvas")).to_have_count(1)
    told = live.locator("#chart-calls").get_attribute("aria-label")
    assert "进入队列" in told
    assert not told.split("进入队列 ")[1].startswith("0")


LONG_NAMES = [
    "enterprise_and_investment_services",
    "housing_provident_fund",
    "medical_insurance_and_benefits",
    "minority_languages",
    "traffic_and_public_transport",
]


def test_the_wall_holds_long_names_and_many_alarms_in_english(
    visit, site, controller_ticks, monkeypatch
):
    monkeypatch.setattr(web_scene, "MORE_QUEUES", LONG_NAMES)
    page = visit("/live/wall", "banzhang", width=1920, language="en")
    page.set_viewport_size({"width": 1920, "height": 1080})
    rows = page.locator("#queues tbody tr")
    expect(rows).to_have_count(2 + len(LONG_NAMES))
    expect(page.locator(".alarm-rest")).to_contain_text("more alarms")
    cut_off = """() => [...document.querySelectorAll(
        '.wall-part, .wall-queues > .table-scroll, #queues tbody th, .wall-figure, .alarm'
    )].filter(each => each.scrollWidth > each.clientWidth || each.scrollHeight > each.clientHeight)
      .map(each => each.className + each.textContent)"""
    assert page.evaluate(cut_off) == []
    assert page.evaluate("document.documentElement.scrollHeight") <= 1080


def test_the_wall_shows_its_figures_large_enough(visit, site, controller_ticks):
    page = visit("/live/wall", "banzhang", width=1920)
    page.set_viewport_size({"width": 1920, "height": 1080})
    expect(page.locator("#wall-waiting")).to_have_text("3")
    heights = page.locator(".wall-figure > dd:first-of-type").evaluate_all(
        "all => all.map(each => parseFloat(getComputedStyle(each).fontSize))"
    )
    assert len(heights) == 8
    assert min(heights) >= 50  # px: two centimetres on a 55-inch screen
    assert max(heights) >= 80
    assert page.evaluate("document.documentElement.scrollHeight") <= 1080
    expect(page.locator("#wall-longest time")).to_be_visible()
