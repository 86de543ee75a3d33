"""What follows from answers, when people may be called, and what a wish looks like."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from callcenter import outreach
from callcenter.call_wish import CallWish, WishBook
from callcenter.datafile import DataFileError
from callcenter.outreach import Hours
from workorder.follow_up import MOVES, Answers, Reason, State, judge

CHINA = ZoneInfo("Asia/Shanghai")
GOOD = {"true": 1, "solved": 1, "satisfied": 1}


@pytest.mark.parametrize(
    ("given", "wants_person", "reason"),
    [
        (GOOD, False, None),
        (GOOD | {"satisfied": 3}, False, None),  # 基本满意
        (GOOD | {"satisfied": 4}, False, Reason.DISSATISFIED),
        (GOOD | {"true": 2}, False, Reason.UNTRUE),
        (GOOD | {"solved": 2}, False, Reason.UNSOLVED),
        (GOOD, True, Reason.WANTS_PERSON),
        ({"true": 1}, False, Reason.INCOMPLETE),
        ({"true": 1, "solved": 2}, True, Reason.UNSOLVED),
        ({}, True, Reason.WANTS_PERSON),
    ],
)
def test_who_is_left_to_a_person(
    given: dict[str, int], wants_person: bool, reason: Reason | None
) -> None:
    answers = Answers.of_keys(given)
    assert judge(answers, wants_person=wants_person, satisfied_up_to=3) is reason


@pytest.mark.parametrize("odd", [{"satisfied": 9}, {"true": "1"}, {"satisfied": None}, {"x": 1}])
def test_odd_answers_are_none(odd: dict[str, object]) -> None:
    assert Answers.of_keys(odd).empty


def test_every_state_has_a_way_out_but_the_last() -> None:
    assert {state for state in State if not MOVES[state]} == {State.DONE}
    assert set(MOVES) == set(State)


@pytest.mark.parametrize(
    ("local", "closes"),
    [
        ("2026-03-02 08:59", None),
        ("2026-03-02 09:00", "2026-03-02 20:00"),
        ("2026-03-02 19:59", "2026-03-02 20:00"),
        ("2026-03-02 20:00", None),
        ("2026-03-01 12:00", None),  # a Sunday
    ],
)
def test_people_are_called_at_decent_hours(local: str, closes: str | None) -> None:
    hours = Hours(days=("mon", "tue", "wed", "thu", "fri", "sat"))
    moment = dt.datetime.fromisoformat(local).replace(tzinfo=CHINA)
    found = hours.closes_at(moment)
    assert (found and found.strftime("%Y-%m-%d %H:%M")) == closes


def test_the_day_may_end_at_midnight() -> None:
    late = dt.datetime(2026, 3, 2, 23, 59, tzinfo=CHINA)
    assert Hours(start="00:00", end="24:00").closes_at(late) == dt.datetime(
        2026, 3, 3, tzinfo=CHINA
    )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("follow_up: {hours: {start: '20:00', end: '09:00'}}", "must be before end"),
        ("email: {host: mail, sender: nobody}", r"email\.sender"),
        ("sms: {url: 'ftp://x'}", r"sms\.url"),
        ("colour: red", "no such key"),
    ],
)
def test_a_fault_in_the_file_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    file = tmp_path / "outreach.yaml"
    file.write_text(text, "utf-8")
    with pytest.raises(DataFileError, match=complaint):
        outreach.load(file)


def test_without_a_file_only_our_own_calls_go_out() -> None:
    assert outreach.load(None).email is None
    assert outreach.load(None).sms is None


WISH = CallWish(id="0b2bad12-1ca1-4646-a426-5701f8d67cca", purpose="follow_up", number="138")


def test_a_wish_is_read_by_another_process(tmp_path: Path) -> None:
    WishBook(tmp_path).save(WISH)
    assert WishBook(tmp_path).read(WISH.id) == WISH


@pytest.mark.parametrize(
    "content", ["{}", "[]", json.dumps({"id": "1", "purpose": "prank", "number": "1"})]
)
def test_a_damaged_wish_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / f"{WISH.id}.json").write_text(content)
    assert WishBook(tmp_path).read(WISH.id) is None
