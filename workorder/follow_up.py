"""What a citizen answered about a resolved order, and what follows from it.

Heyuan draft §14: five levels; dissatisfied ones are asked again by a person. Beijing's 三率:
contacted, solved and satisfied are counted apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class State(StrEnum):
    """Of a follow-up: `workorder` decides, `callcenter.followups` carries out."""

    WAITING = "waiting"  # for its next attempt
    DIALING = "dialing"  # the citizen is being called, or is answering
    PERSON = "person"  # somebody of the hotline has to ask or to decide
    DONE = "done"


MOVES: dict[State, frozenset[State]] = {
    State.WAITING: frozenset({State.DIALING, State.PERSON, State.DONE}),
    State.DIALING: frozenset({State.WAITING, State.PERSON, State.DONE}),
    State.PERSON: frozenset({State.DONE}),
    State.DONE: frozenset(),
}


class Result(StrEnum):
    SATISFIED = "satisfied"
    DISSATISFIED = "dissatisfied"
    NOT_REACHED = "not_reached"


class Reason(StrEnum):
    """Why a person is asked."""

    DISSATISFIED = "dissatisfied"
    UNTRUE = "untrue"
    UNSOLVED = "unsolved"
    WANTS_PERSON = "wants_person"
    NOT_REACHED = "not_reached"
    NO_WAY = "no_way"  # neither telephone nor link leads to the citizen
    SUPERVISED = "supervised"
    INCOMPLETE = "incomplete"
    HELD = "held"  # content, but the order can't be archived yet


class Decision(StrEnum):
    """What a person makes of it."""

    REDO = "redo"
    ARCHIVE = "archive"


@dataclass(frozen=True, slots=True)
class Answers:
    """None: not answered. `satisfied`: 1 非常满意 … 5 非常不满意."""

    true: bool | None = None
    solved: bool | None = None
    satisfied: int | None = None

    @classmethod
    def of_keys(cls, given: Mapping[str, Any]) -> Answers:
        """From keys as the flow notes them: 1 is yes, 2 is no."""
        yes = {1: True, 2: False}
        level = given.get("satisfied")
        right = isinstance(level, int) and 1 <= level <= 5
        return cls(
            yes.get(given.get("true", 0)), yes.get(given.get("solved", 0)), level if right else None
        )

    @property
    def complete(self) -> bool:
        return None not in (self.true, self.solved, self.satisfied)

    @property
    def empty(self) -> bool:
        return (self.true, self.solved, self.satisfied) == (None, None, None)

    def as_data(self) -> dict[str, Any]:
        return asdict(self)


def judge(answers: Answers, *, wants_person: bool, satisfied_up_to: int) -> Reason | None:
    """Why a person has to look at it; None: the citizen is content, the order may be closed."""
    if answers.satisfied is not None and answers.satisfied > satisfied_up_to:
        return Reason.DISSATISFIED
    if answers.true is False:
        return Reason.UNTRUE
    if answers.solved is False:
        return Reason.UNSOLVED
    if wants_person:
        return Reason.WANTS_PERSON
    return None if answers.complete else Reason.INCOMPLETE
