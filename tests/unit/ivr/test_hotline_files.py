"""Hotline files: what is shipped loads, and a fault is named by file, line, key and expectation."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from callcenter import datafile
from callcenter.hotlines import load_hotlines
from callcenter.settings import SettingsError
from ivr.hotline import Hotline, Hours

HOTLINES = Path(__file__).parents[3] / "ivr" / "hotlines"
GOOD = (HOTLINES / "12345.yaml").read_text("utf-8")


def complaint(text: str) -> str:
    with pytest.raises(datafile.DataFileError) as caught:
        datafile.parse(text.encode(), Hotline, name="city.yaml")
    return str(caught.value)


def line_of(text: str, part: str) -> int:
    return text[: text.index(part)].count("\n") + 1


def test_what_is_shipped_loads() -> None:
    hotlines = load_hotlines(HOTLINES)
    assert hotlines["12345"].menu == "main"
    assert hotlines["2613710"].menu is None


@pytest.mark.parametrize(
    ("old", "new", "key", "expected"),
    [
        ("repeats: 2", "repeats: many", "menus.main.repeats", "valid integer"),
        ("repeats: 2", "repeats: 99", "menus.main.repeats", "less than or equal to 5"),
        ('"1": {queue: general}', '"12": {queue: general}', "menus.main.keys.12", "^[0-9*#]$"),
        ("{message: true}", "{message: true, menu: main}", "menus.main.keys.3", "exactly one of"),
        ("prompt: [menu_main]", "prompt: [menu_mian]", "menus.main.prompt", "no prompt menu_mian"),
        ("survey: true", "surveyy: true", "surveyy", "no such key"),
        ('numbers: ["12345"]', 'numbers: ["12a45"]', "numbers.0", "[0-9]{3,15}"),
        ("queue: general\nmenu", "menu", "queue", "needed"),
    ],
)
def test_a_fault_names_line_key_and_expectation(
    old: str, new: str, key: str, expected: str
) -> None:
    text = GOOD.replace(old, new, 1)
    first = complaint(text).splitlines()[0]
    where, found_key, message = first.split(": ", 2)
    assert found_key == key
    assert expected in message
    line = line_of(text, new) if key != "queue" else 1
    assert abs(int(where.removeprefix("city.yaml:")) - line) <= 1


def test_a_menu_that_isnt_there_is_named() -> None:
    text = complaint(GOOD.replace("{menu: auto}", "{menu: atuo}"))
    assert "there is no menu atuo" in text
    assert "auto, closed, main" in text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name: [", "city.yaml:1: not YAML"),
        ("a: &x 1\nb: *x", "city.yaml:1: aliases"),
        ("name: a\nname: b", "city.yaml:2: name: expected once, found twice"),
        ("[" * 200 + "]" * 200, "nested too deeply"),
        ("", "city.yaml:1: file:"),
    ],
)
def test_tricks_of_yaml_are_refused(text: str, expected: str) -> None:
    assert expected in complaint(text)


def test_two_hotlines_cannot_share_a_number(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(GOOD, "utf-8")
    (tmp_path / "b.yaml").write_text(GOOD, "utf-8")
    with pytest.raises(datafile.DataFileError, match=r"12345 belongs to .*a\.yaml"):
        load_hotlines(tmp_path)


def test_no_hotline_at_all_is_said(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"expected \*.yaml"):
        load_hotlines(tmp_path)


def test_hours_by_weekday_holiday_and_make_up_day() -> None:
    hours = Hours.model_validate(
        {
            "week": {
                "mon": [{"start": "09:00", "end": "12:00"}, {"start": "13:00", "end": "24:00"}]
            },
            "closed": ["2026-10-05"],
            "open": {"2026-10-10": [{"start": "08:00", "end": "17:00"}]},
        }
    )

    def at(text: str) -> bool:
        return hours.is_open(dt.datetime.fromisoformat(text + "+08:00"))

    assert not at("2026-09-28T08:59")
    assert at("2026-09-28T09:00")
    assert not at("2026-09-28T12:00")
    assert at("2026-09-28T23:59")
    assert not at("2026-10-05T10:00"), "a Monday that is a holiday"
    assert at("2026-10-10T08:00"), "a Saturday worked to make up for it"
    assert not at("2026-10-03T10:00")
