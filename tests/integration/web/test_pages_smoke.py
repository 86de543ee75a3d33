"""Every page answers and says what it should."""

from __future__ import annotations

import time

from web_kit import add_call, add_events, add_order, add_recording, client_for, steps

from callcenter.events import Kind


def test_the_call_page_tells_the_whole_call(app, engine, web_settings, people):
    add_call(
        engine, "c1", queue="general", agent="1001", queued_at=12, offered_at=12.2,
        answered_at=20, talk_ended_at=95, ended_at=104, outcome="answered", rating=1,
        order_number="20260301000001",
    )  # fmt: skip
    add_events(
        engine,
        steps(
            "c1", time.time() - 60,
            (0, Kind.CALL_ARRIVED, {"caller": "13812345678", "name": "", "dialed": "12345"}),
            (3, Kind.MENU_ENTERED, {"menu": "main"}),
            (12, Kind.MENU_KEY, {"menu": "main", "key": "1", "choice": "queue:general"}),
            (12, Kind.QUEUE_JOINED, {"queue": "general", "priority": 0}),
            (12.1, Kind.DECISION, {"agent": "1001", "rule": "longest idle", "considered": [["1001", "free"]]}),
            (12.2, Kind.OFFER_MADE, {"offer": "o", "agent": "1001"}),
            (20, Kind.OFFER_ENDED, {"offer": "o", "agent": "1001", "result": "answered"}),
            (20, Kind.TALK_STARTED, {"agent": "1001"}),
            (95, Kind.TALK_ENDED, {"agent": "1001", "by": "agent"}),
            (96, Kind.SURVEY_STARTED, {}),
            (103, Kind.SURVEY_RATED, {"rating": 1}),
            (104, Kind.CALL_ENDED, {"cause": "NORMAL_CLEARING", "by": "citizen"}),
        ),
    )  # fmt: skip
    add_order(engine, "20260301000001", call_id="c1")
    add_recording(engine, web_settings, "c1")
    client = client_for(app, "supervisor")
    page = client.get("/calls/c1").text
    for told in ("按 1 → 人工服务（综合队列）", "坐席 1001 王芳 开始通话", "市民评价：非常满意",
                 "138****5678", "<audio", "20260301000001", "为什么"):  # fmt: skip
        assert told in page, told
    assert "13812345678" not in page
    assert client.get("/calls").text.count('data-id="c1"') == 1


def test_all_first_pages_answer(app, engine, people):
    add_call(engine, "c1", agent="1001")
    add_order(engine, "20260301000001", call_id="c1")
    for role, paths in {
        "agent": ["/desk", "/desk/panel", "/desk/recent", "/calls", "/orders", "/account"],
        "administrator": [
            "/calls", "/calls/figures", "/calls/rows?ids=c1", "/calls/c1", "/calls/c1/body",
            "/live", "/live/panel", "/orders", "/orders/20260301000001", "/admin/blocked",
            "/admin/users", "/admin/audit",
        ],
    }.items():  # fmt: skip
        client = client_for(app, role)
        for path in paths:
            answer = client.get(path)
            assert answer.status_code == 200, (path, answer.status_code)
