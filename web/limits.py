"""The application's limiter."""

from __future__ import annotations

from typing import cast

from flask import Flask, current_app

from callcenter.limits import Limiter
from web.storage import make_redis


def init_app(app: Flask, redis_url: str) -> None:
    app.extensions["callcenter.limiter"] = Limiter(make_redis(redis_url))


def limiter() -> Limiter:
    return cast(Limiter, current_app.extensions["callcenter.limiter"])
