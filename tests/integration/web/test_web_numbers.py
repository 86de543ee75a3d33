"""Numbers are masked; looking and listening leave a trail; blocking turns callers away."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import select
from web_kit import add_call, add_order, add_recording, client_for, post

from callcenter import database, inquiry
from callcenter.models import BlockedNumber, Recording
from web.rights import READS_CALLS, Role
from workorder.models import AuditEntry


def _audit(engine, action: str) -> list[tuple[str, str]]:
    with database.reading(engine) as session:
        rows = session.scalars(select(AuditEntry).where(AuditEntry.action == action))
        return [(row.username, row.subject) for row in rows]


@pytest.mark.parametrize("role", sorted(READS_CALLS))
def test_no_page_shows_a_whole_number_unasked(app, engine, people, role):
    add_call(engine, "c1", agent="1001", ended_at=9, order_number="20260301000001")
    add_order(engine, "20260301000001", call_id="c1")
    client = client_for(app, role.value)
    for path in ("/calls", "/calls/rows?ids=c1", "/calls/c1", "/orders", "/orders/20260301000001"):
        page = client.get(path).text
        assert "138****5678" in page, path
        assert "13812345678" not in page, path


def test_showing_a_number_is_a_button_and_is_written_down(app, engine, people):
    add_call(engine, "c1", ended_at=9)
    add_order(engine, "20260301000001")
    client = client_for(app, "supervisor")
    assert "显示完整号码" in client.get("/calls/c1").text
    assert "13812345678" in post(client, "/calls/c1/number").text
    assert "13812345678" in post(client, "/orders/20260301000001/number").text
    assert _audit(engine, "number_shown") == [
        ("supervisor", "c1"),
        ("supervisor", "20260301000001"),
    ]


def test_the_inquiry_code_is_shown_to_those_who_speak_with_citizens_and_is_written_down(
    app, engine, people, web_settings
):
    number = "20260301000001"
    add_order(engine, number)
    code = inquiry.code(web_settings.web_secret_key, number)
    client = client_for(app, "dispatcher")
    page = client.get(f"/orders/{number}").text
    assert "显示查询码" in page
    assert code not in page
    assert code in post(client, f"/orders/{number}/code").text
    assert _audit(engine, "code_shown") == [("dispatcher", number)]
    asked = {"number": number, "code": code}
    assert "已受理" in post(app.test_client(), "/progress", "/progress", **asked).text
    auditor = client_for(app, "auditor")
    assert "显示查询码" not in auditor.get(f"/orders/{number}").text
    assert post(auditor, f"/orders/{number}/code").status_code == 403


def test_an_auditor_has_no_such_button_and_can_t_guess_by_searching(app, engine, people):
    add_call(engine, "c1", ended_at=9)
    client = client_for(app, "auditor")
    assert "显示完整号码" not in client.get("/calls/c1").text
    assert post(client, "/calls/c1/number").status_code == 403
    assert 'data-id="c1"' not in client.get("/calls?number=123456").text
    assert 'data-id="c1"' in client.get("/calls?number=13812345678").text
    assert 'data-id="c1"' in client_for(app, "supervisor").get("/calls?number=123456").text


def test_listening_is_written_down_once_for_all_pieces(app, engine, web_settings, people):
    add_call(engine, "c1", ended_at=9)
    sound = add_recording(engine, web_settings, "c1")
    client = client_for(app, "supervisor")
    with client.get("/calls/c1/recording", headers={"Range": "bytes=100-299"}) as piece:
        assert piece.status_code == 206
        assert piece.data == sound[100:300]
        assert piece.headers["Content-Range"] == f"bytes 100-299/{len(sound)}"
    with client.get("/calls/c1/recording") as whole:
        assert whole.status_code == 200
        assert whole.data == sound
        assert whole.headers["Accept-Ranges"] == "bytes"
        assert whole.mimetype == "audio/wav"
    other = client_for(app, "auditor")
    with other.get("/calls/c1/recording", headers={"Range": "bytes=-8"}) as end:
        assert end.data == sound[-8:]
    assert _audit(engine, "recording_played") == [
        ("supervisor", "2026/03/01/c1.wav"),
        ("auditor", "2026/03/01/c1.wav"),
    ]


def test_a_range_outside_the_file_is_refused(app, engine, web_settings, people):
    add_call(engine, "c1", ended_at=9)
    add_recording(engine, web_settings, "c1", seconds=0.1)
    with client_for(app, "supervisor").get(
        "/calls/c1/recording", headers={"Range": "bytes=999999-"}
    ) as answer:
        assert answer.status_code == 416


def test_a_path_out_of_the_folder_is_never_served(app, engine, web_settings, people):
    (web_settings.data_dir / "secrets.toml").write_text("api_token = 1")
    add_call(engine, "c1", ended_at=9)
    add_recording(engine, web_settings, "c1")
    with database.writing(engine) as session:
        session.scalars(select(Recording)).one().path = "../secrets.toml"
    client = client_for(app, "supervisor")
    assert client.get("/calls/c1/recording").status_code == 404
    assert "录音文件已损坏" in client.get("/calls/c1").text


def test_blocking_a_number_reaches_the_controller_s_file(app, engine, web_settings, people):
    client = client_for(app, "supervisor")
    form = {"number": "138 0000-1111", "reason": "骚扰来电", "until": ""}
    assert post(client, "/admin/blocked", **form).status_code == 302
    config = json.loads((web_settings.data_dir / "config.json").read_text("utf-8"))
    assert config["blocked"] == {"13800001111": {"reason": "骚扰来电", "until": None}}
    assert "13800001111" in client.get("/admin/blocked").text
    assert post(client, "/admin/blocked", **form).status_code == 422  # twice
    assert post(client, "/admin/blocked/13800001111/remove").status_code == 302
    config = json.loads((web_settings.data_dir / "config.json").read_text("utf-8"))
    assert config["blocked"] == {}
    assert _audit(engine, "number_blocked") == [("supervisor", "138****1111")]
    assert _audit(engine, "number_unblocked") == [("supervisor", "138****1111")]


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"number": "12", "reason": "x"}, "3 至 20 位"),
        ({"number": "<script>", "reason": "x"}, "3 至 20 位"),
        ({"number": "13800001111", "reason": " "}, "拦截原因"),
        ({"number": "13800001111", "reason": "x", "until": "soon"}, "请输入日期"),
        ({"number": "13800001111", "reason": "x", "until": "2020-01-01"}, "不能早于今天"),
    ],
)
def test_wrong_input_for_a_block_is_said(app, engine, people, form, said):
    answer = post(client_for(app, "supervisor"), "/admin/blocked", **form)
    assert answer.status_code == 422
    assert said in answer.text
    with database.reading(engine) as session:
        assert session.scalars(select(BlockedNumber)).all() == []


def test_the_audit_log_is_shown_to_those_who_check_it(app, engine, people):
    add_call(engine, "c1", ended_at=9)
    post(client_for(app, "supervisor"), "/calls/c1/number")
    client = client_for(app, Role.AUDITOR.value)
    page = client.get("/admin/audit?action=number_shown").text
    assert page.count("<code") == 1
    assert "查看完整号码" in page
    assert client.get("/admin/audit?username=nobody").text.count("<code") == 0
