"""Promises on the disk."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from callcenter.callback_book import Callback, CallbackBook

PROMISE = Callback(
    id="0b2bad12-1ca1-4646-a426-5701f8d67cca",
    call="8a411c03",
    number="13800000000",
    dialed="12345",
    hotline="city",
    queue="general",
    reason="asked",
    priority=2,
    queued_at=1_772_300_000.25,
)


def test_what_is_saved_is_read_by_another_process(tmp_path: Path) -> None:
    CallbackBook(tmp_path).save(PROMISE)
    again = CallbackBook(tmp_path)
    assert again.ids() == {PROMISE.id}
    assert again.read(PROMISE.id) == PROMISE


def test_saving_again_replaces_and_removing_twice_is_fine(tmp_path: Path) -> None:
    book = CallbackBook(tmp_path)
    book.save(PROMISE)
    book.save(replace(PROMISE, attempts=1))
    found = book.read(PROMISE.id)
    assert found is not None
    assert found.attempts == 1
    book.remove(PROMISE.id)
    book.remove(PROMISE.id)
    assert book.ids() == set()
    assert book.read(PROMISE.id) is None


def test_only_one_keeps_the_book_until_it_is_gone(tmp_path: Path) -> None:
    first, second = CallbackBook(tmp_path), CallbackBook(tmp_path)
    assert first.keep()
    assert first.keep()
    assert not second.keep()
    first.close()
    assert second.keep()
    second.close()


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"id": 1}', "\x00", '{"strange": "key"}'])
def test_a_damaged_file_is_passed_over(tmp_path: Path, content: str) -> None:
    (tmp_path / f"{PROMISE.id}.json").write_text(content)
    assert CallbackBook(tmp_path).read(PROMISE.id) is None


def test_an_id_that_is_a_path_reaches_nothing(tmp_path: Path) -> None:
    (tmp_path / "secret.json").write_text(json.dumps({}))
    book = CallbackBook(tmp_path / "callbacks")
    assert book.read("../secret") is None
    with pytest.raises(ValueError, match="not a promise's id"):
        book.remove("../secret")
