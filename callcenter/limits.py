"""How often somebody may try: counted in Redis, by whoever counts, within a window of time.

Without Redis each process counts for itself: a guesser gains a few tries, nobody is shut out.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable

import redis

KEPT = 10_000  # windows that a process remembers without Redis


class Limiter:
    """Fixed windows. `name` and `who` are hashed: no telephone number stands in a key."""

    def __init__(self, client: redis.Redis | None, clock: Callable[[], float] = time.time) -> None:
        self._client = client
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: dict[str, int] = {}

    def hit(self, name: str, who: str, most: int, seconds: int) -> bool:
        """Count one try; whether it is within `most` for these `seconds`."""
        return self._count(name, who, seconds, 1) <= most

    def give_back(self, name: str, who: str, seconds: int) -> None:
        """A try that needn't have been counted."""
        self._count(name, who, seconds, -1)

    def _count(self, name: str, who: str, seconds: int, more: int) -> int:
        window = int(self._clock() // seconds)
        key = f"cc:limit:{name}:{hashlib.sha256(who.encode()).hexdigest()[:24]}:{window}"
        if self._client is not None:
            try:
                with self._client.pipeline(transaction=False) as pipe:
                    pipe.incrby(key, more)
                    pipe.expire(key, seconds)
                    return int(pipe.execute()[0])
            except (redis.RedisError, OSError):
                pass
        with self._lock:
            while len(self._kept) >= KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = self._kept.get(key, 0) + more
            return self._kept[key]
