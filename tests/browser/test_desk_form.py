"""The order form of the desk in a real browser: crash, outage, two writers, keys."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
import web_scene
from playwright.sync_api import Page, expect
from sqlalchemy import select
from web_kit import add_call

from callcenter import database
from workorder.models import Order


@pytest.fixture
def call_id() -> str:
    """Another one whenever a test is tried again: the system keeps the calls of the first try."""
    return f"form-{time.monotonic_ns()}"


@pytest.fixture
def ringing(site, controller_ticks):
    """Make a call ring at 1001's phone."""

    def ring(page: Page, call: str, **values) -> None:
        add_call(site.engine, call, age=12, queue="general", queued_at=5, **values)
        web_scene.tell_agent(site.redis, "1001", "ringing", since=time.time(), contact=call)
        expect(page.locator("#desk-form")).to_have_attribute("data-call", call)

    yield ring
    web_scene.live_again(site.redis)


def order_of(site, call: str) -> Order | None:
    with database.reading(site.engine) as session:
        return session.scalar(select(Order).where(Order.call_id == call))


def saved(page: Page) -> None:
    expect(page.locator(".form-status")).to_have_attribute("data-state", "saved")


def kept_in_browser(page: Page) -> list[str]:
    return page.evaluate("Object.keys(localStorage).filter(key => key.startsWith('desk-form'))")


def refuse(site, why: str) -> dict[str, Any]:
    """Answer the page's command as the controller would; the command."""
    popped = site.redis.blpop(["cc:commands"], timeout=10)
    assert popped is not None
    command = json.loads(popped[1])
    site.redis.rpush(f"cc:reply:{command['id']}", json.dumps({"ok": False, "error": why}))
    return command


def desk(visit, language: str = "zh") -> Page:
    page = visit("/desk", "wangfang", language=language)
    expect(page.locator("#stream-badge")).to_have_attribute("data-state", "live")
    return page


def test_given_a_ring_when_typed_then_it_is_saved_and_nothing_stays_in_the_browser(
    visit, site, ringing, call_id
):
    page = desk(visit)
    ringing(page, call_id, caller="041288123456")
    expect(page.locator("#desk-call")).to_contain_text("041288123456")
    expect(page.locator("#desk-call")).to_contain_text("辽宁省鞍山市")
    page.keyboard.press("Alt+KeyI")
    expect(page.locator("#f-title")).to_be_focused()
    page.keyboard.type("和平小区停水")
    saved(page)
    order = order_of(site, call_id)
    assert order is not None
    assert order.title == "和平小区停水"
    expect(page.locator(".form-number")).to_have_text(order.number)
    assert kept_in_browser(page) == []


def test_given_an_outage_when_the_browser_dies_then_what_was_typed_comes_back_and_is_saved(
    visit, site, ringing, call_id
):
    page = desk(visit)
    ringing(page, call_id)
    page.locator("#f-body").fill("第一句。")
    saved(page)
    page.context.set_offline(True)
    page.locator("#f-body").fill("第一句。第二句，断网时写的。")
    expect(page.locator(".form-status")).to_have_attribute("data-state", "local")
    assert order_of(site, call_id).body == "第一句。"
    crashed, page = page, page.context.new_page()
    crashed.close(run_before_unload=False)
    page.context.set_offline(False)
    page.goto(f"{site.base}/desk")
    expect(page.locator("#f-body")).to_have_value("第一句。第二句，断网时写的。")
    saved(page)
    assert order_of(site, call_id).body == "第一句。第二句，断网时写的。"
    assert kept_in_browser(page) == []
    visit.complaints.clear()  # the browser tells of every request that found no network


def test_given_another_writer_when_both_changed_a_field_then_the_page_asks_whose_counts(
    visit, site, ringing, call_id
):
    page = desk(visit)
    ringing(page, call_id)
    page.locator("#f-body").fill("市民说的")
    saved(page)
    with database.writing(site.engine) as session:
        session.scalars(select(Order).where(Order.call_id == call_id)).one().body = "派单员写的"
    page.locator("#f-body").fill("市民说的，补充")
    conflict = page.locator(".form-conflict")
    expect(conflict).to_contain_text("派单员写的")
    assert order_of(site, call_id).body == "派单员写的"
    conflict.get_by_role("button", name="用我填写的").click()
    saved(page)
    expect(conflict).to_be_hidden()
    assert order_of(site, call_id).body == "市民说的，补充"
    visit.complaints[:] = [said for said in visit.complaints if "409" not in said]


def test_given_the_next_call_when_it_rings_then_the_form_is_its_own(visit, site, ringing, call_id):
    page = desk(visit)
    ringing(page, call_id, agents_offered=["1001"])
    page.locator("#f-title").fill("第一通")
    ringing(page, f"{call_id}-next", caller="13900005555")
    expect(page.locator("#desk-call")).to_contain_text("13900005555")
    expect(page.locator("#f-title")).to_have_value("")
    page.locator("#f-title").fill("第二通")
    saved(page)
    assert order_of(site, call_id).title == "第一通"
    assert order_of(site, f"{call_id}-next").title == "第二通"


