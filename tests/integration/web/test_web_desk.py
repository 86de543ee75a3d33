"""The desk: who calls, what can be done, and an order that is saved while it is typed."""

from __future__ import annotations

import json
import re
import time

import pytest
import web_scene
from sqlalchemy import select
from web_kit import add_call, add_events, add_order, client_for, make_settings, token_of
from web_server import redis_server

from callcenter import database, dial_rules, dialable
from callcenter.dial_rules import Citizen, Wanted, What
from callcenter.events import Kind, event, talk_started
from callcenter.models import Call
from callcenter.store import store
from web.app import create_app
from web.commands import Answer
from web.localtime import now
from workorder.models import AuditEntry, Order, OrderEvent

CALLER = "13812345678"
BLANK = {
    "category": "",
    "title": "",
    "body": "",
    "citizen_name": "",
    "topic": "",
    "district": "",
    "address": "",
}


@pytest.fixture(scope="module")
def redis():
    with redis_server() as server:
        yield server


@pytest.fixture
def web_settings(tmp_path, redis):
    redis.client.flushall()
    return make_settings(tmp_path, redis.url)


@pytest.fixture
def app(web_settings):
    return create_app(web_settings)


@pytest.fixture
def ringing(engine, people, redis):
    """A call that rings at 1001's phone."""
    add_call(engine, "now", age=20, queued_at=8, queue="general")
    web_scene.tell_live(redis.client)
    web_scene.tell_agent(redis.client, "1001", "ringing", since=time.time(), contact="now")


@pytest.fixture
def desk(app, ringing):
    return Desk(client_for(app, "agent"))


class Desk:
    """The page's script, as far as the form goes."""

    def __init__(self, client):
        self.client = client
        self.token = token_of(client.get("/account"))

    def panel(self):
        return self.client.get("/desk/panel").text

    def form(self, call="now"):
        return self.client.get(f"/desk/orders/{call}")

    def save(self, base=None, call="now", **changes):
        base = BLANK | (base or {})
        return self.client.put(
            f"/desk/orders/{call}",
            json={"base": base, "fields": base | changes},
            headers={"X-CSRFToken": self.token},
        )

    def step(self, action, call="now", version=None, **form):
        if version is None:
            version = self.form(call).json["version"]
        return self.client.post(
            f"/desk/orders/{call}/step",
            data={"csrf_token": self.token, "action": action, "version": version, **form},
        )

    def press(self, **form):
        return self.client.post("/desk/command", data={"csrf_token": self.token, **form})


def orders(engine):
    with database.reading(engine) as session:
        return list(session.scalars(select(Order).order_by(Order.id)))


def edits(engine):
    with database.reading(engine) as session:
        query = select(OrderEvent).where(OrderEvent.kind == "edited").order_by(OrderEvent.id)
        return list(session.scalars(query))


# --- the form ------------------------------------------------------------------------------------


def test_given_a_ringing_phone_when_nothing_is_typed_then_the_form_is_there_and_no_order(
    desk, engine
):
    told = desk.form().json
    assert (told["number"], told["version"], told["editable"]) == (None, 0, True)
    assert told["fields"] == BLANK
    assert desk.save().json["number"] is None  # nothing to keep
    assert orders(engine) == []


def test_given_a_ringing_phone_when_somebody_types_then_the_draft_is_made_and_shown_to_all(
    desk, engine
):
    told = desk.save(body="停水两天").json
    (order,) = orders(engine)
    assert told["number"] == order.number
    assert (order.state, order.call_id, order.citizen_number) == ("draft", "now", CALLER)
    assert (order.body, order.agent_number, order.channel) == ("停水两天", "1001", "phone")
    assert told["fields"] == BLANK | {"body": "停水两天"}  # a title that nobody wrote isn't shown
    assert told["hint"] == order.title != ""
    assert order.number in desk.panel()


