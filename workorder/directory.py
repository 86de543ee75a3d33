"""The dispatch directory: which unit an order should go to, and why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from workorder.models import DispatchRule, Order, Unit


class Line(Protocol):
    """A line of the directory (`workorder.models.DispatchRule`); None stands for any."""

    @property
    def id(self) -> int: ...
    @property
    def category(self) -> str | None: ...
    @property
    def topic(self) -> str | None: ...
    @property
    def district(self) -> str | None: ...
    @property
    def unit(self) -> str: ...
    @property
    def co_units(self) -> Sequence[str]: ...
    @property
    def note(self) -> str: ...


# What a match is worth: a topic says more about whose duty it is than a district, and so on.
WORTH = {"topic": 4, "district": 2, "category": 1}


@dataclass(frozen=True, slots=True)
class Proposal:
    """Where an order should go, and why."""

    unit: str
    co_units: tuple[str, ...]
    rule_id: int
    note: str
    because: tuple[tuple[str, str], ...]  # (field, value) that the line and the order share
    joined: tuple[str, ...]  # co-handlers because their hotline was joined to the call
    others: tuple[str, ...]  # units of the lines that match less closely


def choose(
    lines: Iterable[Line], category: str | None, topic: str, district: str
) -> Proposal | None:
    """The closest line decides; of equally close ones the oldest."""
    said = {"category": category or "", "topic": topic, "district": district}
    fitting = [line for line in lines if _fits(line, said)]
    if not fitting:
        return None
    fitting.sort(key=lambda line: (-_worth(line), line.id))
    best = fitting[0]
    others = dict.fromkeys(line.unit for line in fitting[1:] if line.unit != best.unit)
    return Proposal(
        unit=best.unit,
        co_units=tuple(code for code in best.co_units if code != best.unit),
        rule_id=best.id,
        note=best.note,
        because=tuple((name, said[name]) for name in WORTH if getattr(best, name) is not None),
        joined=(),
        others=tuple(others),
    )


def _fits(line: Line, said: dict[str, str]) -> bool:
    return all(getattr(line, name) in (None, said[name]) for name in WORTH)


def _worth(line: Line) -> int:
    return sum(worth for name, worth in WORTH.items() if getattr(line, name) is not None)


def propose(session: Session, order: Order) -> Proposal | None:
    """The directory's proposal for an order; None when no line fits.

    A hotline that was joined to the call, such as 12330, gets the order too, where there is a
    unit with its code (济南: to the bureau and to 12330 at the same time).
    """
    lines = session.scalars(
        select(DispatchRule)
        .join(Unit, Unit.code == DispatchRule.unit)
        .where(
            DispatchRule.active.is_(True),
            Unit.active.is_(True),
            or_(DispatchRule.topic.is_(None), DispatchRule.topic == order.topic),
        )
    )
    found = choose(lines, order.category, order.topic, order.district)
    if found is None:
        return None
    active = _active(session, [*found.co_units, *joined_hotlines(order)])
    co_units = [code for code in found.co_units if code in active]
    joined = [
        code
        for code in joined_hotlines(order)
        if code in active and code != found.unit and code not in co_units
    ]
    return Proposal(
        found.unit,
        (*co_units, *joined),
        found.rule_id,
        found.note,
        found.because,
        tuple(joined),
        found.others,
    )


def joined_hotlines(order: Order) -> list[str]:
    """The hotlines that were joined to the order's call (`workorder.drafts`)."""
    joined = (order.drafted or {}).get("joined", [])
    return [str(code) for code in joined] if isinstance(joined, list) else []


def _active(session: Session, codes: Sequence[str]) -> set[str]:
    if not codes:
        return set()
    return set(session.scalars(select(Unit.code).where(Unit.code.in_(codes), Unit.active)))
