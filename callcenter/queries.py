"""Questions from calls to the database's side, through Redis: the controller knows no SQL.

    controller ─ rpush cc:queries ─▶ projector's process ─ rpush cc:reply:<id> ─▶ controller

A question that nobody answers in time counts as "unavailable"; the citizen is offered a person.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import time
import uuid
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from ivr.progress import Answer, Found, NotFound

logger = logging.getLogger(__name__)

QUERIES = "cc:queries"
REPLY = "cc:reply:{}"
ANSWER_SECONDS = 3.0


def connect(url: str) -> redis.Redis:
    return redis.Redis.from_url(
        url,
        decode_responses=True,
        socket_timeout=ANSWER_SECONDS + 1.0,
        socket_connect_timeout=1.0,
        retry=Retry(NoBackoff(), 0),
    )


class ProgressClient:
    """Asks; each wait holds up its own call only."""

    def __init__(self, url: str) -> None:
        self._redis = connect(url)

    def ask(self, number: str, tail: str, caller: str) -> Answer:
        """How far the order is; `UNAVAILABLE` after three seconds at most."""
        question = {
            "id": uuid.uuid4().hex,
            "number": number,
            "tail": tail,
            "caller": caller,
            "expires_at": time.time() + ANSWER_SECONDS,
        }
        try:
            self._redis.rpush(QUERIES, json.dumps(question))
            taken: Any = self._redis.blpop([REPLY.format(question["id"])], timeout=ANSWER_SECONDS)
            return NotFound.UNAVAILABLE if taken is None else read(taken[1])
        except (redis.RedisError, OSError, ValueError, KeyError, TypeError) as error:
            logger.warning("progress: cannot be asked: %s", error)
            return NotFound.UNAVAILABLE


def write(answer: Answer) -> str:
    if isinstance(answer, NotFound):
        return json.dumps({"result": answer.value})
    day = answer.deadline.isoformat() if answer.deadline else None
    return json.dumps({"result": "found", "state": answer.state, "deadline": day})


def read(text: str) -> Answer:
    """Raise ValueError, KeyError or TypeError for what isn't an answer."""
    told = json.loads(text)
    if told["result"] != "found":
        return NotFound(told["result"])
    day = told["deadline"]
    return Found(str(told["state"]), dt.date.fromisoformat(day) if day else None)
