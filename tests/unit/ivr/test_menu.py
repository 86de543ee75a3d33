"""The menu walked by a citizen who is a list of keys."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from callcenter import datafile
from ivr.caller import HungUp
from ivr.hotline import Hotline
from ivr.menu import ToMessage, ToQueue, walk
from ivr.survey import rate

HOTLINES = Path(__file__).parents[3] / "ivr" / "hotlines"


class Citizen:
    """Answers every question with the next key; None is silence, "hang up" hangs up."""

    def __init__(self, *keys: str | None) -> None:
        self.keys = list(keys)
        self.heard: list[str] = []
        self.steps: list[tuple[str, dict[str, object]]] = []

    def play(self, prompts: Sequence[str]) -> None:
        self.heard += prompts

    def ask(self, prompts: Sequence[str], *, seconds: float) -> str | None:
        self.heard += prompts
        key = self.keys.pop(0) if self.keys else None
        if key == "hang up":
            raise HungUp
        return key

    def note(self, step: str, **facts: object) -> None:
        self.steps.append((step, facts))


@pytest.fixture(scope="module")
def hotline() -> Hotline:
    return datafile.load(HOTLINES / "12345.yaml", Hotline)


@pytest.mark.parametrize("key", ["1", "0"])
@pytest.mark.parametrize("way", [(), ("2",)])
def test_1_and_0_lead_to_a_person_from_every_menu(
    hotline: Hotline, way: tuple[str, ...], key: str
) -> None:
    assert walk(Citizen(*way, key), hotline, "main") == ToQueue("general")


@pytest.mark.parametrize("keys", [(None,) * 3, ("7", "*", "#"), (None, "5", None)])
def test_silence_and_wrong_keys_are_asked_again_twice_then_lead_to_a_person(
    hotline: Hotline, keys: tuple[str | None, ...]
) -> None:
    citizen = Citizen(*keys)
    assert walk(citizen, hotline, "main") == ToQueue("general")
    assert citizen.heard.count("menu_main") == 3
    assert [step for step, _ in citizen.steps if step != "menu.entered"] == [
        "menu.silence" if key is None else "menu.wrong_key" for key in keys
    ]


def test_3_leads_to_a_message(hotline: Hotline) -> None:
    assert walk(Citizen("3"), hotline, "main") == ToMessage()


def test_out_of_hours_whatever_leads_to_a_person_leads_to_a_message(hotline: Hotline) -> None:
    assert walk(Citizen("1"), hotline, "closed", people=False) == ToMessage()
    assert walk(Citizen("0"), hotline, "main", people=False) == ToMessage()


def test_information_is_played_and_the_menu_comes_again(hotline: Hotline) -> None:
    citizen = Citizen("2", "2", None, "9", "1")
    assert walk(citizen, hotline, "main") == ToQueue("general")
    assert "about" in citizen.heard
    assert citizen.heard.count("menu_auto") == 2
    assert [facts["menu"] for step, facts in citizen.steps if step == "menu.entered"] == [
        "main",
        "auto",
        "auto",
        "main",
    ]


def test_information_can_be_left_for_a_person(hotline: Hotline) -> None:
    assert walk(Citizen("2", "2", "0"), hotline, "main") == ToQueue("general")


def test_hanging_up_leaves_the_menu(hotline: Hotline) -> None:
    with pytest.raises(HungUp):
        walk(Citizen("2", "hang up"), hotline, "main")


@pytest.mark.parametrize(("key", "rating"), [("1", 1), ("5", 5)])
def test_a_rating_is_noted(key: str, rating: int) -> None:
    citizen = Citizen(key)
    assert rate(citizen) == rating
    assert citizen.steps == [("survey.rated", {"rating": rating})]


@pytest.mark.parametrize("keys", [(None, None), ("9", "0"), ("#", None)])
def test_no_rating_is_no_rating(keys: tuple[str | None, ...]) -> None:
    citizen = Citizen(*keys)
    assert rate(citizen) is None
    assert citizen.steps == [("survey.silent", {"attempts": 2})]
    assert citizen.heard[-1] == "goodbye"
