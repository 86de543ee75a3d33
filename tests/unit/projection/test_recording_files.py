"""What is said of a recording's file, sound or damaged, present or gone."""

from __future__ import annotations

import hashlib
import io
import os
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.models import Recording
from callcenter.recordings import State, describe, index, inspect, locate, verify


def wav(
    sound: bytes,
    *,
    told: int | None = None,
    channels: int = 1,
    before: bytes = b"",
    rate: int = 8000,
) -> bytes:
    length = len(sound) if told is None else told
    frame = 2 * channels
    body = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, channels, 8000, 8000 * frame, frame, 16)
    body += before + struct.pack("<4sI", b"data", length) + sound
    return struct.pack("<4sI4s", b"RIFF", 4 + len(body), b"WAVE") + body


SECOND = bytes(16000)


@pytest.mark.parametrize(
    ("content", "seconds", "channels"),
    [
        (wav(SECOND), 1.0, 1),
        (wav(SECOND * 3, channels=2), 1.5, 2),
        (wav(SECOND, before=b"LIST" + struct.pack("<I", 3) + b"abc\0"), 1.0, 1),
        (wav(SECOND) + b"LIST\4\0\0\0abcd", 1.0, 1),
    ],
)
def test_a_finished_file_is_sound(content: bytes, seconds: float, channels: int) -> None:
    found = inspect(io.BytesIO(content))
    assert (found.state, found.seconds, found.channels) == (State.INDEXED, seconds, channels)
    assert found.size == len(content)


@pytest.mark.parametrize(
    ("content", "problem", "seconds"),
    [
        (wav(SECOND * 2, told=0), "never closed", 2.0),
        (wav(SECOND * 2, told=0xFFFFFFFF), "never closed", 2.0),
        (wav(SECOND + b"x", told=32000), "cut short: 16001 of 32000", 1.0),
        (wav(b""), "no sound", 0.0),
        (b"", "empty", None),
        (b"ID3 and so on, not ours", "not a WAV", None),
        (wav(SECOND)[:30], "no sound", None),
        (wav(SECOND, channels=0), "makes no sense", None),
        (b"RIFF\0\0\0\0WAVEdata\4\0\0\0abcd", "no format", None),
    ],
)
def test_a_damaged_file_says_how(content: bytes, problem: str, seconds: float | None) -> None:
    found = inspect(io.BytesIO(content))
    assert found.state is State.DAMAGED
    assert problem in found.problem
    assert found.seconds == seconds


@given(st.binary(max_size=200) | st.binary(max_size=80).map(lambda tail: wav(b"ab")[:40] + tail))
def test_no_bytes_are_too_strange(content: bytes) -> None:
    found = inspect(io.BytesIO(content))
    assert found.state in (State.INDEXED, State.DAMAGED)
    assert (found.problem == "") == (found.state is State.INDEXED)


def test_the_index_holds_the_digest_of_the_whole_file(tmp_path: Path) -> None:
    content = wav(SECOND)
    (tmp_path / "a.wav").write_bytes(content)
    found = index(tmp_path, "a.wav")
    assert found.sha256 == hashlib.sha256(content).hexdigest()
    assert verify(tmp_path, "a.wav", found.sha256.upper())
    (tmp_path / "a.wav").write_bytes(content[:-1] + b"x")
    assert not verify(tmp_path, "a.wav", found.sha256)


def test_a_file_that_is_not_there_is_missing(tmp_path: Path) -> None:
    assert index(tmp_path, "a.wav").state is State.MISSING


@pytest.mark.parametrize("path", ["../secret", "/etc/passwd", "a/../../secret", "link", "", "a\0"])
def test_no_path_leads_out_of_the_recordings(tmp_path: Path, path: str) -> None:
    (tmp_path / "secret").write_bytes(wav(SECOND))
    folder = tmp_path / "recordings"
    folder.mkdir()
    os.symlink(tmp_path / "secret", folder / "link")
    with pytest.raises(ValueError):
        locate(folder, path)
    with pytest.raises(ValueError):
        verify(folder, path, "0" * 64)
    found = index(folder, path)
    assert (found.state, found.sha256) == (State.DAMAGED, None)


def test_the_description_follows_the_file(tmp_path: Path) -> None:
    file = tmp_path / "a.wav"
    file.write_bytes(wav(SECOND))
    found = index(tmp_path, "a.wav")
    row = Recording(
        path="a.wav", state="indexed", problem="", sha256=found.sha256, seconds=1.0, channels=1
    )
    row.size = found.size
    assert describe(tmp_path, row) == found
    with file.open("ab") as opened:
        opened.write(b"more")
    assert describe(tmp_path, row).state is State.DAMAGED
    file.unlink()
    assert describe(tmp_path, row).state is State.MISSING
    row.state = "open"
    assert describe(tmp_path, row).state is State.OPEN
