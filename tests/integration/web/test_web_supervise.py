"""A supervisor's actions: what is sent, what is asked first, what the audit log holds."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import select
from test_web_live import Controller
from web_kit import add_call, add_events, client_for, make_settings, post, steps, token_of
from web_server import redis_server

from callcenter import database
from callcenter.events import Event
from callcenter.models import BlockedNumber
from web.app import create_app
from web.rights import COMMANDS, Role
from workorder.models import AuditEntry


@pytest.fixture(scope="module")
def server():
    with redis_server() as server:
        yield server


@pytest.fixture
def web_settings(tmp_path, server):
    return make_settings(tmp_path, server.url)


@pytest.fixture
def app(web_settings):
    return create_app(web_settings)


@pytest.fixture
def supervisor(app, people):
    return client_for(app, "supervisor")


def act(client, action: str, **form: str):
    token = token_of(client.get("/account"))
    return client.post("/live/do", data={"csrf_token": token, "action": action, **form})


def audit(engine) -> list[tuple[str, str, dict]]:
    with database.reading(engine) as session:
        rows = session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
        return [(row.action, row.subject, row.data) for row in rows if row.action != "login"]


FORMS = {
    "supervisor.listen": {"agent": "1001", "phone": "2001"},
    "supervisor.whisper": {"agent": "1001", "phone": "2001"},
    "supervisor.barge": {"agent": "1001", "phone": "2001"},
    "supervisor.stop": {"agent": "1001", "phone": "2001"},
    "supervisor.take_over": {"agent": "1001", "phone": "2001", "confirmed": "yes"},
    "supervisor.release": {"agent": "1001", "what": "call", "confirmed": "yes"},
    "supervisor.agent_state": {"agent": "1001", "state": "not_ready", "reason": "meal"},
    "supervisor.agent_skills": {"agent": "1001", "queues": "general=5", "skills": "",
                                "minutes": "30"},
    "supervisor.agent_skills_reset": {"agent": "1001"},
    "supervisor.message": {"agent": "all", "text": "十点开会"},
    "supervisor.move": {"call": "c1", "queue": "general"},
    "supervisor.raise": {"call": "c1", "priority": "7"},
}  # fmt: skip
SENT = {
    "supervisor.release": {"agent": "1001", "what": "call"},
    "supervisor.agent_state": {"agent": "1001", "state": "not_ready", "reason": "meal"},
    "supervisor.agent_skills": {"agent": "1001", "queues": {"general": 5}, "skills": {},
                                "seconds": 1800},
    "supervisor.message": {"to": "all", "text": "十点开会"},
    "supervisor.raise": {"call": "c1", "priority": 7},
}  # fmt: skip


def test_every_command_has_its_form():
    assert set(FORMS) | {"supervisor.nuisance"} == set(COMMANDS)


@pytest.mark.parametrize("action", FORMS)
def test_an_action_is_sent_with_who_and_why_and_stands_in_the_log(
    engine, server, supervisor, action
):
    add_call(engine, "c1", queue="general", queued_at=3)
    with Controller(server.client, {"ok": True, "result": None}) as controller:
        answer = act(supervisor, action, why="市民要求", **FORMS[action])
    assert (answer.status_code, "已执行" in answer.text) == (200, True), answer.text
    (command,) = controller.commands
    plain = {k: v for k, v in FORMS[action].items() if k != "confirmed"}
    expected = SENT.get(action, plain) | {"by": "supervisor", "why": "市民要求"}
    assert (command["name"], command["args"]) == (action, expected)
    (entry,) = audit(engine)
    whom = FORMS[action].get("agent") or FORMS[action]["call"]
    assert entry[:2] == (action, whom)
    assert entry[2]["why"] == "市民要求"


@pytest.mark.parametrize(
    ("action", "form", "told"),
    [
        ("supervisor.listen", {"phone": "2001", "why": ""}, "请写明原因"),
        ("supervisor.listen", {"phone": "20; drop", "why": "x"}, "分机号"),
        ("supervisor.release", {"what": "call", "why": "x"}, "请先勾选确认"),
        ("supervisor.take_over", {"phone": "2001", "why": "x"}, "请先勾选确认"),
        ("supervisor.agent_state", {"state": "not_ready", "reason": "missed_call", "why": "x"},
         "示忙原因"),
        ("supervisor.agent_skills", {"queues": "general=12", "skills": "", "why": "x"}, "等级"),
        ("supervisor.message", {"text": "\u202e", "why": "x"}, "消息内容"),
    ],
)  # fmt: skip
def test_what_is_missing_is_asked_for_and_nothing_is_sent_or_written(
    engine, server, supervisor, action, form, told
):
    answer = act(supervisor, action, agent="1001", **form)
    assert (answer.status_code, told in answer.text) == (422, True), answer.text
    assert server.client.llen("cc:commands") == 0
    assert audit(engine) == []


def test_a_refusal_is_told_in_words_and_written_down(engine, server, supervisor):
    with Controller(server.client, {"ok": False, "error": "no_talk: agent 1001 doesn't talk"}):
        answer = act(supervisor, "supervisor.listen", agent="1001", phone="2001", why="抽查")
    assert "“监听”未执行：坐席没有在通话" in answer.text
    assert [(action, data.get("command")) for action, _whom, data in audit(engine)] == [
        ("supervisor.listen", None),
        ("not_done", "supervisor.listen"),
    ]


@pytest.mark.parametrize("form", [{"action": "supervisor.explode"}, {"action": ""},
                                  {"action": "supervisor.message", "agent": "9999"}])  # fmt: skip
def test_what_the_page_could_not_have_asked_for_is_refused(server, supervisor, form):
    action = form.pop("action")
    assert act(supervisor, action, why="x", text="y", **form).status_code == 400
    assert server.client.llen("cc:commands") == 0


@pytest.mark.parametrize(
    "role", [role for role in Role if role not in COMMANDS["supervisor.listen"]]
)
def test_who_may_not_supervise_may_not(app, people, server, role):
    answer = act(client_for(app, role.value), "supervisor.listen", **FORMS["supervisor.listen"])
    assert answer.status_code == 403
    assert server.client.llen("cc:commands") == 0


def test_without_the_form_s_token_nothing_is_done(server, supervisor):
    answer = supervisor.post("/live/do", data={"action": "supervisor.listen", "csrf_token": "x"})
    assert answer.status_code == 400
    assert server.client.llen("cc:commands") == 0


def test_the_dialog_offers_what_makes_sense_now(server, supervisor):
    client = server.client
    client.hset("cc:agents", "1001", json.dumps({"state": "talking", "queues": {"general": 5}}))
    talking = supervisor.get("/live/agent/1001").text
    client.hset("cc:agents", "1001", json.dumps({"state": "ready", "queues": {"general": 5}}))
    ready = supervisor.get("/live/agent/1001").text
    client.delete("cc:agents")
    for name in ("监听", "接管通话", "强拆"):
        assert f"<summary>{name}</summary>" in talking
        assert f"<summary>{name}</summary>" not in ready
    assert "<summary>改变状态</summary>" in ready
    assert 'value="general=5"' in ready
    assert supervisor.get("/live/agent/9999").status_code == 404


# --- nuisance calls --------------------------------------------------------------------------


@pytest.fixture
def marked(engine):
    add_call(engine, "bad", caller="13900001111", agent="1001", ended_at=9)
    note = {"agent": "1001", "note": "反复骚扰"}
    add_events(engine, steps("bad", 1000.0, (5.0, "call.nuisance", note)))


def decided(engine) -> None:
    """What the controller writes when it is told."""
    add_events(engine, [Event("d", 2000.0, "call.nuisance_decided", "bad", {})])


def test_a_marked_call_is_blocked_once_a_supervisor_says_so(engine, server, supervisor, marked):
    page = supervisor.get("/live/nuisance").text
    assert "139****1111" in page
    assert "反复骚扰" in page
    with Controller(server.client, {"ok": True}) as controller:
        answer = post(supervisor, "/live/nuisance/bad", decision="confirm", days="30", why="属实")
    assert "已拦截该号码" in answer.text
    (command,) = controller.commands
    assert command["args"] == {"call": "bad", "confirmed": True, "by": "supervisor", "why": "属实"}
    with database.reading(engine) as session:
        blocked = session.get_one(BlockedNumber, "13900001111")
        assert (blocked.reason, blocked.blocked_by) == ("属实", "supervisor")
        assert (blocked.until - blocked.created_at).days == 30
    assert [action for action, *_rest in audit(engine)] == [
        "number_blocked",
        "supervisor.nuisance",
    ]
    decided(engine)
    assert "139****1111" not in supervisor.get("/live/nuisance").text
    again = post(supervisor, "/live/nuisance/bad", decision="confirm", why="属实")
    assert again.status_code == 409


def test_a_dismissed_mark_blocks_nobody_and_a_reason_is_needed(engine, server, supervisor, marked):
    assert post(supervisor, "/live/nuisance/bad", decision="confirm", why="").status_code == 422
    assert post(supervisor, "/live/nuisance/bad", decision="maybe", why="x").status_code == 400
    with Controller(server.client, {"ok": True}) as controller:
        answer = post(supervisor, "/live/nuisance/bad", decision="dismiss", why="是误会")
    assert "已撤销标记" in answer.text
    assert controller.commands[0]["args"]["confirmed"] is False
    with database.reading(engine) as session:
        assert session.get(BlockedNumber, "13900001111") is None


def test_without_an_answer_the_mark_stays(engine, server, supervisor, marked):
    with Controller(server.client, {"ok": False, "error": "unknown_call: gone"}):
        answer = post(supervisor, "/live/nuisance/bad", decision="dismiss", why="是误会")
    assert "标记仍在列表中" in answer.text
    assert "139****1111" in supervisor.get("/live/nuisance").text
