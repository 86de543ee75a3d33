"""What somebody looks for among the orders: the filter that pages, export and API share."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, or_
from sqlalchemy.orm import InstrumentedAttribute

from web.localtime import day_start, now
from workorder.categories import Category
from workorder.models import Order

LIGHTS = ("red", "yellow", "green")

Conditions = list[ColumnElement[bool]]


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """What to look for; everything empty finds all. Days are China's, both included."""

    state: str = ""
    category: str = ""
    text: str = ""  # an order's number, a telephone number or its last four digits, or words
    topic: str = ""
    district: str = ""
    unit: str = ""  # a unit's code: its orders, as lead or co-handler
    channel: str = ""
    agent: str = ""
    light: str = ""
    flag: str = ""
    since: dt.date | None = None
    until: dt.date | None = None

    @classmethod
    def from_args(cls, args: Any) -> OrderFilter:
        """Read a query string; what can't be understood is left out."""
        category, light, flag = (args.get(name, "") for name in ("category", "light", "flag"))
        return cls(
            category=category if category in list(Category) else "",
            light=light if light in LIGHTS else "",
            flag=flag if flag in FLAGS else "",
            text=args.get("text", "").strip()[:64],
            since=_day(args.get("since", "")),
            until=_day(args.get("until", "")),
            **{
                name: args.get(name, "").strip()[:64]
                for name in ("state", "topic", "district", "unit", "channel", "agent")
            },
        )

    def to_args(self) -> dict[str, str]:
        """The query string that `from_args` reads back."""
        return {name: str(value) for name, value in asdict(self).items() if value}

    def conditions(self) -> Conditions:
        """Everything but the text and the unit."""
        return [*self.equal().values(), *self.days(), *self.marks()]

    def equal(self) -> dict[str, ColumnElement[bool]]:
        """The columns that must have one value, by name."""
        return {
            name: column == getattr(self, name)
            for name, column in _COLUMNS.items()
            if getattr(self, name)
        }

    def days(self) -> Conditions:
        found: Conditions = []
        if self.since:
            found.append(Order.created_at >= day_start(self.since))
        if self.until:
            found.append(Order.created_at < day_start(self.until + dt.timedelta(days=1)))
        return found

    def marks(self) -> Conditions:
        found = [light_condition(self.light)] if self.light else []
        return [*found, FLAGS[self.flag]] if self.flag else found


# In this order: the first one asked for is the one whose index is walked.
_COLUMNS: dict[str, InstrumentedAttribute[Any]] = {
    "agent": Order.agent_number,
    "topic": Order.topic,
    "state": Order.state,
    "district": Order.district,
    "category": Order.category,
    "channel": Order.channel,
}
INDEXED = ("agent", "topic", "state", "district", "category")

FLAGS: dict[str, ColumnElement[bool]] = {
    "key": Order.is_key.is_(True),
    "supervised": Order.supervised.is_(True),
    "repeated": Order.repeat_count > 0,
    "returned": Order.return_count > 0,
    "extended": Order.extension_count > 0,
    "redone": Order.redo_count > 0,
}


def light_condition(light: str) -> ColumnElement[bool]:
    """Orders with that light now; one without a running clock has none."""
    at = now()
    if light == "red":
        return Order.due_at < at
    if light == "yellow":
        return and_(Order.due_at >= at, Order.warn_at <= at)
    return and_(Order.due_at >= at, or_(Order.warn_at.is_(None), Order.warn_at > at))


def light_of(order: Order) -> str:
    """red, yellow or green; "" when no clock runs."""
    if order.due_at is None:
        return ""
    at = now()
    if order.due_at < at:
        return "red"
    return "yellow" if order.warn_at is not None and order.warn_at <= at else "green"


def _day(text: str) -> dt.date | None:
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        return None
    return day if 2000 <= day.year <= 9000 else None
