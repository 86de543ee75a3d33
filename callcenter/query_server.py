"""The database's side of `callcenter.queries`: it answers what calls ask."""

from __future__ import annotations

import json
import logging
import threading
import time
from typing import Any

import redis
import sqlalchemy as sa

from callcenter import dialable, inquiry
from callcenter.database import reading
from callcenter.dial_rules import Wanted, What
from callcenter.limits import Limiter
from callcenter.queries import QUERIES, REPLY, connect, write, write_citizen
from ivr.progress import Answer, NotFound

logger = logging.getLogger(__name__)

KEPT_SECONDS = 10
WAIT_SECONDS = 1.0
PAUSE_SECONDS = 1.0
MOST_WAITING = 1_000  # questions; more are those of nobody
SIZE = 2_000  # characters of a question


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
            if float(question["expires_at"]) < time.time():
                return  # nobody waits for it any more
            reply, asked = str(question["id"])[:64], _asked(question)
        except (ValueError, KeyError, TypeError):
            logger.warning("a question of %d characters that cannot be read", len(text))
            return
        if isinstance(asked, Wanted):
            answer = self._citizen(asked)
        else:
            answer = write(self._answer(limiter, asked))
        if answer is None:
            return
        key = REPLY.format(reply)
        with client.pipeline(transaction=False) as pipe:
            pipe.rpush(key, answer)
            pipe.expire(key, KEPT_SECONDS)
            pipe.execute()

    def _answer(self, limiter: Limiter, asked: inquiry.Asked) -> Answer:
        try:
            with reading(self._engine) as session:
                return inquiry.by_telephone(session, limiter, asked)
        except (sa.exc.SQLAlchemyError, OSError) as error:
            logger.error("queries: the database can't be asked: %s", type(error).__name__)
            return NotFound.UNAVAILABLE

    def _citizen(self, wanted: Wanted) -> str | None:
        try:
            with reading(self._engine) as session:
                return write_citizen(dialable.find(session, wanted))
        except (sa.exc.SQLAlchemyError, OSError) as error:
            logger.error("queries: the database can't be asked: %s", type(error).__name__)
            return None


def _asked(question: dict[str, Any]) -> inquiry.Asked | Wanted:
    """Raise ValueError, KeyError or TypeError for what is no question."""
    if "what" in question:
        return Wanted(What(question["what"]), str(question["name"])[:64])
    number, tail = str(question["number"])[:32], str(question["tail"])[:8]
    return inquiry.Asked(number, tail, str(question["caller"])[:64])
