"""Numbers as Mandarin speaks them."""

from __future__ import annotations

import pytest

from ivr import prompts

TEXT = {name: text for name, text in prompts.TEXTS.items() if name.startswith("digit_")} | {
    "ten": "十",
    "hundred": "百",
    "two_before_unit": "两",
}


def spoken(names: list[str]) -> str:
    return "".join(TEXT.get(name, f"<{name}>") for name in names)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "零"),
        (7, "七"),
        (10, "十"),
        (12, "十二"),
        (20, "二十"),
        (99, "九十九"),
        (100, "一百"),
        (105, "一百零五"),
        (110, "一百一十"),
        (999, "九百九十九"),
        (5000, "九百九十九"),
        (-3, "零"),
    ],
)
def test_quantities(value: int, text: str) -> None:
    assert spoken(prompts.number(value)) == text


def test_two_before_a_measure_word() -> None:
    assert spoken(prompts.place_in_queue(3, 130)) == (
        "<position_before>两<position_after><wait_before>两<wait_after>"
    )


def test_the_first_in_line_is_told_so() -> None:
    assert prompts.place_in_queue(1, 500) == ["next_in_line"]


def test_a_wait_that_isnt_known_isnt_spoken() -> None:
    assert prompts.place_in_queue(4, None) == ["position_before", "digit_3", "position_after"]


def test_agents_numbers_are_read_digit_by_digit() -> None:
    assert spoken(prompts.agent_announcement("1001")) == "<agent_before>幺零零幺<agent_after>"


def test_every_prompt_that_code_can_choose_exists() -> None:
    chosen = {name for value in range(1000) for name in prompts.measured(value)}
    chosen |= set(prompts.place_in_queue(9, 20)) | set(prompts.agent_announcement("0123456789"))
    assert prompts.unknown(sorted(chosen)) == []
