"""Recordings: written beside the media loop, never in it.

The loop appends frames to lists in memory. Twice a second a greenlet hands what has gathered to
a thread, which writes it and brings the file's header up to date, so that even a killed process
leaves a playable file. Files are readable by their owner only: they hold citizens' voices.
"""

from __future__ import annotations

import atexit
import audioop
import contextlib
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import gevent
from gevent.event import Event

from labswitch import wav
from labswitch.g711 import FRAME_SAMPLES, FRAME_SECONDS, RATE, SILENT_FRAME

log = logging.getLogger(__name__)

FLUSH_SECONDS = 0.5
SILENCE_RMS = 200  # FreeSWITCH's usual energy threshold for `record`

Done = Callable[["Recording"], None]


@dataclass(frozen=True, slots=True)
class Part:
    """A recording's next frames on their way to the file."""

    recording: Recording
    frames: list[bytes]
    last: bool


class Recording:
    """One file being written. `left` is what the far end says, `right` what it hears.

    `reason` says why it ended: stopped, limit, silence, closed (the call ended) or error.
    `on_done(recording)` is called once, when the file is complete on disk.
    """

    def __init__(
        self,
        path: str | Path,
        writer: RecordingWriter,
        on_done: Done | None = None,
        *,
        stereo: bool = False,
        read_only: bool = False,
        max_seconds: float | None = None,
        silence_seconds: float | None = None,
        append: bool = False,
    ) -> None:
        """With `append` the file goes on where it ended; its form must be the same."""
        self.path = Path(path)
        self.stereo = stereo
        self.read_only = read_only
        self.samples = 0
        self.reason: str | None = None
        self.finished = Event()
        self._writer = writer
        self._on_done = on_done
        self._max_samples = None if max_seconds is None else int(max_seconds * RATE)
        self._silence_frames = silence_seconds and round(silence_seconds / FRAME_SECONDS)
        self._silent = 0
        self._frames: list[bytes] = []
        self._file, self._written = _create(self.path, append=append)

    @property
    def seconds(self) -> float:
        return self.samples / RATE

    @property
    def active(self) -> bool:
        return self.reason is None

    def stop(self) -> None:
        """End the recording; the file is complete when `finished` is set."""
        self._end("stopped")

    def close(self) -> None:
        """The call ended."""
        self._end("closed")

    def wait(self, timeout: float) -> bool:
        """Wait until the file is complete on disk; False after `timeout` seconds."""
        return bool(self.finished.wait(timeout))

    def add(self, said: bytes | None, heard: bytes | None) -> None:
        """Append one frame of each side (linear; None is silence). Called by the media loop."""
        if self.reason is not None:
            return
        self._frames.append(self._combine(said, None if self.read_only else heard))
        self.samples += FRAME_SAMPLES
        if self._max_samples is not None and self.samples >= self._max_samples:
            self._end("limit")
        elif self._silence_frames:
            quiet = said is None or audioop.rms(said, 2) < SILENCE_RMS
            self._silent = self._silent + 1 if quiet else 0
            if self._silent >= self._silence_frames:
                self._end("silence")

    def _combine(self, said: bytes | None, heard: bytes | None) -> bytes:
        if self.stereo:
            left = audioop.tostereo(said or SILENT_FRAME, 2, 1, 0)
            return audioop.add(left, audioop.tostereo(heard, 2, 0, 1), 2) if heard else left
        if said and heard:
            return audioop.add(said, heard, 2)
        return said or heard or SILENT_FRAME

    def _end(self, reason: str) -> None:
        if self.reason is None:
            self.reason = reason
            self._writer.wake()

    def take(self) -> Part:
        """What has gathered since the last time. Called on the loop, so that no frame is lost."""
        frames, self._frames = self._frames, []
        return Part(self, frames, self.reason is not None)

    def write(self, part: Part) -> bool:
        """Write a part; True when that was the last. Runs in the writer's thread."""
        try:
            self._write(b"".join(part.frames))
            if part.last:
                self._file.close()
        except (OSError, ValueError) as error:
            log.error("recording %s: %s", self.path.name, error)
            self.reason = "error"
            with contextlib.suppress(OSError):
                self._file.close()
            return True
        return part.last

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self._written += len(data)
        self._file.seek(0)
        self._file.write(wav.header(self._written, 2 if self.stereo else 1))
        self._file.seek(0, os.SEEK_END)
        self._file.flush()

    def complete(self) -> None:
        """Tell that the file is done."""
        self.finished.set()
        if self._on_done:
            gevent.spawn(self._on_done, self)


def _create(path: Path, *, append: bool) -> tuple[BinaryIO, int]:
    """The file, and how many bytes of sound it has."""
    path.parent.mkdir(parents=True, exist_ok=True)
    sound = max(0, path.stat().st_size - wav.HEADER_BYTES) if append and path.exists() else 0
    truncated = 0 if sound else os.O_TRUNC
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | truncated, 0o600)
    file = os.fdopen(descriptor, "wb")
    if sound:
        file.seek(wav.HEADER_BYTES + sound)
    else:
        file.write(wav.header(0, 1))
    return file, sound


class RecordingWriter:
    """Writes all recordings of an engine from one greenlet and its thread."""

    def __init__(self) -> None:
        self._open: list[Recording] = []
        self._wake = Event()
        self._stopping = False
        self._greenlet: gevent.Greenlet | None = None

    def start(self) -> None:
        self._stopping = False
        self._greenlet = gevent.spawn(self._run)
        atexit.register(self.finish_now)

    def stop(self) -> None:
        """Complete every file, then stop."""
        for recording in self._open:
            recording.close()
        self._stopping = True
        self._wake.set()
        if self._greenlet:
            self._greenlet.join()
        self.finish_now()
        atexit.unregister(self.finish_now)

    def add(self, recording: Recording) -> None:
        self._open.append(recording)

    def wake(self) -> None:
        """A recording ended: write its last part soon."""
        self._wake.set()

    def finish_now(self) -> None:
        """Complete every file in this thread: the process ends."""
        for recording in self._open:
            recording.close()
            recording.write(recording.take())
        self._open.clear()

    def _run(self) -> None:
        while self._open or not self._stopping:
            self._wake.wait(FLUSH_SECONDS)
            self._wake.clear()
            parts = [recording.take() for recording in self._open]
            if not parts:
                continue
            for recording in gevent.get_hub().threadpool.apply(_write_all, (parts,)):
                self._open.remove(recording)
                recording.complete()


def _write_all(parts: list[Part]) -> list[Recording]:
    """Write the parts; the recordings that are complete."""
    return [part.recording for part in parts if part.recording.write(part)]
