"""What is to be done later, by group (a channel's UUID), unless it is deleted before."""

from __future__ import annotations

from collections.abc import Callable

import gevent


class Schedule:
    """FreeSWITCH's scheduler (switch_scheduler.c), without repeated tasks."""

    def __init__(self) -> None:
        self._groups: dict[str, set[gevent.Greenlet]] = {}

    def add(self, group: str, seconds: float, task: Callable[[], None]) -> None:
        """Run `task` after so many seconds."""
        later = gevent.Greenlet(task)
        self._groups.setdefault(group, set()).add(later)
        later.link(lambda done: self._forget(group, done))
        later.start_later(seconds)

    def delete(self, group: str) -> int:
        """How many tasks were deleted."""
        tasks = self._groups.pop(group, set())
        gevent.killall(tasks, block=False)
        return len(tasks)

    def stop(self) -> None:
        """Delete everything."""
        for group in list(self._groups):
            self.delete(group)

    def _forget(self, group: str, task: gevent.Greenlet) -> None:
        tasks = self._groups.get(group, set())
        tasks.discard(task)
        if not tasks:
            self._groups.pop(group, None)
