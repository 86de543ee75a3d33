"""A citizen asks by keypad how far an order is: number, last digits of the telephone, the state.

Nothing but state and deadline is spoken, whoever calls; wrong entries are counted here for the
call and, behind `Lookup`, for the order and the caller.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from ivr import prompts
from ivr.caller import Caller
from ivr.keypad import digits

NUMBER_DIGITS = 14  # day and serial, see workorder.numbering
TAIL_DIGITS = 4
ATTEMPTS = 3
PERSON, AGAIN = "0", "1"
SPOKEN = {
    "accepted": "progress_accepted",
    "dispatched": "progress_dispatched",
    "in_progress": "progress_in_progress",
    "resolved": "progress_resolved",
    "closed": "progress_closed",
    "declined": "progress_declined",
}


@dataclass(frozen=True, slots=True)
class Found:
    """The order's state, a key of `SPOKEN`, and the day by which it is to be resolved."""

    state: str
    deadline: dt.date | None = None


class NotFound(Enum):
    WRONG = "wrong"  # no such order, or another telephone's
    LOCKED = "locked"  # too many wrong entries, perhaps by others
    UNAVAILABLE = "unavailable"  # nobody can say now


Answer = Found | NotFound
Lookup = Callable[[str, str], Answer]


class After(Enum):
    MENU = "menu"
    PERSON = "person"


def ask(caller: Caller, lookup: Lookup) -> After:
    """Lead the citizen through the question; raise HungUp when they do."""
    for attempt in range(ATTEMPTS):
        number = digits(caller, (*_apology(attempt), "progress_number"), most=NUMBER_DIGITS)
        tail = digits(caller, ("progress_phone",), most=TAIL_DIGITS) if number else ""
        answer = lookup(number, tail) if len(tail) == TAIL_DIGITS else NotFound.WRONG
        caller.note("progress.asked", order=number, result=_word(answer))
        match answer:
            case Found():
                caller.note("call.self_served", service="progress")
                return _tell(caller, answer)
            case NotFound.UNAVAILABLE:
                return _offer(caller, ("progress_unavailable",))
            case NotFound.LOCKED:
                return _offer(caller, ("progress_too_many",))
    return _offer(caller, ("progress_too_many",))


def _apology(attempt: int) -> tuple[str, ...]:
    return ("progress_wrong",) if attempt else ()


def _tell(caller: Caller, found: Found) -> After:
    said = spoken(found)
    while True:
        key = caller.ask((*said, "progress_choices"), seconds=5.0)
        if key != AGAIN:
            return After.PERSON if key == PERSON else After.MENU


def spoken(found: Found) -> tuple[str, ...]:
    """Prompts that tell state and deadline."""
    said = ["progress_state", SPOKEN[found.state]]
    if found.deadline is not None:
        said += ["progress_deadline", *prompts.date(found.deadline)]
    return tuple(said)


def _offer(caller: Caller, said: tuple[str, ...]) -> After:
    """What could not be told by machine, a person may."""
    key = caller.ask((*said, "follow_up_person"), seconds=4.0)
    return After.PERSON if key == PERSON else After.MENU


def _word(answer: Answer) -> str:
    return "found" if isinstance(answer, Found) else answer.value
