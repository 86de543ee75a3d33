"""Every page answers and says what it should."""

from __future__ import annotations

import pytest
import web_scene
from web_kit import add_call, add_order, add_recording, client_for


@pytest.fixture
def day(engine, web_settings):
    web_scene.make_day(engine, web_settings, calls=12)


def test_the_call_page_tells_the_whole_call(app, day):
    page = client_for(app, "banzhang").get(f"/calls/{web_scene.CALL}").text
    for told in (
        "按 7：无此选项（第 1 次）",
        "按 1 → 人工服务（综合队列）",
        "派给 1002 李强（规则：空闲最久）",
        "选中（空闲最久）：空闲 1:04，等级 5，已接 18 通",
        "坐席 1002 李强：话机拒接",
        "坐席 1003 张敏 开始通话",
        "市民评价：满意",
        "138****4472",
        "<audio",
        web_scene.order_number(2),
    ):
        assert told in page, told
    assert "13815664472" not in page


def test_the_call_page_speaks_english_when_asked(app, day):
    client = client_for(app, "banzhang")
    token = client.get("/calls").text.partition('name="csrf_token" value="')[2].partition('"')[0]
    client.post("/language", data={"csrf_token": token, "language": "en"})
    page = client.get(f"/calls/{web_scene.CALL}").text
    assert "Presses 1 → an agent (General)" in page
    assert "chosen (longest idle): free for 1:04, level 5, 18 calls taken" in page
    assert 'lang="en"' in page


def test_a_hostile_display_name_is_only_text(app, day):
    for path in ("/calls", "/calls/rows?ids="):
        page = client_for(app, "paidan").get(path).text
        assert "<img src=x" not in page
    assert "&lt;img src=x onerror=" in client_for(app, "paidan").get("/calls").text


def test_the_list_says_which_calls_were_recorded(app, day):
    page = client_for(app, "admin").get("/calls").text
    row = page.partition(f'data-id="{web_scene.CALL}"')[2].partition("</tr>")[0]
    assert "有录音" in row


PAGES = {
    "agent": ["/desk", "/desk/panel", "/desk/recent", "/calls", "/orders", "/account"],
    "administrator": [
        "/calls",
        "/calls/figures",
        "/calls/rows?ids=c1",
        "/calls/c1",
        "/calls/c1/body",
        "/live",
        "/live/wall",
        "/orders",
        "/orders/20260301000001",
        "/admin/blocked",
        "/admin/users",
        "/admin/audit",
    ],
}


@pytest.mark.parametrize("role", PAGES)
def test_all_pages_answer_without_redis(app, engine, people, role):
    add_call(engine, "c1", agent="1001")
    add_order(engine, "20260301000001", call_id="c1")
    client = client_for(app, role)
    for path in PAGES[role]:
        assert client.get(path).status_code == 200, path


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("open", "正在录音"),
        ("missing", "录音文件缺失"),
        ("damaged", "录音文件已损坏"),
    ],
)
def test_what_is_wrong_with_a_recording_is_said(app, engine, web_settings, people, state, said):
    add_call(engine, "c1", ended_at=9)
    add_recording(engine, web_settings, "c1", state=state, problem="no sound in it")
    page = client_for(app, "supervisor").get("/calls/c1").text
    assert said in page
    assert ("<audio" in page) is (state == "damaged")


def test_a_recording_that_went_away_later_is_said_to_be_missing(app, engine, web_settings, people):
    add_call(engine, "c1", ended_at=9)
    add_recording(engine, web_settings, "c1")
    next(web_settings.recordings_dir.rglob("c1.wav")).unlink()
    client = client_for(app, "supervisor")
    assert "录音文件缺失" in client.get("/calls/c1").text
    assert client.get("/calls/c1/recording").status_code == 404
