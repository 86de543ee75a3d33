"""Asking by keypad how far an order is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import pytest
from test_menu import Citizen

from ivr import progress, prompts
from ivr.keypad import digits
from ivr.progress import After, Found, NotFound

NUMBER = "20260301000042"
FOUND = Found("in_progress", dt.date(2026, 3, 12))


class Clerk:
    """Knows one order."""

    def __init__(self, *answers: progress.Answer) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, str]] = []

    def __call__(self, number: str, tail: str) -> progress.Answer:
        self.asked.append((number, tail))
        return self.answers.pop(0)


def keys(*typed: Sequence[str | None]) -> list[str | None]:
    return [key for each in typed for key in each]


def test_given_number_and_digits_then_state_and_deadline_are_spoken() -> None:
    citizen, clerk = Citizen(*keys(NUMBER, "1234", "9")), Clerk(FOUND)
    assert progress.ask(citizen, clerk) is After.MENU
    assert clerk.asked == [(NUMBER, "1234")]
    told = ["progress_state", "progress_in_progress", "progress_deadline"]
    told += ["digit_3", "month", "ten", "digit_2", "day", "progress_choices"]
    assert citizen.heard[-len(told) :] == told
    assert ("call.self_served", {"service": "progress"}) in citizen.steps
    assert prompts.unknown(citizen.heard) == []


@pytest.mark.parametrize("state", list(progress.SPOKEN))
def test_every_state_has_words(state: str) -> None:
    assert prompts.unknown(progress.spoken(Found(state))) == []


def test_given_1_after_it_then_it_is_told_again_and_0_leads_to_a_person() -> None:
    citizen = Citizen(*keys(NUMBER, "1234", "1", "0"))
    assert progress.ask(citizen, Clerk(FOUND)) is After.PERSON
    assert citizen.heard.count("progress_in_progress") == 2


def test_given_wrong_entries_then_three_are_enough() -> None:
    wrong = [NotFound.WRONG] * 3
    citizen, clerk = Citizen(*keys(NUMBER, "9999") * 5), Clerk(*wrong)
    assert progress.ask(citizen, clerk) is After.MENU
    assert len(clerk.asked) == 3
    assert citizen.heard.count("progress_wrong") == 2
    assert "progress_too_many" in citizen.heard


@pytest.mark.parametrize(
    ("answer", "heard"),
    [(NotFound.UNAVAILABLE, "progress_unavailable"), (NotFound.LOCKED, "progress_too_many")],
)
def test_given_no_answer_then_it_is_said_and_a_person_offered(answer: NotFound, heard: str) -> None:
    citizen = Citizen(*keys(NUMBER, "1234", "0"))
    assert progress.ask(citizen, Clerk(answer)) is After.PERSON
    assert citizen.heard[-2:] == [heard, "follow_up_person"]


def test_given_silence_then_nobody_is_asked() -> None:
    citizen, clerk = Citizen(), Clerk()
    assert progress.ask(citizen, clerk) is After.MENU
    assert clerk.asked == []


@pytest.mark.parametrize(
    ("pressed", "typed"),
    [("123#", "123"), ("12*345#", "345"), ("1234567", "12345"), ("#", ""), ("*#", "")],
)
def test_numbers_are_typed_and_corrected(pressed: str, typed: str) -> None:
    assert digits(Citizen(*pressed), ("progress_number",), most=5) == typed
