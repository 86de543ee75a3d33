"""Who a citizen talked with last, so that a repeat caller can meet the same agent again.

Kept in Redis for some hours under a keyed hash of the number: it is of use for a while, nobody can
read numbers out of it, and losing it costs a preference and no call.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import time

import gevent
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from callcenter.privacy import ANONYMOUS

logger = logging.getLogger(__name__)

PREFIX = "cc:last_agent:"
ANSWER_SECONDS = 0.3  # a call doesn't wait longer for this
AWAY_SECONDS = 5.0  # after a failure it isn't tried again for so long


class LastAgents:
    """`secret` keys the hash; the same for all controllers of an installation."""

    def __init__(self, url: str, secret: str) -> None:
        self._redis = redis.Redis.from_url(
            url,
            decode_responses=True,
            socket_timeout=ANSWER_SECONDS,
            socket_connect_timeout=ANSWER_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )
        self._secret = hashlib.sha256(b"last agent" + secret.encode()).digest()
        self._away_until = 0.0

    def find(self, number: str) -> str | None:
        """The agent's number; None when nobody is known, or Redis doesn't say at once."""
        if number == ANONYMOUS or time.monotonic() < self._away_until:
            return None
        try:
            found = self._redis.get(self._key(number))
        except (redis.RedisError, OSError) as error:
            self._away(error)
            return None
        return str(found) if found else None

    def remember(self, number: str, agent: str, hours: float) -> None:
        """Write it down soon; nothing is when `hours` is 0."""
        if hours > 0 and number != ANONYMOUS:
            gevent.spawn(self._write, number, agent, max(1, round(hours * 3600)))

    def _write(self, number: str, agent: str, seconds: int) -> None:
        try:
            self._redis.set(self._key(number), agent, ex=seconds)
        except (redis.RedisError, OSError) as error:
            self._away(error)

    def _key(self, number: str) -> str:
        return PREFIX + hmac.new(self._secret, number.encode(), hashlib.sha256).hexdigest()

    def _away(self, error: Exception) -> None:
        self._away_until = time.monotonic() + AWAY_SECONDS
        logger.warning("last agents are not known: %s", error)
