"""A source being played to one port."""

from __future__ import annotations

import logging
from collections.abc import Callable

import gevent

from labswitch.g711 import FRAME_BYTES
from labswitch.sources import Source

log = logging.getLogger(__name__)

Done = Callable[[bool, int], None]


class Playback:
    """Feeds a source to its port frame by frame.

    `on_done(completed, samples)` is called exactly once: when the last frame's 20 ms have begun
    to play (completed), or when the playback is stopped, replaced, or its port closes.
    """

    def __init__(self, source: Source, on_done: Done | None) -> None:
        self.samples = 0
        self.active = True
        self._source = source
        self._on_done = on_done

    def stop(self) -> None:
        self._finish(False)

    def frame(self) -> bytes | None:
        """The next 20 ms (linear, the last one padded); None when it is over."""
        try:
            piece = self._source.read(FRAME_BYTES)
        except Exception:  # one bad source must not end everyone's media
            log.exception("a source failed while it played")
            self._finish(False)
            return None
        if not piece:
            self._finish(True)
            return None
        self.samples += len(piece) // 2
        return piece if len(piece) == FRAME_BYTES else piece.ljust(FRAME_BYTES, b"\0")

    def _finish(self, completed: bool) -> None:
        if self.active:
            self.active = False
            if self._on_done:
                gevent.spawn(self._on_done, completed, self.samples)
