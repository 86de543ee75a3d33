from __future__ import annotations

import pytest

from labswitch.dialstring import parse, split_outside
from labswitch.text import integer, pairs, words


def test_variables_legs_and_groups() -> None:
    found = parse("{a=1,b='x,y'}[c=2]sofia/agents/1@h,user/2@d|error/user_busy")
    assert found.variables == {"a": "1", "b": "x,y"}
    first, second = found.groups
    assert [(leg.endpoint, leg.rest) for leg in first] == [
        ("sofia", "agents/1@h"),
        ("user", "2@d"),
    ]
    assert first[0].variables == {"c": "2"}
    assert (second[0].endpoint, second[0].rest) == ("error", "user_busy")


def test_several_blocks_and_another_separator() -> None:
    assert parse("{a=1}{^^;b=2,3;c=4}user/1").variables == {"a": "1", "b": "2,3", "c": "4"}


@pytest.mark.parametrize("text", ["", "nobody", "{a=1", "[a=1]", "{a=1}", "/x", "a" * 20000])
def test_what_is_no_dial_string(text: str) -> None:
    with pytest.raises(ValueError):
        parse(text)


def test_splitting_respects_brackets_and_quotes() -> None:
    text = "{n='A B',x=1}user/1 &playback(file one.wav) XML"
    parts = ["{n='A B',x=1}user/1", "&playback(file one.wav)", "XML"]
    assert split_outside(text, " ") == parts


def test_words_take_quotes_away() -> None:
    assert words("a 'b c' d") == ["a", "b c", "d"]
    assert words("a,b\\,c", ",") == ["a", "b,c"]


def test_pairs() -> None:
    assert pairs("^^:a=1:b=x=y") == {"a": "1", "b": "x=y"}
    assert pairs("a=1 b=2", " ") == {"a": "1", "b": "2"}
    assert pairs("nonsense") == {}


def test_numbers_as_c_reads_them() -> None:
    assert integer("17abc") == 17
    assert integer("-3") == -3
    assert integer("x", 5) == 5
    assert integer(None) == 0
