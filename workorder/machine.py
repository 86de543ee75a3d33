"""Deciding a step: from where an order stands, who acts, what is said and the rules, to an event.

Nothing here reads or writes anything; `workorder.lifecycle` does.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from workorder import ledger, needs, said
from workorder.cases import Case, Rules, Tree, acts_for, ask_of
from workorder.clocks import Clock
from workorder.guards import standing
from workorder.life import Happened, Life
from workorder.policy import Cause, Paper, Policy
from workorder.refusals import Refused, Why
from workorder.roles import Actor, Role
from workorder.states import State, Step
from workorder.transitions import TRANSITIONS, WITH_LEAD, Of, Transition, steps_from
from workorder.worktime import passed

__all__ = [
    "Happened",
    "Rules",
    "Tree",
    "causes_now",
    "consequences",
    "decide",
    "is_hard",
    "legal_steps",
    "papers",
    "refusal",
]


def decide(
    life: Life,
    step: Step,
    *,
    actor: Actor,
    at: dt.datetime,
    rules: Rules,
    data: Mapping[str, Any] | None = None,
    reason: str = "",
) -> Happened:
    """The event that `step` becomes; Refused says why not, and what could be done instead.

    `at` is aware; a clock that runs behind the last event's is taken to be as late as that.
    """
    at = max(at, life.last_at) if life.last_at else at
    case = Case(life, step, actor, at, rules, {}, reason.strip())
    try:
        return _decided(case, data or {})
    except Refused as refused:
        refused.legal = tuple(legal_steps(life, actor, at, rules))
        refused.owner = life.owner
        raise


def refusal(life: Life, step: Step, actor: Actor, at: dt.datetime, rules: Rules) -> Refused | None:
    """Why `actor` couldn't take the step whatever they said; None when they can."""
    case = Case(life, step, actor, at, rules, {})
    try:
        _may(case)
        standing(case)
    except Refused as refused:
        return refused
    return None


def legal_steps(life: Life, actor: Actor, at: dt.datetime, rules: Rules) -> list[Step]:
    """The steps that `actor` can take now."""
    return [
        step for step in steps_from(life.state) if refusal(life, step, actor, at, rules) is None
    ]


def papers(life: Life, step: Step, policy: Policy) -> tuple[Paper, ...]:
    """What the policy wants to come with the step, as the order stands."""
    if step is Step.RETURN:
        return policy.return_.requires
    if step is Step.ASK_EXTENSION:
        ask = ask_of(life, policy)
        return ask.requires if ask else ()
    return ()


def _decided(case: Case, data: Mapping[str, Any]) -> Happened:
    row = _may(case)
    standing(case)
    found = needs.fields(case.step, case.policy, papers(case.life, case.step, case.policy))
    case.data = needs.check(case.step, found, _named(case, data))
    if case.step in needs.NEED_REASON and not case.reason:
        raise case.refuse(Why.REASON_NEEDED)
    if len(case.reason) > needs.LONGEST[needs.LONGTEXT]:
        raise case.refuse(Why.FIELD_WRONG, field="reason", expected="a shorter text")
    checker = said.CHECKS.get(case.step)
    target = row.target or case.life.state
    if checker is not None:
        target = checker(case) or target
    lines = ledger.entries(case.life, case.step, target, case.at, case.data, case.policy)
    if lines:
        case.data["ledger"] = [line.to_data() for line in lines]
    return Happened(
        step=case.step,
        at=case.at,
        actor=case.actor.name,
        role=case.actor.role,
        unit=case.actor.unit,
        from_state=case.life.state,
        to_state=target,
        reason=case.reason,
        data=case.data,
    )


def _named(case: Case, data: Mapping[str, Any]) -> dict[str, Any]:
    """`data`, with the category that the order has already where none is given."""
    told = dict(data)
    if case.step is Step.ACCEPT and not told.get("category") and case.life.category:
        told["category"] = case.life.category
    return told


# --- who and where ---------------------------------------------------------------------------


def _may(case: Case) -> Transition:
    row = TRANSITIONS[case.step]
    if case.life.state not in row.sources:
        raise case.refuse(Why.STATE, state=case.life.state)
    if case.actor.role not in row.roles:
        raise case.refuse(Why.ROLE, role=case.actor.role, roles=sorted(row.roles))
    if row.unit is not None and case.actor.role == Role.UNIT:
        belongs = _belonging(case.life, row.unit)
        if not any(acts_for(case, unit) for unit in belongs):
            raise case.refuse(Why.UNIT, unit=belongs or "–")
    return row


def _belonging(life: Life, of: Of) -> list[str]:
    lead = [life.lead] if life.lead else []
    match of:
        case Of.LEAD:
            return lead
        case Of.CO:
            return [part.unit for part in life.co]
        case Of.SUPERVISED:
            return [notice.unit for notice in life.open_notices] or lead
        case Of.ANY:
            return [part.unit for part in life.parts if part.active]


# --- what follows by itself ------------------------------------------------------------------


def consequences(life: Life, policy: Policy) -> list[tuple[Step, dict[str, Any]]]:
    """Steps that the policy wants the system to take at once, as the order stands now."""
    found: list[tuple[Step, dict[str, Any]]] = []
    many = len(life.repeats) + 1
    if many >= policy.repeats.key_from and not life.is_key and not life.closed_at:
        found.append((Step.MARK_KEY, {}))
    if life.state in WITH_LEAD:
        found += [(Step.SUPERVISE, {"cause": c.value}) for c in causes_now(life, policy)]
    return found


def causes_now(life: Life, policy: Policy) -> list[Cause]:
    """The causes for which a supervision notice is due without anybody's decision."""
    rule = policy.supervision
    automatic = {cause for cause in rule.automatic if cause in rule.causes}
    if policy.redo.supervised and Cause.REDO in rule.causes:
        automatic.add(Cause.REDO)
    holds = {
        Cause.REDO: life.redo_count > 0 and life.state is State.DISPATCHED,
        Cause.REPEATS: rule.repeats is not None and len(life.repeats) + 1 >= rule.repeats,
        Cause.UNSATISFIED: set(life.unsatisfied_with) == set(needs.COUNTS),
    }
    once = {Cause.REPEATS}
    return [
        cause
        for cause, held in holds.items()
        if held
        and cause in automatic
        and not any(
            notice.cause == cause
            and (notice.open or cause in once or notice.round == life.redo_count)
            for notice in life.notices
        )
    ]


def is_hard(life: Life, rules: Rules, now: dt.datetime) -> bool:
    """Whether an order is a hard one (难点): unsolved over several times its limit.

    Counted from the first dispatch, over redispatches and redos (济南城管流程 三 指挥中心（五）).
    """
    rule = rules.policy.hard
    first = next((e for e in life.ledger if e.run == f"{Clock.RESOLVE}:1"), None)
    if rule is None or first is None:
        return False
    if life.closed_at is not None and not life.dissatisfied:
        return False
    limit = rules.policy.rule(first.rule).limit
    spent = passed(rules.calendar, first.at, life.closed_at or now, working=limit.working)
    return limit.seconds > 0 and spent > rule.periods * limit.seconds
