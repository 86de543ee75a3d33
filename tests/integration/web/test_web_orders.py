"""Draft orders: saving, wrong input, two people at once, the trail that is kept."""

from __future__ import annotations

import pytest
from sqlalchemy import select
from web_kit import add_order, client_for, post, token_of

from callcenter import database
from workorder.models import AuditEntry, Order, OrderEvent

NUMBER = "20260301000001"
PATH = f"/orders/{NUMBER}"
FORM = {
    "category": "complaint",
    "title": "工地夜间施工",
    "body": "连续三晚施工。\r\n要求停止。",
    "citizen_name": "刘先生",
}


@pytest.fixture
def order(engine, people):
    add_order(engine, NUMBER, category=None)


def _read(engine) -> Order:
    with database.reading(engine) as session:
        return session.scalars(select(Order).where(Order.number == NUMBER)).one()


def test_given_a_draft_when_saved_then_fields_version_event_and_audit_are_written(
    app, engine, order
):
    client = client_for(app, "agent")
    assert post(client, PATH, PATH, version="1", **FORM).location == PATH
    saved = _read(engine)
    assert (saved.category, saved.title) == ("complaint", "工地夜间施工")
    assert saved.citizen_name == "刘先生"
    assert saved.body == "连续三晚施工。\n要求停止。"
    assert saved.version == 2
    with database.reading(engine) as session:
        event = session.scalars(select(OrderEvent).order_by(OrderEvent.id.desc())).first()
        assert (event.kind, event.actor, event.to_state) == ("edited", "agent", "draft")
        assert event.data["changes"]["category"] == ["", "complaint"]
        entry = session.scalars(select(AuditEntry).where(AuditEntry.action == "order_edited")).one()
        assert (entry.username, entry.subject) == ("agent", NUMBER)
    page = client.get(PATH).text
    assert "工单已保存" in page
    assert "修改草稿" in page


def test_given_somebody_saved_meanwhile_when_saving_then_it_is_said_and_nothing_is_lost(
    app, engine, order
):
    first, second = client_for(app, "agent"), client_for(app, "dispatcher")
    assert post(first, PATH, PATH, version="1", **FORM).status_code == 302
    mine = FORM | {"title": "我写的标题"}
    answer = post(second, PATH, PATH, version="1", **mine)
    assert answer.status_code == 409
    assert "别人已经保存了此工单" in answer.text
    assert "agent 在" in answer.text
    assert 'value="我写的标题"' in answer.text
    assert "工地夜间施工" in answer.text
    assert _read(engine).title == "工地夜间施工"
    # The page now holds the newest version: saving again is on purpose.
    again = second.post(PATH, data={"csrf_token": token_of(answer), "version": "2", **mine})
    assert again.status_code == 302
    assert _read(engine).title == "我写的标题"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"title": " "}, "请填写标题"),
        ({"title": "长" * 201}, "最多 200 个字"),
        ({"category": "nonsense"}, "请从列表中选择类别"),
        ({"citizen_name": "名" * 65}, "最多 64 个字"),
        ({"body": "字" * 10_001}, "最多 10000 个字"),
    ],
)
def test_wrong_input_is_said_and_kept_and_not_saved(app, engine, order, change, said):
    answer = post(client_for(app, "agent"), PATH, PATH, version="1", **(FORM | change))
    assert answer.status_code == 422
    assert said in answer.text
    assert _read(engine).version == 1


def test_saving_without_a_change_makes_no_version(app, engine, order):
    body = "和平路 12 号门前路灯三天不亮。"
    form = {"category": "", "title": "路灯不亮", "body": body, "citizen_name": ""}
    client = client_for(app, "agent")
    assert post(client, PATH, PATH, version="1", **form).status_code == 302
    assert "没有改动" in client.get(PATH).text
    assert _read(engine).version == 1


def test_an_order_that_is_no_draft_can_t_be_edited(app, engine, people):
    add_order(engine, NUMBER, state="dispatched")
    client = client_for(app, "dispatcher")
    assert 'name="title"' not in client.get(PATH).text
    assert post(client, PATH, "/account", version="1", **FORM).status_code == 409


def test_text_is_only_text(app, engine, order):
    hostile = FORM | {"title": "<script>alert(1)</script>", "body": "{{7*7}} </textarea><b>x"}
    client = client_for(app, "agent")
    post(client, PATH, PATH, version="1", **hostile)
    for path in (PATH, "/orders"):
        page = client.get(path).text
        assert "<script>alert" not in page
        assert "</textarea><b>" not in page
    assert _read(engine).title == "<script>alert(1)</script>"


def test_orders_are_found_by_state_category_and_text(app, engine, people):
    add_order(engine, "20260301000001", category="help", title="停水两天")
    add_order(engine, "20260301000002", category="report", title="油烟直排", citizen_name="周%先生")
    add_order(engine, "20260301000003", state="dispatched", title="路灯")
    client = client_for(app, "dispatcher")

    def found(query: str) -> set[str]:
        page = client.get(f"/orders?{query}").text
        return {number for number in "123" if f'data-id="2026030100000{number}"' in page}

    assert found("") == {"1", "2", "3"}
    assert found("state=draft") == {"1", "2"}
    assert found("category=help") == {"1"}
    assert found("text=油烟") == {"2"}
    assert found("text=20260301000003") == {"3"}
    assert found("text=%25") == {"2"}  # a percent sign is a character like others
    assert found("category=nonsense") == {"1", "2", "3"}
