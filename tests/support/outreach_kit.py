"""A hotline that calls citizens of its own accord, with a carrier who is dialed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from carrier import Carrier
from hotline_kit import HotlineUnderTest, write_voices
from phone import Leg
from sqlalchemy.orm import Session
from switches import Kind, eventually
from system import System, started

from callcenter import database, followups
from callcenter.models import FollowUp, OutboxMessage
from workorder import lifecycle, policies
from workorder.models import Order, Unit
from workorder.roles import Actor, Role
from workorder.states import Step

OUTREACH = """
voice: {hours: {start: "00:00", end: "24:00"}, answer_seconds: 120}
follow_up:
  hours: {start: "00:00", end: "24:00"}
  retry_minutes: 0.01
  attempts: 2
"""
HOTLINE = """
name: city
title: city
numbers: ["12345"]
queue: general
menu: main
welcome: [welcome]
survey: false
menus:
  main:
    prompt: [menu_main]
    seconds: 2
    keys:
      "1": {queue: general}
      "4": {progress: true}
"""
DISPATCHER = Actor("dispatcher", Role.DISPATCHER)
WATER = Actor("water", Role.UNIT, "water")


class OutreachUnderTest(HotlineUnderTest):
    def __init__(self, system: System, carrier: Carrier, engine: sa.Engine) -> None:
        super().__init__(system)
        self.carrier = carrier
        self.engine = engine

    def reviewed(self, number: str) -> str:
        """An order of this citizen's that waits for follow-up; its number."""
        with database.writing(self.engine) as session:
            return reviewed_order(session, number)

    def handled_again(self, order: str) -> None:
        with database.writing(self.engine) as session:
            found = session.scalars(sa.select(Order).where(Order.number == order)).one()
            handle(session, found)

    def follow_up(self, order: str, **wanted: Any) -> FollowUp:
        """The newest follow-up of an order, once it is as wanted."""

        def found() -> FollowUp | None:
            with database.reading(self.engine) as session:
                rows = followups.of_order(session, order)
                if not rows or any(getattr(rows[-1], k) != v for k, v in wanted.items()):
                    return None
                session.expunge_all()
                return rows[-1]

        row: FollowUp = eventually(found, f"the follow-up of {order} is {wanted}", 30)
        return row

    def state_of(self, order: str) -> str:
        with database.reading(self.engine) as session:
            return session.scalars(sa.select(Order.state).where(Order.number == order)).one()

    def decide(self, follow_up: FollowUp, decision: str, why: str) -> None:
        with database.writing(self.engine) as session:
            followups.decide(
                session, follow_up.id, decision, DISPATCHER, why, dt.datetime.now(dt.UTC)
            )

    def message(self, key: str) -> OutboxMessage | None:
        with database.reading(self.engine) as session:
            query = sa.select(OutboxMessage).where(OutboxMessage.key == key)
            return session.scalar(query)


def answers(call: Leg, *keys: str) -> None:
    """Press a key at each question in turn."""
    for prompt, key in zip(
        ("follow_up_true", "follow_up_solved", "follow_up_satisfied"), keys, strict=False
    ):
        call.hears(prompt)
        call.press(key)


@pytest.fixture(scope="module")
def shared_outreach(
    switch_kind: Kind, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OutreachUnderTest]:
    folder = tmp_path_factory.mktemp(f"outreach-{switch_kind}")
    carrier = Carrier()
    try:
        yield from _running(switch_kind, folder, carrier)
    finally:
        carrier.close()


def system_that_calls(kind: Kind, folder: Path, gateway: str) -> System:
    """A running system whose calls to citizens go to `gateway`."""
    hotlines = folder / "hotlines"
    hotlines.mkdir()
    (hotlines / "city.yaml").write_text(HOTLINE, "utf-8")
    outreach_file = folder / "outreach.yaml"
    outreach_file.write_text(OUTREACH, "utf-8")
    queues = folder / "queues.yaml"
    queues.write_text("queues:\n  general: {announce_first_seconds: 0}\n", "utf-8")
    return started(
        kind,
        folder / "data",
        write_voices(folder / "voices"),
        trunk_gateway=gateway,
        hotlines_dir=hotlines,
        queues_file=queues,
        outreach_file=outreach_file,
    )


def _running(kind: Kind, folder: Path, carrier: Carrier) -> Iterator[OutreachUnderTest]:
    system = system_that_calls(kind, folder, carrier.address)
    engine = database.create_engine(system.settings.database_url)
    try:
        yield OutreachUnderTest(system, carrier, engine)
    finally:
        engine.dispose()
        system.stop()


@pytest.fixture
def outreach(shared_outreach: OutreachUnderTest) -> Iterator[OutreachUnderTest]:
    shared_outreach.idle()
    shared_outreach.carrier.forget()
    yield shared_outreach
    shared_outreach.close()


def reviewed_order(session: Session, number: str) -> str:
    """By real steps, under Heyuan's rules: a redo there is asked about by machine again."""
    at = dt.datetime.now(dt.UTC)
    if session.get(Unit, "water") is None:
        session.add(Unit(code="water", name="供水公司", tier=1, path="water/"))
        session.flush()
        heyuan = next(row for row in policies.latest(session) if row.name == "heyuan")
        policies.use(session, heyuan)
    order = lifecycle.new_order(
        session,
        channel="phone",
        title="自来水发黄",
        body="三楼以上",
        category="help",
        citizen_number=number,
        at=at,
        actor=DISPATCHER,
        accept=True,
    )
    lifecycle.take(session, order, Step.DISPATCH, actor=DISPATCHER, at=at, data={"unit": "water"})
    handle(session, order)
    return order.number


def handle(session: Session, order: Order) -> None:
    """From the unit's desk to the follow-up."""
    at = dt.datetime.now(dt.UTC)
    steps: list[tuple[Step, Actor, dict[str, Any]]] = [
        (Step.ACKNOWLEDGE, WATER, {}),
        (Step.CONTACT, WATER, {}),
        (Step.RESOLVE, WATER, {"result": "已冲洗管道"}),
        (Step.REVIEW, DISPATCHER, {}),
    ]
    for step, actor, data in steps:
        lifecycle.take(session, order, step, actor=actor, at=at, data=data)