def test_given_text_typed_at_ring_when_the_agent_answers_then_the_projector_goes_on_with_it(
    desk, engine
):
    desk.save(title="停水", body="和平小区")
    at = time.time()
    told = [
        event(Kind.CALL_ARRIVED, "now", at=at - 20, caller=CALLER, dialed="12345", name="王女士"),
        talk_started("now", agent="1001", offer="o", leg="l", at=at),
    ]
    with database.writing(engine) as session:
        store(session, told, now())
    (order,) = orders(engine)
    assert (order.title, order.body, order.citizen_name) == ("停水", "和平小区", "王女士")
    # The page, which doesn't know the name yet, saves on: nothing is in its way.
    answer = desk.save({"title": "停水", "body": "和平小区"}, body="和平小区 3 号楼")
    assert answer.status_code == 200
    assert answer.json["fields"]["citizen_name"] == "王女士"
    assert orders(engine)[0].body == "和平小区 3 号楼"


def test_given_the_projector_was_first_when_saved_then_its_order_is_used(desk, engine):
    at = time.time()
    with database.writing(engine) as session:
        store(session, [talk_started("now", agent="1001", offer="o", leg="l", at=at)], now())
    desk.save(title="停水")
    assert [order.title for order in orders(engine)] == ["停水"]


def test_given_one_sitting_when_saved_many_times_then_it_is_one_event_from_first_to_last(
    desk, engine
):
    texts = ["停", "停水", "停水两天"]
    base = dict(BLANK)
    for text in texts:
        base = desk.save(base, body=text).json["fields"]
    (edit,) = edits(engine)
    assert edit.data["changes"]["body"] == ["", "停水两天"]
    with database.reading(engine) as session:
        audited = session.scalars(select(AuditEntry).where(AuditEntry.action == "order_edited"))
        assert len(list(audited)) == 1


def test_given_two_people_when_they_change_different_fields_then_both_are_kept(app, desk, engine):
    base = desk.save(title="停水").json["fields"]
    _other_saves(engine, body="写在另一页")
    told = desk.save(base, citizen_name="王女士").json
    assert told["fields"] == base | {"body": "写在另一页", "citizen_name": "王女士"}


def test_given_two_people_when_they_change_the_same_field_then_a_person_decides(desk, engine):
    base = desk.save(body="停水").json["fields"]
    _other_saves(engine, body="另一个人写的")
    answer = desk.save(base, body="我写的")
    assert answer.status_code == 409
    assert answer.json["conflicts"] == ["body"]
    assert answer.json["fields"]["body"] == "另一个人写的"
    assert "dispatcher" in answer.json["message"]
    assert orders(engine)[0].body == "另一个人写的"
    kept = desk.save(answer.json["fields"], body="我写的")  # "keep mine"
    assert kept.status_code == 200
    assert orders(engine)[0].body == "我写的"


def test_given_an_order_that_was_submitted_when_saved_then_it_is_refused(desk, engine):
    base = desk.save(body="停水").json["fields"]
    with database.writing(engine) as session:
        session.scalars(select(Order)).one().state = "archived"
    assert desk.save(base, body="更多").status_code == 409
    assert desk.form().json["editable"] is False


def test_given_somebody_else_s_call_when_asked_for_then_it_isn_t_there(desk, engine):
    add_call(engine, "other", agent="1002", answered_at=3)
    assert desk.form("other").status_code == 404
    assert desk.save(call="other", body="x").status_code == 404
    assert orders(engine) == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ([], 400),
        ({"fields": {"body": "x"}}, 400),
        ({"fields": {"category": "nonsense"}, "base": {}}, 422),
        ({"fields": {"body": "字" * 10_001}, "base": {}}, 422),
    ],
)
def test_given_wrong_input_when_saved_then_nothing_is_written(desk, engine, body, status):
    answer = desk.client.put("/desk/orders/now", json=body, headers={"X-CSRFToken": desk.token})
    assert answer.status_code == status
    assert orders(engine) == []


# --- what becomes of the order -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "form", "state"),
    [
        ("accept", {"specialised": "yes"}, "accepted"),
        ("answer", {"answer_text": "已告知办理地点。"}, "answered"),
        ("decline", {"decline_cause": "legal_ways", "decline_reason": "法院已受理。"}, "declined"),
    ],
)
def test_given_a_saved_order_when_a_step_is_taken_at_the_desk_then_it_is_the_order_page_s_step(
    desk, engine, action, form, state
):
    desk.save(title="停水", category="help")
    answer = desk.step(action, **form)
    assert answer.status_code == 200
    assert (answer.json["state"], answer.json["editable"]) == (state, False)
    assert answer.json["message"]
    (order,) = orders(engine)
    assert (order.state, order.title) == (state, "停水")
    with database.reading(engine) as session:
        events = session.scalars(select(OrderEvent).where(OrderEvent.order_id == order.id))
        last = max(events, key=lambda each: each.id)
        assert (last.from_state, last.to_state, last.actor) == ("draft", state, "agent")
    assert desk.step(action, **form).status_code == 409  # pressed twice


