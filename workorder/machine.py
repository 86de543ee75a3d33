"""Deciding a step: from where an order stands, who acts, what is said and the rules, to an event.

Nothing here reads or writes anything; `workorder.lifecycle` does.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from workorder import clocks, ledger, needs
from workorder.clocks import Clock
from workorder.life import Happened, Life
from workorder.policy import ByPerson, Cause, ExtensionAsk, JointWhen, Limit, Paper, Policy
from workorder.refusals import Refused, Why
from workorder.roles import Actor, Role
from workorder.states import State, Step
from workorder.transitions import TRANSITIONS, WITH_LEAD, Of, Transition, steps_from
from workorder.worktime import Calendar, Duration, Measure, earlier, midnight


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
class _Case:
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
    case = _Case(life, step, actor, at, rules, {}, reason.strip())
    try:
        return _decided(case, data or {})
    except Refused as refused:
        refused.legal = tuple(legal_steps(life, actor, at, rules))
        refused.owner = life.owner
        raise


def refusal(life: Life, step: Step, actor: Actor, at: dt.datetime, rules: Rules) -> Refused | None:
    """Why `actor` couldn't take the step whatever they said; None when they can."""
    case = _Case(life, step, actor, at, rules, {})
    try:
        _may(case)
        _standing(case)
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
        ask = _ask(life, policy)
        return ask.requires if ask else ()
    return ()


def _decided(case: _Case, data: Mapping[str, Any]) -> Happened:
    row = _may(case)
    _standing(case)
    found = needs.fields(case.step, case.policy, papers(case.life, case.step, case.policy))
    case.data = needs.check(case.step, found, _named(case, data))
    if case.step in needs.NEED_REASON and not case.reason:
        raise case.refuse(Why.REASON_NEEDED)
    if len(case.reason) > needs.LONGEST[needs.LONGTEXT]:
        raise case.refuse(Why.FIELD_WRONG, field="reason", expected="a shorter text")
    checker = _CHECKS.get(case.step)
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


def _named(case: _Case, data: Mapping[str, Any]) -> dict[str, Any]:
    """`data`, with the category that the order has already where none is given."""
    said = dict(data)
    if case.step is Step.ACCEPT and not said.get("category") and case.life.category:
        said["category"] = case.life.category
    return said


# --- who and where ---------------------------------------------------------------------------


def _may(case: _Case) -> Transition:
    row = TRANSITIONS[case.step]
    if case.life.state not in row.sources:
        raise case.refuse(Why.STATE, state=case.life.state)
    if case.actor.role not in row.roles:
        raise case.refuse(Why.ROLE, role=case.actor.role, roles=sorted(row.roles))
    if row.unit is not None and case.actor.role == Role.UNIT:
        belongs = _belonging(case.life, row.unit)
        if not any(_acts_for(case, unit) for unit in belongs):
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


def _acts_for(case: _Case, unit: str) -> bool:
    return case.actor.unit is not None and case.rules.units.within(unit, case.actor.unit)


# --- what stands against a step, whatever is said with it ------------------------------------


def _standing(case: _Case) -> None:
    check = _STANDING.get(case.step)
    if check is not None:
        check(case)


def _may_dispatch(case: _Case) -> None:
    returned = case.life.state is State.RETURNED
    if returned and case.policy.joint.when is JointWhen.ALWAYS:
        raise case.refuse(Why.ONLY_JOINT)


def _may_return(case: _Case) -> None:
    life = case.life
    if life.designated:
        raise case.refuse(Why.DESIGNATED)
    if life.redo_count:
        raise case.refuse(Why.REDO_STAYS)
    if life.return_rejected:
        raise case.refuse(Why.RETURN_REJECTED)
    rule = case.policy.return_
    until = _return_until(case, rule.site_check or rule.limit)
    if until is None or case.at > until:
        raise case.refuse(Why.RETURN_TOO_LATE, until=until or "–")


def _return_until(case: _Case, length: Duration) -> dt.datetime | None:
    lines = ledger.running_of(case.life, Clock.RETURN)
    if not lines:
        return None
    limit = Limit(limit=length, source=case.policy.return_.source)
    return clocks.reckon(lines, case.policy, case.rules.calendar, limit).due_at


def _may_ask(case: _Case) -> None:
    life, policy = case.life, case.policy
    if life.paused:
        raise case.refuse(Why.PAUSED)
    if life.extension_state == "asked":
        raise case.refuse(Why.EXTENSION_PENDING)
    if life.redo_count and not policy.redo.extension:
        raise case.refuse(Why.NO_EXTENSION_IN_REDO)
    ask = _ask(life, policy)
    if ask is None:
        raise case.refuse(
            Why.NO_MORE_EXTENSIONS, most=len(policy.extension.asks), count=life.extension_count
        )
    until = _ask_until(case, ask)
    if until is None or case.at > until:
        raise case.refuse(Why.EXTENSION_TOO_LATE, until=until or "–")


