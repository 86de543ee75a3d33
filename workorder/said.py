"""Checking what is said with a step against the order and the rules.

A check may complete the event's data, and may give another target than the table's.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from workorder import clocks, ledger
from workorder.cases import Case, acts_for, own_notices, own_open_co, return_until
from workorder.clocks import Clock
from workorder.policy import ByPerson
from workorder.refusals import Why
from workorder.states import State, Step
from workorder.worktime import Duration, Measure, midnight


def _to_units(case: Case) -> None:
    lead = case.data["unit"]
    co_units = [unit for unit in case.data.get("co_units", []) if unit != lead]
    for unit in (lead, *co_units):
        _known(case, unit)
    case.data["co_units"] = co_units


def _known(case: Case, unit: str) -> None:
    if not case.rules.units.active(unit):
        raise case.refuse(Why.UNKNOWN_UNIT, unit=unit)


def _adds_co(case: Case) -> None:
    unit = case.data["unit"]
    _known(case, unit)
    if unit == case.life.lead or unit in [part.unit for part in case.life.co]:
        raise case.refuse(Why.CO_TWICE, unit=unit)


def _releases_co(case: Case) -> None:
    if case.data["unit"] not in [part.unit for part in case.life.co]:
        raise case.refuse(Why.NOT_CO, unit=case.data["unit"])


def _hands_down(case: Case) -> None:
    """Within the actor's own part of the tree: also to another unit there, or back to itself."""
    unit, lead = case.data["unit"], case.life.lead
    _known(case, unit)
    if unit == lead or not acts_for(case, unit):
        raise case.refuse(Why.NOT_BELOW, unit=unit)
    if unit in [part.unit for part in case.life.co]:
        raise case.refuse(Why.CO_TWICE, unit=unit)
    # Who gets it back, from the top: those units above the new one that had it.
    had = [*case.life.above, *([lead] if lead else [])]
    case.data["above"] = [each for each in had if each != unit and _within(case, unit, each)]


def _hands_back(case: Case) -> None:
    *above, unit = case.life.above
    case.data["unit"], case.data["above"] = unit, above


def _within(case: Case, unit: str, above: str) -> bool:
    return case.rules.units.within(unit, above)


def _for_own_co(case: Case) -> None:
    case.data["unit"] = own_open_co(case)[0]


def _returns(case: Case) -> None:
    """Within the shorter limit, unless the site had to be looked at."""
    rule = case.policy.return_
    checked = case.data.get("site_check") and rule.site_check
    until = return_until(case, rule.site_check if checked and rule.site_check else rule.limit)
    if until is None or case.at > until:
        raise case.refuse(Why.RETURN_TOO_LATE, until=until or "–")


def _goes_back(case: Case) -> State:
    return case.life.returned_from or State.DISPATCHED


def _asks(case: Case) -> None:
    most = _longest_extension(case)
    if case.data["workdays"] > most:
        raise case.refuse(Why.EXTENSION_TOO_LONG, most=most)
    lines = ledger.running_of(case.life, Clock.RESOLVE)
    due = clocks.reckon(lines, case.policy, case.rules.calendar).due_at
    day = Duration(case.data["workdays"], Measure.WORKDAYS)
    if due is not None:  # the new date that the source asks for
        new = clocks.add(case.rules.calendar, due, day)
        case.data["new_due"] = new.astimezone(dt.UTC).isoformat()


def _longest_extension(case: Case) -> int:
    """In working days."""
    most = case.policy.extension.most
    if most is None:
        most = case.policy.rule(ledger.running_of(case.life, Clock.RESOLVE)[0].rule).limit
    if most.measure in (Measure.WORKDAYS, Measure.DAYS):
        return most.amount
    return max(1, -(-most.seconds // 86_400))


def _grants(case: Case) -> None:
    asked = case.life.extension_workdays
    granted = case.data.setdefault("workdays", asked)
    if granted > asked:
        raise case.refuse(Why.EXTENSION_TOO_LONG, most=asked)


def _pauses(case: Case) -> None:
    if midnight(dt.date.fromisoformat(case.data["until"])) <= case.at:
        raise case.refuse(Why.FIELD_WRONG, field="until", expected="a day after today")


def _follows_up(case: Case) -> State | None:
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


def _by_person(case: Case) -> list[str]:
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


def _archives(case: Case) -> None:
    """A dissatisfied citizen's order is closed only with a reason."""
    if case.life.state is State.FOLLOWED_UP and case.life.dissatisfied and not case.reason:
        raise case.refuse(Why.REASON_NEEDED)


def _supervises(case: Case) -> None:
    cause = case.data["cause"]
    if cause not in case.policy.supervision.causes:
        raise case.refuse(
            Why.CAUSE_NOT_IN_POLICY, cause=cause, causes=list(case.policy.supervision.causes)
        )
    if any(notice.cause == cause for notice in case.life.open_notices):
        raise case.refuse(Why.ALREADY_SUPERVISED, cause=cause)
    case.data["unit"] = case.life.lead


def _replies(case: Case) -> None:
    case.data["serial"] = own_notices(case)[0]


CHECKS: dict[Step, Callable[[Case], State | None]] = {
    Step.DISPATCH: _to_units,
    Step.DETERMINE: _to_units,
    Step.ADD_CO: _adds_co,
    Step.RELEASE_CO: _releases_co,
    Step.HAND_DOWN: _hands_down,
    Step.HAND_BACK: _hands_back,
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
