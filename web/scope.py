"""Which calls and orders a person may see at all, as conditions for queries."""

from __future__ import annotations

from sqlalchemy import ColumnElement, false, true

from callcenter.models import Call
from web.rights import REVEALS_NUMBERS, Role
from workorder.models import Order, User


def visible_calls(user: User) -> ColumnElement[bool]:
    """An agent sees the calls that she answered; a unit sees none."""
    if user.role == Role.AGENT:
        return Call.agent == user.agent_number if user.agent_number else false()
    return false() if user.role == Role.UNIT else true()


def sees_all_calls(user: User) -> bool:
    return user.role not in (Role.AGENT, Role.UNIT)


def visible_orders(user: User) -> ColumnElement[bool]:
    """An agent sees what she drafted; a unit what was dispatched to it: nothing so far."""
    if user.role == Role.AGENT:
        return Order.agent_number == user.agent_number if user.agent_number else false()
    return false() if user.role == Role.UNIT else true()


def reveals_numbers(user: User) -> bool:
    return user.role in REVEALS_NUMBERS
