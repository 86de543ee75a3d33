"""Faults in hotline and queue files name the place."""

from __future__ import annotations

from pathlib import Path

import pytest

from callcenter.datafile import DataFileError
from callcenter.hotlines import load_hotlines
from callcenter.queues import load_queues

HOTLINE = """name: city
title: City
numbers: ["12345"]
queue: general
menu: main
menus:
  main:
    prompt: [menu_main]
    keys:
      "1": {queue: general}
"""


def hotlines(folder: Path, text: str) -> Path:
    (folder / "city.yaml").write_text(text, "utf-8")
    return folder


def queues(folder: Path, text: str) -> Path:
    file = folder / "queues.yaml"
    file.write_text(text, "utf-8")
    return file


def test_a_skill_expression_that_does_not_parse_names_file_line_key_and_column(
    tmp_path: Path,
) -> None:
    text = HOTLINE.replace("{queue: general}", '{queue: general, requirement: "tax and"}')
    with pytest.raises(DataFileError) as caught:
        load_hotlines(hotlines(tmp_path, text))
    complaint = str(caught.value)
    assert complaint.startswith(f"{tmp_path}/city.yaml:10: menus.main.keys.1.requirement: ")
    assert "column 8" in complaint


def test_a_hotline_s_own_expression_is_checked_too(tmp_path: Path) -> None:
    text = HOTLINE.replace("menu: main\n", 'menu: main\nrequirement: "tax >< 3"\n')
    with pytest.raises(DataFileError, match=r"city\.yaml:6: requirement: .* column 6"):
        load_hotlines(hotlines(tmp_path, text))


def test_a_queue_file_names_line_queue_key_and_column(tmp_path: Path) -> None:
    known = load_hotlines(hotlines(tmp_path, HOTLINE))
    file = queues(tmp_path, "queues:\n  general:\n    requirement: (tax\n")
    with pytest.raises(DataFileError) as caught:
        load_queues(file, known)
    assert str(caught.value).startswith(f"{file}:3: queue 'general', requirement: expected a skill")
    assert "column 5" in str(caught.value)


def test_a_class_that_the_queues_do_not_know_is_named_with_its_hotline(tmp_path: Path) -> None:
    text = HOTLINE.replace("{queue: general}", "{queue: general, classes: [royal]}")
    known = load_hotlines(hotlines(tmp_path, text))
    file = queues(tmp_path, "queues: {general: {}}\n")
    with pytest.raises(DataFileError, match=r"'royal' too, which hotline city names \(menus\.main"):
        load_queues(file, known)


def test_what_the_hotline_and_the_key_ask_for_counts_together(tmp_path: Path) -> None:
    from ivr.menu import to_queue

    text = HOTLINE.replace("menu: main\n", "menu: main\nrequirement: tax or customs\n")
    text = text.replace(
        "{queue: general}", '{queue: general, requirement: "cantonese", classes: [emergency]}'
    )
    hotline = load_hotlines(hotlines(tmp_path, text))["12345"]
    target = to_queue(hotline, hotline.menus["main"].keys["1"])
    assert target.requirement == "(tax or customs) and (cantonese)"
    assert target.classes == ("emergency",)
    assert to_queue(hotline).requirement == "tax or customs"


@pytest.mark.parametrize(
    ("rule", "where"),
    [
        ("{queue: general, requirement: tax and}", r"history\[0\]\.requirement: .*column 8"),
        ("{queue: general, requirement: anyone}", r"history\[0\]\.requirement: .*for something"),
        ("{queue: evening, requirement: tax}", r"history\[0\]\.queue: expected one of general"),
        ("{requirement: tax}", r"history\[0\]\.asked: expected either a queue or"),
        ("{queue: general, asked: tax, requirement: tax}", r"history\[0\]\.asked: expected either"),
        ("{asked: a or b, requirement: tax}", r"history\[0\]\.asked: expected the name of one"),
        ("{asked: tax, days: 0, requirement: tax}", r"history\[0\]\.days: "),
        ("{asked: tax, calls: 11, requirement: tax}", r"history\[0\]\.calls: "),
        ("{asked: tax}", r"history\[0\]: expected all keys it needs"),
    ],
)
def test_a_history_rule_that_cannot_be_used_names_line_queue_and_key(
    tmp_path: Path, rule: str, where: str
) -> None:
    known = load_hotlines(hotlines(tmp_path, HOTLINE))
    file = queues(tmp_path, f"queues:\n  general:\n    history:\n      - {rule}\n")
    with pytest.raises(DataFileError, match=rf":4: queue 'general', {where}"):
        load_queues(file, known)
