"""Callbacks run one after the other, away from whoever asks for them."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import Any

import gevent

logger = logging.getLogger(__name__)


class Worker:
    """A queue of callbacks with a greenlet of its own while it isn't empty.

    A call's handler runs here: it may wait, and only its own call waits with it.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._jobs: deque[tuple[Callable[..., Any], tuple[Any, ...]]] = deque()
        self._running = False

    def submit(self, job: Callable[..., Any], *args: Any) -> None:
        """Run `job` after what was submitted before; never blocks."""
        self._jobs.append((job, args))
        if not self._running:
            self._running = True
            gevent.spawn(self._drain)

    def _drain(self) -> None:
        try:
            while self._jobs:
                job, args = self._jobs.popleft()
                try:
                    job(*args)
                except Exception:
                    logger.exception("%s: a callback failed", self._name)
        finally:
            self._running = False
