"""The citizen whom an earlier call or an order leads to: the database's side of dialing out."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.orm import Session, aliased

from callcenter.call_wish import Purpose
from callcenter.dial_rules import Citizen, Wanted, What
from callcenter.events import Kind, Outcome
from callcenter.models import Call, JournalEvent
from workorder.drafts import DRAFT
from workorder.models import Order

OLDEST = dt.timedelta(days=30)  # of wishes to be called back that are still shown
SHOWN = 40


def find(session: Session, wanted: Wanted) -> Citizen | None:
    """None when there is no such call or order, or when no citizen was in it."""
    if wanted.what is What.CALL:
        call = session.get(Call, wanted.name)
        if call is None:
            return None
        waiting = _still_open(session, Call.id == call.id)
        return of_call(call, asked=bool(waiting), promised=any(promised for _, promised in waiting))
    order = session.scalar(select(Order).where(Order.number == wanted.name))
    return of_order(session, order) if order is not None else None


def of_call(call: Call, *, asked: bool = False, promised: bool = False) -> Citizen | None:
    """`asked`: the citizen still waits to be called back; `promised`: by the hotline itself."""
    if call.purpose == Purpose.OFFICE:
        return None
    number = call.callback_number or call.caller
    order = call.order_number or ""
    return Citizen(number, call.agent or "", call.dialed, call.id, order, asked, promised)


def of_order(session: Session, order: Order) -> Citizen:
    call = session.get(Call, order.call_id) if order.call_id else None
    return Citizen(
        order.citizen_number,
        order.agent_number or "",
        call.dialed if call is not None else "",
        call.id if call is not None else "",
        order.number,
    )


def open_callbacks(session: Session, now: dt.datetime) -> list[tuple[Call, bool]]:
    """Who asked to be called back and was never reached, however long ago; the oldest first.

    With whether the hotline itself still tries.
    """
    return _still_open(session, Call.arrived_at >= now - OLDEST)


def _still_open(session: Session, *which: ColumnElement[bool]) -> list[tuple[Call, bool]]:
    """Nobody has talked to the citizen, nobody did the order; whether the hotline still tries."""
    back = aliased(Call)
    reached = exists().where(back.callback_of == Call.id, back.answered_at.is_not(None))
    done = exists().where(Order.call_id == Call.id, Order.state != DRAFT)
    query = (
        select(Call)
        .where(Call.outcome == Outcome.CALLBACK_REQUESTED.value, ~reached, ~done, *which)
        .order_by(Call.arrived_at)
        .limit(SHOWN)
    )
    found = list(session.scalars(query))
    given_up = _given_up(session, [call.id for call in found])
    return [(call, call.id not in given_up) for call in found]


def _given_up(session: Session, calls: Collection[str]) -> set[str]:
    failed = select(JournalEvent.call_id, JournalEvent.data).where(
        JournalEvent.call_id.in_(calls), JournalEvent.kind == Kind.CALLBACK_FAILED.value
    )
    return {call or "" for call, data in session.execute(failed) if data.get("again") is None}
