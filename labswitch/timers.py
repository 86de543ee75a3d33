"""One queue of timers per SIP socket: thousands of them cost one heap and one greenlet.

The queue itself reads an injected clock and never sleeps, so that RFC 3261's timers can be tested
without waiting for them; `UserAgent` runs it.
"""

from __future__ import annotations

import heapq
import itertools
import logging
from collections.abc import Callable

logger = logging.getLogger(__name__)


class Timer:
    """A callback that is due once; `cancel()` any number of times, before or after."""

    __slots__ = ("_callback", "due")

    def __init__(self, due: float, callback: Callable[[], None]) -> None:
        self.due = due
        self._callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        """Forget the callback, and all that it keeps alive."""
        self._callback = None

    @property
    def pending(self) -> bool:
        """Whether it will still fire."""
        return self._callback is not None

    def fire(self) -> None:
        """Run the callback unless it was cancelled or ran already."""
        callback, self._callback = self._callback, None
        if callback is not None:
            callback()


class TimerQueue:
    """Timers in the order in which they are due.

    `clock` gives seconds and never runs backwards. `on_earlier`, when set, is told that a new
    timer is due before all the others, so that a sleeping owner can wake up.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.on_earlier: Callable[[], None] | None = None
        self._heap: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()

    def after(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Run `callback` in `seconds`; callbacks must not block."""
        timer = Timer(self.clock() + seconds, callback)
        earliest = not self._heap or timer.due < self._heap[0][0]
        heapq.heappush(self._heap, (timer.due, next(self._order), timer))
        if earliest and self.on_earlier is not None:
            self.on_earlier()
        return timer

    def run_due(self) -> None:
        """Fire what is due; a callback that fails is logged and stops no other."""
        now = self.clock()
        while self._heap and self._heap[0][0] <= now:
            timer = heapq.heappop(self._heap)[2]
            try:
                timer.fire()
            except Exception:
                logger.exception("a SIP timer failed")

    def seconds_to_next(self) -> float | None:
        """Seconds until the next live timer, 0 when it is overdue, None when there is none."""
        while self._heap and not self._heap[0][2].pending:
            heapq.heappop(self._heap)
        if not self._heap:
            return None
        return max(0.0, self._heap[0][0] - self.clock())
