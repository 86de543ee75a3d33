"""Four tiers of units: who sees an order, and handing it down and back on the page."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy import Engine
from web_kit import add_user, client_for, post

from callcenter import database
from web.rights import Role
from workorder import lifecycle, policies, units
from workorder.due import run_due
from workorder.models import Order, Unit
from workorder.roles import Actor
from workorder.states import Step
from workorder.worktime import local_day, midnight

DISPATCHER = Actor("dispatcher", "dispatcher")
TREE = (
    *(("city", None), ("district", "city"), ("street", "district"), ("community", "street")),
    *(("street2", "district"), ("water", None)),
)
STAFF = ("district", "street", "street2", "community", "water")


@pytest.fixture
def number(engine: Engine) -> str:
    """An order of the district's; somebody works in each unit."""
    at = dt.datetime.now(dt.UTC)
    with database.writing(engine) as session:
        for code, parent in TREE:
            units.add_unit(session, code, f"{code}单位", parent).contact_phone = "13800000009"
        order = lifecycle.new_order(
            session, channel="phone", title="路面塌陷", body="", category="help", at=at,
            actor=DISPATCHER, accept=True,
        )  # fmt: skip
        lifecycle.take(
            session, order, Step.DISPATCH, actor=DISPATCHER, at=at, data={"unit": "district"}
        )
        found = order.number
    for code in STAFF:
        add_user(engine, code, Role.UNIT, unit=code)
    return found


def who_sees(app: Flask, number: str) -> set[str]:
    """By the page itself, and by list and inbox: they must agree."""
    seen = set()
    for code in STAFF:
        client = client_for(app, code)
        shown = client.get(f"/orders/{number}").status_code == 200
        assert shown is (number in client.get("/orders").text), code
        assert shown is (number in client.get("/inbox").text), code
        seen |= {code} if shown else set()
    return seen


def test_a_unit_sees_its_own_orders_and_those_below_it(
    app: Flask, engine: Engine, number: str
) -> None:
    assert who_sees(app, number) == {"district"}
    page = f"/orders/{number}"
    district = client_for(app, "district")
    text = district.get(page).text
    assert 'id="step-hand_down"' in text
    assert 'value="street单位"' in text
    assert 'value="water单位"' not in text  # nobody else's units are offered
    refused = post(district, f"{page}/steps/hand_down", page, unit="water单位")
    assert refused.status_code == 409
    done = post(district, f"{page}/steps/hand_down", page, unit="street单位")
    assert done.status_code == 302
    assert who_sees(app, number) == {"district", "street"}
    street = client_for(app, "street")
    assert post(street, f"{page}/steps/hand_down", page, unit="community单位").status_code == 302
    assert who_sees(app, number) == {"district", "street", "community"}
    community = client_for(app, "community")
    assert 'id="step-hand_down"' not in community.get(page).text  # the last tier: nobody is below
    back = post(community, f"{page}/steps/hand_back", page, reason="社区没有执法权")
    assert back.status_code == 302
    assert who_sees(app, number) == {"district", "street"}
    told = district.get(page).text
    assert "退回上级" in told
    assert "社区没有执法权" in told
    assert "已转派" in told


def test_the_supervision_page_says_how_far_the_months_quota_is(
    app: Flask, engine: Engine, number: str
) -> None:
    """街道 三1: a fifth of last month's orders; other policies have no quota and no line."""
    add_user(engine, "rexianban", Role.OFFICE)
    office = client_for(app, "rexianban")
    assert "本月应督办" not in office.get("/supervision").text
    month = midnight(local_day(dt.datetime.now(dt.UTC)).replace(day=1))
    with database.writing(engine) as session:
        street = next(row for row in policies.latest(session) if row.name == "street")
        policies.use(session, street)
        order = session.scalars(sa.select(Order).where(Order.number == number)).one()
        order.accepted_at = month - dt.timedelta(days=3)
    page = office.get("/supervision").text
    assert "本月应督办 1 件" in page
    assert "还差 1 件" in page


def test_a_notice_goes_to_the_unit_that_answers_for_it_and_to_the_one_that_handles_it(
    engine: Engine, number: str
) -> None:
    at = dt.datetime.now(dt.UTC)
    with database.writing(engine) as session:
        order = session.scalars(sa.select(Order).where(Order.number == number)).one()
        session.get_one(Unit, "street").contact_phone = "13800000008"
        actor = Actor("district", "unit", "district")
        lifecycle.take(session, order, Step.HAND_DOWN, actor=actor, at=at, data={"unit": "street"})
        notices = run_due(session, at + dt.timedelta(days=200))
    resolve = next(notice for notice in notices if notice.clock == "resolve")
    assert {(person.role, person.phone) for person in resolve.to} >= {
        ("handler", "13800000009"),
        ("below", "13800000008"),
    }
    assert resolve.unit == "district"
    acknowledge = [notice for notice in notices if notice.clock == "acknowledge"]
    assert [notice.unit for notice in acknowledge] == ["street"]
