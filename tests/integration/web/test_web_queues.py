"""Queues, agents and skills are changed by a form: checked, warned of, written down, exported."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest
import yaml
from sqlalchemy import Engine, select
from web_kit import client_for, post

from callcenter import database, queue_store
from callcenter.models import Agent
from workorder.models import AuditEntry

QUEUES = {
    "wrap_up_seconds": 20,
    "queues": {
        "general": {"announce_first_seconds": 8.0, "overflow": [{"when": "full", "limit": 5,
                                                                 "then": "message"}]},
        "tax": {"requirement": "tax >= 3"},
    },
}  # fmt: skip
FORM = {
    "strategy": "longest_idle",
    "requirement": "",
    "head_start_seconds": "0",
    "last_agent_seconds": "0",
    "announce_first_seconds": "8",
    "announce_every_seconds": "60",
    "comfort_every_seconds": "45",
    "service_level_seconds": "15",
    "wrap_up_seconds": "",
    "handling_seconds": "",
    "choices": ["callback", "message"],
    "more": "overflow:\n- {when: full, limit: 5, then: message}\n",
}


@pytest.fixture
def stored(engine: Engine, people: None) -> Engine:
    with database.writing(engine) as session:
        queue_store.save(session, QUEUES, dt.datetime.now(dt.UTC))
        agent = session.get_one(Agent, "1001")
        agent.queues, agent.skills = {"general": 5, "tax": 5}, {"tax": 4}
    return engine


def queues(engine: Engine) -> dict[str, dict[str, object]]:
    with database.reading(engine) as session:
        data = queue_store.load(session)
    assert data is not None
    return data["queues"]


def entries(engine: Engine) -> list[tuple[str, str]]:
    with database.reading(engine) as session:
        rows = session.scalars(select(AuditEntry).where(AuditEntry.action != "login"))
        return [(row.action, row.subject) for row in rows]


def test_saving_what_is_shown_changes_nothing(app, stored, people):
    client = client_for(app, "administrator")
    page = client.get("/admin/queues/general").text
    assert 'value="8"' in page
    assert "limit: 5" in page
    answer = post(client, "/admin/queues/general", **FORM)
    assert answer.status_code == 302
    assert queues(stored) == QUEUES["queues"]


def test_a_change_is_stored_exported_and_written_down(app, stored, people, web_settings):
    client = client_for(app, "administrator")
    form = FORM | {"strategy": "best_fit", "choices": ["message"], "call_back_cut_off": "yes"}
    assert post(client, "/admin/queues/general", **form).status_code == 302
    changed = queues(stored)["general"]
    assert changed == {
        **QUEUES["queues"]["general"],
        "strategy": "best_fit",
        "choices": ["message"],
        "call_back_cut_off": True,
    }
    assert entries(stored) == [("queue_changed", "general")]
    told = json.loads((web_settings.data_dir / "config.json").read_text("utf-8"))
    assert told["queues"]["queues"]["general"] == changed
    assert told["queues"]["wrap_up_seconds"] == 20
    assert told["queues_version"] == 2


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"announce_first_seconds": "soon"}, "announce_first_seconds"),
        ({"service_level_seconds": "-1"}, "service_level_seconds"),
        ({"service_level_seconds": "nan"}, "service_level_seconds"),
        ({"requirement": "tax and"}, "requirement"),
        ({"strategy": "luckiest"}, "strategy"),
        ({"more": "overflow: [{when: waited, seconds: 5, then: queue, target: gone}]"}, "more"),
        ({"more": "strategy: best_fit"}, "more"),
        ({"more": "{"}, "more"),
        ({"more": "comfort: [lullaby]"}, "more"),
    ],
)
def test_a_fault_is_shown_at_its_field_and_nothing_is_saved(app, stored, people, change, field):
    client = client_for(app, "administrator")
    answer = post(client, "/admin/queues/general", **(FORM | change))
    assert answer.status_code == 422
    assert f'id="e-{field}"' in answer.text
    assert queues(stored) == QUEUES["queues"]
    assert entries(stored) == []


def test_a_new_queue_without_agents_is_saved_only_on_a_second_yes(app, stored, people):
    client = client_for(app, "administrator")
    assert client.get("/admin/queues/new").status_code == 200
    form = FORM | {"name": "pension", "more": ""}
    answer = post(client, "/admin/queues/new", **form)
    assert answer.status_code == 422
    assert "队列“pension”没有坐席" in answer.text
    assert "pension" not in queues(stored)
    assert post(client, "/admin/queues/new", **form, confirm="yes").status_code == 302
    assert queues(stored)["pension"] == {"announce_first_seconds": 8.0}


def test_an_agent_who_is_the_last_with_a_skill_is_changed_only_on_a_second_yes(
    app, stored, people, web_settings
):
    client = client_for(app, "administrator")
    form = {"queues": "general=5 tax=5", "skills": "", "active": "yes"}
    answer = post(client, "/admin/agents/1001", **form)
    assert answer.status_code == 422
    assert "没有坐席符合技能要求 tax &gt;= 3" in answer.text
    assert post(client, "/admin/agents/1001", **form, confirm="yes").status_code == 302
    with database.reading(stored) as session:
        assert session.get_one(Agent, "1001").skills == {}
    assert entries(stored) == [("agent_changed", "1001")]
    told = json.loads((web_settings.data_dir / "config.json").read_text("utf-8"))
    assert told["agents"]["1001"]["skills"] == {}


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"queues": "general=10", "skills": ""}, "queues"),
        ({"queues": "nowhere=5", "skills": ""}, "queues"),
        ({"queues": "general=5", "skills": "Tax=3"}, "skills"),
        ({"queues": "general=5", "skills": "tax=x"}, "skills"),
    ],
)
def test_levels_that_cannot_be_are_refused_at_their_field(app, stored, people, form, field):
    answer = post(client_for(app, "supervisor"), "/admin/agents/1001", **form, active="yes")
    assert answer.status_code == 422
    assert f'id="e-{field}"' in answer.text
    assert entries(stored) == []


def test_a_queue_that_a_hotline_leads_to_is_not_deleted_another_one_is(app, stored, people):
    client = client_for(app, "administrator")
    post(client, "/admin/queues/general/remove")
    assert "general" in queues(stored)
    post(client, "/admin/queues/tax/remove")
    assert "tax" not in queues(stored)
    assert entries(stored) == [("queue_removed", "tax")]


def test_only_administrators_reach_the_queues_and_supervisors_the_agents(app, stored, people):
    supervisor = client_for(app, "supervisor")
    assert supervisor.get("/admin/queues").status_code == 403
    assert supervisor.get("/admin/agents").status_code == 200
    assert post(supervisor, "/admin/queues/general", **FORM).status_code == 403
    agent = client_for(app, "agent")
    assert agent.get("/admin/agents").status_code == 403
    assert client_for(app, "administrator").get("/admin/queues").status_code == 200


def test_the_first_settings_of_the_product_can_be_saved_from_the_form(app, engine, people):
    file = Path(queue_store.__file__).parent.parent / "acd" / "queues.yaml"
    data = yaml.safe_load(file.read_text("utf-8"))
    with database.writing(engine) as session:
        queue_store.save(session, data, dt.datetime.now(dt.UTC))
    page = client_for(app, "administrator").get("/admin/queues/general").text
    assert "when: full" in page
