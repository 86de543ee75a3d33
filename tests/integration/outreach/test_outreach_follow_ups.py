"""Follow-ups on the database's side: who is called when, and what follows from the answers."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from outreach_kit import DISPATCHER, handle, reviewed_order

from callcenter import database, followups, outbox
from callcenter.call_wish import CallWish, WishBook
from callcenter.events import Kind
from callcenter.followups import FollowUps, Ways
from callcenter.models import Call, FollowUp, JournalEvent, OutboxMessage
from callcenter.outreach import FollowUpRules, Hours
from workorder.follow_up import Answers
from workorder.models import Order, OrderEvent

T0 = dt.datetime.now(dt.UTC)
ALWAYS = Hours(start="00:00", end="24:00")
GOOD = Answers(true=True, solved=True, satisfied=1)
BAD = Answers(true=True, solved=False, satisfied=5)
LINK = {"link": True}


class Office:
    def __init__(self, engine: sa.Engine, folder: Path) -> None:
        self.engine = engine
        self.book = WishBook(folder / "outbound")
        self.now = T0
        self.rules: dict[str, Any] = {"hours": ALWAYS, "retry_minutes": 30, "attempts": 2}
        self.ways: dict[str, Any] = {"gateway": True, "public_url": "", "sms": False}

    def poll(self, **time: float) -> None:
        self.now += dt.timedelta(**time)
        ways = Ways(numbers="1[3-9][0-9]{9}", **self.ways)
        FollowUps(self.engine, FollowUpRules(**self.rules), ways, self.book).poll(self.now)

    def order(self, number: str = "13800000001") -> str:
        with database.writing(self.engine) as session:
            return reviewed_order(session, number)

    def row(self, order: str) -> FollowUp:
        with database.reading(self.engine) as session:
            row = followups.of_order(session, order)[-1]
            session.expunge_all()
            return row

    def state(self, order: str) -> str:
        with database.reading(self.engine) as session:
            return session.scalars(sa.select(Order.state).where(Order.number == order)).one()

    def wishes(self) -> list[CallWish]:
        found = [self.book.read(each) for each in sorted(self.book.ids())]
        return [wish for wish in found if wish is not None]

    def dialed(self, order: str) -> str:
        call = self.row(order).call_id
        assert call is not None
        self.book.remove(call)
        return call

    def fails(self, order: str, cause: str = "USER_BUSY") -> None:
        call = self.dialed(order)
        self.event(Kind.OUTBOUND_FAILED, None, f"{call}:outbound.failed", {"cause": cause})

    def answers(self, order: str, given: dict[str, int], *more: Kind) -> None:
        call = self.dialed(order)
        for name, key in given.items():
            data = {"question": name, "answer": key}
            self.event(Kind.FOLLOW_UP_ANSWER, call, f"{call}{name}", data)
        for kind in more:
            self.event(kind, call, f"{call}{kind}", {})
        with database.writing(self.engine) as session:
            session.add(
                Call(
                    id=call,
                    caller="1",
                    dialed="12345",
                    stage="ended",
                    arrived_at=self.now,
                    ended_at=self.now,
                    updated_at=self.now,
                )
            )

    def event(self, kind: Kind, call: str | None, key: str, data: dict[str, Any]) -> None:
        at = self.now.timestamp()
        with database.writing(self.engine) as session:
            session.add(JournalEvent(id=key, at=at, kind=kind.value, call_id=call, data=data))

    def decide(self, order: str, decision: str, answers: Answers | None = None) -> None:
        with database.writing(self.engine) as session:
            followups.decide(
                session, self.row(order).id, decision, DISPATCHER, "因", self.now, answers
            )


@pytest.fixture
def office(engine: sa.Engine, tmp_path: Path) -> Office:
    return Office(engine, tmp_path)


def test_given_a_reviewed_order_then_one_wish_to_call_is_written(office: Office) -> None:
    order = office.order()
    office.poll()
    office.poll()
    (wish,) = office.wishes()
    assert (wish.number, wish.order, wish.purpose) == ("13800000001", order, "follow_up")
    assert wish.not_after > office.now.timestamp()
    assert office.row(order).state == "dialing"


def test_given_good_answers_then_the_order_is_archived_and_looking_again_changes_nothing(
    office: Office,
) -> None:
    order = office.order()
    office.poll()
    office.answers(order, {"true": 1, "solved": 1, "satisfied": 2})
    office.poll()  # too early: an event may still come
    assert office.row(order).state == "dialing"
    office.poll(seconds=5)
    office.poll(seconds=5)
    assert (office.row(order).state, office.row(order).result) == ("done", "satisfied")
    assert office.state(order) == "archived"
    with database.reading(office.engine) as session:
        kinds = session.scalars(sa.select(OrderEvent.kind).order_by(OrderEvent.id)).all()
    assert kinds[-2:] == ["follow_up", "archive"]
    assert kinds.count("follow_up") == 1


def test_given_bad_answers_then_a_person_decides_and_a_redone_order_is_asked_about_again(
    office: Office,
) -> None:
    order = office.order()
    office.poll()
    office.answers(order, {"true": 1, "solved": 2, "satisfied": 5})
    office.poll(seconds=5)
    assert (office.row(order).state, office.row(order).reason) == ("person", "dissatisfied")
    assert office.state(order) == "reviewed"
    with database.reading(office.engine) as session:
        assert [each.order_number for each in followups.waiting_for_people(session)] == [order]
    office.decide(order, "redo")
    assert office.state(order) == "dispatched"
    with pytest.raises(followups.NotOpen):
        office.decide(order, "archive")
    with database.writing(office.engine) as session:
        handle(session, session.scalars(sa.select(Order)).one())
    office.poll(seconds=5)
    assert (office.row(order).round, office.row(order).state) == (1, "dialing")


def test_given_a_person_hears_better_news_then_it_is_archived_with_them(office: Office) -> None:
    order = office.order()
    office.poll()
    office.answers(order, {"true": 1}, Kind.FOLLOW_UP_PERSON)
    office.poll(seconds=5)
    assert office.row(order).reason == "wants_person"
    office.decide(order, "archive", GOOD)
    assert office.state(order) == "archived"
    assert (office.row(order).way, office.row(order).answers["satisfied"]) == ("person", 1)


def test_given_nobody_is_reached_then_it_is_tried_later_and_then_left_to_a_person(
    office: Office,
) -> None:
    order = office.order()
    office.poll()
    office.fails(order)
    office.poll(minutes=1)
    assert (office.row(order).state, office.row(order).problem) == ("waiting", "USER_BUSY")
    assert office.wishes() == []
    office.poll(minutes=31)
    office.answers(order, {})  # a machine answered: no key was pressed
    office.poll(minutes=1)
    assert (office.row(order).state, office.row(order).reason) == ("person", "not_reached")
    assert office.row(order).attempts == 2


@pytest.mark.parametrize("cause", ["SWITCH_GONE", "TOO_LATE"])
def test_given_it_was_our_own_fault_then_the_attempt_isnt_counted(
    office: Office, cause: str
) -> None:
    order = office.order()
    office.poll()
    office.fails(order, cause)
    office.poll(minutes=1)
    assert (office.row(order).state, office.row(order).attempts) == ("waiting", 0)


def test_given_a_wish_that_nobody_ever_heard_of_then_it_is_tried_again(office: Office) -> None:
    order = office.order()
    office.poll()
    office.dialed(order)  # the file is lost, and no word of it comes
    office.poll(minutes=9)
    assert office.row(order).state == "dialing"
    office.poll(minutes=2)
    assert (office.row(order).state, office.row(order).attempts) == ("waiting", 0)


def test_given_night_then_nobody_is_called(office: Office) -> None:
    local = office.now.astimezone(followups.CHINA)
    night = "02:00" if local.hour > 3 else "12:00"
    office.rules["hours"] = Hours(start=night, end=night[:3] + "30")
    office.order()
    office.poll()
    assert office.wishes() == []


def test_given_limits_then_no_more_are_called(office: Office) -> None:
    orders = [office.order(f"1380000000{n}") for n in range(5)]
    office.rules |= {"per_hour": 3, "at_once": 2}
    office.poll()
    assert len(office.wishes()) == 2
    for order in orders[:2]:
        office.fails(order)
    office.poll(minutes=1)
    assert len(office.wishes()) == 1  # the third of this hour
    office.poll(minutes=61)
    assert len(office.wishes()) > 1


@pytest.mark.parametrize("number", ["", "anonymous", "+4412345678", "13800000001,1"])
def test_given_a_number_that_isnt_called_then_a_person_asks(office: Office, number: str) -> None:
    order = office.order(number)
    office.poll()
    assert (office.row(order).state, office.row(order).reason) == ("person", "no_way")
    assert office.wishes() == []


def test_given_somebody_took_the_order_on_then_nothing_is_asked(office: Office) -> None:
    order = office.order()
    office.rules["per_hour"] = 1
    other = office.order("13800000002")
    office.poll()
    waiting = other if office.row(other).state == "waiting" else order
    with database.writing(office.engine) as session:
        session.execute(sa.update(Order).where(Order.number == waiting).values(state="followed_up"))
    office.poll(minutes=1)
    assert (office.row(waiting).state, office.row(waiting).result) == ("done", "")


# --- the link ---------------------------------------------------------------------------------


def linked(office: Office) -> tuple[str, str]:
    """An order with a link, and the link's code."""
    office.rules |= LINK
    office.ways |= {"public_url": "https://12345.example.gov.cn/", "sms": True}
    order = office.order()
    office.poll()
    with database.reading(office.engine) as session:
        message = session.scalars(sa.select(OutboxMessage)).one()
        assert message.secret is not None
        assert message.secret not in message.body
        prefix, _, code = message.secret.rpartition("/")
    assert prefix == "https://12345.example.gov.cn/f"
    return order, code


