"""How far an order is, for the citizen who asks: by telephone with the last digits of the number,
on the public page with a code. Nothing else of the order is told, and guessing is limited.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from callcenter.limits import Limiter
from ivr.progress import TAIL_DIGITS, Answer, Found, NotFound
from workorder import lifecycle
from workorder.models import Order
from workorder.worktime import CHINA

HOUR = 3600
WRONG_OF_ORDER = 10  # wrong entries for one order in an hour, whoever made them
WRONG = 6  # and of one caller or address, whatever was asked for
CODE_DIGITS = 8
RUNNING = ("accepted", "dispatched", "in_progress")  # a deadline is still to come
# What is spoken for a state; for those of the handling itself, that it is being handled.
STATES = {
    "draft": "accepted",
    "accepted": "accepted",
    "dispatched": "dispatched",
    "acknowledged": "in_progress",
    "in_progress": "in_progress",
    "resolved": "resolved",
    "reviewed": "resolved",
    "followed_up": "resolved",
    "answered": "resolved",
    "archived": "closed",
    "merged": "closed",
    "declined": "declined",
}


def code(secret: str, number: str) -> str:
    """The code with which the citizen asks on the page: eight digits that follow from the number
    and the installation's secret, so that nothing has to be kept."""
    mac = hmac.new(secret.encode(), f"inquiry {number}".encode(), hashlib.sha256).digest()
    return f"{int.from_bytes(mac[:8]) % 10**CODE_DIGITS:0{CODE_DIGITS}d}"


@dataclass(frozen=True, slots=True)
class Asked:
    """A question. `proof` is the last digits of the citizen's telephone, or the code."""

    number: str
    proof: str
    who: str  # caller's number or network address, for the limit


Proof = Callable[[Order], str]


def by_telephone(session: Session, limiter: Limiter, asked: Asked) -> Answer:
    """Raise SQLAlchemyError when nobody can say."""
    return _answer(session, limiter, asked, lambda order: _tail(order.citizen_number))


def by_code(session: Session, limiter: Limiter, asked: Asked, secret: str) -> Answer:
    """Raise SQLAlchemyError when nobody can say."""
    return _answer(session, limiter, asked, lambda order: code(secret, order.number))


def _answer(session: Session, limiter: Limiter, asked: Asked, proof: Proof) -> Answer:
    """Counted before it is looked at: a hundred guesses at the same moment get no further."""
    tries = (("inquiry-order", asked.number, WRONG_OF_ORDER), ("inquiry-who", asked.who, WRONG))
    allowed = [limiter.hit(name, who, most, HOUR) for name, who, most in tries]
    if not all(allowed):
        return NotFound.LOCKED
    order = session.scalar(sa.select(Order).where(Order.number == asked.number))
    wanted = proof(order) if order is not None else ""
    if order is None or not wanted or not hmac.compare_digest(wanted, asked.proof):
        return NotFound.WRONG
    for name, who, _most in tries:
        limiter.give_back(name, who, HOUR)
    state = STATES.get(order.state, "in_progress")
    return Found(state, deadline(session, order) if state in RUNNING else None)


def _tail(number: str) -> str:
    """The last digits of a number that has more than that; "" for others."""
    return number[-TAIL_DIGITS:] if number.isdecimal() and len(number) > TAIL_DIGITS else ""


def deadline(session: Session, order: Order) -> dt.date | None:
    """The day, in China, by which it is to be resolved; None when no clock runs."""
    due = lifecycle.resolve_deadline(session, order)
    return None if due is None else due.astimezone(CHINA).date()
