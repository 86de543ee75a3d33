"""An order's life, seat by seat: each person sees in the browser what is theirs to do, and does it.
SIPp is the citizen, who calls in and is called afterwards.

STORY_SHOTS=FOLDER keeps a picture of every chapter.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Windows
from hotline_kit import HotlineUnderTest
from outreach_kit import system_that_calls
from playwright.sync_api import Page, expect
from sipp import Sipp, SippRun, sipp_missing
from switches import Kind, eventually, missing
from system import System
from web_kit import add_order, add_user

from callcenter import database, policies
from web.localtime import now
from web.rights import Role
from workorder import policies as rules
from workorder import units
from workorder.models import DispatchRule

AXE = Path(__file__).parents[2] / "node_modules/axe-core/axe.min.js"
expect.set_options(timeout=20_000)  # a busy machine
CALLER = "13900007001"
SHOTS = os.environ.get("STORY_SHOTS")


@pytest.fixture(scope="module")
def city(site):
    """Three units, a directory of one line, somebody at two of them."""
    with database.writing(site.engine) as session:
        policies.ensure(session, now())
        for code, name in (("heat", "供热集团"), ("water", "水务集团"), ("zhujian", "住建局")):
            units.add_unit(session, code, name)
        session.add(DispatchRule(topic="停水", unit="heat", note="旧目录", changed_at=now()))
    for code in ("heat", "water"):
        add_user(site.engine, code, Role.UNIT, display_name=f"{code}经办", unit=code)
    add_user(site.engine, "rexianban", Role.OFFICE, display_name="热线办 郑")
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


@pytest.fixture(scope="module")
def office(tmp_path_factory) -> Iterator[OfficeUnderTest]:
    """A whole system under Heyuan's rules. SIPp is the citizen: it calls in, and is called."""
    if reason := sipp_missing():
        pytest.skip(reason)
    kind: Kind = "lab" if missing("freeswitch") else "freeswitch"
    folder = tmp_path_factory.mktemp("story")
    with Sipp(folder / "sipp") as sipp:
        # Dissatisfied the first time, content the second.
        citizen = sipp.called("125", "111", pause=1.2)
        system = system_that_calls(kind, folder, f"127.0.0.1:{citizen.port}")
        kit = OfficeUnderTest(system, sipp, citizen)
        try:
            kit.move_in()
            yield kit
        finally:
            kit.close()
            system.stop()


class OfficeUnderTest(HotlineUnderTest):
    """The system, its people, and the citizen's two telephones."""

    def __init__(self, system: System, sipp: Sipp, citizen: SippRun) -> None:
        super().__init__(system)
        self.sipp = sipp
        self.citizen = citizen

    def move_in(self) -> None:
        engine = database.create_engine(self.system.settings.database_url)
        with database.writing(engine) as session:
            heyuan = next(row for row in rules.latest(session) if row.name == "heyuan")
            rules.use(session, heyuan)
            for code, name in (("heat", "供热集团"), ("water", "水务集团")):
                units.add_unit(session, code, name)
            session.add(DispatchRule(topic="停水", unit="heat", note="旧目录", changed_at=now()))
        for code in ("heat", "water"):
            add_user(engine, code, Role.UNIT, display_name=f"{code}经办", unit=code)
        add_user(engine, "rexianban", Role.OFFICE, display_name="热线办 郑")
        add_user(engine, "paidan", Role.DISPATCHER, display_name="派单员 赵")
        add_user(engine, "jingban", Role.SUPERVISOR, display_name="班长 李")
        engine.dispose()

    def call(self) -> str:
        """The citizen calls, talks with agent 1001 and hangs up; the order's number."""
        agent = self.agent("1001")
        self.begins(CALLER)
        call = self.sipp.citizen(
            self.system.switch.trunk, "12345", caller=CALLER, keys=[(1.5, "1")], hang_up_after=4
        )
        agent.rings(20).hears("citizen", length=0.5)
        result = call.wait(40)
        assert result.exit_code == 0, result.explain()
        record = self.ended(CALLER)
        assert record["outcome"] == "answered"
        found = self.until(CALLER, lambda told: told["order_number"], "its order")
        return str(found["order_number"])

    def order_is(self, number: str, state: str) -> None:
        eventually(
            lambda: self.order(number)["state"] == state,
            f"{number} is {state}, not {self.order(number)['state']}\n"
            f"{self.system.log('projector')[-2000:]}\n{self.citizen.messages()[-4000:]}",
            40,
        )


