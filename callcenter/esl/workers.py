"""Running event handlers: in order for one channel, side by side for different ones."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable

import gevent

from callcenter.esl.event import Event

log = logging.getLogger(__name__)

EVENTS_PER_TURN = 50


class Workers:
    """Hands each event to `handler`, ordered per channel; a slow handler delays its channel only.

    Memory is bounded: over `max_waiting` events in all, or `max_per_channel` for one channel,
    new events are dropped, counted in `lost` and logged (at most once a second). `put` never
    blocks. While held, events wait; `release` lets them go.
    """

    def __init__(
        self,
        handler: Callable[[Event], None],
        *,
        max_waiting: int = 20_000,
        max_per_channel: int = 1_000,
    ) -> None:
        self._handler = handler
        self._max_waiting = max_waiting
        self._max_per_channel = max_per_channel
        self._queues: dict[str, deque[Event]] = {}
        self._greenlets: dict[str, gevent.Greenlet] = {}
        self._held = False
        self.waiting = 0
        self.lost = 0
        self._lost_logged = 0
        self._logged_at = 0.0

    def put(self, event: Event) -> None:
        key = event.uuid or event.subclass or event.name
        queue = self._queues.get(key)
        ahead = len(queue) if queue else 0
        if self.waiting >= self._max_waiting or ahead >= self._max_per_channel:
            self._lose(event)
            return
        if queue is None:
            queue = self._queues[key] = deque()
        queue.append(event)
        self.waiting += 1
        if not self._held and key not in self._greenlets:
            self._start(key)

    def hold(self) -> None:
        """Keep events back until `release`; a handler that runs is not interrupted."""
        self._held = True

    def release(self) -> None:
        self._held = False
        for key in [key for key in self._queues if key not in self._greenlets]:
            self._start(key)

    def stop(self, timeout: float = 1.0) -> None:
        """Drop what waits, give running handlers `timeout` seconds, then end them."""
        self._held = True
        self._queues.clear()
        self.waiting = 0
        running = [g for g in self._greenlets.values() if g is not gevent.getcurrent()]
        gevent.joinall(running, timeout=timeout)
        gevent.killall(running, timeout=timeout)

    def _start(self, key: str) -> None:
        self._greenlets[key] = gevent.spawn(self._drain, key)

    def _drain(self, key: str) -> None:
        handled = 0
        try:
            while not self._held and (queue := self._queues.get(key)):
                event = queue.popleft()
                self.waiting -= 1
                self._handle(event)
                handled += 1
                if handled % EVENTS_PER_TURN == 0:
                    gevent.sleep(0)
        finally:
            self._greenlets.pop(key, None)
            if not self._queues.get(key):
                self._queues.pop(key, None)

    def _handle(self, event: Event) -> None:
        try:
            self._handler(event)
        except Exception:
            log.exception("the handler of %r failed", event)

    def _lose(self, event: Event) -> None:
        self.lost += 1
        now = time.monotonic()
        if now - self._logged_at >= 1.0:
            log.error(
                "handlers are too slow: %d events wait, lost %d more, the last was %r",
                self.waiting,
                self.lost - self._lost_logged,
                event,
            )
            self._logged_at, self._lost_logged = now, self.lost
