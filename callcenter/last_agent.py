"""Who a citizen talked with last, so that a repeat caller can meet the same agent again.

Kept in Redis for some hours under a keyed hash of the number: it is of use for a while, nobody can
read numbers out of it, and losing it costs a preference and no call.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import time
from collections.abc import Callable
from typing import TypeVar

import gevent
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from callcenter.privacy import ANONYMOUS

logger = logging.getLogger(__name__)

T = TypeVar("T")
ANSWER_SECONDS = 0.3  # a call doesn't wait longer for this
AWAY_SECONDS = 5.0  # after a failure it isn't tried again for so long


class CallerMemory:
    """Redis by a keyed hash of the caller's number; it never keeps a call waiting for long."""

    def __init__(self, url: str, secret: str, purpose: str) -> None:
        """`secret` keys the hash; the same for all controllers of an installation."""
        self._redis: redis.Redis = redis.Redis.from_url(
            url,
            decode_responses=True,
            socket_timeout=ANSWER_SECONDS,
            socket_connect_timeout=ANSWER_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        self._purpose = purpose
        self._secret = hashlib.sha256(purpose.encode() + secret.encode()).digest()
        self._away_until = 0.0

    def ask(self, number: str, look: Callable[[str], T]) -> T | None:
        """What `look` finds under the number's key; None when Redis doesn't say at once."""
        if number == ANONYMOUS or time.monotonic() < self._away_until:
            return None
        try:
            return look(self._key(number))
        except (redis.RedisError, OSError) as error:
            self._away(error)
            return None

    def write(self, number: str, act: Callable[[str], object]) -> None:
        """Write it down soon; nobody waits for it."""
        if number != ANONYMOUS:
            gevent.spawn(self._write, number, act)

    def _write(self, number: str, act: Callable[[str], object]) -> None:
        try:
            act(self._key(number))
        except (redis.RedisError, OSError) as error:
            self._away(error)

    def _key(self, number: str) -> str:
        digest = hmac.new(self._secret, number.encode(), hashlib.sha256).hexdigest()
        return f"cc:{self._purpose.replace(' ', '_')}:{digest}"

    def _away(self, error: Exception) -> None:
        self._away_until = time.monotonic() + AWAY_SECONDS
        logger.warning("callers' %s is not known: %s", self._purpose, error)


class LastAgents(CallerMemory):
    def __init__(self, url: str, secret: str) -> None:
        super().__init__(url, secret, "last agent")

    def find(self, number: str) -> str | None:
        """The agent's number; None when nobody is known, or Redis doesn't say at once."""
        found = self.ask(number, self._redis.get)
        return str(found) if found else None

    def remember(self, number: str, agent: str, hours: float) -> None:
        """Write it down soon; nothing is when `hours` is 0."""
        if hours > 0:
            seconds = max(1, round(hours * 3600))
            self.write(number, lambda key: self._redis.set(key, agent, ex=seconds))
