"""An order's life in the browser, seat by seat: each person sees what is theirs to do, and does it.

CALLCENTER_SHOTS=FOLDER keeps a picture of every chapter.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from web_kit import add_order, add_user

from callcenter import database, policies
from web.rights import Role
from workorder import units
from workorder.models import DispatchRule

AXE = Path(__file__).parents[2] / "node_modules/axe-core/axe.min.js"
NUMBER = "20260301000777"
SHOTS = os.environ.get("CALLCENTER_SHOTS")


@pytest.fixture(scope="module")
def city(site):
    """Three units, a directory of one line, somebody at two of them, one order from a call."""
    from web.localtime import now

    with database.writing(site.engine) as session:
        policies.ensure(session, now())
        for code, name in (("heat", "供热集团"), ("water", "水务集团"), ("zhujian", "住建局")):
            units.add_unit(session, code, name)
        session.add(DispatchRule(topic="停水", unit="heat", note="旧目录", changed_at=now()))
    for code in ("heat", "water"):
        add_user(site.engine, code, Role.UNIT, display_name=f"{code}经办", unit=code)
    add_user(site.engine, "rexianban", Role.OFFICE, display_name="热线办 郑")
    add_order(site.engine, NUMBER, title="12345 来电 尾号5678", body="", agent_number="1001")
    return site


def shot(page: Page, chapter: str) -> None:
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"{chapter}.png", full_page=True)


def check_for_everybody(page: Page) -> None:
    page.evaluate(AXE.read_text("utf-8"))
    rules = "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']})"
    serious = [
        (each["id"], [node["target"] for node in each["nodes"]][:4])
        for each in page.evaluate(rules)["violations"]
        if each["impact"] in ("serious", "critical")
    ]
    assert serious == []


def take(page: Page, step: str, **fields: str) -> None:
    """Fill in a step's form on the order's page and press its button."""
    box = page.locator(f"#step-{step}")
    if box.get_attribute("open") is None:
        box.locator("summary").first.click()
    for name, value in fields.items():
        field = page.locator(f"#s-{step}-{name}")
        if field.count() and field.evaluate("field => field.tagName") == "SELECT":
            field.select_option(value)
        elif field.count():
            field.fill(value)
        else:
            box.locator(f"[name={name}][value={value}]").check()
    box.locator(".form-foot button").click()
    expect(page.locator(".notice-good")).to_be_visible()


def state(page: Page, word: str) -> None:
    expect(page.locator(".page-title .badge-tone").first).to_have_text(word)


def test_an_order_is_accepted_dispatched_returned_extended_resolved_redone_and_archived(
    visit, city, controller_ticks
):
    path = f"/orders/{NUMBER}"

    agent = visit(path, "wangfang")
    agent.locator("#f-category").select_option("help")
    agent.locator("#f-topic").fill("停水")
    agent.locator("#f-citizen_name").fill("王女士")
    agent.locator("#f-title").fill("和平小区 3 号楼停水两天")
    agent.locator("#f-body").fill("自昨日早上起停水，楼内有老人，要求尽快供水。")
    shot(agent, "01-intake")
    check_for_everybody(agent)
    agent.get_by_role("button", name="受理", exact=True).click()
    state(agent, "待派单")

    board = visit("/dispatch", "paidan")
    row = board.locator(f"#row-{NUMBER}")
    expect(row.locator(".proposal")).to_contain_text("事项 停水")
    check_for_everybody(board)
    shot(board, "02-board")
    board.keyboard.press("j")
    board.keyboard.press("d")  # to the proposed unit; Enter sends it there
    expect(row.locator("input[name=unit]")).to_be_focused()
    expect(row.locator("input[name=unit]")).to_have_value("供热集团")
    board.keyboard.press("Enter")
    expect(board.locator(".notice-good")).to_contain_text("派单")
    expect(row).to_have_count(0)

    heat = visit("/inbox", "heat")
    heat.locator(f"#row-{NUMBER} a").first.click()
    take(heat, "return", reason="供水不属于本单位职责。", legal_basis="城市供水条例第七条")
    expect(heat.locator(f"#row-{NUMBER}")).to_have_count(0)  # it isn't theirs any more
    shot(heat, "03-returned")

    board.goto(f"{city.base}/dispatch?tab=returned")
    expect(board.locator(f"#row-{NUMBER}")).to_contain_text("供水不属于本单位职责")
    shot(board, "04-board-returned")
    board.goto(f"{city.base}{path}")
    take(board, "dispatch", unit="水务集团")
    state(board, "待签收")

    water = visit("/inbox", "water")
    shot(water, "05-inbox")
    check_for_everybody(water)
    water.locator(f"#row-{NUMBER}").get_by_role("button", name="签收", exact=True).click()
    expect(water.locator(".notice-good")).to_contain_text("签收")
    water.goto(f"{city.base}{path}")
    take(water, "contact", note="已电话联系，市民同意明日上门。")
    state(water, "办理中")
    take(water, "ask_extension", workdays="5", reason="破损管段需开挖。", signed_by="张主任",
         citizen_told="yes")  # fmt: skip

    board.goto(f"{city.base}/dispatch?tab=extension")
    expect(board.locator(f"#row-{NUMBER}")).to_contain_text("破损管段需开挖")
    shot(board, "06-board-extension")
    board.locator(f"#row-{NUMBER}").get_by_role("button", name="同意延期").click()
    expect(board.locator(".notice-good")).to_contain_text("同意延期")

    water.goto(f"{city.base}{path}")
    water.locator(".clock summary").first.click()
    shot(water, "07-clocks")
    take(water, "resolve", result="已更换破损管段，恢复供水并上门告知。", citizen_told="yes")
    state(water, "待复核")

    office = visit(path, "rexianban")
    take(office, "review")
    take(office, "follow_up", way="person", reached="yes", true="yes", solved="no",
         satisfaction="4", comment="又停了一次。")  # fmt: skip
    shot(office, "08-dissatisfied")
    take(office, "redo", reason="市民反映再次停水。")
    state(office, "待签收")

    water.goto(f"{city.base}/inbox")
    water.locator(f"#row-{NUMBER}").get_by_role("button", name="签收", exact=True).click()
    water.goto(f"{city.base}{path}")
    take(water, "reply_supervision", text="已查明原因，本次彻底更换。")  # a redo is supervised
    take(water, "contact", note="已再次联系。")
    take(water, "resolve", result="已更换整段老化管道，连续三日供水正常。", citizen_told="yes")
    office.goto(f"{city.base}{path}")
    take(office, "review")
    take(office, "follow_up", way="person", reached="yes", true="yes", solved="yes",
         satisfaction="1")  # fmt: skip
    take(office, "archive")
    state(office, "已归档")
    for told in ("退单", "同意延期", "重办", "又停了一次。", "已更换整段老化管道"):
        expect(office.locator(".columns-order")).to_contain_text(told)
    check_for_everybody(office)
    shot(office, "09-archived")


def test_two_dispatchers_at_once_one_wins_and_the_other_is_told(visit, city):
    number = "20260301000778"
    add_order(city.engine, number, title="路灯不亮", agent_number="1001", category="help")
    agent = visit(f"/orders/{number}", "wangfang")
    agent.get_by_role("button", name="受理", exact=True).click()
    first, second = visit(f"/orders/{number}", "paidan"), visit(f"/orders/{number}", "rexianban")
    take(first, "dispatch", unit="水务集团")
    box = second.locator("#step-dispatch")
    box.locator("summary").first.click()
    second.locator("#s-dispatch-unit").fill("住建局")
    box.locator(".form-foot button").click()
    expect(second.locator(".notice-bad")).to_contain_text("没有执行")
    expect(second.locator(".notice-bad")).to_contain_text("paidan")
    expect(second.locator(".facts-line")).to_contain_text("水务集团")


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize(
    "path",
    ["/dispatch", "/supervision", "/orders?flag=key", "/orders/archive", "/units", "/directory",
     "/calendar", "/policies"],
)  # fmt: skip
def test_every_page_about_orders_works_for_everybody(visit, city, path, language):
    page = visit(path, "rexianban", language=language)
    for width in (1920, 1366):
        page.set_viewport_size({"width": width, "height": 768})
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, width
    if language == "en":
        expect(page.locator("main")).not_to_have_text(re.compile("工单编号"))
    check_for_everybody(page)
    shot(page, f"page{path.replace('/', '-').partition('?')[0]}-{language}")
