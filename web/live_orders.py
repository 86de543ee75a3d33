"""Telling open pages that an order changed."""

from __future__ import annotations

import json
import logging

import redis

from web.storage import redis_client

log = logging.getLogger(__name__)


def tell(number: str) -> None:
    """Open pages also look by themselves, so a missing Redis costs little."""
    client = redis_client()
    if client is None:
        return
    try:
        client.publish("cc:events", json.dumps({"kind": "order", "number": number}))
    except redis.RedisError as error:
        log.warning("order %s: live pages weren't told: %s", number, error)
