"""Taking steps: the shell around `workorder.machine`.

A step is decided on what the order's events come to, written as an event, and the tables that
lists and pages read are brought up to date, all in the caller's transaction
(`callcenter.database.writing`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import flag_modified
from sqlalchemy.orm.exc import StaleDataError

from workorder import clocks, machine, needs, policies, records, repeats, workdays
from workorder.clocks import Account, Clock
from workorder.folding import apply, fold
from workorder.life import Life
from workorder.machine import Rules
from workorder.models import Order, OrderClock, OrderEvent
from workorder.needs import LONGTEXT, Field
from workorder.numbering import next_number
from workorder.refusals import Conflict, Refused, Why
from workorder.roles import SYSTEM, Actor
from workorder.states import State, Step
from workorder.transitions import TRANSITIONS, steps_from
from workorder.units import Tree

PHONE = "phone"
WRITTEN_BY_OTHERS = frozenset({Step.DRAFTED, Step.EDITED, Step.ATTACHED, Step.REPEATED})
FARTHEST = 50  # links that are followed from a repeat to the first order


def new_order(
    session: Session,
    *,
    channel: str,
    title: str,
    body: str,
    at: dt.datetime,
    actor: Actor,
    citizen_number: str = "",
    citizen_name: str = "",
    category: str | None = None,
    topic: str = "",
    district: str = "",
    address: str = "",
    accept: bool = False,
    key: str | None = None,
) -> Order:
    """A new draft, by another channel than a call; with `accept` it is accepted at once.

    `key` makes it idempotent: the same key again gives the order of the first time.
    """
    known = _event_of(session, key)
    if known is not None:
        return known.order
    order = Order(
        number=next_number(session, at),
        state=State.DRAFT,
        category=category,
        title=title,
        body=body,
        citizen_number=citizen_number,
        citizen_name=citizen_name,
        channel=channel,
        topic=topic,
        district=district,
        address=address,
        created_at=at,
        updated_at=at,
        drafted={},
    )
    order.policy_id = policies.current(session).id
    session.add(order)
    session.flush()
    said = {"category": category, "registers": channel != PHONE}
    rules = rules_of(session, order)
    happened = machine.decide(Life(), Step.DRAFTED, actor=actor, at=at, rules=rules, data=said)
    life = Life()
    _write(session, order, life, happened, rules, key, first=True)
    if accept:
        take(session, order, Step.ACCEPT, actor=actor, at=at, data={"category": category})
    return order


def take(
    session: Session,
    order: Order,
    step: Step,
    *,
    actor: Actor,
    at: dt.datetime,
    reason: str = "",
    data: Mapping[str, Any] | None = None,
    version: int | None = None,
    key: str | None = None,
) -> OrderEvent:
    """Take a step at `at` (aware); give its event.

    `version` is that of the order that the person saw. Raise Refused (with what would be legal),
    or Conflict when somebody else was faster; then the transaction has to be rolled back.
    `key` makes it idempotent: the same key again gives the first event and changes nothing.
    """
    known = _event_of(session, key)
    if known is not None:
        return known
    _hold(session, order, version)
    rules = rules_of(session, order)
    life = life_of(session, order)
    said = dict(data or {})
    other = _other(session, order, step, said) if "into" in said else None
    happened = machine.decide(
        life,
        step,
        actor=actor,
        at=at,
        rules=rules,
        data=_completed(order, step, said),
        reason=reason,
    )
    before = life.repeat_of
    event = _write(session, order, life, happened, rules, key)
    if step is Step.ACCEPT:
        repeats.index(session, order)
    if other is not None or step is Step.UNMERGE:
        _tell_the_first(session, order, other, before, happened.at)
    _follow_on(session, order, life, rules, happened.at)
    return event


def _completed(order: Order, step: Step, said: dict[str, Any]) -> dict[str, Any]:
    """What the order's form holds already doesn't have to be said again."""
    if step in (Step.ACCEPT, Step.ANSWER) and order.category:
        said.setdefault("category", order.category)
    if step is Step.ACCEPT:
        for name in ("topic", "district"):
            if getattr(order, name):
                said.setdefault(name, getattr(order, name))
    return said


def _event_of(session: Session, key: str | None) -> OrderEvent | None:
    if key is None:
        return None
    return session.scalar(select(OrderEvent).where(OrderEvent.key == key))


def _hold(session: Session, order: Order, version: int | None) -> None:
    """Lock the order's row and look again; whoever comes second sees what the first did."""
    try:
        session.flush()
    except StaleDataError as error:
        raise _conflict(session, order) from error
    session.refresh(order, with_for_update=True)
    if version is not None and order.version != version:
        raise _conflict(session, order)


def _conflict(session: Session, order: Order) -> Conflict:
    if not session.is_active:  # a flush failed: nothing can be read before the rollback
        return Conflict(order.__dict__.get("number", "?"), "somebody", "?", None)
    last = session.scalar(
        select(OrderEvent)
        .where(OrderEvent.order_id == order.id)
        .order_by(OrderEvent.id.desc())
        .limit(1)
    )
    if last is None:
        return Conflict(order.number, "somebody", "?", None)
    return Conflict(order.number, last.actor, last.kind, last.at)


