"""An order's life as people in a city would live it, step by step through the real lifecycle."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from callcenter.demo_city.places import MATTERS, STREETS, SURNAMES, Matter
from workorder import directory, lifecycle
from workorder.models import Order, OrderUnit
from workorder.refusals import Refused
from workorder.roles import Actor, Role
from workorder.states import State, Step

DISPATCHER = Actor("dispatcher", Role.DISPATCHER)
OFFICE = Actor("office", Role.OFFICE)
UNSATISFIED = 0.09
MOST_STEPS = 40
BELOW = {  # to whom units hand down
    "donghe": "donghe-heping",
    "donghe-heping": "heping-yi",
    "donghe-jiefang": "jiefang-er",
    "xishan": "xishan-linjiang",
    "gaoxin": "gaoxin-keji",
}
RETURNED = "经核实不属于本单位职责，权责清单列为其他单位事项。"


@dataclass
class Life:
    """One order on its way; `at` is its own time."""

    session: Session
    order: Order
    matter: Matter
    chance: random.Random
    at: dt.datetime
    now: dt.datetime
    stop: str = ""  # the state that it is left in
    forced: frozenset[str] = frozenset()  # what surely happens to it
    refused: int = 0
    tried: set[str] = field(default_factory=set)

    def live(self) -> None:
        """Go on until the city's present day, or until the order's life is over."""
        for _ in range(MOST_STEPS):
            if self.at >= self.now or not self._next():
                return

    def _next(self) -> bool:
        if self.order.state == self.stop and not self.forced - self.tried:
            return False
        handler = _HANDLERS.get(State(self.order.state))
        return handler is not None and handler(self)

    def take(self, step: Step, actor: Actor, hours: float, reason: str = "", **data: Any) -> bool:
        """Take the step so many hours later; False when that lies ahead, or isn't possible."""
        at = self.at + dt.timedelta(hours=hours)
        if at > self.now:
            self.at = at
            return False
        try:
            lifecycle.take(
                self.session, self.order, step, actor=actor, at=at, reason=reason, data=data
            )
        except Refused:
            self.refused += 1
            return False
        self.at = at
        return True

    def once(self, what: str, share: float) -> bool:
        """Whether something happens to this order that happens to so many; asked once."""
        if what in self.tried:
            return False
        self.tried.add(what)
        if what in self.forced:
            return True
        return self.chance.random() < share

    @property
    def unit(self) -> Actor:
        code = self.order.unit or ""
        return Actor(f"unit-{code}", Role.UNIT, code)


def said(chance: random.Random) -> tuple[Matter, str, str, str]:
    """A matter, its title and text, and the citizen's name."""
    matter = chance.choice(MATTERS)
    place = f"{chance.choice(STREETS)}{chance.randrange(1, 120)}号"
    words = {"place": place, "days": chance.randrange(2, 30)}
    name = chance.choice(SURNAMES) + chance.choice(("先生", "女士"))
    return matter, matter.title.format(**words), matter.body.format(**words), name


def _accepted(life: Life) -> bool:
    if life.once("joint", 0.02):
        reason = "两个单位均称不属于本单位职责。"
        return life.take(Step.REFER_JOINT, DISPATCHER, life.chance.uniform(1, 6), reason)
    proposal = directory.propose(life.session, life.order)
    unit = proposal.unit if proposal else "chengguan"
    co_units = list(proposal.co_units) if proposal else []
    if life.order.return_count:
        unit, co_units = "donghe-jiefang", []
    hours = life.chance.choice((0.1, 0.3, 0.8, 2.0, 7.0))
    return life.take(Step.DISPATCH, DISPATCHER, hours, unit=unit, co_units=co_units)


def _joint(life: Life) -> bool:
    hours = life.chance.uniform(20, 60)
    return life.take(
        Step.DETERMINE, OFFICE, hours, "按权责清单由城市管理局办理。", unit="chengguan"
    )


def _dispatched(life: Life) -> bool:
    if life.once("returned", 0.06):
        return life.take(Step.RETURN, life.unit, life.chance.uniform(3, 14), RETURNED,
                         legal_basis="市级部门权责清单")  # fmt: skip
    below = BELOW.get(life.order.unit or "")
    if below and life.once("handed down", 0.5):
        return life.take(Step.HAND_DOWN, life.unit, life.chance.uniform(0.5, 6), unit=below)
    late = 40.0 if life.once("slow", 0.08) else 0.0
    return life.take(Step.ACKNOWLEDGE, life.unit, late + life.chance.uniform(0.5, 8))


