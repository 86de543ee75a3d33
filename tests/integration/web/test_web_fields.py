"""Who sees citizens' numbers and names, and where a recording asks for a reason."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from sqlalchemy import select
from web_kit import (
    API_TOKEN,
    add_agent,
    add_call,
    add_order,
    add_recording,
    add_user,
    client_for,
    make_settings,
    post,
)

from callcenter import database
from web import rights
from web.app import create_app
from web.rights import API_FIELDS, FIELDS, REVEALS_NUMBERS, Door, Field, Role, Sight
from workorder.models import AuditEntry

NAMES = {"whole": "王小明", "masked": "王**"}
PERSONAL = re.compile(r"caller|citizen|phone|callback_number|address", re.I)
NOT_PERSONAL = {"callback_requested"}  # a count


def audit(engine, action: str) -> list[tuple[str, dict]]:
    with database.reading(engine) as session:
        rows = session.scalars(select(AuditEntry).where(AuditEntry.action == action)).all()
        return [(row.username, row.data) for row in rows]


def test_every_role_has_its_line_for_every_field():
    for field, lines in FIELDS.items():
        assert set(lines) == {*Role, Door.TOKEN}, field


def test_every_field_of_the_api_that_tells_who_a_citizen_is_is_in_the_table(app):
    document = app.test_client().get("/api/v1/openapi.json").json
    told = {
        name
        for schema in document["components"]["schemas"].values()
        for name, shape in schema.get("properties", {}).items()
        if PERSONAL.search(name) and name not in NOT_PERSONAL
    }
    assert told - set(API_FIELDS) == set()


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.UNIT])
def test_a_name_is_whole_for_those_who_speak_with_citizens_and_masked_for_others(
    app, engine, people, role
):
    add_call(engine, "c1", agent="1001", caller_name=NAMES["whole"], ended_at=9)
    client = client_for(app, role.value)
    whole = FIELDS[Field.NAME][role] is Sight.WHOLE
    for path in ("/calls", "/calls/c1", "/calls/c1/body", "/calls/rows?ids=c1"):
        page = client.get(path).text
        assert (NAMES["whole"] in page) is whole, path
        assert (NAMES["masked"] in page) is not whole, path
        assert "13812345678" not in page, path


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.UNIT])
def test_a_whole_number_is_a_look_that_is_written_down(app, engine, people, role):
    add_call(engine, "c1", agent="1001", caller_name=NAMES["whole"], ended_at=9)
    answer = post(client_for(app, role.value), "/calls/c1/number")
    seen = role in REVEALS_NUMBERS
    assert (answer.status_code, "13812345678" in answer.text) == (200 if seen else 403, seen)
    assert len(audit(engine, "number_shown")) == seen
    if FIELDS[Field.NAME][role] is Sight.ON_REQUEST:
        assert NAMES["whole"] in answer.text


def test_the_api_shows_a_token_what_the_table_says(app, engine, people, monkeypatch):
    add_call(engine, "c1", caller_name=NAMES["whole"], callback_number="13900001111")
    add_order(engine, "20260301000001", citizen_name=NAMES["whole"])

    def told(path: str) -> dict:
        headers = {"Authorization": f"Bearer {API_TOKEN}"}
        return app.test_client().get(f"/api/v1/{path}", headers=headers).json

    assert told("calls")["calls"][0]["caller"] == "13812345678"
    for field in Field:
        monkeypatch.setitem(rights.FIELDS[field], Door.TOKEN, Sight.MASKED)
    for call in (told("calls")["calls"][0], told("calls/c1")):
        assert (call["caller"], call["caller_name"]) == ("138****5678", NAMES["masked"])
        assert call["callback_number"] == "139****1111"
        assert call["dialed"] == "12345"
    order = told("orders")["orders"][0]
    assert (order["citizen_number"], order["citizen_name"]) == ("138****5678", NAMES["masked"])


# --- recordings ----------------------------------------------------------------------------------


def site(tmp_path, policy: str):
    settings = replace(make_settings(tmp_path), recording_reason=policy)
    app = create_app(settings)
    engine = app.extensions["callcenter.engine"]
    add_agent(engine)
    add_user(engine, "supervisor", Role.SUPERVISOR)
    add_call(engine, "c1", agent="1001", ended_at=9)
    add_recording(engine, settings, "c1")
    return app, engine, client_for(app, "supervisor")


@pytest.mark.parametrize(
    ("policy", "play", "export"), [("none", 200, 200), ("export", 200, 428), ("always", 428, 428)]
)
def test_a_recording_asks_why_where_the_policy_says_so(tmp_path, policy, play, export):
    _app, engine, client = site(tmp_path, policy)
    with client.get("/calls/c1/recording") as answer:
        assert answer.status_code == play
    with client.get("/calls/c1/recording?export=1") as answer:
        assert answer.status_code == export
    assert ("<audio" in client.get("/calls/c1").text) is (play == 200)
    assert post(client, "/calls/c1/recording", why=" ").status_code == 400
    assert post(client, "/calls/c1/recording", why="市民投诉核查").status_code == 302
    assert audit(engine, "recording_reason")[0][1]["why"] == "市民投诉核查"
    with client.get("/calls/c1/recording") as answer:
        assert answer.status_code == 200
    with client.get("/calls/c1/recording?export=1") as answer:
        assert answer.status_code == 200
        assert answer.headers["Content-Disposition"].startswith("attachment")
    assert [user for user, _data in audit(engine, "recording_exported")][-1] == "supervisor"
    assert audit(engine, "recording_played") != []


def test_somebody_else_s_reason_opens_nothing(tmp_path):
    app, engine, client = site(tmp_path, "always")
    add_user(engine, "auditor", Role.AUDITOR)
    post(client, "/calls/c1/recording", why="核查")
    with client_for(app, "auditor").get("/calls/c1/recording") as answer:
        assert answer.status_code == 428


def test_the_api_asks_why_only_where_every_listening_does(tmp_path):
    headers = {"Authorization": f"Bearer {API_TOKEN}"}
    app, engine, _client = site(tmp_path, "always")
    path = "/api/v1/calls/c1/recording"
    refused = app.test_client().get(path, headers=headers)
    assert (refused.status_code, "reason" in refused.json["message"]) == (428, True)
    with app.test_client().get(f"{path}?reason=archive", headers=headers) as answer:
        assert answer.status_code == 200
    assert audit(engine, "recording_played") == [("api", {"call": "c1", "why": "archive"})]
