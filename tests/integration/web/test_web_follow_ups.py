"""Follow-ups that people take care of: the list, what a person notes, and what becomes of it."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from outreach_kit import reviewed_order
from sqlalchemy import Engine
from web_kit import client_for, post, token_of

from callcenter import database, followups
from callcenter.models import FollowUp
from web.follow_ups import PROBLEMS, REASONS, RESULTS, WAYS
from workorder import lifecycle, policies
from workorder.follow_up import Answers, Reason, Result
from workorder.models import Order, OrderEvent, OrderSupervision
from workorder.roles import Actor, Role
from workorder.states import Step

NUMBER = "13800000001"
CODE = "a-code-of-a-link-0123456789"


@pytest.fixture
def desk(app: Flask, people: None) -> FlaskClient:
    return client_for(app, "dispatcher")


def waiting(engine: Engine, **values: Any) -> FollowUp:
    """A follow-up of a reviewed order, left to a person unless said otherwise."""
    with database.writing(engine) as session:
        number = reviewed_order(session, NUMBER)
        order = session.scalars(sa.select(Order).where(Order.number == number)).one()
        at = dt.datetime.now(dt.UTC)
        fields = {"state": "person", "reason": "dissatisfied", "round": 0} | values
        asked = FollowUp(
            order_id=order.id, order_number=number, number=NUMBER, not_before=at, created_at=at,
            **fields,
        )  # fmt: skip
        session.add(asked)
        session.flush()
        session.expunge(asked)
        return asked


def state(engine: Engine, asked: FollowUp) -> tuple[str, str]:
    with database.reading(engine) as session:
        row = session.get_one(FollowUp, asked.id)
        return session.get_one(Order, asked.order_id).state, row.state


def test_given_people_have_to_ask_then_the_list_says_whom_and_why(
    desk: FlaskClient, engine: Engine
) -> None:
    said = {"true": True, "solved": False, "satisfied": 5}
    asked = waiting(engine, answers=said, comment="还是停水", problem="USER_BUSY", attempts=2)
    other = waiting(engine, state="dialing", reason="")
    page = desk.get("/follow-ups").text
    assert asked.order_number in page
    assert other.order_number not in page
    for words in ("不满意", "未解决", "非常不满意", "还是停水", "占线", "2 次", "138****0001"):
        assert words in page
    assert NUMBER not in page
    assert other.order_number in desk.get("/follow-ups?tab=calling").text
    assert desk.get("/follow-ups?tab=nothing").status_code == 404


def test_given_more_than_a_page_then_the_next_one_goes_on(
    desk: FlaskClient, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("web.follow_ups.ROWS", 1)
    first, second = waiting(engine), waiting(engine)
    page = desk.get("/follow-ups").text
    assert (first.order_number in page, second.order_number in page) == (True, False)
    page = desk.get(f"/follow-ups?after={first.id}").text
    assert (first.order_number in page, second.order_number in page) == (False, True)


def test_given_a_person_asked_and_it_is_not_done_then_it_goes_back(
    desk: FlaskClient, engine: Engine
) -> None:
    asked = waiting(engine)
    path = f"/follow-ups/{asked.id}"
    answers = {"true": "1", "solved": "2", "satisfied": "4", "comment": "又坏了"}
    assert post(desk, path, path, decision="redo", why="", **answers).status_code == 422
    answer = post(desk, path, path, decision="redo", why="未真正解决", **answers)
    assert answer.status_code == 302
    assert state(engine, asked) == ("dispatched", "done")
    with database.reading(engine) as session:
        told = session.scalars(
            sa.select(OrderEvent).where(OrderEvent.kind.in_(["follow_up", "redo"]))
        ).all()
        assert [event.actor for event in told] == ["dispatcher", "dispatcher"]
        assert told[0].data["way"] == "person"
        assert told[0].data["comment"] == "又坏了"
        assert told[1].reason == "未真正解决"
    assert "又坏了" in desk.get(path).text
    assert post(desk, path, "/account", decision="archive", why="再来").status_code == 302
    assert state(engine, asked) == ("dispatched", "done")  # the first decision stands


def test_given_unsatisfied_on_all_three_counts_then_it_is_supervised_where_the_policy_says_so(
    desk: FlaskClient, engine: Engine
) -> None:
    waiting(engine)  # makes the unit
    with database.writing(engine) as session:
        street = next(row for row in policies.latest(session) if row.name == "street")
        policies.use(session, street)
    asked = waiting(engine)
    path = f"/follow-ups/{asked.id}"
    form = {
        "csrf_token": token_of(desk.get(path)), "decision": "redo", "why": "三不满意", "true": "2",
        "solved": "2", "satisfied": "5", "unsatisfied_with": ["speed", "attitude", "result"],
    }  # fmt: skip
    assert desk.post(path, data=form).status_code == 302
    with database.reading(engine) as session:
        causes = session.scalars(
            sa.select(OrderSupervision.cause).where(OrderSupervision.order_id == asked.order_id)
        ).all()
    assert "unsatisfied" in causes


def test_given_nobody_was_reached_then_a_reason_closes_it(
    desk: FlaskClient, engine: Engine
) -> None:
    asked = waiting(engine, reason="not_reached", result="not_reached")
    path = f"/follow-ups/{asked.id}"
    half = post(desk, path, path, decision="archive", why="x", true="1")
    assert half.status_code == 422
    assert post(desk, path, path, decision="archive", why="").status_code == 422
    assert state(engine, asked) == ("reviewed", "person")
    assert post(desk, path, path, decision="archive", why="三次未接").status_code == 302
    assert state(engine, asked) == ("archived", "done")
    assert "未联系上" in desk.get("/follow-ups?tab=done").text


def test_given_the_order_cannot_be_closed_now_then_the_page_says_why(
    desk: FlaskClient, engine: Engine
) -> None:
    asked = waiting(engine, reason="held")
    with database.writing(engine) as session:
        order = session.get_one(Order, asked.order_id)
        lifecycle.take(
            session, order, Step.SUPERVISE, actor=Actor("office", Role.OFFICE),
            at=dt.datetime.now(dt.UTC), data={"cause": "red_card"},
        )  # fmt: skip
    path = f"/follow-ups/{asked.id}"
    answer = post(desk, path, path, decision="archive", why="", true="1", solved="1", satisfied="1")
    assert answer.status_code == 409
    assert "督办" in answer.text
    assert state(engine, asked) == ("reviewed", "person")  # nothing was half done


def test_every_value_has_its_word() -> None:
    assert set(REASONS) == set(Reason)
    assert set(RESULTS) == set(Result)
    assert set(WAYS) == {"voice", "sms", "person"}
    assert "NO_KEY" in PROBLEMS


# --- the link's page ------------------------------------------------------------------------------


def linked(engine: Engine, **values: Any) -> FollowUp:
    at = dt.datetime.now(dt.UTC)
    return waiting(
        engine, state="waiting", reason="", code_hash=followups.hash_code(CODE),
        code_expires_at=values.pop("until", at + dt.timedelta(days=7)), **values,
    )  # fmt: skip


def test_given_the_link_then_the_answers_count_once(app: Flask, engine: Engine) -> None:
    asked = linked(engine)
    citizen = app.test_client()
    path = f"/f/{CODE}"
    page = citizen.get(path)
    assert asked.order_number in page.text
    assert "自来水发黄" not in page.text  # nothing of the order itself
    missing = citizen.post(path, data={"csrf_token": token_of(page), "true": "1"})
    assert missing.status_code == 422
    form = {"csrf_token": token_of(missing), "true": "1", "solved": "1", "satisfied": "2"}
    assert citizen.post(path, data=form | {"comment": "谢谢\x00"}).status_code == 200
    assert state(engine, asked) == ("archived", "done")
    with database.reading(engine) as session:
        row = session.get_one(FollowUp, asked.id)
        assert (row.way, row.comment, row.result) == ("sms", "谢谢", "satisfied")
        assert row.answers == Answers(true=True, solved=True, satisfied=2).as_data()
    assert citizen.get(path).status_code == 410
    assert citizen.post(path, data=form).status_code == 410


def test_given_a_link_too_old_or_made_up_then_nothing_is_shown(app: Flask, engine: Engine) -> None:
    asked = linked(engine, until=dt.datetime.now(dt.UTC) - dt.timedelta(minutes=1))
    citizen = app.test_client()
    for code in (CODE, CODE[:-1] + "x"):
        page = citizen.get(f"/f/{code}")
        assert page.status_code == 410
        assert asked.order_number not in page.text
    assert citizen.get("/f/short").status_code == 404
    assert citizen.get("/f/" + "a" * 65).status_code == 404


def test_given_a_dissatisfied_answer_by_the_link_then_a_person_is_asked(
    app: Flask, engine: Engine, desk: FlaskClient
) -> None:
    asked = linked(engine)
    citizen = app.test_client()
    page = citizen.get(f"/f/{CODE}")
    form = {"csrf_token": token_of(page), "true": "1", "solved": "2", "satisfied": "5"}
    assert citizen.post(f"/f/{CODE}", data=form).status_code == 200
    assert state(engine, asked)[1] == "person"
    assert asked.order_number in desk.get("/follow-ups").text


def test_given_many_guesses_then_the_address_has_to_wait(app: Flask, engine: Engine) -> None:
    citizen = app.test_client()
    codes = [citizen.get(f"/f/{CODE}").status_code for _ in range(31)]
    assert codes == [410] * 30 + [429]
