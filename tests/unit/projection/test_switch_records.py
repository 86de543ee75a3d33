"""What the switch's own records tell, and what becomes of files that tell nothing."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from callcenter.cdr import Spool, events_of, parse
from callcenter.events import Event, Kind, Outcome
from callcenter.projection import fold
from callcenter.segments import SegmentWriter, read_segment, segments

SAMPLE = Path(__file__).with_name("freeswitch_record.json")  # written by FreeSWITCH 1.11.1
UUID = "3a6e06e7-68ec-41d2-8fb1-3b42d1a377ed"
NOW = 2_000_000_000.0


def record(**variables: str | None) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(SAMPLE.read_text())
    for name, value in variables.items():
        if value is None:
            told["variables"].pop(name, None)
        else:
            told["variables"][name] = value
    return told


def raw(told: dict[str, Any]) -> bytes:
    return json.dumps(told).encode()


def wav(seconds: float) -> bytes:
    sound = bytes(int(seconds * 16000))
    return b"".join(
        [
            struct.pack("<4sI4s", b"RIFF", 36 + len(sound), b"WAVE"),
            struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 8000, 16000, 2, 16),
            struct.pack("<4sI", b"data", len(sound)),
            sound,
        ]
    )


def kinds(events: list[Event]) -> list[Kind]:
    return [one.kind for one in events]


def test_a_record_of_freeswitch_tells_arrival_and_end(tmp_path: Path) -> None:
    arrived, ended = events_of(parse(SAMPLE.read_bytes()), tmp_path)
    assert (arrived.id, ended.id) == (f"{UUID}:call.arrived", f"{UUID}:call.ended")
    assert arrived.data["caller"] == "13812345678"
    assert arrived.data["dialed"] == "12345"
    assert ended.data == {
        "cause": "NORMAL_CLEARING",
        "stage": "survey",
        "by": "citizen",
        "source": "cdr",
    }
    assert 3 < ended.at - arrived.at < 5
    assert fold([ended, arrived]).outcome is Outcome.ABANDONED_IN_MENU


def test_percent_encoded_and_plain_values_are_told_apart(tmp_path: Path) -> None:
    encoded = record(cc_hotline="%E5%B8%82%20A", start_stamp="2026-11-22%2004%3A14%3A28")
    plain = record(cc_hotline="100%25 A", start_stamp="2026-11-22 04:14:28")
    assert events_of(parse(raw(encoded)), tmp_path)[0].data["hotline"] == "市 A"
    assert events_of(parse(raw(plain)), tmp_path)[0].data["hotline"] == "100%25 A"


def test_a_stranger_s_bytes_do_no_harm(tmp_path: Path) -> None:
    told = record()
    told["callflow"][-1]["caller_profile"]["caller_id_name"] = "NAME"
    told["callflow"][-1]["caller_profile"]["caller_id_number"] = "<script>"
    hostile = raw(told).replace(b"NAME", b"\xff\xfe\\u0000\\u202e\\nx")
    arrived = events_of(parse(hostile), tmp_path)[0]
    assert arrived.data["caller"] == "anonymous"
    assert arrived.data["name"] == "\ufffd\ufffdx"


@pytest.mark.parametrize("variable", [{"cc_dialed": None}, {"cc_offer": "o1"}])
def test_legs_that_are_not_citizens_tell_nothing(
    tmp_path: Path, variable: dict[str, str | None]
) -> None:
    assert events_of(parse(raw(record(**variable))), tmp_path) == []


@pytest.mark.parametrize(("seconds", "found"), [(0.0, False), (1.0, False), (2.5, True)])
def test_the_dialplan_s_message_counts_when_something_was_said(
    tmp_path: Path, seconds: float, found: bool
) -> None:
    (tmp_path / "messages").mkdir()
    (tmp_path / "messages" / f"{UUID}.wav").write_bytes(wav(seconds))
    cdr = parse(raw(record(cc_fallback="message")))
    events = events_of(cdr, tmp_path)
    assert (Kind.MESSAGE_RECORDED in kinds(events)) is found
    if found:
        assert events[-1].data["path"] == f"messages/{UUID}.wav"
        assert events[-1].data["seconds"] == seconds
        assert fold(events).outcome is Outcome.MESSAGE_LEFT
        assert events_of(cdr, tmp_path)[-1].id == events[-1].id


def test_no_message_is_told_of_without_its_file(tmp_path: Path) -> None:
    cdr = parse(raw(record(cc_fallback="message")))
    assert kinds(events_of(cdr, tmp_path)) == [Kind.CALL_ARRIVED, Kind.CALL_ENDED]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b"null",
        b"[" * 100_000,
        b'{"variables": [], "callflow": []}',
        b'{"variables": {}, "callflow": [{}]}',
        b'{"variables": {"uuid": "../../x"}, "callflow": [{"caller_profile": {},'
        b' "times": {"created_time": "1"}}]}',
        SAMPLE.read_bytes()[:-50],
    ],
)
def test_what_is_no_record_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError):
        parse(content)


class Box:
    """A spool in a folder, with a clock of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "cdr"
        self.folder.mkdir()
        self.journal = folder / "journal"
        self.now = NOW
        self.spool = Spool(
            self.folder,
            folder / "recordings",
            SegmentWriter(self.journal, "projector"),
            clock=lambda: self.now,
        )

    def put(self, content: bytes, age: float, name: str = f"{UUID}.cdr.json") -> Path:
        path = self.folder / name
        path.write_bytes(content)
        os.utime(path, (self.now - age, self.now - age))
        return path

    def told(self) -> list[Event]:
        return [one for path in segments(self.journal) for one, _ in read_segment(path)]


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    box = Box(tmp_path)
    yield box
    box.spool.close()


