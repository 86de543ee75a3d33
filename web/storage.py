"""A request's database sessions, and Redis."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

import redis
from flask import Flask, current_app, g
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from callcenter import database
from web.config import WebSettings

REDIS_SECONDS = 3.0  # longest wait for any one Redis answer, apart from blocking pops


def init_app(app: Flask, settings: WebSettings) -> None:
    app.extensions["callcenter.engine"] = database.create_engine(settings.database_url)
    app.extensions["callcenter.redis"] = make_redis(settings.redis_url)
    app.extensions["callcenter.settings"] = settings

    @app.teardown_appcontext
    def close_session(_error: BaseException | None) -> None:
        session = g.pop("db", None)
        if session is not None:
            session.close()


def make_redis(url: str) -> redis.Redis | None:
    """None when no Redis is configured: live screens then say that they are stale."""
    if not url:
        return None
    return redis.Redis.from_url(
        url, decode_responses=True, socket_timeout=REDIS_SECONDS, socket_connect_timeout=1.0
    )


def settings() -> WebSettings:
    return cast(WebSettings, current_app.extensions["callcenter.settings"])


def engine() -> Engine:
    return cast(Engine, current_app.extensions["callcenter.engine"])


def db() -> Session:
    """The request's session for reading; it is rolled back when the request ends."""
    if "db" not in g:
        g.db = Session(engine())
    return cast(Session, g.db)


@contextmanager
def saving() -> Iterator[Session]:
    """A short session that commits at the end; afterwards `db()` sees what it wrote."""
    with database.writing(engine()) as session:
        yield session
    if "db" in g:
        db().rollback()


def redis_client() -> redis.Redis | None:
    return cast("redis.Redis | None", current_app.extensions["callcenter.redis"])
