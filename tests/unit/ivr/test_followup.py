"""The follow-up and the spoken notice, with a citizen who is a list of keys."""

from __future__ import annotations

import pytest
from test_menu import Citizen

from ivr import followup, notice, prompts
from ivr.caller import HungUp


def asked(citizen: Citizen, given: followup.Given | None = None) -> tuple[followup.Ended, list]:
    kept: list[followup.Given] = []
    return followup.ask(citizen, given or {}, lambda now: kept.append(dict(now))), kept


def test_given_three_answers_then_each_is_kept_and_noted_at_once() -> None:
    citizen = Citizen("1", "2", "5")
    ended, kept = asked(citizen)
    assert ended is followup.Ended.ANSWERED
    assert kept == [
        {"true": 1},
        {"true": 1, "solved": 2},
        {"true": 1, "solved": 2, "satisfied": 5},
    ]
    assert [facts["answer"] for step, facts in citizen.steps if step == "follow_up.answer"] == [
        1,
        2,
        5,
    ]
    assert citizen.heard[0] == "follow_up_hello"
    assert citizen.heard[-1] == "follow_up_thanks"
    assert prompts.unknown(citizen.heard) == []


def test_given_answers_of_before_then_only_the_others_are_asked() -> None:
    citizen = Citizen("1", "3")
    ended, kept = asked(citizen, {"true": 2})
    assert ended is followup.Ended.ANSWERED
    assert kept[-1] == {"true": 2, "solved": 1, "satisfied": 3}
    assert "follow_up_hello" not in citizen.heard
    assert "follow_up_true" not in citizen.heard


@pytest.mark.parametrize("before", [(), ("1",), ("1", "2")])
def test_given_0_at_any_question_then_a_person_is_wanted(before: tuple[str, ...]) -> None:
    citizen = Citizen(*before, "0")
    ended, _ = asked(citizen)
    assert ended is followup.Ended.PERSON
    assert citizen.steps[-1][0] == "follow_up.person"


@pytest.mark.parametrize("keys", [(), ("7", "9"), ("1", None, "6")])
def test_given_silence_or_wrong_keys_twice_then_it_ends_without_an_answer(keys: tuple) -> None:
    citizen = Citizen(*keys)
    ended, _ = asked(citizen)
    assert ended is followup.Ended.SILENT
    assert citizen.steps[-1][0] == "follow_up.silent"


def test_given_a_wrong_key_once_then_the_question_is_asked_again() -> None:
    citizen = Citizen("3", "1", "1", "1")
    ended, kept = asked(citizen)
    assert ended is followup.Ended.ANSWERED
    assert kept[0] == {"true": 1}
    assert "wrong_key" in citizen.heard


def test_given_a_citizen_who_hangs_up_then_what_was_answered_is_kept() -> None:
    kept: list[followup.Given] = []
    with pytest.raises(HungUp):
        followup.ask(Citizen("1", "hang up"), {}, lambda now: kept.append(dict(now)))
    assert kept == [{"true": 1}]


@pytest.mark.parametrize(
    ("text", "given"),
    [
        ("true:1 solved:2", {"true": 1, "solved": 2}),
        ("", {}),
        ("true:9 satisfied:5 evil:1 solved", {"satisfied": 5}),
        ("satisfied:05x true:²", {}),
    ],
)
def test_answers_on_the_channel_are_read_with_care(text: str, given: followup.Given) -> None:
    assert followup.read(text) == given
    assert followup.read(followup.write(given)) == given


def test_given_1_then_a_notice_counts_as_heard() -> None:
    citizen = Citizen("2", "1")
    assert notice.tell(citizen, ("notice_hello", "notice_red"))
    assert [step for step, _ in citizen.steps] == ["notice.heard"]
    assert citizen.heard.count("notice_hello") == 2


def test_given_a_machine_that_answers_then_a_notice_is_not_heard() -> None:
    citizen = Citizen()
    assert not notice.tell(citizen, ("notice_hello",))
    assert citizen.steps == []
    assert citizen.heard.count("notice_hello") == notice.TIMES
