"""The JSON API: calls, recordings, orders, queues, agents, and its own document."""

from __future__ import annotations

import pytest
from web_kit import API_TOKEN, add_call, add_events, add_order, add_recording, client_for, steps

from callcenter.events import Kind

HEADERS = {"Authorization": f"Bearer {API_TOKEN}"}


@pytest.fixture
def api(app, engine):
    """GET under /api/v1 with the token."""
    client = app.test_client()
    return lambda path, **more: client.get(f"/api/v1/{path}", headers=HEADERS, **more)


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer wrong", f"Basic {API_TOKEN}", f"Bearer {API_TOKEN}x", "Bearer é"],
)
def test_without_the_right_token_nothing_is_told(app, header):
    answer = app.test_client().get("/api/v1/calls", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.json["error"] == "unauthorized"
    assert "Bearer" in answer.headers["WWW-Authenticate"]


def test_a_session_of_the_pages_is_no_token(app, people):
    assert client_for(app, "administrator").get("/api/v1/calls").status_code == 401


def test_one_call_with_everything(api, engine, web_settings):
    add_call(
        engine, "c1", queue="general", agent="1001", agents_offered=["1002", "1001"],
        queued_at=12, offered_at=12.2, answered_at=20, talk_ended_at=95, ended_at=104,
        outcome="answered", rating=2, order_number="20260301000001", caller_name="张三",
    )  # fmt: skip
    sound = add_recording(engine, web_settings, "c1", seconds=1.5)
    call = api("calls/c1").json
    assert {name: call[name] for name in (
        "id", "caller", "dialed", "menu_path", "queue", "agents_offered", "agent", "outcome",
        "rating", "order_number",
    )} == {
        "id": "c1", "caller": "13812345678", "dialed": "12345", "menu_path": ["main:1"],
        "queue": "general", "agents_offered": ["1002", "1001"], "agent": "1001",
        "outcome": "answered", "rating": 2, "order_number": "20260301000001",
    }  # fmt: skip
    times = [call[f"{name}_at"] for name in ("arrived", "queued", "offered", "answered", "ended")]
    assert times == sorted(times)
    assert all(time.endswith("Z") for time in times)
    recording = call["recording"]
    assert (recording["state"], recording["seconds"], recording["size"]) == (
        "indexed", 1.5, len(sound),
    )  # fmt: skip
    with api("calls/c1/recording") as answer:
        assert answer.data == sound
    assert recording["url"] == "/api/v1/calls/c1/recording"


def test_a_recording_in_pieces(api, app, engine, web_settings):
    add_call(engine, "c1", ended_at=9)
    sound = add_recording(engine, web_settings, "c1")
    client = app.test_client()
    headers = HEADERS | {"Range": "bytes=44-143"}
    with client.get("/api/v1/calls/c1/recording", headers=headers) as answer:
        assert (answer.status_code, answer.data) == (206, sound[44:144])


def test_what_isn_t_there_is_said(api, engine, web_settings):
    add_call(engine, "c1", ended_at=9)
    assert api("calls/nobody").json["message"] == "there is no such call"
    assert api("calls/c1/recording").json["message"] == "this call has no recording"
    assert api("orders/1").status_code == 404
    assert api("agents/9999/state").status_code == 404
    add_recording(engine, web_settings, "c1", state="missing")
    assert api("calls/c1").json["recording"]["state"] == "missing"
    assert api("calls/c1/recording").json["message"] == "the recording is missing"


def test_calls_come_in_pages_newest_first(api, engine):
    for number in range(7):
        add_call(engine, f"c{number}", age=10 + number, ended_at=1)
    found, cursor = [], ""
    while cursor is not None:
        page = api(f"calls?limit=3&cursor={cursor}").json
        found += [call["id"] for call in page["calls"]]
        cursor = page["next_cursor"]
    assert found == [f"c{number}" for number in range(7)]


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("limit=0", "limit"),
        ("limit=x", "limit"),
        ("since=soon", "since"),
        ("outcome=nonsense", "outcome"),
        ("cursor=nonsense", "cursor"),
    ],
)
def test_a_wrong_question_is_answered_with_its_name(api, query, named):
    answer = api(f"calls?{query}")
    assert answer.status_code == 400
    assert named in answer.json["message"]


def test_calls_are_filtered(api, engine):
    add_call(engine, "a", ended_at=9, outcome="answered", agent="1001")
    add_call(engine, "b", ended_at=9, outcome="failed")
    add_call(engine, "c")
    for query, expected in {
        "outcome=answered": ["a"],
        "outcome=in_progress": ["c"],
        "agent=1001": ["a"],
        "number=nobody": [],
    }.items():
        assert [call["id"] for call in api(f"calls?{query}").json["calls"]] == expected, query


def test_orders_and_what_happened_to_them(api, engine):
    add_order(engine, "20260301000001", category="help", call_id="c1")
    add_order(engine, "20260301000002")
    orders = api("orders?category=help").json["orders"]
    assert [order["number"] for order in orders] == ["20260301000001"]
    assert orders[0]["call_id"] == "c1"
    assert api("orders/20260301000001").json["title"] == "路灯不亮"
    events = api("orders/20260301000001/events").json["events"]
    assert [(event["kind"], event["to_state"]) for event in events] == [("drafted", "draft")]


def test_without_redis_states_are_unknown_and_stale(api, people):
    queues = api("queues").json
    assert (queues["queues"], queues["stale"], queues["at"]) == ([], True, None)
    agent = api("agents/1001/state").json
    assert (agent["state"], agent["name"], agent["stale"]) == ("logged_out", "王芳", True)
    assert [each["number"] for each in api("agents").json["agents"]] == ["1001"]


def test_without_a_controller_setting_a_state_fails_in_words(app, people):
    answer = app.test_client().put(
        "/api/v1/agents/1001/state", json={"state": "ready"}, headers=HEADERS
    )
    assert answer.status_code == 504


@pytest.mark.parametrize("body", [{}, {"state": "asleep"}, {"state": "ready", "x": 1}, [], "x"])
def test_a_wrong_state_is_refused(app, people, body):
    answer = app.test_client().put("/api/v1/agents/1001/state", json=body, headers=HEADERS)
    assert answer.status_code == 400


def test_every_answer_is_as_the_document_says(app, api, engine, web_settings, people):
    """Each documented GET is asked, and its answer is read back with the documented model."""
    add_call(engine, "c1", ended_at=9)
    add_events(engine, steps("c1", 0, (0, Kind.CALL_ARRIVED, {})))
    add_order(engine, "20260301000001")
    values = {"call_id": "c1", "number": "20260301000001", "agent_id": "1001"}
    asked = 0
    for rule in app.url_map.iter_rules():
        operation = getattr(app.view_functions[rule.endpoint], "operation", None)
        if operation is None or "GET" not in rule.methods or operation.response is None:
            continue
        path = app.url_map.bind("").build(
            rule.endpoint, {name: values[name] for name in rule.arguments}
        )
        operation.response.model_validate_json(api(path.removeprefix("/api/v1/")).data)
        asked += 1
    assert asked == 9
