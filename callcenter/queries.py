"""Questions from calls to the database's side, through Redis: the controller knows no SQL.

    controller ─ rpush cc:queries ─▶ projector's process ─ rpush cc:reply:<id> ─▶ controller

A question that nobody answers in time counts as "unavailable"; the citizen is offered a person.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import threading
import time
import uuid
from typing import Any

import redis
import sqlalchemy as sa
from redis.backoff import NoBackoff
from redis.retry import Retry

from callcenter import inquiry
from callcenter.database import reading
from callcenter.limits import Limiter
from ivr.progress import Answer, Found, NotFound

logger = logging.getLogger(__name__)

QUERIES = "cc:queries"
REPLY = "cc:reply:{}"
ANSWER_SECONDS = 3.0
KEPT_SECONDS = 10
WAIT_SECONDS = 1.0
PAUSE_SECONDS = 1.0
MOST_WAITING = 1_000  # questions; more are those of nobody
SIZE = 2_000  # characters of a question


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


class QueryServer:
    """Answers, in a thread of its own."""

    def __init__(self, engine: sa.Engine, url: str) -> None:
        """With an empty `url` nobody asks."""
        self._engine = engine
        self._url = url
        self._stop = threading.Event()
        self._away = False
        self._thread = threading.Thread(target=self._serve, name="queries", daemon=True)

    def start(self) -> None:
        if self._url:
            self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(WAIT_SECONDS + 2.0)

    def _serve(self) -> None:
        client = connect(self._url)
        limiter = Limiter(connect(self._url))
        while not self._stop.is_set():
            try:
                taken: Any = client.blpop([QUERIES], timeout=WAIT_SECONDS)
                if taken is not None:
                    self._reply(client, limiter, str(taken[1]))
                    client.ltrim(QUERIES, 0, MOST_WAITING)
                self._away = False
            except (redis.RedisError, OSError) as error:
                if not self._away:
                    logger.warning("queries: Redis is away: %s", error)
                self._away = True
                self._stop.wait(PAUSE_SECONDS)

    def _reply(self, client: redis.Redis, limiter: Limiter, text: str) -> None:
        try:
            question = json.loads(text[:SIZE])
            number, tail = str(question["number"])[:32], str(question["tail"])[:8]
            reply, caller = str(question["id"])[:64], str(question["caller"])[:64]
            if float(question["expires_at"]) < time.time():
                return  # nobody waits for it any more
        except (ValueError, KeyError, TypeError):
            logger.warning("a question that cannot be read: %.80r", text)
            return
        key = REPLY.format(reply)
        with client.pipeline(transaction=False) as pipe:
            pipe.rpush(key, write(self._answer(limiter, inquiry.Asked(number, tail, caller))))
            pipe.expire(key, KEPT_SECONDS)
            pipe.execute()

    def _answer(self, limiter: Limiter, asked: inquiry.Asked) -> Answer:
        try:
            with reading(self._engine) as session:
                return inquiry.by_telephone(session, limiter, asked)
        except (sa.exc.SQLAlchemyError, OSError) as error:
            logger.error("queries: the database can't be asked: %s", type(error).__name__)
            return NotFound.UNAVAILABLE
