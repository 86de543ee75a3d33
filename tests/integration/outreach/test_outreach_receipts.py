"""Citizens are told that their request is here: once, by the way that leads to them."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa
from gateways import SmsServer
from outreach_kit import DISPATCHER

from callcenter import database, inquiry, intake, outbox, policies
from callcenter.adapters import SmsAdapter
from callcenter.intake import Request
from callcenter.models import OutboxMessage
from callcenter.notifier import Notifier
from callcenter.outbox import Channel
from callcenter.outreach import Receipts, SmsGateway
from callcenter.receipts import Desk
from workorder import lifecycle
from workorder.models import Order
from workorder.states import Step

NOW = dt.datetime.now(dt.UTC)
SECRET = "secret-for-tests-only"
BOTH = frozenset({Channel.SMS, Channel.EMAIL})


def desk(engine: sa.Engine, ways: frozenset[Channel] = BOTH, **rules: object) -> Desk:
    return Desk(engine, Receipts(**rules), ways, SECRET, "https://12345.example.org/")


def hand_in(engine: sa.Engine, channel: str, message_id: str = "m-1", **told: str) -> str:
    asked = Request(message_id=message_id, text="路灯坏了", **told)
    with database.writing(engine) as session:
        policies.ensure(session, NOW)
        return intake.take_in(session, channel, asked, NOW).order_number


def said(engine: sa.Engine, number: str) -> list[OutboxMessage]:
    with database.reading(engine) as session:
        rows = outbox.of_order(session, number)
        session.expunge_all()
        return rows


def test_given_a_web_form_then_number_and_code_go_by_sms_once(
    any_engine: sa.Engine, gateway: SmsServer
) -> None:
    number = hand_in(any_engine, "web", number="13800000001")
    first = desk(any_engine)
    assert [first.poll(NOW), first.poll(NOW), desk(any_engine).poll(NOW)] == [1, 0, 0]
    (message,) = said(any_engine, number)
    assert (message.channel, message.address, message.kind) == ("sms", "13800000001", "receipt")
    code = inquiry.code(SECRET, number)
    assert code not in message.body  # it is put in when it is sent, and forgotten
    sms = SmsAdapter(SmsGateway(url=gateway.url), "")
    assert Notifier(any_engine, {Channel.SMS: sms}, clock=lambda: NOW).poll() == 1
    text = gateway.texts[0]["text"]
    assert number in text
    assert code in text
    assert "https://12345.example.org/progress" in text
    assert said(any_engine, number)[0].secret is None


def test_given_a_mail_then_the_answer_goes_to_its_sender(engine: sa.Engine) -> None:
    number = hand_in(engine, "email", contact="wang@example.org")
    assert desk(engine).poll(NOW) == 1
    (message,) = said(engine, number)
    assert (message.channel, message.address) == ("email", "wang@example.org")
    assert number in message.subject
    odd = hand_in(engine, "email", "m-2", contact="not an address")
    assert desk(engine).poll(NOW) == 0
    assert said(engine, odd) == []


def test_given_a_call_then_it_is_confirmed_when_somebody_accepts_it(engine: sa.Engine) -> None:
    with database.writing(engine) as session:
        order = lifecycle.new_order(
            session, channel="phone", title="停水", body="", at=NOW, actor=DISPATCHER,
            citizen_number="13800000002",
        )  # fmt: skip
        number = order.number
    clerk = desk(engine)
    assert clerk.poll(NOW) == 0
    with database.writing(engine) as session:
        order = session.scalars(sa.select(Order).where(Order.number == number)).one()
        later = NOW + dt.timedelta(hours=1)
        lifecycle.take(
            session, order, Step.ACCEPT, actor=DISPATCHER, at=later, data={"category": "help"}
        )
    assert clerk.poll(later) == 1
    assert said(engine, number)[0].address == "13800000002"


@pytest.mark.parametrize("number", ["", "01088886666", "12345", "+8613800000001"])
def test_given_no_mobile_number_then_nothing_goes_out(engine: sa.Engine, number: str) -> None:
    hand_in(engine, "web", number=number)
    assert desk(engine).poll(NOW) == 0


def test_given_a_channel_or_a_way_that_isnt_wanted_then_nothing_goes_out(
    engine: sa.Engine,
) -> None:
    hand_in(engine, "sms", number="13800000001")
    assert desk(engine, channels=("web",)).poll(NOW) == 0
    assert desk(engine, frozenset({Channel.EMAIL})).poll(NOW) == 0


def test_given_somebody_hands_in_forged_numbers_then_nobody_is_flooded(engine: sa.Engine) -> None:
    for place in range(8):
        hand_in(engine, "web", f"m-{place}", number="13800000001")
    assert desk(engine).poll(NOW) == 5


def test_given_an_old_order_then_a_new_start_leaves_it_alone(engine: sa.Engine) -> None:
    hand_in(engine, "web", number="13800000001")
    assert desk(engine).poll(NOW + dt.timedelta(days=2)) == 0
