"""The automatic follow-up of an order: is the answer true, is it solved, are you satisfied?

Three questions by keypad (Heyuan draft §14: five levels; 三率: contacted, solved, satisfied). 0
leads to a person at any of them. What was answered is handed to `keep` at once, so that another
controller goes on with the next question.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from ivr.caller import Caller

PERSON = "0"
ATTEMPTS = 2  # of each question
SECONDS = 6.0


@dataclass(frozen=True, slots=True)
class Question:
    name: str
    prompt: str
    keys: Mapping[str, int]


# 1 is yes and 2 is no; satisfied: 1 非常满意 … 5 非常不满意
YES_NO = {"1": 1, "2": 2}
QUESTIONS = (
    Question("true", "follow_up_true", YES_NO),
    Question("solved", "follow_up_solved", YES_NO),
    Question("satisfied", "follow_up_satisfied", {str(level): level for level in range(1, 6)}),
)
Given = dict[str, int]


class Ended(Enum):
    ANSWERED = "answered"
    PERSON = "person"
    SILENT = "silent"  # a question went unanswered: perhaps nobody, perhaps a machine


def ask(caller: Caller, given: Given, keep: Callable[[Given], None]) -> Ended:
    """Ask what isn't `given` yet; raise HungUp when the citizen hangs up."""
    given = dict(given)
    opening = ("follow_up_hello",) if not given else ()
    for question in QUESTIONS:
        if question.name in given:
            continue
        key = _answer(caller, question, opening)
        if key == PERSON:
            caller.note("follow_up.person", question=question.name)
            return Ended.PERSON
        if key is None:
            caller.note("follow_up.silent", question=question.name)
            caller.play(("goodbye",))
            return Ended.SILENT
        opening = ()
        given[question.name] = question.keys[key]
        keep(given)
        caller.note("follow_up.answer", question=question.name, answer=given[question.name])
    caller.play(("follow_up_thanks",))
    return Ended.ANSWERED


def _answer(caller: Caller, question: Question, opening: tuple[str, ...]) -> str | None:
    """The key that answers, 0 for a person, None for neither."""
    first = "follow_up_person" if opening else None
    said = (*opening, question.prompt, *([first] if first else []))
    for _ in range(ATTEMPTS):
        key = caller.ask(said, seconds=SECONDS)
        if key == PERSON or key in question.keys:
            return key
        said = ("silence" if key is None else "wrong_key", question.prompt)
    return None


def write(given: Given) -> str:
    """As one channel variable."""
    return " ".join(f"{name}:{value}" for name, value in given.items())


def read(text: str) -> Given:
    """From a channel variable; what isn't an answer is left out."""
    found: Given = {}
    for part in text.split():
        name, _, value = part.partition(":")
        question = next((each for each in QUESTIONS if each.name == name), None)
        if question is not None and value.isdecimal() and int(value) in question.keys.values():
            found[name] = int(value)
    return found
