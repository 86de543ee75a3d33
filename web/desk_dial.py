"""Whom an agent may dial out to from the desk; `callcenter.dial_rules` says who that is."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from callcenter import dial_rules, dialable
from callcenter.dial_rules import Citizen, What
from callcenter.models import Call
from web.desk_pop import CLOSED
from web.localtime import now
from web.storage import settings
from workorder.models import Order

ORDERS = 20  # of earlier days


@dataclass(frozen=True, slots=True)
class Choice:
    """A citizen; `why` is the code of why this one can't be called."""

    what: What
    name: str
    number: str
    at: dt.datetime
    order: str
    title: str
    asked: bool
    why: str


def choices(session: Session, agent: str, calls: Iterable[Call], first: str) -> list[Choice]:
    """The order that was asked for; who waits to be called back; the citizens of `calls` that the
    agent took; those of the agent's orders of before that are still open.
    """
    waiting = dialable.open_callbacks(session, now())
    owed = {call for call, _promised in waiting}
    found = [
        *_of_orders(session, Order.number == first, agent),
        *(_of_call(call, agent, asked=True, promised=promised) for call, promised in waiting),
        *(_of_call(call, agent) for call in calls if call.agent == agent and call not in owed),
    ]
    known = {each.order for each in found if each and each.order}
    found += [
        each
        for each in _of_orders(session, Order.state.not_in(CLOSED), agent)
        if each.order not in known
    ]
    return [each for each in found if each is not None]


def _of_call(
    call: Call, agent: str, *, asked: bool = False, promised: bool = False
) -> Choice | None:
    citizen = dialable.of_call(call, asked=asked, promised=promised)
    if citizen is None:
        return None
    return _choice(What.CALL, call.id, citizen, agent, at=call.arrived_at)


def _of_orders(session: Session, which: object, agent: str) -> list[Choice]:
    query = select(Order).where(which, Order.agent_number == agent)  # type: ignore[arg-type]
    return [
        _choice(
            What.ORDER,
            order.number,
            dialable.of_order(session, order),
            agent,
            at=order.created_at,
            title=order.title,
        )
        for order in session.scalars(query.order_by(Order.created_at.desc()).limit(ORDERS))
        if order.citizen_number
    ]


def _choice(
    what: What, name: str, citizen: Citizen, agent: str, *, at: dt.datetime, title: str = ""
) -> Choice:
    why = dial_rules.citizen(agent, citizen, re.compile(settings().callback_numbers))
    return Choice(what, name, citizen.number, at, citizen.order, title, citizen.asked, why)
