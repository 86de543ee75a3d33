"""Finding orders: the filter that the orders page and the API share, and its pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from web import paging
from web.call_list import PAGE_SIZE
from workorder.categories import Category
from workorder.models import Order


@dataclass(frozen=True, slots=True)
class OrderFilter:
    """What to look for; everything empty finds all."""

    state: str = ""
    category: str = ""
    text: str = ""  # part of the number, the title or the citizen's name

    @classmethod
    def from_args(cls, args: Any) -> OrderFilter:
        category = args.get("category", "")
        return cls(
            state=args.get("state", "").strip()[:32],
            category=category if category in list(Category) else "",
            text=args.get("text", "").strip()[:64],
        )

    def to_args(self) -> dict[str, str]:
        return {name: value for name, value in asdict(self).items() if value}

    def conditions(self) -> list[ColumnElement[bool]]:
        found: list[ColumnElement[bool]] = []
        if self.state:
            found.append(Order.state == self.state)
        if self.category:
            found.append(Order.category == self.category)
        if self.text:
            found.append(
                or_(
                    Order.number.startswith(self.text, autoescape=True),
                    Order.title.contains(self.text, autoescape=True),
                    Order.citizen_name.contains(self.text, autoescape=True),
                )
            )
        return found


def find_orders(
    session: Session,
    conditions: Sequence[ColumnElement[bool]],
    after: paging.Position | None = None,
    limit: int = PAGE_SIZE,
) -> tuple[list[Order], paging.Position | None]:
    """The newest `limit` orders after a position, and the position for the next page, if any."""
    statement = select(Order).where(*conditions)
    if after:
        key = int(after.key) if after.key.isdigit() and len(after.key) < 19 else 0
        statement = statement.where(paging.older_than(Order.created_at, Order.id, after.at, key))
    statement = statement.order_by(Order.created_at.desc(), Order.id.desc()).limit(limit + 1)
    found = list(session.scalars(statement))
    if len(found) <= limit:
        return found, None
    last = found[limit - 1]
    return found[:limit], paging.Position(last.created_at, str(last.id))
