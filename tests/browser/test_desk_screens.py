"""What the desk looks like in each moment of a call, in both languages, on both screens.

The pictures are for people to look at: CALLCENTER_SCREENSHOTS names the folder to keep them in.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
import web_scene
from playwright.sync_api import Page, expect
from web_kit import add_call, add_order

AXE = Path(__file__).parents[2] / "node_modules/axe-core/axe.min.js"
SCREENS = {1366: 768, 1920: 1080}
KNOWN = "13602148890"  # calls in `web_scene.LIVE_CALL`


@pytest.fixture(scope="module")
def known_caller(site) -> None:
    for place, rating in enumerate((5, 2)):
        add_call(
            site.engine, f"earlier-{place}", age=86_400 * (4 + 9 * place), caller=KNOWN,
            queue="general", queued_at=5, answered_at=15, ended_at=200, agent="1002",
            outcome="answered", rating=rating,
        )  # fmt: skip
        add_order(
            site.engine, f"2026010100000{place}", category="help", title="和平小区三号楼停水",
            citizen_number=KNOWN, call_id=f"earlier-{place}", state=("draft", "archived")[place],
        )  # fmt: skip
    add_call(site.engine, "ringing", age=21, caller="041288123456", queue="general", queued_at=9)


@pytest.mark.parametrize("width", SCREENS)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_given_each_moment_of_a_call_when_looked_at_then_everybody_can_use_it(
    windows, site, known_caller, controller_ticks, tmp_path, language, width
) -> None:
    told = {"contact": web_scene.LIVE_CALL, "phase": "talking", "can": web_scene.CAN}
    site.redis.hset("cc:controls", "1001", json.dumps(told))
    site.redis.set("cc:destinations", json.dumps(web_scene.DESTINATIONS))
    web_scene.live_again(site.redis)
    size = {"width": width, "height": SCREENS[width]}
    page = windows.open(site.base, "/desk", "wangfang", language=language, **size)
    expect(page.locator("#stream-badge")).to_have_attribute("data-state", "live")
    folder = Path(os.environ.get("CALLCENTER_SCREENSHOTS") or tmp_path)

    def look(moment: str) -> None:
        page.screenshot(path=folder / f"desk-{moment}-{language}-{width}.png")
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        assert serious_faults(page) == []

    expect(page.locator(".form-status")).to_have_attribute("data-state", "saved")
    look("talking")
    page.keyboard.press("Alt+KeyB")
    expect(page.locator("#f-decline_cause")).to_be_focused()
    page.keyboard.press("Control+Enter")
    expect(page.locator("#e-decline_cause")).to_be_visible()
    look("declined")
    # The browser tells of every answer that isn't a success.
    windows.complaints[:] = [said for said in windows.complaints if "422" not in said]
    page.keyboard.press("Alt+KeyB")
    page.keyboard.press("Alt+KeyK")
    expect(page.locator("#whom-list li").first).to_be_visible()
    look("whom")
    page.keyboard.press("Escape")
    now = time.time()
    for moment, values in {
        "ringing": {"contact": "ringing", "since": now - 2},
        "wrap_up": {"contact": web_scene.LIVE_CALL, "since": now, "until": now + 25},
        "ready": {"since": now},
    }.items():
        web_scene.tell_agent(site.redis, "1001", moment, **values)
        expect(page.locator("#desk-bar")).to_have_attribute("data-state", moment)
        look(moment)


def serious_faults(page: Page) -> list[tuple[str, list[object]]]:
    """axe-core's rules of WCAG 2.1 A and AA."""
    page.evaluate(AXE.read_text("utf-8"))
    found = page.evaluate(
        "axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']})"
    )
    return [
        (each["id"], [node["target"] for node in each["nodes"]][:4])
        for each in found["violations"]
        if each["impact"] in ("serious", "critical")
    ]