def test_given_the_keyboard_alone_when_an_order_is_accepted_then_the_page_stays_and_says_so(
    visit, site, ringing, call_id
):
    page = desk(visit)
    ringing(page, call_id)
    page.evaluate("window.sameDocument = true")
    page.keyboard.press("Alt+KeyI")
    page.keyboard.type("和平小区停水")
    page.keyboard.press("Alt+KeyA")  # at once, before the pause after which it is saved
    expect(page.locator("#f-category")).to_be_focused()
    expect(page.locator("#e-category")).to_contain_text("请选择类别")
    expect(page.locator(".steps-why")).to_contain_text("请选择类别")
    assert order_of(site, call_id).state == "draft"
    page.keyboard.press("ArrowDown")
    expect(page.locator("#e-category")).to_have_count(0)
    page.keyboard.press("Alt+KeyA")
    expect(page.locator(".form-status")).to_contain_text("工单已受理")
    expect(page.locator("#f-title")).to_be_disabled()
    expect(page.locator(".form-steps [value=accept]")).to_be_disabled()
    order = order_of(site, call_id)
    assert (order.state, order.title) == ("accepted", "和平小区停水")
    assert page.evaluate("window.sameDocument")
    ringing(
        page, f"{call_id}-next", caller="13900005555"
    )  # the next order begins with an open form
    expect(page.locator(".form-steps [value=accept]")).to_be_enabled()
    visit.complaints[:] = [said for said in visit.complaints if "422" not in said]


def test_given_the_keyboard_alone_when_answered_at_once_or_declined_then_it_is_recorded(
    visit, site, ringing, call_id
):
    page = desk(visit)
    ringing(page, call_id)
    page.locator("#f-title").fill("咨询办证")
    page.keyboard.press("Alt+KeyT")
    expect(page.locator("#f-answer_text")).to_be_focused()
    page.keyboard.type("已告知地点和时间。")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".form-status")).to_contain_text("已登记即时答复")
    assert order_of(site, call_id).state == "answered"
    ringing(page, f"{call_id}-next", caller="13900005555")
    page.locator("#f-title").fill("法院已经受理的事")
    page.keyboard.press("Alt+KeyB")
    expect(page.locator("#f-decline_cause")).to_be_focused()
    page.keyboard.press("Control+Enter")
    expect(page.locator("#e-decline_reason")).to_be_visible()
    page.locator("#f-decline_cause").select_option(index=1)
    page.locator("#f-decline_reason").fill("请等法院判决。")
    page.keyboard.press("Control+Enter")
    expect(page.locator(".form-status")).to_contain_text("已登记不予受理")
    assert order_of(site, f"{call_id}-next").state == "declined"
    visit.complaints[:] = [said for said in visit.complaints if "422" not in said]


def test_given_the_keyboard_alone_when_a_destination_is_chosen_then_the_command_goes_out(
    visit, site, ringing, call_id
):
    site.redis.set("cc:destinations", json.dumps(web_scene.DESTINATIONS))
    told = {"contact": call_id, "phase": "talking", "can": web_scene.CAN}
    site.redis.hset("cc:controls", "1001", json.dumps(told))
    page = desk(visit)
    ringing(page, call_id)
    expect(page.locator("#do-call-join")).to_contain_text("没有在咨询")
    page.keyboard.press("Alt+KeyG")  # three-way: can't be now
    page.keyboard.press("Alt+KeyC")
    expect(page.locator("#whom-find")).to_be_focused()
    expect(page.locator("#whom-list li[aria-selected=true]")).to_contain_text("110")
    page.keyboard.type("知识")
    expect(page.locator("#whom-list li:visible")).to_have_count(1)
    page.keyboard.press("Enter")
    command = refuse(site, "no_trunk: no gateway")
    assert (command["name"], command["args"]) == (
        "call.consult",
        {"agent": "1001", "to": "12330"},
    )
    expect(page.locator("#desk-notice")).to_contain_text("没有外线")
    assert site.redis.llen("cc:commands") == 0


def test_given_the_keyboard_alone_when_an_earlier_citizen_is_called_back_then_that_call_is_named(
    visit, site, ringing, call_id
):
    page = desk(visit)
    shown, hidden = call_id, f"{call_id}-anonymous"
    for call, caller in ((shown, "13900007771"), (hidden, "anonymous")):
        add_call(site.engine, call, age=60, caller=caller, agent="1001", answered_at=3, ended_at=9)
    site.redis.hset("cc:controls", "1001", json.dumps({"phase": "idle", "can": {}}))
    web_scene.tell_agent(site.redis, "1001", "ready", since=time.time())
    expect(page.locator("#desk-bar")).to_have_attribute("data-state", "ready")
    page.keyboard.press("Alt+KeyO")
    expect(page.locator("#whom-list")).to_contain_text("139****7771")
    expect(page.locator(f"#whom-list [data-call={hidden}]")).to_contain_text("号码隐藏")
    expect(page.locator("#whom-dial")).to_be_visible()
    page.locator("#whom-find").fill("7771")
    expect(page.locator("#whom-list li:visible")).to_have_count(1)
    page.keyboard.press("Enter")
    command = refuse(site, "not_allowed: x")
    assert (command["name"], command["args"]) == (
        "call.dial",
        {"agent": "1001", "call": shown},
    )
    expect(page.locator("#desk-notice")).to_contain_text("不允许呼叫此号码")