def _write(
    session: Session,
    order: Order,
    life: Life,
    happened: machine.Happened,
    rules: Rules,
    key: str | None,
    *,
    first: bool = False,
) -> OrderEvent:
    """The event, then everything that is derived from it; brings `life` on."""
    event = OrderEvent(
        order_id=order.id,
        at=happened.at,
        kind=happened.step,
        actor=happened.actor[:64],
        role=happened.role,
        unit=happened.unit,
        from_state=None if first else happened.from_state,
        to_state=happened.to_state,
        reason=happened.reason,
        data=happened.data,
        key=key,
    )
    session.add(event)
    apply(life, happened)
    for name in ("topic", "district"):
        if happened.data.get(name):
            setattr(order, name, happened.data[name])
    order.updated_at = happened.at
    flag_modified(order, "updated_at")  # so that the version rises
    records.write(session, order, life, rules, happened.at)
    try:
        session.flush()
    except StaleDataError as error:
        raise _conflict(session, order) from error
    session.expire(order, ["events"])
    return event


def _follow_on(session: Session, order: Order, life: Life, rules: Rules, at: dt.datetime) -> None:
    """What the policy wants to happen by itself now."""
    for step, data in machine.consequences(life, rules.policy):
        source = (
            rules.policy.repeats.source
            if step is Step.MARK_KEY
            else rules.policy.supervision.causes[data["cause"]]
        )
        happened = machine.decide(
            life, step, actor=SYSTEM, at=at, rules=rules, data=data, reason=source
        )
        _write(session, order, life, happened, rules, None)


# --- repeats ---------------------------------------------------------------------------------


def _other(session: Session, order: Order, step: Step, said: dict[str, Any]) -> Order:
    """The first order of those that `into` belongs to; its number is written into `said`."""
    number = str(said["into"])
    found = session.scalar(select(Order).where(Order.number == number))
    for _ in range(FARTHEST):
        if found is None:
            raise Refused(step, Why.UNKNOWN_ORDER, number=number)
        if found.id == order.id:
            why = Why.ITSELF if number == order.number else Why.IN_A_RING
            raise Refused(step, why, number=number, of=order.number)
        if found.repeat_of is None:
            break
        found = session.get(Order, found.repeat_of)
    if found is None:
        raise Refused(step, Why.UNKNOWN_ORDER, number=number)
    said["into"] = found.number
    return found


def _tell_the_first(
    session: Session, order: Order, other: Order | None, before: str | None, at: dt.datetime
) -> None:
    """The order that this one repeats counts it; one that it was linked to before, no more."""
    if before is not None and (other is None or other.number != before):
        former = session.scalar(select(Order).where(Order.number == before))
        if former is not None:
            gone = {"number": order.number, "undone": True}
            take(session, former, Step.REPEATED, actor=SYSTEM, at=at, data=gone)
    if other is not None and other.number != before:
        told = {"number": order.number}
        take(session, other, Step.REPEATED, actor=SYSTEM, at=at, data=told)


# --- reading ---------------------------------------------------------------------------------


def rules_of(session: Session, order: Order) -> Rules:
    """The rules that the order goes by: the policy that it began with, today's calendar."""
    if order.policy_id is None:
        order.policy_id = policies.current(session).id
    policy = policies.by_id(session, order.policy_id)
    return Rules(policy, workdays.load(session), Tree(session))


def events_of(session: Session, order: Order) -> list[OrderEvent]:
    query = select(OrderEvent).where(OrderEvent.order_id == order.id).order_by(OrderEvent.id)
    return list(session.scalars(query))


def life_of(session: Session, order: Order) -> Life:
    """What the order's events come to."""
    return fold(events_of(session, order))


def explain(session: Session, order: Order) -> list[Account]:
    """Every run of the order's clocks: rule, source, ledger, days counted, deadline."""
    rules = rules_of(session, order)
    return clocks.accounts(life_of(session, order).ledger, rules.policy, rules.calendar)


def resolve_deadline(session: Session, order: Order) -> dt.datetime | None:
    """Until when the citizen may expect the result; None before dispatch, or while it is paused."""
    return session.scalar(
        select(OrderClock.due_at)
        .where(OrderClock.order_id == order.id, OrderClock.clock == Clock.RESOLVE)
        .order_by(OrderClock.id.desc())
        .limit(1)
    )


@dataclass(frozen=True, slots=True)
class Choice:
    """A step that somebody could take, or why not."""

    step: Step
    refusal: Refused | None
    fields: tuple[Field, ...]  # of its form; `reason` among them

    @property
    def allowed(self) -> bool:
        return self.refusal is None


def choices(session: Session, order: Order, actor: Actor, at: dt.datetime) -> list[Choice]:
    """The steps of the order's state that are the actor's to take, with their forms.

    Those that the rules stand against now are there too, with the reason.
    """
    rules = rules_of(session, order)
    life = life_of(session, order)
    found = []
    for step in steps_from(life.state):
        if step in WRITTEN_BY_OTHERS or actor.role not in TRANSITIONS[step].roles:
            continue
        refused = machine.refusal(life, step, actor, at, rules)
        if refused is not None and refused.code is Why.UNIT:
            continue
        found.append(Choice(step, refused, form(life, step, rules)))
    return found


def form(life: Life, step: Step, rules: Rules) -> tuple[Field, ...]:
    """The fields of a step's form."""
    asked = needs.fields(step, rules.policy, machine.papers(life, step, rules.policy))
    return (*asked, Field("reason", LONGTEXT, step in needs.NEED_REASON))


# --- again from the events -------------------------------------------------------------------


def rebuild(session: Session, order: Order, at: dt.datetime) -> None:
    """Write the order's row, units, clocks and notices again from its events."""
    records.write(session, order, life_of(session, order), rules_of(session, order), at)
    session.flush()


def rebuild_running(session: Session, at: dt.datetime) -> int:
    """The same for every order with a running clock: after the calendar was changed."""
    ids = select(OrderClock.order_id).where(OrderClock.stopped_at.is_(None)).distinct()
    orders = session.scalars(select(Order).where(Order.id.in_(ids)).order_by(Order.id)).all()
    for order in orders:
        rebuild(session, order, at)
    return len(orders)
