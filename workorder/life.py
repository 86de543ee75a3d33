"""An order's life: where it stands and how it came there (`workorder.folding` makes it)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any, Protocol

from workorder.clocks import Entry
from workorder.states import State, Step
from workorder.transitions import OWNERS


class EventLike(Protocol):
    """What is read of an event (`workorder.models.OrderEvent` has it all)."""

    @property
    def at(self) -> dt.datetime: ...
    @property
    def kind(self) -> str: ...
    @property
    def actor(self) -> str: ...
    @property
    def to_state(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def data(self) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Happened:
    """A step as it was decided, before it is a row."""

    step: Step
    at: dt.datetime
    actor: str
    role: str
    unit: str | None
    from_state: State
    to_state: State
    reason: str
    data: dict[str, Any]

    @property
    def kind(self) -> str:
        return self.step


@dataclass(slots=True)
class Part:
    """A unit's part: lead or co."""

    place: int
    unit: str
    part: str
    state: str  # assigned, acknowledged, answered, resolved, returned, released, handed_on
    active: bool
    since: dt.datetime
    until: dt.datetime | None = None
    answer: str = ""


@dataclass(slots=True)
class Notice:
    """A supervision notice."""

    serial: int
    unit: str
    cause: str
    text: str
    at: dt.datetime
    by: str
    round: int  # redos before it
    closed_at: dt.datetime | None = None
    outcome: str | None = None
    reply: str = ""

    @property
    def open(self) -> bool:
        return self.closed_at is None


@dataclass(slots=True)
class Life:
    """Where an order stands, and how it came there."""

    state: State = State.DRAFT
    category: str | None = None
    specialised: bool = False
    unclear: bool = False
    is_key: bool = False
    parts: list[Part] = field(default_factory=list)
    ledger: list[Entry] = field(default_factory=list)
    above: list[str] = field(default_factory=list)  # units that handed it down, from the top
    designated: bool = False  # by joint determination: may not be returned
    return_rejected: bool = False
    returned_from: State | None = None
    return_count: int = 0
    redo_count: int = 0
    extension_state: str = ""  # asked, granted, refused
    extension_count: int = 0  # granted since the last dispatch or redo
    extension_workdays: int = 0  # asked for
    paused: bool = False
    notices: list[Notice] = field(default_factory=list)
    written: str = ""  # requested, issued
    repeat_of: str | None = None  # an order's number
    repeats: list[str] = field(default_factory=list)  # numbers of those linked to this one
    result: str = ""
    reached: bool | None = None
    solved: bool | None = None
    true_result: bool | None = None
    satisfaction: int | None = None
    unsatisfied_with: tuple[str, ...] = ()
    accepted_at: dt.datetime | None = None
    dispatched_at: dt.datetime | None = None
    resolved_at: dt.datetime | None = None
    closed_at: dt.datetime | None = None
    last_at: dt.datetime | None = None
    last_by: str = ""

    @property
    def lead(self) -> str | None:
        return next((part.unit for part in self.parts if part.part == "lead" and part.active), None)

    @property
    def co(self) -> list[Part]:
        return [part for part in self.parts if part.part == "co" and part.active]

    @property
    def open_co(self) -> list[Part]:
        """Co-handlers whose answer is still missing."""
        return [part for part in self.co if part.state in ("assigned", "acknowledged")]

    @property
    def open_notices(self) -> list[Notice]:
        return [notice for notice in self.notices if notice.open]

    @property
    def owner(self) -> str:
        """Who has to do something now: a role, or `unit:CODE`."""
        return OWNERS.get(self.state) or f"unit:{self.lead}"

    @property
    def dissatisfied(self) -> bool:
        """What the citizen said at the last follow-up is not what a good result sounds like."""
        unhappy = self.satisfaction is not None and self.satisfaction >= 4
        return unhappy or self.solved is False or self.true_result is False

    def runs(self, clock: str) -> list[str]:
        """The names of a clock's runs so far."""
        return list(dict.fromkeys(e.run for e in self.ledger if e.clock == clock))
