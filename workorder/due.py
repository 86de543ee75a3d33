"""What has become due: notices to units, and the steps that the system takes by itself.

Traffic light and cards: a warning goes to the handler, yellow and red to the handler and the
leader in charge (河源办法 第十七条; S2 呼叫中心方案 四2).
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from workorder import clocks, lifecycle
from workorder.clocks import Account, Clock, Level
from workorder.ledger import UNITS_CLOCKS
from workorder.life import Life
from workorder.machine import Rules
from workorder.models import Order, OrderClock, Unit
from workorder.policy import Cause
from workorder.records import LEVELS, next_at
from workorder.refusals import Refused
from workorder.roles import SYSTEM
from workorder.states import Step

log = logging.getLogger(__name__)

SUPERVISED_CLOCKS = (Clock.ACKNOWLEDGE, Clock.CONTACT, Clock.ON_SITE, Clock.RESOLVE)


@dataclass(frozen=True, slots=True)
class Recipient:
    """Somebody of the unit; what isn't known is empty."""

    role: str  # handler (承办人) or leader (分管领导)
    name: str
    phone: str
    email: str


@dataclass(frozen=True, slots=True)
class DueNotice:
    """A level that a clock has reached. `key` is the same whenever the same notice is made."""

    key: str
    order_id: int
    order_number: str
    run: str
    clock: Clock
    level: Level
    at: dt.datetime  # when the level was reached
    deadline: dt.datetime
    unit: str | None  # None: the hotline's own clock (dispatch, review, follow-up)
    unit_name: str
    to: tuple[Recipient, ...]


def run_due(session: Session, now: dt.datetime, limit: int = 500) -> list[DueNotice]:
    """Everything that has become due up to `now`, once; in the caller's transaction.

    Of the levels that a clock has passed since it was looked at last, only the highest is told.
    A clock whose pause is over goes on, and what the policy supervises by itself is supervised.
    """
    found: list[DueNotice] = []
    for order in _orders(session, now, limit):
        found += _of_order(session, order, now)
    session.flush()
    return found


def _orders(session: Session, now: dt.datetime, limit: int) -> list[Order]:
    ids = list(
        dict.fromkeys(
            session.scalars(
                select(OrderClock.order_id)
                .where(OrderClock.next_at <= now)
                .order_by(OrderClock.next_at, OrderClock.id)
                .limit(limit)
            )
        )
    )
    # One who is being worked on is left for the next time.
    query = select(Order).where(Order.id.in_(ids)).with_for_update(skip_locked=True)
    return list(session.scalars(query.order_by(Order.id).execution_options(populate_existing=True)))


def _of_order(session: Session, order: Order, now: dt.datetime) -> Iterator[DueNotice]:
    rules = lifecycle.rules_of(session, order)
    life = lifecycle.life_of(session, order)
    if life.paused and _over(life, rules, now):
        lifecycle.take(session, order, Step.RESUME, actor=SYSTEM, at=now)
        life = lifecycle.life_of(session, order)
    accounts = {a.run: a for a in clocks.accounts(life.ledger, rules.policy, rules.calendar)}
    rows = session.scalars(
        select(OrderClock)
        .where(OrderClock.order_id == order.id, OrderClock.next_at <= now)
        .order_by(OrderClock.id)
    ).all()
    red = False
    for row in rows:
        account = accounts[row.run]
        notice = _notice(session, order, row, account, now)
        ahead = next_at(account, row.noticed)
        row.next_at = ahead if ahead is not None and ahead > now else None
        if notice is not None:
            yield notice
            red = red or (notice.level is Level.RED and notice.clock in SUPERVISED_CLOCKS)
    if red:
        _supervise(session, order, rules, now)


def _over(life: Life, rules: Rules, now: dt.datetime) -> bool:
    found = clocks.accounts(life.ledger, rules.policy, rules.calendar)
    return any(a.runs and a.paused_until is not None and a.paused_until <= now for a in found)


def _notice(
    session: Session, order: Order, row: OrderClock, account: Account, now: dt.datetime
) -> DueNotice | None:
    """The highest level that was reached and not told of; it counts as told from here on."""
    told = LEVELS.index(row.noticed)
    reached = [
        (level, when)
        for level, when in account.levels()
        if when <= now and LEVELS.index(level) > told
    ]
    if not reached or account.due_at is None:
        return None
    level, when = max(reached, key=lambda pair: LEVELS.index(pair[0]))
    row.noticed = level
    unit = session.get(Unit, account.unit) if account.unit else None
    stamp = account.due_at.astimezone(dt.UTC)
    return DueNotice(
        key=f"{order.number}:{account.run}:{level}:{stamp:%Y%m%d%H%M}",
        order_id=order.id,
        order_number=order.number,
        run=account.run,
        clock=account.clock,
        level=level,
        at=when.astimezone(dt.UTC),
        deadline=stamp,
        unit=account.unit,
        unit_name=unit.name if unit else "",
        to=(*(recipients(unit, level) if unit else ()), *_below(session, order, account)),
    )


def _below(session: Session, order: Order, account: Account) -> tuple[Recipient, ...]:
    """Whoever handles it now, where the unit that the limit was set for has handed it down."""
    lead = session.get(Unit, order.unit) if order.unit else None
    if lead is None or account.clock not in UNITS_CLOCKS or lead.code == account.unit:
        return ()
    return (Recipient("below", lead.contact_name, lead.contact_phone, lead.contact_email),)


def recipients(unit: Unit, level: Level) -> tuple[Recipient, ...]:
    handler = Recipient("handler", unit.contact_name, unit.contact_phone, unit.contact_email)
    if level is Level.WARNING:
        return (handler,)
    leader = Recipient("leader", unit.leader_name, unit.leader_phone, unit.leader_email)
    return (handler, leader)


def _supervise(session: Session, order: Order, rules: Rules, now: dt.datetime) -> None:
    """A red card is followed by a supervision notice where the policy says so."""
    rule = rules.policy.supervision
    for cause in (Cause.RED_CARD, Cause.OVERDUE):
        if cause not in rule.automatic:
            continue
        try:
            lifecycle.take(
                session,
                order,
                Step.SUPERVISE,
                actor=SYSTEM,
                at=now,
                reason=rule.causes[cause],
                data={"cause": cause.value},
            )
        except Refused as refused:
            log.info("order %s isn't supervised: %s", order.number, refused.code)