def use(office: Office, code: str, answers: Answers) -> None:
    with database.writing(office.engine) as session:
        asked = followups.by_code(session, code, office.now)
        followups.record(session, asked, answers, "sms", FollowUpRules(), office.now)


def test_given_the_link_then_it_works_once(office: Office) -> None:
    order, code = linked(office)
    use(office, code, GOOD)
    assert (office.row(order).state, office.row(order).way) == ("done", "sms")
    assert office.state(order) == "archived"
    with pytest.raises(followups.NotOpen):
        use(office, code, BAD)
    office.fails(order)  # the call that was on its way meanwhile
    office.poll(minutes=1)
    assert office.row(order).state == "done"


def test_given_bad_answers_by_the_link_then_a_person_decides(office: Office) -> None:
    order, code = linked(office)
    use(office, code, BAD)
    assert (office.row(order).state, office.row(order).reason) == ("person", "dissatisfied")


def test_given_the_link_is_too_old_or_made_up_then_it_leads_nowhere(office: Office) -> None:
    _, code = linked(office)
    with pytest.raises(followups.NotOpen):
        use(office, code[:-1] + "_", GOOD)
    office.now += dt.timedelta(days=8)
    with pytest.raises(followups.NotOpen):
        use(office, code, GOOD)


def test_given_no_voice_then_the_link_has_its_time_before_a_person_asks(office: Office) -> None:
    office.rules["voice"] = False
    order, _ = linked(office)
    assert office.row(order).state == "waiting"
    office.poll(days=8)
    assert (office.row(order).state, office.row(order).reason) == ("person", "not_reached")
    with database.reading(office.engine) as session:
        assert outbox.counts(session) == {"waiting": 1}
