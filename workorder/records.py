"""What an order's life comes to, written into the tables that lists and pages read."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import select
from sqlalchemy.orm import Session

from workorder import clocks
from workorder.clocks import Account, Clock, Level, Outcome
from workorder.life import Life
from workorder.machine import Rules
from workorder.models import Order, OrderClock, OrderSupervision, OrderUnit

LEVELS = ("", Level.WARNING, Level.YELLOW, Level.RED)  # in the order in which they are reached
SILENT = frozenset({Clock.RETURN})  # a right that lapses, nothing that is due


def write(session: Session, order: Order, life: Life, rules: Rules, at: dt.datetime) -> None:
    """Bring everything that is derived from the order's events up to date."""
    accounts = clocks.accounts(life.ledger, rules.policy, rules.calendar)
    _order(session, order, life, accounts)
    _units(session, order, life)
    _clocks(session, order, accounts, at)
    _notices(session, order, life, accounts)


def _order(session: Session, order: Order, life: Life, accounts: list[Account]) -> None:
    order.state = life.state
    order.owner = life.owner
    order.category = life.category or order.category
    order.unit = life.lead
    order.is_key = life.is_key
    order.specialised, order.unclear = life.specialised, life.unclear
    order.return_count, order.redo_count = life.return_count, life.redo_count
    order.extension_count, order.extension_state = life.extension_count, life.extension_state
    order.supervision_count = len(life.notices)
    order.supervised = bool(life.open_notices)
    order.repeat_count = len(life.repeats)
    order.repeat_of = _id_of(session, life.repeat_of)
    order.result = life.result
    order.satisfaction, order.solved = life.satisfaction, life.solved
    order.accepted_at, order.dispatched_at = life.accepted_at, life.dispatched_at
    order.resolved_at, order.closed_at = life.resolved_at, life.closed_at
    order.warn_at, order.due_at, order.due_clock = None, None, ""
    first = next_due(accounts)
    if first is not None:
        order.warn_at, order.due_at = first.warn_at or first.due_at, first.due_at
        order.due_clock = first.clock


def _id_of(session: Session, number: str | None) -> int | None:
    return session.scalar(select(Order.id).where(Order.number == number)) if number else None


def next_due(accounts: list[Account]) -> Account | None:
    """The running clock whose deadline comes first."""
    running = [a for a in accounts if a.runs and a.due_at is not None and a.clock not in SILENT]
    return min(running, key=lambda account: account.due_at or account.started_at, default=None)


def _units(session: Session, order: Order, life: Life) -> None:
    query = select(OrderUnit).where(OrderUnit.order_id == order.id)
    known = {row.place: row for row in session.scalars(query)}
    for part in life.parts:
        row = known.get(part.place)
        if row is None:
            row = OrderUnit(order_id=order.id, place=part.place, unit=part.unit, part=part.part)
            session.add(row)
        row.state, row.active, row.answer = part.state, part.active, part.answer
        row.since, row.until = part.since, part.until


def _clocks(session: Session, order: Order, accounts: list[Account], at: dt.datetime) -> None:
    query = select(OrderClock).where(OrderClock.order_id == order.id)
    known = {row.run: row for row in session.scalars(query)}
    for account in accounts:
        row = known.get(account.run)
        if row is None:
            row = OrderClock(order_id=order.id, run=account.run, clock=account.clock, noticed="")
            row.unit = account.unit
            session.add(row)
        elif row.stopped_at is not None and row.stopped_at == account.stopped_at:
            continue  # history, whatever the calendar says by now
        if row.due_at is not None and account.due_at is not None and account.due_at > row.due_at:
            row.noticed = _reached(account, at)  # put off: what is ahead again is told again
        row.started_at = account.started_at
        row.target_at, row.warn_at = account.target_at, account.warn_at
        row.yellow_at, row.red_at = account.yellow_at, account.red_at
        row.due_at, row.stopped_at = account.due_at, account.stopped_at
        row.outcome = account.outcome
        row.next_at = next_at(account, row.noticed)


def _reached(account: Account, at: dt.datetime) -> str:
    return max(
        (level for level, when in account.levels() if when <= at), key=LEVELS.index, default=""
    )


def next_at(account: Account, noticed: str) -> dt.datetime | None:
    """When the run has to be looked at next; None: never again."""
    if not account.runs or account.clock in SILENT:
        return None
    if account.due_at is None:
        return account.paused_until
    rank = LEVELS.index(noticed)
    ahead = [when for level, when in account.levels() if LEVELS.index(level) > rank]
    if account.paused_until is not None:
        ahead.append(account.paused_until)
    return min(ahead, default=None)


def _notices(session: Session, order: Order, life: Life, accounts: list[Account]) -> None:
    query = select(OrderSupervision).where(OrderSupervision.order_id == order.id)
    known = {row.serial: row for row in session.scalars(query)}
    started = {a.started_at: a for a in accounts if a.clock is Clock.SUPERVISE}
    for notice in life.notices:
        row = known.get(notice.serial)
        if row is None:
            row = OrderSupervision(order_id=order.id, serial=notice.serial, unit=notice.unit)
            session.add(row)
        account = started.get(notice.at)
        row.cause, row.text = notice.cause, notice.text
        row.issued_at, row.issued_by = notice.at, notice.by
        if account is not None and account.outcome is not Outcome.VOID:
            row.due_at = account.due_at
        row.closed_at, row.outcome, row.reply = notice.closed_at, notice.outcome, notice.reply
