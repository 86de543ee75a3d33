"""Short messages over Redis: be woken by the journal's writer, tell screens what changed.

Nothing here is needed for the data to be right. Without Redis the projector looks by itself and
screens say that they are stale.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading

import orjson
import redis

log = logging.getLogger(__name__)

WAKE_CHANNEL = "cc:journal"
EVENTS_CHANNEL = "cc:events"
TIMEOUT_SECONDS = 2.0
RETRY_SECONDS = 1.0
MAX_WAITING = 10_000


class Notices:
    """Two threads: one listens on `cc:journal`, one publishes to `cc:events`."""

    def __init__(self, url: str, wake: threading.Event) -> None:
        """With an empty `url` nothing is sent and nobody is listened to."""
        self._url = url
        self._wake = wake
        self._stop = threading.Event()
        self._outbox: queue.Queue[dict[str, str] | None] = queue.Queue(MAX_WAITING)
        self._away = False
        self._threads = [
            threading.Thread(target=self._listen, name="notices-in", daemon=True),
            threading.Thread(target=self._send, name="notices-out", daemon=True),
        ]

    def start(self) -> None:
        if self._url:
            for thread in self._threads:
                thread.start()

    def stop(self) -> None:
        self._stop.set()
        with contextlib.suppress(queue.Full):
            self._outbox.put_nowait(None)
        for thread in self._threads:
            if thread.is_alive():
                thread.join(TIMEOUT_SECONDS + RETRY_SECONDS)

    def publish(self, notice: dict[str, str]) -> None:
        """Send soon; dropped when Redis has been away for long."""
        if self._url:
            with contextlib.suppress(queue.Full):
                self._outbox.put_nowait(notice)

    def _client(self) -> redis.Redis:
        return redis.Redis.from_url(
            self._url, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS
        )

    def _listen(self) -> None:
        while not self._stop.is_set():
            client = self._client()
            try:
                with client.pubsub(ignore_subscribe_messages=True) as subscription:
                    subscription.subscribe(WAKE_CHANNEL)
                    self._back()
                    while not self._stop.is_set():
                        if subscription.get_message(timeout=1.0) is not None:
                            self._wake.set()
            except (redis.RedisError, OSError) as error:
                self._gone(error)
                self._stop.wait(RETRY_SECONDS)
            finally:
                client.close()

    def _send(self) -> None:
        client = self._client()
        while not self._stop.is_set():
            notice = self._outbox.get()
            if notice is None:
                break
            try:
                client.publish(EVENTS_CHANNEL, orjson.dumps(notice))
            except (redis.RedisError, OSError) as error:
                self._gone(error)
                self._stop.wait(RETRY_SECONDS)
        client.close()

    def _gone(self, error: Exception) -> None:
        if not self._away:
            self._away = True
            log.warning("Redis is away, screens are not told of changes: %s", error)

    def _back(self) -> None:
        if self._away:
            self._away = False
            log.info("Redis is back")
