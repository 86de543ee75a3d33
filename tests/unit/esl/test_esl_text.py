"""Texts from strangers on their way in (events) and out (commands)."""

from __future__ import annotations

import io
import re
from urllib.parse import quote

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.esl import BadArgument, Event, ProtocolError
from callcenter.esl.command import encode, set_variables
from callcenter.esl.frames import read_frame

anything = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
nasty = st.lists(
    st.sampled_from(["\n", "\r", "%0A", "%0D", ": ", "\n\n", "\x85", "\u2028", "\0", "%", "_", "a"])
    | anything
).map("".join)
names = st.from_regex(r"[A-Za-z][A-Za-z0-9_\-]{0,30}", fullmatch=True).filter(
    lambda name: name not in ("Event-Name", "_body", "Content-Length")
)
# FreeSWITCH writes `_undef_` for an empty value, so this text can't be told from one.
values = nasty.filter(lambda value: value != "_undef_")
header_maps = st.dictionaries(names, values, max_size=8)


@given(header_maps)
def test_any_values_survive_json_and_make_no_headers(headers):
    raw = orjson.dumps({"Event-Name": "CHANNEL_PARK", **headers})
    assert Event.from_json(raw).headers == {"Event-Name": "CHANNEL_PARK", **headers}


@given(header_maps, anything)
def test_any_body_stays_body(headers, body):
    raw = orjson.dumps({"Event-Name": "BACKGROUND_JOB", **headers, "_body": body})
    event = Event.from_json(raw)
    assert event.headers == {"Event-Name": "BACKGROUND_JOB", **headers}
    assert event.body == body


@given(header_maps)
def test_any_values_survive_the_plain_form_and_make_no_headers(headers):
    lines = [f"{name}: {quote(value, safe='') or '_undef_'}" for name, value in headers.items()]
    event = Event.from_plain(("\n".join(lines) + "\n\n").encode())
    assert event.headers == headers


@given(header_maps, st.binary(max_size=300), st.sampled_from((1, 7, 64, 8192)))
def test_any_frame_is_read_to_its_last_byte_and_no_further(headers, body, room):
    """However much of it has come when it is looked at."""
    lines = [f"{name}: {quote(value, safe='') or '_undef_'}" for name, value in headers.items()]
    head = "\n".join([*lines, f"Content-Length: {len(body)}"])
    raw = head.encode() + b"\n\n" + body + b"Next: frame\n\n"
    stream = io.BufferedReader(io.BytesIO(raw), buffer_size=room)  # type: ignore[arg-type]
    frame = read_frame(stream)
    assert frame is not None
    assert frame.headers == {**headers, "Content-Length": str(len(body))}
    assert frame.body == body
    after = read_frame(stream)
    assert after is not None
    assert after.headers == {"Next": "frame"}
    assert read_frame(stream) is None


@given(st.binary(max_size=2_000))
def test_no_bytes_at_all_make_the_parsers_fail_otherwise_than_said(raw):
    for parse in (Event.from_json, Event.from_plain):
        try:
            event = parse(raw)
        except ProtocolError:
            continue
        assert all(type(value) is str for value in event.headers.values())
        assert event.at >= 0.0
        assert repr(event).startswith("<Event ")
    stream = io.BufferedReader(io.BytesIO(raw))  # type: ignore[arg-type]
    try:
        while read_frame(stream) is not None:
            pass
    except ProtocolError:
        pass


@given(nasty, st.dictionaries(names, nasty, max_size=4))
def test_a_command_is_sent_as_one_command_or_not_at_all(command, headers):
    try:
        raw = encode(command, headers)
    except BadArgument:
        return
    assert raw.endswith(b"\n\n")
    lines = raw[:-2].decode().split("\n")
    assert lines == [command, *(f"{name}: {value}" for name, value in headers.items())]
    assert b"\r" not in raw
    assert b"\0" not in raw


def separate(text: str, delimiter: str = ";") -> list[str]:
    """FreeSWITCH's `switch_separate_string`, with its quotes, escapes and trimming."""
    pieces, piece, quoted, at = [], "", False, 0
    while at < len(text):
        char = text[at]
        if char == "\\":
            piece += text[at : at + 2]
            at += 2
            continue
        if char == "'" and (quoted or "'" in text[at + 1 :]):
            quoted = not quoted
        if char == delimiter and not quoted:
            pieces.append(piece)
            piece = ""
        else:
            piece += char
        at += 1
    return [clean(piece, delimiter) for piece in [*pieces, piece]]


def clean(piece: str, delimiter: str) -> str:
    out, end, quoted, at = "", None, False, 0
    piece = piece.lstrip(" ")
    special = {"n": "\n", "r": "\r", "t": "\t", "s": " "}
    while at < len(piece):
        char, following = piece[at], piece[at + 1 : at + 2]
        if char == "\\" and (following in ("'", '"', delimiter, "\\") or following in special):
            out += special.get(following, following)
            end = len(out)
            at += 2
            continue
        if char == "'" and (quoted or "'" in piece[at + 1 :]):
            quoted = not quoted
            if quoted:
                end = len(out)
        else:
            out += char
            if char != " " or quoted:
                end = len(out)
        at += 1
    return out if end is None else out[:end]


variable_names = st.from_regex(r"cc_[a-z]{1,8}", fullmatch=True)
variable_values = st.text(
    st.sampled_from("';\\= ^$nrts\"|,") | st.characters(exclude_categories=["Cs"]), max_size=30
)


@given(st.dictionaries(variable_names, variable_values, min_size=1, max_size=6))
def test_any_variable_values_arrive_as_they_were(variables):
    refused = any(re.search("[\r\n\0]|\\$\\\\*\\{", value) for value in variables.values())
    if refused:
        with pytest.raises(BadArgument):
            set_variables("u", variables)
        return
    (line,) = set_variables("u", variables)
    pairs = [pair.split("=", 1) for pair in separate(line.removeprefix("uuid_setvar_multi u "))]
    assert dict(pairs) == variables


def test_many_variables_are_set_in_several_commands():
    lines = set_variables("u", {f"cc_{number}": str(number) for number in range(120)})
    assert [line.count("=") for line in lines] == [50, 50, 20]


@pytest.mark.parametrize("name", ["", "a b", "a=b", "1a", "a;b", "变量"])
def test_what_is_no_variable_name_is_refused(name):
    with pytest.raises(BadArgument):
        set_variables("u", {name: "x"})


def test_an_event_tells_when_it_was_made():
    event = Event({"Event-Date-Timestamp": "1764000000123456"})
    assert event.at == pytest.approx(1764000000.123456)
    assert Event({"Event-Date-Timestamp": "yesterday"}).at == 0.0
    assert Event({"Event-Date-Timestamp": "9" * 5_000}).at == 0.0
    assert Event({}).at == 0.0