def _acknowledged(life: Life) -> bool:
    for part in list(_open_co(life)):
        actor = Actor(f"unit-{part}", Role.UNIT, part)
        life.take(Step.CO_ACKNOWLEDGE, actor, 0.5)
        life.take(Step.CO_ANSWER, actor, life.chance.uniform(2, 20), text="已配合核查，情况属实。")
    return life.take(
        Step.CONTACT, life.unit, life.chance.uniform(1, 14), note="已电话联系市民了解情况。"
    )


def _in_progress(life: Life) -> bool:
    if life.order.extension_state == "asked":
        step = Step.GRANT_EXTENSION if life.once("granted", 0.85) else Step.REFUSE_EXTENSION
        reason = "" if step is Step.GRANT_EXTENSION else "理由不充分，请按期办结。"
        if life.take(step, DISPATCHER, life.chance.uniform(1, 10), reason):
            return True
    if life.once("extended", 0.09):
        asked = life.take(Step.ASK_EXTENSION, life.unit, 2, "需跨部门协调，工期较长。", workdays=5,
                  signed_by="分管负责人", citizen_told=True, progress_report="已完成现场勘查。",
                  signed_letter="已附")  # fmt: skip
        return asked and "extended" not in life.forced
    if life.once("supervised", 0.03):
        life.take(
            Step.SUPERVISE, OFFICE, 1, cause="leaders_instruction", text="请三日内办结并报告。"
        )
        if "supervised" not in life.forced:  # there the notice still waits
            life.take(Step.REPLY_SUPERVISION, life.unit, life.chance.uniform(4, 30),
                      text="已列为重点，正在加快办理。")  # fmt: skip
    due = lifecycle.resolve_deadline(life.session, life.order) or life.at + dt.timedelta(days=5)
    share = life.chance.uniform(0.15, 0.9) if not life.once("late", 0.07) else 1.15
    hours = max(1.0, (due - life.at).total_seconds() / 3600 * share)
    return life.take(Step.RESOLVE, life.unit, hours, result=life.matter.result, citizen_told=True)


def _open_co(life: Life) -> Iterator[str]:
    parts = select(OrderUnit.unit).where(
        OrderUnit.order_id == life.order.id,
        OrderUnit.part == "co",
        OrderUnit.active.is_(True),
        OrderUnit.state == "assigned",
    )
    yield from life.session.scalars(parts).all()


def _resolved(life: Life) -> bool:
    return life.take(Step.REVIEW, DISPATCHER, life.chance.uniform(2, 20))


def _reviewed(life: Life) -> bool:
    bad = life.order.redo_count == 0 and life.chance.random() < UNSATISFIED
    said: dict[str, Any] = {
        "reached": True, "true": not bad, "solved": not bad,
        "satisfaction": 4 if bad else life.chance.choice((1, 1, 2, 3)),
    }  # fmt: skip
    if not bad:
        return life.take(Step.FOLLOW_UP, OFFICE, life.chance.uniform(1, 30), way="person", **said)
    words = "问题又出现了，没有真正解决。"
    return life.take(Step.FOLLOW_UP, OFFICE, 6, way="person", comment=words, **said)


def _followed_up(life: Life) -> bool:
    if life.order.solved is False and life.order.redo_count == 0:
        return life.take(Step.REDO, OFFICE, 3, "市民反映未解决，退回重办。")
    if life.order.supervised:
        life.take(Step.REPLY_SUPERVISION, life.unit, 2, text="已查明原因，本次办理到位。")
    return life.take(Step.ARCHIVE, OFFICE, life.chance.uniform(1, 24))


def _closing(life: Life) -> bool:
    return life.take(Step.ARCHIVE, OFFICE, life.chance.uniform(10, 40))


_HANDLERS = {
    State.ACCEPTED: _accepted,
    State.RETURNED: _accepted,
    State.JOINT: _joint,
    State.DISPATCHED: _dispatched,
    State.ACKNOWLEDGED: _acknowledged,
    State.IN_PROGRESS: _in_progress,
    State.RESOLVED: _resolved,
    State.REVIEWED: _reviewed,
    State.FOLLOWED_UP: _followed_up,
    State.ANSWERED: _closing,
    State.DECLINED: _closing,
}
