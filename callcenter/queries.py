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
from dataclasses import asdict
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from callcenter.dial_rules import Citizen, Wanted
from ivr.progress import Answer, Found, NotFound

logger = logging.getLogger(__name__)

QUERIES = "cc:queries"
REPLY = "cc:reply:{}"
ANSWER_SECONDS = 3.0
CITIZEN_SECONDS = 2.0  # an agent's page waits for the command no longer than 2.5 s


def connect(url: str) -> redis.Redis:
    return redis.Redis.from_url(
        url,
        decode_responses=True,
        socket_timeout=ANSWER_SECONDS + 1.0,
        socket_connect_timeout=1.0,
        retry=Retry(NoBackoff(), 0),
    )


class Unavailable(Exception):
    """Nobody answered, or what came is no answer."""


class QueryClient:
    """Asks; each wait holds up its own call or command only."""

    def __init__(self, url: str) -> None:
        self._redis = connect(url)

    def ask(self, number: str, tail: str, caller: str) -> Answer:
        """How far the order is; `UNAVAILABLE` after three seconds at most."""
        try:
            return read(self._ask(ANSWER_SECONDS, number=number, tail=tail, caller=caller))
        except (Unavailable, ValueError, KeyError, TypeError) as error:
            logger.warning("progress: cannot be asked: %s", error)
            return NotFound.UNAVAILABLE

    def citizen(self, wanted: Wanted) -> Citizen | None:
        """Whom a call or an order leads to; raise `Unavailable` after two seconds at most."""
        try:
            told = self._ask(CITIZEN_SECONDS, what=wanted.what, name=wanted.name)
            return read_citizen(told)
        except (ValueError, KeyError, TypeError) as error:
            raise Unavailable(str(error)) from error

    def _ask(self, seconds: float, **question: str) -> str:
        number = uuid.uuid4().hex
        asked = {"id": number, "expires_at": time.time() + seconds, **question}
        try:
            self._redis.rpush(QUERIES, json.dumps(asked))
            taken: Any = self._redis.blpop([REPLY.format(number)], timeout=seconds)
        except (redis.RedisError, OSError) as error:
            raise Unavailable(str(error)) from error
        if taken is None:
            raise Unavailable(f"no answer within {seconds:g} s")
        return str(taken[1])


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


def write_citizen(found: Citizen | None) -> str:
    return json.dumps(asdict(found) if found is not None else None)


def read_citizen(text: str) -> Citizen | None:
    """Raise ValueError or TypeError for what isn't one."""
    told = json.loads(text)
    if told is None:
        return None
    asked, promised = told.pop("asked") is True, told.pop("promised") is True
    texts = {name: str(value) for name, value in told.items()}
    return Citizen(**texts, asked=asked, promised=promised)
