"""An order in memory: the pure lifecycle under a city's policy, without a database."""

from __future__ import annotations

import datetime as dt
from functools import cache
from pathlib import Path
from typing import Any

import workorder
from callcenter import policies
from workorder import clocks, machine, workdays
from workorder.clocks import Account, Clock
from workorder.folding import apply
from workorder.life import Happened, Life
from workorder.machine import Rules
from workorder.policy import Policy
from workorder.refusals import Refused, Why
from workorder.roles import SYSTEM, Actor
from workorder.states import Step
from workorder.worktime import CHINA, Calendar

POLICIES = Path(workorder.__file__).with_name("policies")
AGENT = Actor("1001", "agent")
DISPATCHER = Actor("dispatcher", "dispatcher")
OFFICE = Actor("office", "office")
WATER = Actor("water", "unit", "water")
HEAT = Actor("heat", "unit", "heat")
CITY = Actor("city", "unit", "city")  # above water and heat
DISTRICT = Actor("district", "unit", "district")  # above the street
STREET = Actor("street", "unit", "street")
COMMUNITY = Actor("community", "unit", "community")

PARENTS: dict[str, str | None] = {
    "city": None,
    "water": "city",
    "heat": "city",
    "12330": None,
    "district": None,
    "street": "district",
    "community": "street",
}


@cache
def policy(name: str) -> Policy:
    return policies.read(POLICIES / f"{name}.yaml")


@cache
def calendar() -> Calendar:
    return workdays.from_library()


def china(text: str) -> dt.datetime:
    """`2026-02-13 10:00`, China's time."""
    return dt.datetime.fromisoformat(text).replace(tzinfo=CHINA)


class FlatTree:
    """Units by their parents."""

    def active(self, code: str) -> bool:
        return code in PARENTS

    def within(self, code: str, above: str) -> bool:
        at: str | None = code
        while at is not None and at != above:
            at = PARENTS.get(at)
        return at == above


class Case:
    """An order's life, step by step."""

    def __init__(self, city: str, at: str = "2026-03-02 10:00") -> None:  # a Monday
        self.rules = Rules(policy(city), calendar(), FlatTree())
        self.life = Life()
        self.events: list[Happened] = []
        self.now = china(at)

    def at(self, text: str) -> Case:
        self.now = china(text)
        return self

    def take(self, step: Step, actor: Actor, reason: str = "", **data: Any) -> Happened:
        """Take a step and what follows from it by itself."""
        happened = machine.decide(
            self.life, step, actor=actor, at=self.now, rules=self.rules, data=data, reason=reason
        )
        self._apply(happened)
        for follows, said in machine.consequences(self.life, self.rules.policy):
            self._apply(
                machine.decide(
                    self.life,
                    follows,
                    actor=SYSTEM,
                    at=self.now,
                    rules=self.rules,
                    data=said,
                    reason="policy",
                )
            )
        return happened

    def _apply(self, happened: Happened) -> None:
        apply(self.life, happened)
        self.events.append(happened)

    def refused(self, step: Step, actor: Actor, reason: str = "", **data: Any) -> Refused:
        """The refusal of a step that mustn't be taken."""
        try:
            self.take(step, actor, reason, **data)
        except Refused as refused:
            return refused
        raise AssertionError(f"{step} was taken")

    def why(self, step: Step, actor: Actor, reason: str = "", **data: Any) -> Why:
        return self.refused(step, actor, reason, **data).code

    # --- the usual ways ---

    def accepted(self, category: str = "complaint", **data: Any) -> Case:
        self.take(Step.ACCEPT, AGENT, category=category, **data)
        return self

    def dispatched(
        self, category: str = "complaint", co: tuple[str, ...] = (), **data: Any
    ) -> Case:
        self.accepted(category, **data)
        self.take(Step.DISPATCH, DISPATCHER, unit="water", co_units=list(co))
        return self

    def acknowledged(self, category: str = "complaint", **data: Any) -> Case:
        self.dispatched(category, **data)
        self.take(Step.ACKNOWLEDGE, WATER)
        return self

    def resolved(self, category: str = "complaint") -> Case:
        self.acknowledged(category)
        self.take(Step.RESOLVE, WATER, result="修好了")
        return self

    def followed_up(self, satisfaction: int = 1, **said: Any) -> Case:
        self.resolved()
        self.take(Step.REVIEW, OFFICE)
        self.take(Step.FOLLOW_UP, OFFICE, way="person", satisfaction=satisfaction, **said)
        return self

    # --- clocks ---

    def account(self, clock: Clock) -> Account:
        """The clock's last run."""
        found = [a for a in self.accounts() if a.clock is clock]
        if not found:
            raise AssertionError(f"no {clock} has been started")
        return found[-1]

    def accounts(self) -> list[Account]:
        return clocks.accounts(self.life.ledger, self.rules.policy, self.rules.calendar)

    def due(self, clock: Clock) -> str:
        return local(self.account(clock).due_at)


def local(at: dt.datetime | None) -> str:
    return f"{at.astimezone(CHINA):%Y-%m-%d %H:%M}" if at else "–"
