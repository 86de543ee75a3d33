"""Finding orders among a million.

A page is cut by position, never by counting. Each search walks one index that is already in the
page's order and looks at a bounded number of orders; when that is not enough to fill the page, the
page says how far it has looked, and the next one goes on from there. So no search, however odd its
filter, takes longer than the walk.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, func, literal, or_, select, union_all
from sqlalchemy.orm import Session

from web import paging
from web.call_list import PAGE_SIZE
from web.localtime import now
from web.order_filter import INDEXED, OrderFilter
from workorder import search
from workorder.models import Order, OrderUnit

LOOKED_AT = 8_000  # orders that one page looks at, at most
SECONDS = 0.05  # that a search by text goes on for one page
NEWEST_KEY = "9" * 18  # no order's id comes after it
CHUNK = 400  # orders read at once while looking for text
FEW = 500  # orders of one telephone number that are shown at once

Conditions = Sequence[ColumnElement[bool]]


class Page(NamedTuple):
    """A page of orders; `after` leads to the next one, None after the last.

    `looked_back_to` says how far a page that isn't full has looked: there may be more.
    """

    orders: list[Order]
    after: paging.Position | None
    looked_back_to: dt.datetime | None = None


class Scope(NamedTuple):
    """What the reader may see: all that the conditions allow, of these units when there are any."""

    conditions: Conditions = ()
    units: Sequence[str] | None = None


EVERYTHING = Scope()


def find_orders(
    session: Session,
    wanted: OrderFilter,
    scope: Scope = EVERYTHING,
    after: paging.Position | None = None,
    limit: int = PAGE_SIZE,
    *,
    tails: bool = True,
) -> Page:
    """The newest `limit` orders that match, after a position.

    `tails` allows looking for the last four digits of a telephone number.
    """
    units = scope.units
    if wanted.unit:
        units = [wanted.unit] if units is None or wanted.unit in units else []
    if units is not None and not units:
        return Page([], None)
    conditions = [*scope.conditions, *wanted.conditions()]
    if wanted.text or wanted.light:
        conditions += [_theirs(units)] if units is not None else []
    if wanted.text:
        return _by_text(session, wanted, conditions, after, limit, tails)
    if wanted.light:
        return _by_deadline(session, conditions, after, limit)
    if units is not None:
        return _by_units(session, units, conditions, after, limit)
    return _by_time(session, wanted, scope.conditions, after, limit)


def count(session: Session, statement: Select[Any], most: int = 999) -> str:
    """How many rows there are, in digits: beyond `most` nobody counts on."""
    found = session.scalar(select(func.count()).select_from(statement.limit(most + 1).subquery()))
    return str(found) if found is not None and found <= most else f"{most}+"


def _theirs(units: Sequence[str]) -> ColumnElement[bool]:
    handled = select(OrderUnit.order_id).where(
        OrderUnit.order_id == Order.id, OrderUnit.unit.in_(units), OrderUnit.active.is_(True)
    )
    return handled.exists()


# --- by time -------------------------------------------------------------------------------------


def _by_time(
    session: Session,
    wanted: OrderFilter,
    scope: Conditions,
    after: paging.Position | None,
    limit: int,
) -> Page:
    equal = wanted.equal()
    name = next((name for name in INDEXED if name in equal), None)
    along = [*wanted.days(), *([equal.pop(name)] if name else [])]
    rest = [*scope, *equal.values(), *wanted.marks()]
    walk = select(Order.id, Order.created_at).where(*along)
    if after:
        walk = walk.where(paging.older_than(Order.created_at, Order.id, after.at, _key(after)))
    walk = walk.order_by(Order.created_at.desc(), Order.id.desc())
    part = walk.limit(LOOKED_AT if rest else limit + 1).subquery()
    statement = (
        select(Order)
        .join(part, part.c.id == Order.id)
        .where(*rest)
        .order_by(part.c.created_at.desc(), part.c.id.desc())
    )
    found = list(session.scalars(statement.limit(limit + 1)))
    if len(found) > limit:
        return Page(found[:limit], _position(found[limit - 1]))
    last = session.execute(walk.offset(LOOKED_AT - 1).limit(1)).first() if rest else None
    if last is None:
        return Page(found, None)
    return Page(found, paging.Position(last.created_at, str(last.id)), last.created_at)


# --- by deadline ---------------------------------------------------------------------------------


def _by_deadline(
    session: Session, conditions: Conditions, after: paging.Position | None, limit: int
) -> Page:
    """The most urgent first. Only orders whose clock runs have a deadline, so these are few."""
    statement = select(Order).where(Order.due_at.is_not(None), *conditions)
    if after:
        later = or_(Order.due_at > after.at, Order.id > _key(after))
        statement = statement.where(Order.due_at >= after.at, later)
    found = list(session.scalars(statement.order_by(Order.due_at, Order.id).limit(limit + 1)))
    if len(found) <= limit:
        return Page(found, None)
    last = found[limit - 1]
    return Page(found[:limit], paging.Position(last.due_at or now(), str(last.id)))


# --- by units ------------------------------------------------------------------------------------


def _by_units(
    session: Session,
    units: Sequence[str],
    conditions: Conditions,
    after: paging.Position | None,
    limit: int,
) -> Page:
    """The latest entered first; each unit's orders are walked on their own, then put together."""
    looked_at = max(limit + 1, LOOKED_AT // 4 // len(units)) if conditions else limit + 1
    walks = []
    for place, unit in enumerate(units):
        walk = select(OrderUnit.order_id).where(OrderUnit.unit == unit, OrderUnit.active.is_(True))
        if after:
            walk = walk.where(OrderUnit.order_id < _key(after))
        part = walk.order_by(OrderUnit.order_id.desc()).limit(looked_at).subquery()
        walks.append(select(literal(place).label("unit"), part.c.order_id))
    per_unit: dict[int, list[int]] = {}
    for place, order_id in session.execute(union_all(*walks)):
        per_unit.setdefault(place, []).append(order_id)
    # Below the end of a walk that was cut off, other orders may stand between.
    ends = [min(ids) for ids in per_unit.values() if len(ids) == looked_at]
    end = max(ends, default=0)
    ids = sorted({each for ids in per_unit.values() for each in ids if each >= end}, reverse=True)
    found: list[Order] = []
    for start in range(0, len(ids), CHUNK):
        found += _read(session, ids[start : start + CHUNK], conditions)
        if len(found) > limit:
            return Page(found[:limit], _position(found[limit - 1]))
    if not end:
        return Page(found, None)
    last = session.get_one(Order, end)
    return Page(found, _position(last), last.created_at)


# --- by number and text --------------------------------------------------------------------------


def _by_text(
    session: Session,
    wanted: OrderFilter,
    conditions: Conditions,
    after: paging.Position | None,
    limit: int,
    tails: bool,
) -> Page:
    text = "".join(wanted.text.split("-"))
    if text.isascii() and text.lstrip("+").isdigit():
        numbered = _by_number(session, text, conditions, tails)
        if numbered:
            return Page(numbered, None)
    terms = search.terms(wanted.text)
    pairs = set[int]().union(*(search.pairs(term) for term in terms))
    newest = search.week_of((wanted.until or now().date()) + dt.timedelta(days=1))
    start = search.Place(search.week_of(after.at.date()), _key(after)) if after else None
    start = start or search.Place(newest, 1 << 62)
    first = session.scalar(select(func.min(Order.created_at)))
    oldest = search.week_of(first.date()) if first else newest + 1
    if wanted.since:
        oldest = max(oldest, search.week_of(wanted.since - dt.timedelta(days=1)))
    return _look_for(session, terms, pairs, start, oldest, conditions, limit)


def _look_for(
    session: Session,
    terms: list[str],
    pairs: set[int],
    start: search.Place,
    oldest: int,
    conditions: Conditions,
    limit: int,
) -> Page:
    found: list[Order] = []
    until = time.monotonic() + SECONDS
    for week, ids in search.candidates(session, pairs, start, oldest):
        for place in range(0, len(ids), CHUNK):
            chunk = ids[place : place + CHUNK]
            found += [
                each for each in _read(session, chunk, conditions) if search.holds(each, terms)
            ]
            if len(found) > limit:
                return Page(found[:limit], _position(found[limit - 1]))
            if time.monotonic() > until:
                at = search.day_of(week)
                return Page(found, paging.Position(at, str(chunk[-1])), at)
        if time.monotonic() > until and week > oldest:
            at = search.day_of(week - 1)
            return Page(found, paging.Position(at, NEWEST_KEY), at)
    return Page(found, None)


def _by_number(session: Session, text: str, conditions: Conditions, tails: bool) -> list[Order]:
    """Orders with that number, or of that telephone number; [] when the digits are neither."""
    ids: set[int] = set()
    if len(text) >= 8 and text.startswith("20"):
        low, high = text.ljust(14, "0"), text.ljust(14, "9")
        numbered = select(Order.id).where(Order.number.between(low, high))
        ids |= set(session.scalars(numbered.order_by(Order.number.desc()).limit(FEW)))
    if 5 <= len(text) <= 20:
        called = select(Order.id).where(Order.citizen_number == text)
        ids |= set(session.scalars(called.order_by(Order.created_at.desc()).limit(FEW)))
    if len(text) == 4 and tails:
        ids |= set(search.with_tail(session, text)[:FEW])
    return _read(session, sorted(ids, reverse=True), conditions)


def _read(session: Session, ids: list[int], conditions: Conditions) -> list[Order]:
    if not ids:
        return []
    statement = select(Order).where(Order.id.in_(ids), *conditions).order_by(Order.id.desc())
    return list(session.scalars(statement))


def _key(after: paging.Position) -> int:
    return int(after.key) if after.key.isdigit() and len(after.key) < 19 else 0


def _position(order: Order) -> paging.Position:
    return paging.Position(order.created_at, str(order.id))
