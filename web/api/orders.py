"""Work orders and their histories."""

from __future__ import annotations

from flask import Response, abort
from sqlalchemy import select

from web import paging
from web.api.blueprint import answer, blueprint, read_cursor, read_query
from web.api.document import operation
from web.api.schemas import OrderEventList, OrderEventOut, OrderOut, OrderPage, OrderQuery
from web.order_filter import OrderFilter
from web.order_list import find_orders
from web.storage import db
from workorder.models import Order


@blueprint.get("/orders")
@operation("Orders, newest first", response=OrderPage, query=OrderQuery, errors=(400,))
def orders() -> Response:
    asked = read_query(OrderQuery)
    wanted = OrderFilter(asked.state, asked.category, asked.text)
    found = find_orders(db(), wanted, after=read_cursor(asked.cursor), limit=asked.limit)
    return answer(
        OrderPage(
            orders=[OrderOut.model_validate(each) for each in found.orders],
            next_cursor=paging.encode(found.after) if found.after else None,
        )
    )


@blueprint.get("/orders/<number>")
@operation("One order", response=OrderOut, errors=(404,))
def order(number: str) -> Response:
    return answer(OrderOut.model_validate(_existing(number)))


@blueprint.get("/orders/<number>/events")
@operation("What happened to an order, oldest first", response=OrderEventList, errors=(404,))
def order_events(number: str) -> Response:
    events = [OrderEventOut.model_validate(each) for each in _existing(number).events]
    return answer(OrderEventList(events=events))


def _existing(number: str) -> Order:
    found = db().scalar(select(Order).where(Order.number == number))
    return found or abort(404, "there is no such order")
