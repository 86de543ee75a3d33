"""An order's clocks run, and those who handle it are told; calls ask how far it is."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa
from outreach_kit import DISPATCHER, WATER, reviewed_order

from callcenter import database, inquiry, order_notices, outbox
from callcenter.inquiry import Asked
from callcenter.limits import Limiter
from callcenter.models import OutboxMessage
from callcenter.outreach import NoticeWays
from callcenter.queries import read, write
from ivr.progress import Found, NotFound
from workorder import lifecycle
from workorder.models import Order, Unit
from workorder.states import Step

NOW = dt.datetime.now(dt.UTC)
DAY = dt.timedelta(days=1)


@pytest.fixture
def order(engine: sa.Engine) -> str:
    """An order at a unit that has a handler and a leader."""
    with database.writing(engine) as session:
        reviewed_order(session, "13800000001")  # makes the unit and puts Heyuan's rules in force
        unit = session.get_one(Unit, "water")
        unit.contact_name, unit.contact_phone = "李工", "13900000001"
        unit.contact_email = "li@example.org"
        unit.leader_name, unit.leader_phone = "王局", "13900000002"
        fresh = lifecycle.new_order(
            session,
            channel="phone",
            title="停水",
            body="三天",
            category="help",
            citizen_number="13800001234",
            at=NOW,
            actor=DISPATCHER,
            accept=True,
        )
        data = {"unit": "water"}
        lifecycle.take(session, fresh, Step.DISPATCH, actor=DISPATCHER, at=NOW, data=data)
        lifecycle.take(session, fresh, Step.ACKNOWLEDGE, actor=WATER, at=NOW)
        return fresh.number


def poll(engine: sa.Engine, at: dt.datetime) -> None:
    with database.writing(engine) as session:
        order_notices.poll(session, NoticeWays(), at)


def told(engine: sa.Engine, order: str) -> list[OutboxMessage]:
    with database.reading(engine) as session:
        rows = outbox.of_order(session, order)
        session.expunge_all()
        return [row for row in rows if ":resolve" in row.key]


def test_given_time_passes_then_handler_is_warned_and_leader_told_of_the_red_card(
    engine: sa.Engine, order: str
) -> None:
    poll(engine, NOW)
    assert told(engine, order) == []
    seen: dict[str, set[tuple[str, str]]] = {}
    for days in range(1, 40):
        poll(engine, NOW + days * DAY)
        poll(engine, NOW + days * DAY)  # twice is as once
    for each in told(engine, order):
        seen.setdefault(each.kind, set()).add((each.channel, each.address))
    handler = {("email", "li@example.org"), ("sms", "13900000001")}
    assert seen["notice.warning"] == handler
    leader = {("sms", "13900000002"), ("voice", "13900000002"), ("voice", "13900000001")}
    assert seen["notice.red"] == handler | leader
    keys = [each.key for each in told(engine, order)]
    assert len(keys) == len(set(keys)) == 2 + len(seen.get("notice.yellow", ())) + 5
    spoken = next(each.prompts for each in told(engine, order) if each.channel == "voice")
    assert spoken[:2] == ["notice_hello", "notice_order"]


def test_given_the_transaction_fails_then_neither_notice_nor_message_is_there(
    engine: sa.Engine, order: str
) -> None:
    def begins() -> None:
        with database.writing(engine) as session:
            assert order_notices.poll(session, NoticeWays(), NOW + 20 * DAY) > 0
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        begins()
    assert told(engine, order) == []
    poll(engine, NOW + 20 * DAY)
    assert told(engine, order) != []


def test_given_last_digits_then_state_and_deadline_are_told(engine: sa.Engine, order: str) -> None:
    limiter = Limiter(None)
    with database.reading(engine) as session:
        found = inquiry.by_telephone(session, limiter, Asked(order, "1234", "13800001234"))
        row = session.scalars(sa.select(Order).where(Order.number == order)).one()
        due = lifecycle.resolve_deadline(session, row)
    assert due is not None
    assert found == Found("in_progress", due.astimezone(inquiry.CHINA).date())
    assert read(write(found)) == found


def test_given_guesses_from_everywhere_then_the_order_is_shut(
    engine: sa.Engine, order: str
) -> None:
    limiter = Limiter(None)
    with database.reading(engine) as session:
        answers = [
            inquiry.by_telephone(session, limiter, Asked(order, f"{guess:04}", f"139{guess:08}"))
            for guess in range(12)
        ]
    assert answers == [NotFound.WRONG] * 10 + [NotFound.LOCKED] * 2


@pytest.mark.parametrize("number", ["", "1234", "anonymous"])
def test_given_an_order_without_a_number_then_no_digits_open_it(
    engine: sa.Engine, order: str, number: str
) -> None:
    with database.writing(engine) as session:
        row = session.scalars(sa.select(Order).where(Order.number == order)).one()
        row.citizen_number = number
    with database.reading(engine) as session:
        for tail in ("", number[-4:]):
            asked = Asked(order, tail, "13800001234")
            assert inquiry.by_telephone(session, Limiter(None), asked) is NotFound.WRONG
