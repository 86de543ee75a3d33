"""A step that somebody wants to take, with all that its decision is made by."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any, Protocol

from workorder import clocks, ledger
from workorder.clocks import Clock
from workorder.life import Life
from workorder.policy import ExtensionAsk, Limit, Policy
from workorder.refusals import Refused, Why
from workorder.roles import Actor
from workorder.states import Step
from workorder.worktime import Calendar, Duration, earlier


class Tree(Protocol):
    """What has to be known of the units."""

    def active(self, code: str) -> bool:
        """Whether orders may be sent to the unit."""
        ...

    def within(self, code: str, above: str) -> bool:
        """Whether `code` is `above` or lies below it."""
        ...


@dataclass(frozen=True, slots=True)
class Rules:
    """What decisions are made by."""

    policy: Policy
    calendar: Calendar
    units: Tree


@dataclass(slots=True)
class Case:
    """A step that somebody wants to take."""

    life: Life
    step: Step
    actor: Actor
    at: dt.datetime
    rules: Rules
    data: dict[str, Any]
    reason: str = ""

    @property
    def policy(self) -> Policy:
        return self.rules.policy

    def refuse(self, code: Why, **values: Any) -> Refused:
        return Refused(self.step, code, **values)


def acts_for(case: Case, unit: str) -> bool:
    return case.actor.unit is not None and case.rules.units.within(unit, case.actor.unit)


def return_until(case: Case, length: Duration) -> dt.datetime | None:
    lines = ledger.running_of(case.life, Clock.RETURN)
    if not lines:
        return None
    limit = Limit(limit=length, source=case.policy.return_.source)
    return clocks.reckon(lines, case.policy, case.rules.calendar, limit).due_at


def ask_of(life: Life, policy: Policy) -> ExtensionAsk | None:
    asks = policy.extension.asks
    return asks[life.extension_count] if life.extension_count < len(asks) else None


def ask_until(case: Case, ask: ExtensionAsk) -> dt.datetime | None:
    lines = ledger.running_of(case.life, Clock.RESOLVE)
    due = clocks.reckon(lines, case.policy, case.rules.calendar).due_at if lines else None
    if due is None or ask.before is None:
        return due
    return earlier(case.rules.calendar, due, ask.before.seconds, working=ask.before.working)


def own_open_co(case: Case) -> list[str]:
    """The co-handlers without an answer that the actor acts for."""
    states = ("assigned",) if case.step is Step.CO_ACKNOWLEDGE else ("assigned", "acknowledged")
    return [
        part.unit for part in case.life.co if part.state in states and acts_for(case, part.unit)
    ]


def own_notices(case: Case) -> list[int]:
    return [n.serial for n in case.life.open_notices if acts_for(case, n.unit)]
