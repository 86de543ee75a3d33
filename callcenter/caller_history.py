"""The last calls of a citizen that agents answered, so that a queue may go by them.

Kept in Redis beside the last agent: for as long as a rule asks for, at most `MOST_CALLS`, under a
keyed hash of the number. What they ask for is decided in `acd.history`.
"""

from __future__ import annotations

import json
import logging
from typing import Any

from acd.config import Config
from acd.history import DAY, MOST_CALLS, PastCall, applying, compose
from callcenter.last_agent import CallerMemory

logger = logging.getLogger(__name__)


class CallerHistory(CallerMemory):
    def __init__(self, url: str, secret: str) -> None:
        super().__init__(url, secret, "history")

    def asks(
        self, config: Config, number: str, queue: str, requirement: str, now: float
    ) -> tuple[str, list[dict[str, Any]]]:
        """What the call asks for with what this citizen's history adds, and an account of that.

        `requirement` as it is where the queue has no rules, or nothing is known.
        """
        known = config.queues.get(queue)
        if known is None or not known.history:
            return requirement, []
        past = [call for call in map(_read, self._found(number)) if call is not None]
        text, added = compose(requirement, applying(known.history, past, now))
        told = [
            {
                "requirement": each.rule.requirement,
                "calls": each.found,
                "days": each.rule.days,
                "queue": each.rule.queue,
                "asked": each.rule.asked,
            }
            for each in added
        ]
        return text, told

    def remember(self, config: Config, number: str, call: PastCall) -> None:
        """Write it down soon, if any queue has a rule that might look at it."""
        days = [rule.days for queue in config.queues.values() for rule in queue.history]
        if not days:
            return
        seconds = max(1, round(max(days) * DAY))
        line = json.dumps([call.at, call.queue, call.asked], ensure_ascii=False)
        self.write(number, lambda key: self._push(key, line, seconds))

    def _found(self, number: str) -> list[str]:
        return [str(line) for line in self.ask(number, self._lines) or []]

    def _lines(self, key: str) -> list[str]:
        lines: Any = self._redis.lrange(key, 0, MOST_CALLS - 1)
        return list(lines)

    def _push(self, key: str, line: str, seconds: int) -> None:
        with self._redis.pipeline() as pipe:
            pipe.lpush(key, line)
            pipe.ltrim(key, 0, MOST_CALLS - 1)
            pipe.expire(key, seconds)
            pipe.execute()


def _read(line: str) -> PastCall | None:
    try:
        at, queue, asked = json.loads(line)
        return PastCall(float(at), str(queue), str(asked))
    except (ValueError, TypeError) as error:
        logger.warning("a caller's history: not an earlier call: %s", error)
        return None
