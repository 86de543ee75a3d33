"""Closing time: tells the engine when each queue opens and closes.

A queue goes by its own `hours`; without them it is open while a hotline that leads to it is, and
one that no hotline leads to always. Hours change on whole minutes, so that is when it is looked.
"""

from __future__ import annotations

import datetime as dt
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from zoneinfo import ZoneInfo

import gevent

from acd.config import Config
from acd.messages import Input, QueueClosed, QueueOpened
from callcenter.queues import queues_of
from ivr.hotline import Hotline
from workorder.worktime import CHINA

logger = logging.getLogger(__name__)

MINUTE = 60.0


def closed_queues(
    config: Config, hotlines: Iterable[Hotline], at: float, zone: ZoneInfo = CHINA
) -> frozenset[str]:
    """The queues that are closed `at` (seconds since the epoch)."""
    local = dt.datetime.fromtimestamp(at, zone)
    leading: dict[str, list[bool]] = {}
    for hotline in {hotline.name: hotline for hotline in hotlines}.values():
        there = dt.datetime.fromtimestamp(at, ZoneInfo(hotline.timezone))
        for queue in queues_of(hotline):
            leading.setdefault(queue, []).append(hotline.hours.is_open(there))
    return frozenset(
        name
        for name, queue in config.queues.items()
        if not (queue.hours.is_open(local) if queue.hours else any(leading.get(name, [True])))
    )


class ClosingTime:
    """One greenlet; `look` may also be called when settings have changed."""

    def __init__(
        self,
        config: Callable[[], Config],
        hotlines: Mapping[str, Hotline],
        closed: Callable[[], frozenset[str]],
        tell: Callable[[Input], None],
        clock: Callable[[], float],
        wall: Callable[[], float] = time.time,
    ) -> None:
        """`closed` says which queues the engine holds for closed, `clock` is the engine's."""
        self._config = config
        self._hotlines = hotlines
        self._closed = closed
        self._tell = tell
        self._clock = clock
        self._wall = wall

    def run(self) -> None:
        while True:
            self.look()
            gevent.sleep(MINUTE - self._wall() % MINUTE + 0.01)

    def look(self) -> None:
        """Tell the engine what has changed."""
        now = self._clock()
        wanted = closed_queues(self._config(), self._hotlines.values(), self._wall())
        known = self._closed()
        for queue in sorted(wanted - known):
            logger.info("queue %s: closing time", queue)
            self._tell(QueueClosed(now, queue))
        for queue in sorted(known - wanted):
            logger.info("queue %s: opens", queue)
            self._tell(QueueOpened(now, queue))
