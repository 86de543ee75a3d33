"""What stands against a step, whatever is said with it."""

from __future__ import annotations

from collections.abc import Callable

from workorder import ledger
from workorder.cases import (
    Case,
    acts_for,
    ask_of,
    ask_until,
    own_notices,
    own_open_co,
    return_until,
)
from workorder.clocks import Clock
from workorder.policy import JointWhen
from workorder.refusals import Why
from workorder.states import State, Step


def standing(case: Case) -> None:
    """Raise Refused when the order or the rules don't allow the step."""
    check = STANDING.get(case.step)
    if check is not None:
        check(case)


def _may_dispatch(case: Case) -> None:
    returned = case.life.state is State.RETURNED
    if returned and case.policy.joint.when is JointWhen.ALWAYS:
        raise case.refuse(Why.ONLY_JOINT)


def _may_return(case: Case) -> None:
    life = case.life
    if life.designated:
        raise case.refuse(Why.DESIGNATED)
    if life.above and not acts_for(case, life.above[0]):
        raise case.refuse(Why.HANDED_DOWN, unit=life.above[-1])
    if life.redo_count:
        raise case.refuse(Why.REDO_STAYS)
    if life.return_rejected:
        raise case.refuse(Why.RETURN_REJECTED)
    rule = case.policy.return_
    until = return_until(case, rule.site_check or rule.limit)
    if until is None or case.at > until:
        raise case.refuse(Why.RETURN_TOO_LATE, until=until or "–")


def _may_hand_on(case: Case) -> None:
    """Not while something waits that only an acknowledged order can be answered on."""
    if case.life.paused:
        raise case.refuse(Why.PAUSED)
    if case.life.extension_state == "asked":
        raise case.refuse(Why.EXTENSION_PENDING)


def _may_hand_back(case: Case) -> None:
    if not case.life.above:
        raise case.refuse(Why.NOT_HANDED_DOWN)
    _may_hand_on(case)


def _may_ask(case: Case) -> None:
    life, policy = case.life, case.policy
    if life.paused:
        raise case.refuse(Why.PAUSED)
    if life.extension_state == "asked":
        raise case.refuse(Why.EXTENSION_PENDING)
    if life.redo_count and not policy.redo.extension:
        raise case.refuse(Why.NO_EXTENSION_IN_REDO)
    ask = ask_of(life, policy)
    if ask is None:
        raise case.refuse(
            Why.NO_MORE_EXTENSIONS, most=len(policy.extension.asks), count=life.extension_count
        )
    until = ask_until(case, ask)
    if until is None or case.at > until:
        raise case.refuse(Why.EXTENSION_TOO_LATE, until=until or "–")


def _is_asked(case: Case) -> None:
    if case.life.extension_state != "asked":
        raise case.refuse(Why.NO_EXTENSION_ASKED)


def _grantable(case: Case) -> None:
    _is_asked(case)
    if case.life.paused:
        raise case.refuse(Why.PAUSED)


def _runs(case: Case) -> None:
    if case.life.paused or not ledger.running_of(case.life, Clock.RESOLVE):
        raise case.refuse(Why.PAUSED)


def _stands_still(case: Case) -> None:
    if not case.life.paused:
        raise case.refuse(Why.NOT_PAUSED)


def _answers_are_in(case: Case) -> None:
    missing = case.life.open_co
    if missing:
        raise case.refuse(Why.CO_OPEN, units=[part.unit for part in missing])


def _has_open_co(case: Case) -> None:
    if not own_open_co(case):
        raise case.refuse(Why.NOT_CO, unit=case.actor.unit or "–")


def _redoable(case: Case) -> None:
    most = case.policy.redo.most
    if most is not None and case.life.redo_count >= most:
        raise case.refuse(Why.NO_MORE_REDOS, most=most)


def _archivable(case: Case) -> None:
    if case.life.open_notices:
        raise case.refuse(Why.SUPERVISION_OPEN)
    if case.life.written == "requested":
        raise case.refuse(Why.WRITTEN_OPEN)


def _was_supervised(case: Case) -> None:
    if not own_notices(case):
        raise case.refuse(Why.NO_NOTICE)


def _written_possible(case: Case) -> None:
    if case.life.lead is None:
        raise case.refuse(Why.NO_LEAD)
    if case.life.written == "requested":
        raise case.refuse(Why.WRITTEN_OPEN)


def _written_wanted(case: Case) -> None:
    if case.life.written != "requested":
        raise case.refuse(Why.NO_WRITTEN_ASKED)


def _releasable(case: Case) -> None:
    if not case.life.co:
        raise case.refuse(Why.NOT_CO, unit="–")


STANDING: dict[Step, Callable[[Case], None]] = {
    Step.DISPATCH: _may_dispatch,
    Step.RETURN: _may_return,
    Step.HAND_DOWN: _may_hand_on,
    Step.HAND_BACK: _may_hand_back,
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
