"""The time that deadlines are measured by."""

from __future__ import annotations

import time


class SteadyClock:
    """Seconds since the epoch, UTC, that never go back: a wall clock set back freezes nothing."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def __call__(self) -> float:
        return time.monotonic() + self._offset
