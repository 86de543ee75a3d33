"""Who a citizen talked with last, so that a repeat caller can meet the same agent again.

Kept in Redis for some hours under a keyed hash of the number: it is of use for a while, nobody can
read numbers out of it, and losing it costs a preference and no call. It is read at the start and
known here from then on: no call waits for another process on its way to an agent.
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
AT_ONCE = 500  # keys
PRUNE_ABOVE = 10_000  # callers


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
        self._prefix = f"cc:{purpose.replace(' ', '_')}:"
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
        return self._prefix + digest

    def _away(self, error: Exception) -> None:
        self._away_until = time.monotonic() + AWAY_SECONDS
        logger.warning("callers' %s is not known: %s", self._purpose, error)


class LastAgents(CallerMemory):
    """`load` runs beside the first calls; until it is done each one asks Redis."""

    def __init__(self, url: str, secret: str) -> None:
        super().__init__(url, secret, "last agent")
        self._known: dict[str, tuple[str, float]] = {}  # key -> agent, until when (monotonic)
        self._prune_at = PRUNE_ABOVE
        self._loaded = False

    def load(self) -> None:
        """Read what Redis holds; tried again until it answers."""
        while True:
            try:
                self._read_all()
                return
            except (redis.RedisError, OSError) as error:
                self._away(error)
                gevent.sleep(AWAY_SECONDS)

    def find(self, number: str) -> str | None:
        """The agent's number; None when nobody is known, or Redis doesn't say at once."""
        if number == ANONYMOUS:
            return None
        agent, until = self._known.get(self._key(number), ("", 0.0))
        if agent or self._loaded:
            return agent if time.monotonic() < until else None
        found = self.ask(number, self._redis.get)
        return str(found) if found else None

    def remember(self, number: str, agent: str, hours: float) -> None:
        """From now on, and written down soon; nothing is when `hours` is 0."""
        if hours > 0 and number != ANONYMOUS:
            seconds = max(1, round(hours * 3600))
            self._keep(self._key(number), agent, seconds)
            self.write(number, lambda key: self._redis.set(key, agent, ex=seconds))

    def _keep(self, key: str, agent: str, seconds: float) -> None:
        now = time.monotonic()
        self._known[key] = agent, now + seconds
        if len(self._known) > self._prune_at:
            self._known = {each: kept for each, kept in self._known.items() if kept[1] > now}
            self._prune_at = max(PRUNE_ABOVE, 2 * len(self._known))

    def _read_all(self) -> None:
        keys = [str(key) for key in self._redis.scan_iter(f"{self._prefix}*", count=AT_ONCE)]
        for first in range(0, len(keys), AT_ONCE):
            some = keys[first : first + AT_ONCE]
            with self._redis.pipeline(transaction=False) as pipe:
                for key in some:
                    pipe.get(key)
                    pipe.ttl(key)
                told = pipe.execute()
            for key, agent, seconds in zip(some, told[::2], told[1::2], strict=True):
                if agent and int(seconds) > 0 and key not in self._known:  # what was heard is newer
                    self._keep(key, str(agent), int(seconds))
        self._loaded = True
