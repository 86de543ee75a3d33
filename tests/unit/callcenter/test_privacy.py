"""Hostile text made harmless."""

from __future__ import annotations

import pytest

from callcenter.call_state import CallState, Stage
from callcenter.privacy import clean_name, clean_number, clean_text, mask


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("13812345678", "13812345678"),
        ("+8613812345678", "+8613812345678"),
        (" 041255550000 ", "041255550000"),
        ("<script>", "anonymous"),
        ("1380000;rm -rf", "anonymous"),
        ("", "anonymous"),
        ("9" * 200, "anonymous"),
        ("１３８１２３４５６７８", "anonymous"),
    ],
)
def test_a_number_is_digits_or_nobodys(sent: str, kept: str) -> None:
    assert clean_number(sent) == kept


def test_text_loses_what_nobody_can_see() -> None:
    assert clean_text("王\r\nEvent-Name: X\0\u202e小") == "王Event-Name: X小"
    assert clean_text("王" * 4000) == "王" * 64


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("13812345678", ""),
        ("王小明", "王小明"),
        ("王 13812345678", "王 138****5678"),
        ("12345678王12", "123****5678王12"),
    ],
)
def test_a_display_name_tells_no_telephone_number(sent: str, kept: str) -> None:
    assert clean_name(sent) == kept


@pytest.mark.parametrize(
    ("number", "shown"),
    [("13812345678", "138****5678"), ("12345", "1****"), ("anonymous", "anonymous"), ("", "")],
)
def test_masked_numbers(number: str, shown: str) -> None:
    assert mask(number) == shown


def test_a_calls_state_survives_on_its_channel() -> None:
    state = CallState(
        stage=Stage.QUEUE,
        hotline="city",
        queue="general",
        requirement="topic.tax >= 3",
        priority=2,
        arrived_at=1764000000.25,
        queued_at=1764000010.5,
    )
    assert CallState.read(state.write()) == state


def test_unreadable_variables_keep_the_defaults() -> None:
    assert CallState.read({"cc_stage": "nonsense", "cc_priority": "x"}) == CallState()
