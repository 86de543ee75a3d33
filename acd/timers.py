"""Deadlines, one for each owner, in a heap whose outdated entries are passed over."""

from __future__ import annotations

import heapq

Owner = tuple[str, str]  # (kind, id)


class Timers:
    def __init__(self) -> None:
        self._due: dict[Owner, float] = {}
        self._heap: list[tuple[float, int, Owner]] = []
        self._count = 0

    def set(self, owner: Owner, due: float) -> None:
        """Give the owner a deadline (seconds, UTC) in place of the one it may have."""
        if self._due.get(owner) == due:
            return
        self._due[owner] = due
        self._count += 1
        heapq.heappush(self._heap, (due, self._count, owner))
        if len(self._heap) > 1000 + 3 * len(self._due):
            self._sweep()

    def cancel(self, owner: Owner) -> None:
        self._due.pop(owner, None)

    def next(self) -> float | None:
        heap = self._heap
        while heap:
            due, _, owner = heap[0]
            if self._due.get(owner) == due:
                return due
            heapq.heappop(heap)
        return None

    def pop(self, now: float) -> Owner | None:
        """Take the owner whose deadline was reached first, or None."""
        due = self.next()
        if due is None or due > now:
            return None
        owner = heapq.heappop(self._heap)[2]
        del self._due[owner]
        return owner

    def _sweep(self) -> None:
        # A deadline set twice to the same time may stand here twice; once is enough.
        kept = {}
        for due, count, owner in self._heap:
            if self._due.get(owner) == due:
                kept[owner] = (due, count, owner)
        self._heap = list(kept.values())
        heapq.heapify(self._heap)
