"""Which calls and orders a person may see at all, as conditions for queries."""

from __future__ import annotations

from dataclasses import replace

from flask import abort
from sqlalchemy import ColumnElement, false, select, true

from callcenter.models import Call
from web.auth import signed_in
from web.order_filter import OrderFilter
from web.order_list import Scope
from web.rights import REVEALS_NUMBERS, Role
from web.storage import db
from workorder import units
from workorder.models import Order, User
from workorder.roles import Actor


def visible_calls(user: User) -> ColumnElement[bool]:
    """An agent sees the calls that she answered; a unit sees none."""
    if user.role == Role.AGENT:
        return Call.agent == user.agent_number if user.agent_number else false()
    return false() if user.role == Role.UNIT else true()


def sees_all_calls(user: User) -> bool:
    return user.role not in (Role.AGENT, Role.UNIT)


def visible_orders(user: User) -> ColumnElement[bool]:
    """An agent sees what she drafted; a unit what was dispatched to it or below it."""
    return units.visible(Actor.of(user), user.agent_number)


def visible_order(number: str) -> Order:
    """The order, or 404 also when it is somebody else's: its existence is nobody's business."""
    order = db().scalar(select(Order).where(Order.number == number, visible_orders(signed_in())))
    return order or abort(404)


def is_visible(order_id: int) -> bool:
    mine = select(Order.id).where(Order.id == order_id, visible_orders(signed_in()))
    return db().scalar(mine) is not None


def listed(user: User, wanted: OrderFilter) -> tuple[OrderFilter, Scope]:
    """The filter and scope by which a list is fast and holds what `user` may see."""
    if user.role == Role.AGENT:
        if not user.agent_number:
            return wanted, Scope([false()])
        return replace(wanted, agent=user.agent_number), Scope()
    if user.role == Role.UNIT:
        mine = units.units_below(db(), user.unit) if user.unit else []
        return wanted, Scope(units=mine)  # comes to the same as visible_orders
    return wanted, Scope()


def reveals_numbers(user: User) -> bool:
    return user.role in REVEALS_NUMBERS
