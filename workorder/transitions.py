"""The one table of an order's life: which step leads from where to where, and who may take it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from workorder.roles import SYSTEM_ROLE, Role
from workorder.states import State, Step


class Of(StrEnum):
    """Which unit a step belongs to; whoever works for it, or for one above it, may take it."""

    LEAD = "lead"  # 主办
    CO = "co"  # 协办
    SUPERVISED = "supervised"  # the one that a notice went to
    ANY = "any"  # whichever has a part in the order


@dataclass(frozen=True, slots=True)
class Transition:
    """`target` None: the order stays where it is.

    `unit` says for which unit somebody in the role `unit` must work; other roles need none.
    """

    step: Step
    sources: frozenset[State]
    target: State | None
    roles: frozenset[str]
    unit: Of | None = None


INTAKE = frozenset({Role.AGENT, Role.SUPERVISOR, Role.DISPATCHER, Role.OFFICE, Role.ADMINISTRATOR})
DESK = frozenset({Role.DISPATCHER, Role.OFFICE, Role.ADMINISTRATOR})
OFFICE = frozenset({Role.OFFICE, Role.ADMINISTRATOR})
UNIT = frozenset({Role.UNIT})
SYSTEM = frozenset({SYSTEM_ROLE})

HANDLING = frozenset({State.DISPATCHED, State.ACKNOWLEDGED, State.IN_PROGRESS})
TAKEN = frozenset({State.ACKNOWLEDGED, State.IN_PROGRESS})
AFTER = frozenset({State.RESOLVED, State.REVIEWED, State.FOLLOWED_UP})
WAITING = frozenset({State.ACCEPTED, State.RETURNED, State.JOINT})
WITH_LEAD = HANDLING | AFTER
ENDS = frozenset({State.ARCHIVED, State.MERGED})
EVERY = frozenset(State)
OPEN = EVERY - ENDS

_T = Transition

TRANSITIONS: dict[Step, Transition] = {
    row.step: row
    for row in (
        _T(Step.DRAFTED, frozenset({State.DRAFT}), None, INTAKE | SYSTEM),
        _T(Step.EDITED, frozenset({State.DRAFT}) | WAITING, None, INTAKE),
        _T(Step.ATTACHED, EVERY, None, SYSTEM),
        _T(Step.NOTED, EVERY, None, INTAKE | UNIT | SYSTEM, Of.ANY),
        _T(Step.CLASSIFY, WAITING, None, DESK),
        # intake
        _T(Step.ACCEPT, frozenset({State.DRAFT}), State.ACCEPTED, INTAKE | SYSTEM),
        _T(Step.ANSWER, frozenset({State.DRAFT, State.ACCEPTED}), State.ANSWERED, INTAKE),
        _T(
            Step.DECLINE,
            frozenset({State.DRAFT, State.ACCEPTED, State.RETURNED}),
            State.DECLINED,
            INTAKE,
        ),
        _T(
            Step.RECONSIDER,
            frozenset({State.ANSWERED, State.DECLINED}),
            State.ACCEPTED,
            DESK,
        ),
        # dispatch
        _T(
            Step.DISPATCH,
            frozenset({State.ACCEPTED, State.RETURNED}),
            State.DISPATCHED,
            DESK,
        ),
        _T(Step.RECALL, HANDLING, State.ACCEPTED, DESK),
        _T(Step.REJECT_RETURN, frozenset({State.RETURNED}), State.DISPATCHED, DESK),
        _T(
            Step.REFER_JOINT,
            frozenset({State.ACCEPTED, State.RETURNED}),
            State.JOINT,
            DESK,
        ),
        _T(Step.DETERMINE, frozenset({State.JOINT}), State.DISPATCHED, OFFICE),
        _T(Step.ADD_CO, HANDLING, None, DESK),
        _T(Step.RELEASE_CO, HANDLING, None, DESK),
        # handling
        _T(Step.ACKNOWLEDGE, frozenset({State.DISPATCHED}), State.ACKNOWLEDGED, UNIT, Of.LEAD),
        _T(Step.RETURN, HANDLING, State.RETURNED, UNIT, Of.LEAD),
        _T(Step.CONTACT, TAKEN, State.IN_PROGRESS, UNIT, Of.LEAD),
        _T(Step.ARRIVE, TAKEN, None, UNIT, Of.LEAD),
        _T(Step.RESOLVE, TAKEN, State.RESOLVED, UNIT, Of.LEAD),
        _T(Step.HAND_DOWN, HANDLING, State.DISPATCHED, UNIT, Of.LEAD),
        _T(Step.HAND_BACK, HANDLING, State.DISPATCHED, UNIT, Of.LEAD),
        _T(Step.CO_ACKNOWLEDGE, HANDLING, None, UNIT, Of.CO),
        _T(Step.CO_ANSWER, HANDLING, None, UNIT, Of.CO),
        _T(Step.CO_RETURN, HANDLING, None, UNIT, Of.CO),
        # time
        _T(Step.ASK_EXTENSION, TAKEN, None, UNIT, Of.LEAD),
        _T(Step.GRANT_EXTENSION, TAKEN, None, DESK),
        _T(Step.REFUSE_EXTENSION, TAKEN, None, DESK),
        _T(Step.PAUSE, TAKEN, None, OFFICE),
        _T(Step.RESUME, TAKEN, None, OFFICE | SYSTEM),
        # after
        _T(Step.REVIEW, frozenset({State.RESOLVED}), State.REVIEWED, DESK),
        _T(Step.FOLLOW_UP, frozenset({State.REVIEWED}), State.FOLLOWED_UP, INTAKE | SYSTEM),
        _T(
            Step.REDO,
            frozenset({State.RESOLVED, State.FOLLOWED_UP}),
            State.DISPATCHED,
            DESK,
        ),
        _T(
            Step.ARCHIVE,
            frozenset({State.ANSWERED, State.DECLINED, State.FOLLOWED_UP}),
            State.ARCHIVED,
            DESK | SYSTEM,
        ),
        _T(Step.SUPERVISE, WITH_LEAD, None, OFFICE | SYSTEM),
        _T(Step.REPLY_SUPERVISION, WITH_LEAD, None, UNIT, Of.SUPERVISED),
        _T(Step.REQUEST_WRITTEN, AFTER | {State.ARCHIVED}, None, INTAKE),
        _T(Step.ISSUE_WRITTEN, AFTER | {State.ARCHIVED}, None, UNIT, Of.LEAD),
        # repeats
        _T(Step.LINK, OPEN, None, INTAKE | SYSTEM),
        _T(Step.REPEATED, EVERY, None, SYSTEM),
        _T(Step.MARK_KEY, OPEN, None, DESK | SYSTEM),
        _T(Step.MERGE, frozenset({State.DRAFT}) | WAITING, State.MERGED, INTAKE),
        _T(Step.UNMERGE, frozenset({State.MERGED}), State.ACCEPTED, DESK),
    )
}

OWNERS: dict[State, str] = {
    State.DRAFT: "agent",
    State.ACCEPTED: "dispatcher",
    State.ANSWERED: "dispatcher",
    State.DECLINED: "dispatcher",
    State.RETURNED: "dispatcher",
    State.JOINT: "office",
    State.RESOLVED: "office",
    State.REVIEWED: "office",
    State.FOLLOWED_UP: "office",
    State.ARCHIVED: "office",
    State.MERGED: "office",
}  # in the others it is the lead


def steps_from(state: State) -> list[Step]:
    """Every step that the table knows from `state`, whoever takes it."""
    return [row.step for row in TRANSITIONS.values() if state in row.sources]