def _ask(life: Life, policy: Policy) -> ExtensionAsk | None:
    asks = policy.extension.asks
    return asks[life.extension_count] if life.extension_count < len(asks) else None


def _ask_until(case: _Case, ask: ExtensionAsk) -> dt.datetime | None:
    lines = ledger.running_of(case.life, Clock.RESOLVE)
    due = clocks.reckon(lines, case.policy, case.rules.calendar).due_at if lines else None
    if due is None or ask.before is None:
        return due
    return earlier(case.rules.calendar, due, ask.before.seconds, working=ask.before.working)


def _is_asked(case: _Case) -> None:
    if case.life.extension_state != "asked":
        raise case.refuse(Why.NO_EXTENSION_ASKED)


def _grantable(case: _Case) -> None:
    _is_asked(case)
    if case.life.paused:
        raise case.refuse(Why.PAUSED)


def _runs(case: _Case) -> None:
    if case.life.paused or not ledger.running_of(case.life, Clock.RESOLVE):
        raise case.refuse(Why.PAUSED)


def _stands_still(case: _Case) -> None:
    if not case.life.paused:
        raise case.refuse(Why.NOT_PAUSED)


def _answers_are_in(case: _Case) -> None:
    missing = case.life.open_co
    if missing:
        raise case.refuse(Why.CO_OPEN, units=[part.unit for part in missing])


def _has_open_co(case: _Case) -> None:
    if not _own_open_co(case):
        raise case.refuse(Why.NOT_CO, unit=case.actor.unit or "–")


def _own_open_co(case: _Case) -> list[str]:
    """The co-handlers without an answer that the actor acts for."""
    states = ("assigned",) if case.step is Step.CO_ACKNOWLEDGE else ("assigned", "acknowledged")
    return [
        part.unit for part in case.life.co if part.state in states and _acts_for(case, part.unit)
    ]


def _redoable(case: _Case) -> None:
    most = case.policy.redo.most
    if most is not None and case.life.redo_count >= most:
        raise case.refuse(Why.NO_MORE_REDOS, most=most)


def _archivable(case: _Case) -> None:
    if case.life.open_notices:
        raise case.refuse(Why.SUPERVISION_OPEN)
    if case.life.written == "requested":
        raise case.refuse(Why.WRITTEN_OPEN)


def _was_supervised(case: _Case) -> None:
    if not _own_notices(case):
        raise case.refuse(Why.NO_NOTICE)


def _own_notices(case: _Case) -> list[int]:
    return [n.serial for n in case.life.open_notices if _acts_for(case, n.unit)]


def _written_possible(case: _Case) -> None:
    if case.life.lead is None:
        raise case.refuse(Why.NO_LEAD)
    if case.life.written == "requested":
        raise case.refuse(Why.WRITTEN_OPEN)


def _written_wanted(case: _Case) -> None:
    if case.life.written != "requested":
        raise case.refuse(Why.NO_WRITTEN_ASKED)


def _releasable(case: _Case) -> None:
    if not case.life.co:
        raise case.refuse(Why.NOT_CO, unit="–")


_STANDING: dict[Step, Callable[[_Case], None]] = {
    Step.DISPATCH: _may_dispatch,
    Step.RETURN: _may_return,
    Step.RELEASE_CO: _releasable,
    Step.CO_ACKNOWLEDGE: _has_open_co,
    Step.CO_ANSWER: _has_open_co,
    Step.CO_RETURN: _has_open_co,
    Step.ASK_EXTENSION: _may_ask,
    Step.GRANT_EXTENSION: _grantable,
    Step.REFUSE_EXTENSION: _is_asked,
    Step.PAUSE: _runs,
    Step.RESUME: _stands_still,
    Step.RESOLVE: _answers_are_in,
    Step.REDO: _redoable,
    Step.ARCHIVE: _archivable,
    Step.REPLY_SUPERVISION: _was_supervised,
    Step.REQUEST_WRITTEN: _written_possible,
    Step.ISSUE_WRITTEN: _written_wanted,
}


# --- what is said with it; may give another target -------------------------------------------


def _to_units(case: _Case) -> None:
    lead = case.data["unit"]
    co_units = [unit for unit in case.data.get("co_units", []) if unit != lead]
    for unit in (lead, *co_units):
        _known(case, unit)
    case.data["co_units"] = co_units


def _known(case: _Case, unit: str) -> None:
    if not case.rules.units.active(unit):
        raise case.refuse(Why.UNKNOWN_UNIT, unit=unit)


def _adds_co(case: _Case) -> None:
    unit = case.data["unit"]
    _known(case, unit)
    if unit == case.life.lead or unit in [part.unit for part in case.life.co]:
        raise case.refuse(Why.CO_TWICE, unit=unit)


