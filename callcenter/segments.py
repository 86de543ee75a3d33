"""The journal's files: one JSON line per event, appended, fsynced, never changed.

A file `<controller>-<start µs>.jsonl` belongs to one process; a restart begins a new one. Nothing
here knows of gevent: the controller's writer calls it from a thread, the projector directly.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from callcenter.events import Event

log = logging.getLogger(__name__)

SUFFIX = ".jsonl"
MAX_BYTES = 64 * 1024 * 1024
MAX_LINE = 1024 * 1024
_NAME = re.compile(r"(?P<controller>[A-Za-z0-9_.-]+)-(?P<start>\d{16,})\.jsonl")


class SegmentWriter:
    """Appends lines to the newest segment of one controller; blocking, for one thread at a time."""

    def __init__(self, folder: Path, controller_id: str, *, max_bytes: int = MAX_BYTES) -> None:
        """Raise ValueError when `controller_id` can't be part of a file's name."""
        if not re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", controller_id):
            raise ValueError(f"controller id {controller_id!r}: use letters, digits, _ . -")
        self._folder = folder
        self._controller = controller_id
        self._max_bytes = max_bytes
        self._file: int | None = None
        self._size = 0  # bytes known to be whole lines
        self.path: Path | None = None

    def append(self, lines: Sequence[bytes]) -> None:
        """Write the lines and return when they are on the disk; raise OSError.

        After an error all the lines have to be given again. Some may be in the file already:
        their ids make the second copy harmless.
        """
        if self._file is None or self._size >= self._max_bytes:
            self._next_segment()
        file = self._file
        assert file is not None
        block = memoryview(b"".join(line + b"\n" for line in lines))
        try:
            while block:
                block = block[os.write(file, block) :]
            os.fsync(file)
        except OSError:
            self._repair(file)
            raise
        self._size = os.fstat(file).st_size

    def _next_segment(self) -> None:
        self.close()
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        while True:
            path = self._folder / f"{self._controller}-{time.time_ns() // 1000:016}{SUFFIX}"
            try:
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
                self._file = os.open(path, flags, 0o600)
                break
            except FileExistsError:
                time.sleep(0.001)
        self._size = 0
        self.path = path
        _sync_folder(self._folder)  # or the name could be gone after a power cut

    def _repair(self, file: int) -> None:
        """Cut a half-written line off, so that the next one doesn't grow out of it."""
        try:
            os.ftruncate(file, self._size)
        except OSError:
            self.close()  # a torn end in a file that ends there: readers know that

    def close(self) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):
                os.close(self._file)
            self._file = None


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@dataclass(frozen=True, slots=True)
class Line:
    """One complete line of a segment; `event` is None when `problem` says why not."""

    offset: int  # bytes, of its first byte
    next_offset: int
    raw: bytes
    event: Event | None
    problem: str = ""


def read_lines(path: Path, offset: int = 0) -> Iterator[Line]:
    """Read the complete lines from `offset` on; raise OSError.

    What follows the last line end is left alone: it is being written, or its writer died.
    """
    with path.open("rb") as file:
        file.seek(offset)
        while True:
            raw = file.readline(MAX_LINE)
            if not raw.endswith(b"\n"):
                if len(raw) < MAX_LINE:
                    return
                rest = _skip_line(file.readline)
                if rest is None:
                    return
                next_offset = offset + len(raw) + rest
                yield Line(offset, next_offset, raw, None, f"longer than {MAX_LINE} bytes")
            else:
                next_offset = offset + len(raw)
                yield _parse(offset, next_offset, raw)
            offset = next_offset


def _skip_line(readline: Callable[[int], bytes]) -> int | None:
    """Bytes up to and with the next line end; None when there is none yet."""
    skipped = 0
    while chunk := readline(MAX_LINE):
        skipped += len(chunk)
        if chunk.endswith(b"\n"):
            return skipped
    return None


def _parse(offset: int, next_offset: int, raw: bytes) -> Line:
    try:
        event = Event.from_json(raw)
        if not (isinstance(event.id, str) and isinstance(event.data, dict)):
            raise ValueError("id must be text and data an object")
        if not isinstance(event.call, str | None):
            raise ValueError("call must be text or null")
    except ValueError as error:
        return Line(offset, next_offset, raw, None, str(error))
    return Line(offset, next_offset, raw, event)


def read_segment(path: Path, offset: int = 0) -> Iterator[tuple[Event, int]]:
    """Read events, each with the offset to go on from; damaged lines are logged and passed over."""
    for line in read_lines(path, offset):
        if line.event is None:
            log.error("%s: damaged line at byte %d: %s", path.name, line.offset, line.problem)
        else:
            yield line.event, line.next_offset


def segments(folder: Path) -> list[Path]:
    """All segments of the folder, oldest first."""
    try:
        found = [path for path in folder.iterdir() if _NAME.fullmatch(path.name)]
    except FileNotFoundError:
        return []
    return sorted(found, key=lambda path: (_start(path), path.name))


def _start(path: Path) -> int:
    match = _NAME.fullmatch(path.name)
    return int(match["start"]) if match else 0


def _controller(path: Path) -> str:
    match = _NAME.fullmatch(path.name)
    return match["controller"] if match else ""


def remove_old(
    folder: Path, offsets: dict[str, int], *, keep_days: float, now: float | None = None
) -> list[str]:
    """Remove segments that are wholly in the database and older than `keep_days`; give their names.

    `offsets` says how far each was copied. The newest segment of a controller is never removed:
    its writer may be alive and quiet.
    """
    deadline = (time.time() if now is None else now) - keep_days * 86_400
    newest = {_controller(path): path for path in segments(folder)}
    removed = []
    for path in segments(folder):
        if path in newest.values() or path.stat().st_mtime > deadline:
            continue
        if next(read_lines(path, offsets.get(path.name, 0)), None) is not None:
            continue
        path.unlink()
        removed.append(path.name)
    if removed:
        log.info("removed %d old journal segments, up to %s", len(removed), removed[-1])
    return removed