@pytest.mark.timeout(300)  # one test, two calls, six people
def test_from_a_sipp_call_to_the_archive_with_both_follow_ups_answered_by_keys(
    office: OfficeUnderTest, windows: Windows
) -> None:
    """Called in, accepted, dispatched, returned, dispatched again, extended, resolved, asked by
    telephone, dissatisfied, redone, asked again, archived."""
    number = office.call()
    path = f"/orders/{number}"
    base = office.system.url("")

    def sit_down(username: str, where: str) -> Page:
        return windows.open(base, where, username)

    agent = sit_down("jingban", path)
    expect(agent.locator(".columns-order")).to_contain_text("通话经过与录音")
    agent.locator("#f-category").select_option("help")
    agent.locator("#f-topic").fill("停水")
    agent.locator("#f-citizen_name").fill("王女士")
    agent.locator("#f-title").fill("和平小区 3 号楼停水两天")
    agent.locator("#f-body").fill("自昨日早上起停水，楼内有老人，要求尽快供水。")
    shot(agent, "01-intake")
    check_for_everybody(agent)
    agent.get_by_role("button", name="受理", exact=True).click()
    state(agent, "待派单")

    board = sit_down("paidan", "/dispatch")
    row = board.locator(f"#row-{number}")
    expect(row.locator(".proposal")).to_contain_text("事项 停水")
    shot(board, "02-board")
    board.keyboard.press("j")
    board.keyboard.press("d")  # to the proposed unit; Enter sends it there
    expect(row.locator("input[name=unit]")).to_be_focused()
    expect(row.locator("input[name=unit]")).to_have_value("供热集团")
    board.keyboard.press("Enter")
    expect(board.locator(".notice-good")).to_contain_text("派单")
    expect(row).to_have_count(0)

    heat = sit_down("heat", "/inbox")
    heat.locator(f"#row-{number} a").first.click()
    take(heat, "return", reason="供水不属于本单位职责。", legal_basis="城市供水条例第七条")
    expect(heat.locator(f"#row-{number}")).to_have_count(0)  # it isn't theirs any more
    shot(heat, "03-returned")

    board.goto(f"{base}/dispatch?tab=returned")
    expect(board.locator(f"#row-{number}")).to_contain_text("供水不属于本单位职责")
    shot(board, "04-board-returned")
    board.goto(f"{base}{path}")
    take(board, "dispatch", unit="水务集团")
    state(board, "待签收")

    water = sit_down("water", "/inbox")
    shot(water, "05-inbox")
    water.locator(f"#row-{number}").get_by_role("button", name="签收", exact=True).click()
    expect(water.locator(".notice-good")).to_contain_text("签收")
    water.goto(f"{base}{path}")
    take(water, "contact", note="已电话联系，市民同意明日上门。")
    state(water, "办理中")
    take(water, "ask_extension", workdays="5", reason="破损管段需开挖。", signed_by="张主任",
         citizen_told="yes")  # fmt: skip

    board.goto(f"{base}/dispatch?tab=extension")
    expect(board.locator(f"#row-{number}")).to_contain_text("破损管段需开挖")
    shot(board, "06-board-extension")
    board.locator(f"#row-{number}").get_by_role("button", name="同意延期").click()
    expect(board.locator(".notice-good")).to_contain_text("同意延期")

    water.goto(f"{base}{path}")
    water.locator(".clock summary").first.click()
    shot(water, "07-clocks")
    take(water, "resolve", result="已更换破损管段，恢复供水并上门告知。", citizen_told="yes")
    state(water, "待复核")
    clerk = sit_down("rexianban", path)
    take(clerk, "review")

    # The hotline calls; the citizen presses 1 (true), 2 (not solved), 5 (very dissatisfied).
    list_ = sit_down("rexianban", "/follow-ups")
    asked = list_.locator("tbody tr", has_text=number)
    expect(asked).to_contain_text("非常不满意", timeout=60_000)
    expect(asked).to_contain_text("未解决")
    expect(list_.locator("#tabs [aria-current] .count")).to_have_text("1")
    shot(list_, "08-dissatisfied")
    asked.locator("a").first.click()
    check_for_everybody(list_)
    list_.locator("input[name=true][value='1']").check()
    list_.locator("input[name=solved][value='2']").check()
    list_.locator("input[name=satisfied][value='5']").check()
    list_.locator("#f-comment").fill("又停了一次。")
    list_.locator("#f-why").fill("市民反映再次停水。")
    shot(list_, "09-follow-up")
    list_.get_by_role("button", name="重办").click()
    expect(list_.locator(".notice-good")).to_contain_text("已重办")

    water.goto(f"{base}/inbox")
    water.locator(f"#row-{number}").get_by_role("button", name="签收", exact=True).click()
    expect(water.locator(".notice-good")).to_contain_text("签收")
    water.goto(f"{base}{path}")
    take(water, "contact", note="已再次联系。")
    take(water, "resolve", result="已更换整段老化管道，连续三日供水正常。", citizen_told="yes")
    clerk.goto(f"{base}{path}")
    take(clerk, "review")

    office.order_is(number, "archived")  # the second call: 1, 1, 1
    result = office.citizen.wait(20)
    assert (result.exit_code, result.successful) == (0, 2), result.explain()
    clerk.goto(f"{base}{path}")
    state(clerk, "已归档")
    for told in ("退单", "同意延期", "重办", "又停了一次。", "已更换整段老化管道", "回访电话"):
        expect(clerk.locator(".columns-order")).to_contain_text(told)
    check_for_everybody(clerk)
    shot(clerk, "10-archived")
    list_.goto(f"{base}/follow-ups?tab=done")
    expect(list_.locator("tbody tr", has_text=number)).to_have_count(2)
    shot(list_, "11-followed-up")


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