def _releases_co(case: _Case) -> None:
    if case.data["unit"] not in [part.unit for part in case.life.co]:
        raise case.refuse(Why.NOT_CO, unit=case.data["unit"])


def _for_own_co(case: _Case) -> None:
    case.data["unit"] = _own_open_co(case)[0]


def _returns(case: _Case) -> None:
    """Within the shorter limit, unless the site had to be looked at."""
    rule = case.policy.return_
    checked = case.data.get("site_check") and rule.site_check
    until = _return_until(case, rule.site_check if checked and rule.site_check else rule.limit)
    if until is None or case.at > until:
        raise case.refuse(Why.RETURN_TOO_LATE, until=until or "–")


def _goes_back(case: _Case) -> State:
    return case.life.returned_from or State.DISPATCHED


def _asks(case: _Case) -> None:
    most = _longest_extension(case)
    if case.data["workdays"] > most:
        raise case.refuse(Why.EXTENSION_TOO_LONG, most=most)
    lines = ledger.running_of(case.life, Clock.RESOLVE)
    due = clocks.reckon(lines, case.policy, case.rules.calendar).due_at
    day = Duration(case.data["workdays"], Measure.WORKDAYS)
    if due is not None:  # the new date that the source asks for
        new = clocks.add(case.rules.calendar, due, day)
        case.data["new_due"] = new.astimezone(dt.UTC).isoformat()


def _longest_extension(case: _Case) -> int:
    """In working days."""
    most = case.policy.extension.most
    if most is None:
        most = case.policy.rule(ledger.running_of(case.life, Clock.RESOLVE)[0].rule).limit
    if most.measure in (Measure.WORKDAYS, Measure.DAYS):
        return most.amount
    return max(1, -(-most.seconds // 86_400))


def _grants(case: _Case) -> None:
    asked = case.life.extension_workdays
    granted = case.data.setdefault("workdays", asked)
    if granted > asked:
        raise case.refuse(Why.EXTENSION_TOO_LONG, most=asked)


def _pauses(case: _Case) -> None:
    if midnight(dt.date.fromisoformat(case.data["until"])) <= case.at:
        raise case.refuse(Why.FIELD_WRONG, field="until", expected="a day after today")


def _follows_up(case: _Case) -> State | None:
    said = case.data
    reached = said.setdefault("reached", True)
    if not reached:
        for name in ("true", "solved", "satisfaction", "unsatisfied_with"):
            said.pop(name, None)
    causes = [] if said["way"] == "person" else _by_person(case)
    if causes:
        said["by_person"] = causes
        return case.life.state
    return None


def _by_person(case: _Case) -> list[str]:
    """Why a person has to ask again."""
    said = case.data
    holds = {
        ByPerson.DISSATISFIED: said.get("satisfaction", 0) >= 4,
        ByPerson.UNTRUE: said.get("true") is False,
        ByPerson.UNSOLVED: said.get("solved") is False,
        ByPerson.SUPERVISED: bool(case.life.notices),
        ByPerson.NOT_REACHED: not said["reached"],
    }
    return [cause.value for cause in case.policy.follow_up.by_person_when if holds[cause]]


def _archives(case: _Case) -> None:
    """A dissatisfied citizen's order is closed only with a reason."""
    if case.life.state is State.FOLLOWED_UP and case.life.dissatisfied and not case.reason:
        raise case.refuse(Why.REASON_NEEDED)


def _supervises(case: _Case) -> None:
    cause = case.data["cause"]
    if cause not in case.policy.supervision.causes:
        raise case.refuse(
            Why.CAUSE_NOT_IN_POLICY, cause=cause, causes=list(case.policy.supervision.causes)
        )
    if any(notice.cause == cause for notice in case.life.open_notices):
        raise case.refuse(Why.ALREADY_SUPERVISED, cause=cause)
    case.data["unit"] = case.life.lead


def _replies(case: _Case) -> None:
    case.data["serial"] = _own_notices(case)[0]


_CHECKS: dict[Step, Callable[[_Case], State | None]] = {
    Step.DISPATCH: _to_units,
    Step.DETERMINE: _to_units,
    Step.ADD_CO: _adds_co,
    Step.RELEASE_CO: _releases_co,
    Step.CO_ACKNOWLEDGE: _for_own_co,
    Step.CO_ANSWER: _for_own_co,
    Step.CO_RETURN: _for_own_co,
    Step.RETURN: _returns,
    Step.REJECT_RETURN: _goes_back,
    Step.ASK_EXTENSION: _asks,
    Step.GRANT_EXTENSION: _grants,
    Step.PAUSE: _pauses,
    Step.FOLLOW_UP: _follows_up,
    Step.ARCHIVE: _archives,
    Step.SUPERVISE: _supervises,
    Step.REPLY_SUPERVISION: _replies,
}


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
            notice.cause == cause and (cause in once or notice.round == life.redo_count)
            for notice in life.notices
        )
    ]