@pytest.mark.parametrize(
    ("action", "typed", "missing"),
    [
        ("accept", {}, {"title", "category"}),
        ("accept", {"title": "停水"}, {"category"}),
        ("answer", {"title": "停水"}, {"answer_text"}),
        ("decline", {"title": "停水"}, {"decline_cause", "decline_reason"}),
    ],
)
def test_given_something_is_missing_when_a_step_is_taken_then_each_field_is_named(
    desk, engine, action, typed, missing
):
    desk.save(**typed)
    answer = desk.step(action)
    assert answer.status_code == 422
    assert set(answer.json["problems"]) == missing
    assert all(answer.json["problems"].values())
    assert [order.state for order in orders(engine)] in ([], ["draft"])


def test_given_a_cause_that_the_policy_doesn_t_know_when_declined_then_it_says_why(desk, engine):
    desk.save(title="停水")
    answer = desk.step("decline", decline_cause="whim", decline_reason="不想办。")
    assert answer.status_code == 422
    assert answer.json["message"]
    assert orders(engine)[0].state == "draft"


def test_given_another_writer_when_a_step_is_taken_then_the_order_is_shown_first(desk, engine):
    shown = desk.save(title="停水", category="help").json
    _other_saves(engine, body="派单员写的")
    answer = desk.step("accept", version=shown["version"])
    assert answer.status_code == 409
    assert answer.json["fields"]["body"] == "派单员写的"
    assert orders(engine)[0].state == "draft"
    assert desk.step("accept").status_code == 200  # now she has seen it


def test_given_somebody_else_s_call_when_a_step_is_taken_then_it_isn_t_there(desk, engine):
    add_call(engine, "other", agent="1002", answered_at=3)
    add_order(engine, "20260101000001", call_id="other", category="help")
    assert desk.step("accept", call="other", version=1).status_code == 404
    assert orders(engine)[0].state == "draft"


@pytest.mark.parametrize(("action", "version"), [("archive", 1), ("accept", "x"), ("", 1)])
def test_given_a_step_that_the_desk_hasn_t_when_sent_then_it_is_refused(desk, action, version):
    desk.save(title="停水")
    assert desk.step(action, version=version).status_code == 400


def _other_saves(engine, **values):
    with database.writing(engine) as session:
        order = session.scalars(select(Order)).one()
        for name, value in values.items():
            setattr(order, name, value)
        order.events.append(
            OrderEvent(at=now(), kind="edited", actor="dispatcher", to_state="draft", data={})
        )


# --- who calls -----------------------------------------------------------------------------------


def test_given_a_known_number_when_it_rings_then_the_page_tells_its_story(desk, engine):
    for place, rating in enumerate((5, 1)):
        add_call(
            engine, f"past-{place}", age=3600 * (place + 1), agent="1002", answered_at=9,
            ended_at=90, outcome="answered", rating=rating,
        )  # fmt: skip
    add_order(engine, "20260101000001", title="路灯不亮", state="dispatched", call_id="past-0")
    add_order(engine, "20260101000002", title="已经办完", state="archived", call_id="past-1")
    add_order(engine, "20260101000003", title="别人的", citizen_number="13900000000")
    panel = desk.panel()
    for told in ("上次评价不满意", "30 天内第 3 次来电", "1 件工单未办结", "路灯不亮", "已经办完"):
        assert told in panel
    for told in (CALLER, "主菜单 1", "12345", "综合队列"):
        assert told in panel
    assert "别人的" not in panel


def test_given_a_good_last_rating_when_it_rings_then_an_old_bad_one_isn_t_held_up(desk, engine):
    for place, rating in enumerate((2, 5)):
        add_call(engine, f"past-{place}", age=3600 * (place + 1), ended_at=9, rating=rating)
    assert "上次评价不满意" not in desk.panel()