def test_a_record_becomes_events_and_goes(box: Box) -> None:
    path = box.put(SAMPLE.read_bytes(), age=5)
    assert box.spool.poll() == 1
    assert kinds(box.told()) == [Kind.CALL_ARRIVED, Kind.CALL_ENDED]
    assert not path.exists()
    assert box.spool.poll() == 0


def test_the_controller_s_account_comes_first(box: Box) -> None:
    box.put(SAMPLE.read_bytes(), age=1)
    assert box.spool.poll() == 0
    box.now += 2
    assert box.spool.poll() == 1


def test_a_record_of_an_agent_s_leg_goes_without_a_word(box: Box) -> None:
    path = box.put(raw(record(cc_offer="o1")), age=5)
    assert box.spool.poll() == 1
    assert box.told() == []
    assert not path.exists()


def test_half_a_record_is_waited_for(box: Box) -> None:
    whole = SAMPLE.read_bytes()
    box.put(whole[: len(whole) // 2], age=30)
    assert box.spool.poll() == 0
    box.put(whole, age=5)
    assert box.spool.poll() == 1
    assert len(box.told()) == 2


def test_a_record_that_stays_unreadable_is_put_aside(
    box: Box, caplog: pytest.LogCaptureFixture
) -> None:
    path = box.put(b'{"half": ', age=61)
    other = box.put(SAMPLE.read_bytes(), age=61, name="zz.cdr.json")
    assert box.spool.poll() == 1
    assert not path.exists()
    assert not other.exists()
    assert (box.folder / "bad" / path.name).read_bytes() == b'{"half": '
    assert "moved to" in caplog.text
    assert box.spool.poll() == 0


def test_given_a_full_disk_then_the_record_stays(
    box: Box, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = box.put(SAMPLE.read_bytes(), age=5)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        assert box.spool.poll() == 0
        assert box.spool.poll() == 0
    assert path.exists()
    assert caplog.text.count("can't be taken over") == 1
    assert box.spool.poll() == 1
    assert {one.kind for one in box.told()} == {Kind.CALL_ARRIVED, Kind.CALL_ENDED}


def test_without_a_folder_there_is_nothing_to_do(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "no", tmp_path, SegmentWriter(tmp_path / "journal", "projector"))
    assert spool.poll() == 0
