"""Recordings: the file is the truth, the index says what it was when it was closed."""

from __future__ import annotations

import hashlib
import hmac
import struct
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, Protocol

from callcenter.projection import safe_path

CHUNK = 1024 * 1024
MAX_CHUNKS = 64  # RIFF chunks looked at before the sound
_UNKNOWN = 0xFFFFFFFF  # "length unknown", as streaming writers put it


class State(StrEnum):
    """What is known of a recording."""

    OPEN = "open"  # may still grow, or waits to be indexed
    INDEXED = "indexed"
    MISSING = "missing"  # no such file
    DAMAGED = "damaged"  # `problem` says how; it may still be worth listening to


@dataclass(frozen=True, slots=True)
class Description:
    """A recording's file as found; None for what can't be known."""

    state: State
    problem: str = ""
    sha256: str | None = None
    seconds: float | None = None
    channels: int | None = None
    size: int | None = None  # bytes


class Indexed(Protocol):
    """What the index holds of a file; `models.Recording` has it."""

    path: str
    state: str
    problem: str
    sha256: str | None
    seconds: float | None
    channels: int | None
    size: int | None


def locate(folder: Path, path: str) -> Path:
    """The file of a recording; ValueError when `path` leads out of `folder`, by name or link."""
    if safe_path(path) is None:
        raise ValueError(f"not a recording's path: {path!r}")
    root = folder.resolve()
    file = (root / path).resolve()
    if not file.is_relative_to(root):
        raise ValueError(f"leads out of the recordings: {path!r}")
    return file


def index(folder: Path, path: str) -> Description:
    """Read the whole file: its length in time, channels, size and SHA-256. Blocking."""
    try:
        file = locate(folder, path)
        with file.open("rb") as opened:
            described = inspect(opened)
            opened.seek(0)
            digest = _sha256(opened)
    except FileNotFoundError:
        return Description(State.MISSING, "there is no such file")
    except (OSError, ValueError) as error:
        return Description(State.DAMAGED, str(error))
    return replace(described, sha256=digest)


def describe(folder: Path, row: Indexed) -> Description:
    """What the index says of a recording, checked against the file's presence and size."""
    told = Description(
        State(row.state), row.problem, row.sha256, row.seconds, row.channels, row.size
    )
    if told.state is not State.INDEXED:
        return told
    try:
        size = locate(folder, row.path).stat().st_size
    except FileNotFoundError:
        return replace(told, state=State.MISSING, problem="the file has gone")
    except (OSError, ValueError) as error:
        return replace(told, state=State.DAMAGED, problem=str(error))
    if size != row.size:
        problem = f"the file has {size} bytes, {row.size} were indexed"
        return replace(told, state=State.DAMAGED, problem=problem)
    return told


def verify(folder: Path, path: str, sha256: str) -> bool:
    """Whether the file still has this SHA-256 (hex); raise OSError, ValueError. Blocking."""
    with locate(folder, path).open("rb") as file:
        return hmac.compare_digest(_sha256(file), sha256.lower())


def _sha256(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while chunk := file.read(CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


def inspect(file: BinaryIO) -> Description:
    """Read a WAV file's header; where the header says nothing, the size tells the length.

    A switch that dies leaves a header that was never completed: DAMAGED then, with a length.
    """
    size = file.seek(0, 2)
    file.seek(0)
    damaged = Description(State.DAMAGED, size=size)
    head = file.read(12)
    if len(head) < 12 or head[:4] != b"RIFF" or head[8:] != b"WAVE":
        return replace(damaged, problem="not a WAV file" if size else "the file is empty")
    channels = bytes_per_second = frame = 0
    for _ in range(MAX_CHUNKS):
        header = file.read(8)
        if len(header) < 8:
            break
        name, length = header[:4], struct.unpack("<I", header[4:])[0]
        if name == b"data":
            if not bytes_per_second:
                return replace(damaged, problem="no format before the sound")
            sound = size - file.tell()
            problem = _sound_problem(length, sound)
            if not problem:
                sound = length
            return Description(
                State.DAMAGED if problem else State.INDEXED,
                problem,
                seconds=round((sound - sound % frame) / bytes_per_second, 3),
                channels=channels,
                size=size,
            )
        if name == b"fmt " and length >= 16:
            fields = file.read(16)
            if len(fields) < 16:
                break
            _, channels, _, bytes_per_second, frame, _ = struct.unpack("<HHIIHH", fields)
            if not (channels and bytes_per_second and frame):
                return replace(damaged, problem="its format makes no sense")
            length -= 16
        file.seek(length + length % 2, 1)
    return replace(damaged, problem="no sound in it")


def _sound_problem(told: int, found: int) -> str:
    if told in (0, _UNKNOWN) and found > 0:
        return "never closed: its length follows from the file's size"
    if told > found:
        return f"cut short: {found} of {told} bytes of sound"
    if told == 0:
        return "no sound in it"
    return ""