def test_given_a_hidden_number_when_it_rings_then_nobody_else_s_calls_are_shown(desk, engine):
    add_call(engine, "also-hidden", age=3600, caller="anonymous", ended_at=9, rating=5)
    with database.writing(engine) as session:
        session.get_one(Call, "now").caller = "anonymous"
    panel = desk.panel()
    assert "匿名来电" in panel
    assert "上次评价不满意" not in panel


def test_given_a_fixed_line_when_it_rings_then_its_city_is_told(app, engine, ringing, redis):
    add_call(engine, "fixed", caller="041288123456")
    web_scene.tell_agent(redis.client, "1001", "ringing", contact="fixed")
    assert "辽宁省鞍山市" in client_for(app, "agent").get("/desk/panel").text


# --- call control --------------------------------------------------------------------------------


def tell_controls(redis, **can):
    told = {"agent": "1001", "contact": "now", "phase": "talking", "can": can}
    redis.client.hset("cc:controls", "1001", json.dumps(told))


def test_given_controls_when_shown_then_what_can_t_be_done_says_why(desk, redis):
    tell_controls(
        redis, **{"call.hold": "", "call.join": "not_consulting", "call.mute": "new_code"}
    )
    panel = desk.panel()
    hold = panel.partition('id="do-call-hold"')[2].partition("</button>")[0]
    join = panel.partition('id="do-call-join"')[2].partition("</button>")[0]
    mute = panel.partition('id="do-call-mute"')[2].partition("</button>")[0]
    assert 'data-command="call.hold"' in hold
    assert "aria-disabled" not in hold
    assert "aria-disabled" in join
    assert "没有在咨询" in join
    assert "new_code" in mute  # a code that has no word yet is better than silence
    assert 'data-command="call.join"' not in panel


@pytest.mark.parametrize("told", ["7", "[]", "{", '{"can": [], "third": 5, "failed": "x"}'])
def test_given_hostile_controls_when_shown_then_the_page_stands(desk, redis, told):
    redis.client.hset("cc:controls", "1001", told)
    redis.client.set("cc:destinations", told)
    assert "通话控制" in desk.panel()
    assert desk.client.get("/desk/destinations").status_code == 200


@pytest.mark.parametrize(
    "form",
    [
        {"name": "call.consult"},
        {"name": "call.transfer", "to": " "},
        {"name": "call.mark"},
        {"name": "call.dial", "number": "13900000000"},  # never a number that the page chose
        {"name": "call.dial", "call": "mine", "to": "110"},
        {"name": "call.dial", "order": "2" * 65},
    ],
)
def test_given_a_command_that_lacks_something_when_pressed_then_it_isn_t_sent(
    desk, engine, redis, form
):
    assert desk.press(**form).status_code == 400
    assert redis.client.llen("cc:commands") == 0


def options(told: str, *names: str) -> dict[str, str]:
    """What the dialog shows of each `data-…` name; "" when it isn't there."""
    return {name: told.partition(f'="{name}"')[2].partition("</li>")[0] for name in names}


def test_given_earlier_calls_when_she_dials_out_then_only_their_citizens_can_be_chosen(
    desk, engine, redis, monkeypatch
):
    add_call(engine, "first", agent="1001", caller="13900000001", dialed="2613710", answered_at=3)
    add_call(engine, "asked", agent="1001", callback_number="13900000002", answered_at=3)
    add_call(engine, "hidden", agent="1001", caller="anonymous", answered_at=3)
    add_call(engine, "abroad", agent="1001", caller="00441390000", answered_at=3)
    add_call(engine, "other", agent="1002", caller="13900000003", answered_at=3)
    add_call(engine, "office", agent="1001", caller="12330", purpose="office", answered_at=3)
    redis.client.set("cc:destinations", json.dumps(web_scene.DESTINATIONS))
    told = desk.client.get("/desk/dialable").text
    shown = options(told, "first", "asked", "hidden", "abroad", "110", "12388")
    assert "139****0001" in shown["first"]
    assert "139****0002" in shown["asked"]
    for name, why in (
        ("hidden", "号码隐藏"),
        ("abroad", "不允许呼叫此号码"),
        ("12388", "不在服务时间"),
    ):
        assert "aria-disabled" in shown[name]
        assert why in shown[name]
    for name in ("first", "asked", "110"):
        assert "aria-disabled" not in shown[name]
    assert "139****0003" not in told
    assert "office" not in told
    sent = []
    monkeypatch.setattr(
        "web.desk.send", lambda _, name, **args: sent.append((name, args)) or Answer(True)
    )
    for form in ({"call": "first"}, {"order": "20260301000001"}, {"to": "110"}):
        # The number is the controller's to find, whatever the page says.
        assert desk.press(name="call.dial", number="13900000009", **form).status_code == 200
    assert sent == [
        ("call.dial", {"agent": "1001", "call": "first"}),
        ("call.dial", {"agent": "1001", "order": "20260301000001"}),
        ("call.dial", {"agent": "1001", "to": "110"}),
    ]


