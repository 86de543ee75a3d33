"""The tree of units, and which orders somebody may see.

Whoever works for a unit sees the orders in which it, or a unit below it, has a part
(鞍政发〔2014〕29号 二（五）1: units manage their own orders and those of the tiers below).
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import ColumnElement, false, func, select, true
from sqlalchemy.orm import Session, aliased

from workorder.models import Order, OrderUnit, Unit
from workorder.models.units import TIERS
from workorder.roles import Actor, Role

SEPARATOR = "/"


class UnitError(ValueError):
    """What is wrong with a unit, in a sentence."""


class Tree:
    """The units as decisions need them (`workorder.machine.Tree`)."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def active(self, code: str) -> bool:
        unit = self._session.get(Unit, code)
        return unit is not None and unit.active

    def within(self, code: str, above: str) -> bool:
        unit, upper = self._session.get(Unit, code), self._session.get(Unit, above)
        return unit is not None and upper is not None and unit.path.startswith(upper.path)


def add_unit(
    session: Session,
    code: str,
    name: str,
    parent: str | None = None,
    *,
    kind: str = "bureau",
    most: int = TIERS,
) -> Unit:
    """A new unit below `parent` (None: at the top); UnitError says what doesn't fit."""
    if not code or len(code) > 32 or SEPARATOR in code or code != code.strip():
        raise UnitError(f"code: expected 1 to 32 characters without / or spaces, found {code!r}")
    if session.get(Unit, code) is not None:
        raise UnitError(f"code: {code} is taken")
    path, tier = _place(session, code, parent, most)
    unit = Unit(code=code, name=name, parent=parent, tier=tier, path=path, kind=kind, active=True)
    session.add(unit)
    session.flush()
    return unit


def move_unit(session: Session, unit: Unit, parent: str | None, *, most: int = TIERS) -> None:
    """Hang the unit, with everything below it, under another one."""
    below = list(session.scalars(select(Unit).where(_below(unit.path))))
    path, tier = _place(session, unit.code, parent, most)
    if parent is not None and parent in {other.code for other in below}:
        raise UnitError(f"parent: {parent} lies below {unit.code}")
    deepest = max(other.tier for other in below) - unit.tier + tier
    if deepest > most:
        raise UnitError(f"parent: expected at most {most} tiers, found {deepest}")
    old, shift = unit.path, tier - unit.tier
    for other in below:
        other.path = path + other.path.removeprefix(old)
        other.tier += shift
    unit.parent = parent
    session.flush()


def _place(session: Session, code: str, parent: str | None, most: int) -> tuple[str, int]:
    if parent is None:
        return code + SEPARATOR, 1
    above = session.get(Unit, parent)
    if above is None:
        raise UnitError(f"parent: there is no unit {parent}")
    if above.tier >= most:
        raise UnitError(f"parent: expected at most {most} tiers, and {parent} is in the last")
    path = above.path + code + SEPARATOR
    if len(path) > 160:
        raise UnitError("code: the codes from the top come to more than 160 characters")
    return path, above.tier + 1


def _below(path: str) -> ColumnElement[bool]:
    return func.substr(Unit.path, 1, len(path)) == path


def units_below(session: Session, code: str) -> list[str]:
    """The codes of the unit and of all below it."""
    unit = session.get(Unit, code)
    if unit is None:
        return []
    return list(session.scalars(select(Unit.code).where(_below(unit.path)).order_by(Unit.path)))


def orders_of(codes: Iterable[str]) -> ColumnElement[bool]:
    """Orders in which one of the units has a part."""
    parts = select(OrderUnit.order_id).where(
        OrderUnit.active.is_(True), OrderUnit.unit.in_(list(codes))
    )
    return Order.id.in_(parts)


def visible(actor: Actor, agent_number: str | None = None) -> ColumnElement[bool]:
    """The orders that somebody may see, as a condition: the one place that decides it.

    A unit sees its own and those below it; an agent, who has no unit, only what she drafted.
    """
    if actor.role == Role.UNIT:
        return _of_units_below(actor.unit) if actor.unit else false()
    if actor.role == Role.AGENT:
        return Order.agent_number == agent_number if agent_number else false()
    return true()


def _of_units_below(code: str) -> ColumnElement[bool]:
    upper = aliased(Unit)
    path = select(upper.path).where(upper.code == code).scalar_subquery()
    below = select(Unit.code).where(func.substr(Unit.path, 1, func.length(path)) == path)
    parts = select(OrderUnit.order_id).where(OrderUnit.active.is_(True), OrderUnit.unit.in_(below))
    return Order.id.in_(parts)
