"""The journal as the controller sees it: append an event, go on, it will be on the disk.

One greenlet writes. While one batch is fsynced in a thread, the next events gather: under load a
single fsync carries many of them, and the hub never waits for the disk.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import gevent
from gevent.event import Event as Signal
from gevent.threadpool import ThreadPool

from callcenter.events import Event
from callcenter.segments import MAX_BYTES, SegmentWriter, read_segment

__all__ = ["Journal", "read_segment"]

log = logging.getLogger(__name__)

MAX_QUEUED = 200_000  # events; some 60 MB
MAX_BATCH = 5_000  # events in one write
RETRY_SECONDS = (0.1, 2.0)  # first and longest pause after an error
COMPLAIN_SECONDS = 10.0  # pause between two log lines about the same trouble


class Journal:
    """Append-only writer; every method belongs to the gevent hub that made it."""

    def __init__(
        self,
        folder: Path,
        controller_id: str,
        *,
        wake: Callable[[], None] | None = None,
        max_bytes: int = MAX_BYTES,
        max_queued: int = MAX_QUEUED,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`wake` is called, in a greenlet of its own, after events reached the disk."""
        self._writer = SegmentWriter(folder, controller_id, max_bytes=max_bytes)
        self._wake = wake
        self._clock = clock
        self._max_queued = max_queued
        self._queue: deque[tuple[float, bytes]] = deque()
        self._appended = 0  # events ever queued
        self._synced = 0  # of these, on the disk
        self._waiters: deque[tuple[int, Signal]] = deque()  # in order of what they wait for
        self._more = Signal()
        self._written = Signal()
        self._closing = False
        self._complained: dict[str, float] = {}  # message -> when
        self.problem: str | None = None  # why events don't reach the disk, in one line
        self.dropped = 0  # events lost because the queue was full
        self._pool = ThreadPool(1)
        self._writing = gevent.spawn(self._write_for_ever)
        self._waking = gevent.spawn(self._wake_for_ever)

    @property
    def path(self) -> Path | None:
        """The segment in use; None before the first event."""
        return self._writer.path

    @property
    def lag(self) -> float:
        """Seconds that the oldest event not yet on the disk has waited; 0 when there is none."""
        return max(0.0, self._clock() - self._queue[0][0]) if self._queue else 0.0

    def append(self, event: Event) -> None:
        """Queue the event; never blocks, never raises for the disk's sake.

        TypeError when `event.data` holds something that isn't JSON.
        """
        line = event.to_json()
        if len(self._queue) >= self._max_queued:
            self.dropped += 1
            self._complain("journal queue is full: %d events LOST; %s", self.dropped, self.problem)
            return
        self._queue.append((self._clock(), line))
        self._appended += 1
        self._more.set()

    def append_and_wait(self, event: Event, timeout: float = 2.0) -> bool:
        """Append, and wait until the event is on the disk.

        False after `timeout` seconds: it is still queued and will be written.
        """
        dropped = self.dropped
        self.append(event)
        return self.dropped == dropped and self.flush(timeout)

    def flush(self, timeout: float = 2.0) -> bool:
        """Wait until everything appended so far is on the disk; False after `timeout` seconds."""
        if self._synced >= self._appended:
            return True
        done = Signal()
        self._waiters.append((self._appended, done))
        return bool(done.wait(timeout))

    def close(self, timeout: float = 5.0) -> bool:
        """Write what is queued and stop; False when events are left after `timeout` seconds."""
        flushed = self.flush(timeout)
        if not flushed:
            log.critical(
                "journal closed with %d events unwritten: %s", len(self._queue), self.problem
            )
        self._closing = True
        self._more.set()
        self._written.set()
        gevent.joinall([self._writing, self._waking], timeout=timeout)
        gevent.killall([self._writing, self._waking])
        self._pool.kill()
        self._writer.close()
        return flushed

    def _write_for_ever(self) -> None:
        pause = RETRY_SECONDS[0]
        while not self._closing:
            self._more.wait()
            self._more.clear()
            while self._queue and not self._closing:
                if self._write_batch():
                    pause = RETRY_SECONDS[0]
                else:
                    gevent.sleep(pause)
                    pause = min(pause * 2, RETRY_SECONDS[1])

    def _write_batch(self) -> bool:
        lines = [line for _, line in islice(self._queue, MAX_BATCH)]
        try:
            self._pool.apply(self._writer.append, (lines,))
        except Exception as error:  # noqa: BLE001 - whatever it is, a dead writer would be worse
            self.problem = f"journal can't be written: {error}"
            self._complain("%s; %d events wait", self.problem, len(self._queue))
            return False
        if self.problem is not None:
            log.warning("journal can be written again; %d events had waited", len(self._queue))
            self.problem = None
        for _ in lines:
            self._queue.popleft()
        self._synced += len(lines)
        while self._waiters and self._waiters[0][0] <= self._synced:
            self._waiters.popleft()[1].set()
        self._written.set()
        return True

    def _wake_for_ever(self) -> None:
        # Apart from the writer: whoever is woken may be slow or away, the disk isn't.
        while not self._closing:
            self._written.wait()
            self._written.clear()
            if self._wake is not None:
                try:
                    self._wake()
                except Exception as error:  # noqa: BLE001 - the projector looks by itself too
                    self._complain("nobody could be woken: %s", error)

    def _complain(self, message: str, *arguments: object) -> None:
        now = self._clock()
        if now - self._complained.get(message, float("-inf")) >= COMPLAIN_SECONDS:
            self._complained[message] = now
            log.critical(message, *arguments)