def test_given_wishes_to_be_called_back_of_yesterday_when_open_then_they_are_offered_to_everybody(
    desk, engine
):
    day = 86_400
    asked = {"outcome": "callback_requested", "ended_at": 60, "age": day}
    for place, call in enumerate(("open", "trying", "reached", "handled", "today")):
        more = {"age": 600} if call == "today" else {}
        number = f"1390000010{place}"
        add_call(engine, call, **asked | more, caller=number, callback_number=number)
        again = now().timestamp() + 60 if call == "trying" else None
        failed = event(Kind.CALLBACK_FAILED, call, attempt=2, cause="NO_ANSWER", again=again)
        add_events(engine, [failed])
        state = "accepted" if call == "handled" else "draft"
        add_order(engine, f"2026030100001{place}", call_id=call, state=state)
    add_call(engine, "back", callback_of="reached", agent="1002", age=day - 900, answered_at=3)
    told = desk.client.get("/desk/dialable").text
    shown = options(told, "open", "trying", "reached", "handled", "today")
    waiting = [name for name, text in shown.items() if "要求回电" in text]
    assert waiting == ["open", "trying", "today"]
    assert "aria-disabled" not in shown["open"]
    assert "aria-disabled" in shown["trying"]
    assert "系统会自动回拨" in shown["trying"]
    assert told.index('="open"') < told.index('="today"')
    for name, agent in (("open", "1003"), ("trying", "1001"), ("reached", "1001")):
        with database.reading(engine) as session:
            found = dialable.find(session, Wanted(What.CALL, name))
        assert (dial_rules.citizen(agent, found, re.compile(".*")) == "") == (name == "open")


def test_given_orders_of_before_when_she_dials_out_then_hers_that_are_open_are_offered(
    desk, engine
):
    add_call(engine, "old", agent="1001", age=3 * 86_400, caller="13900000201", dialed="2613710")
    mine = {"agent_number": "1001", "citizen_number": "13900000201"}
    add_order(engine, "20260301000001", **mine, call_id="old", title="路灯不亮", state="dispatched")
    add_order(engine, "20260301000002", **mine, title="已经办完", state="archived")
    add_order(engine, "20260301000003", **mine | {"agent_number": "1002"}, title="别人的")
    told = desk.client.get("/desk/dialable").text
    assert "路灯不亮" in options(told, "20260301000001")["20260301000001"]
    assert "已经办完" not in told
    assert "别人的" not in told
    asked = desk.client.get("/desk/dialable?order=20260301000002").text
    assert asked.index("已经办完") < asked.index("路灯不亮")  # she came from this order's page
    assert "别人的" not in desk.client.get("/desk/dialable?order=20260301000003").text
    assert "/desk?order=20260301000001" in desk.client.get("/orders/20260301000001").text
    with database.reading(engine) as session:
        found = dialable.find(session, Wanted(What.ORDER, "20260301000001"))
    assert found == Citizen("13900000201", "1001", "2613710", "old", "20260301000001")


@pytest.mark.parametrize(
    ("state", "more", "why"),
    [
        ("ready", {}, ""),
        ("wrap_up", {}, ""),
        ("ringing", {}, "正在通话"),
        ("logged_out", {}, "未签入"),
        ("ready", {"registered": False}, "话机未注册"),
    ],
)
def test_given_an_agent_when_she_cannot_dial_out_then_the_button_says_why(
    desk, redis, state, more, why
):
    web_scene.tell_agent(redis.client, "1001", state, since=time.time(), **more)
    button = desk.panel().partition('id="do-call-dial"')[2].partition("</button>")[0]
    assert ("aria-disabled" in button) == bool(why)
    assert why in button
