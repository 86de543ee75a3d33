"""Who calls: what is known of a number at the moment it rings at an agent's desk."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from callcenter.models import Call
from callcenter.privacy import ANONYMOUS
from web.localtime import now
from workorder.models import Order

SHOWN = 6  # earlier calls and orders each
REPEATED = 3  # calls within RECENT; three or more are a repeated complaint (街道督办 rules)
RECENT = dt.timedelta(days=30)
DISSATISFIED = 4  # 不满意, and 5 非常不满意
CLOSED = frozenset({"answered", "archived", "declined", "merged"})


@dataclass(frozen=True, slots=True)
class Known:
    """Earlier calls and orders of one number, newest first, and what follows from them."""

    calls: tuple[Call, ...] = ()
    orders: tuple[Order, ...] = ()
    recent_calls: int = 0  # within RECENT, this one included
    open_orders: int = 0

    @property
    def repeated(self) -> bool:
        return self.recent_calls >= REPEATED

    @property
    def dissatisfied(self) -> bool:
        """Whether the last rating that this number gave was a bad one."""
        rated = next((call.rating for call in self.calls if call.rating), None)
        return rated is not None and rated >= DISSATISFIED


def known_of(session: Session, call: Call) -> Known:
    """What is known of the caller besides the call itself; nothing of a hidden number."""
    number = call.callback_number or call.caller
    if not number or number == ANONYMOUS:
        return Known()
    calls = session.scalars(
        select(Call)
        .where(Call.caller == number, Call.id != call.id)
        .order_by(Call.arrived_at.desc())
        .limit(SHOWN)
    )
    recent = session.scalar(
        select(func.count())
        .select_from(Call)
        .where(Call.caller == number, Call.arrived_at >= now() - RECENT)
    )
    others = (
        Order.citizen_number == number,
        or_(Order.call_id.is_(None), Order.call_id != call.id),
    )
    orders = session.scalars(
        select(Order).where(*others).order_by(Order.created_at.desc()).limit(SHOWN)
    )
    still_open = session.scalar(
        select(func.count()).select_from(Order).where(*others, Order.state.not_in(CLOSED))
    )
    return Known(tuple(calls), tuple(orders), recent or 0, still_open or 0)
