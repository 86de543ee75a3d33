"""A controller of a few lines: takes calls over the dialplan's `socket`, and dies on request.

It knows just enough of the event socket to say what the switch did. The real one is
`callcenter.esl`; this one shares no code with it, so that neither hides the other's errors.
"""

from __future__ import annotations

import contextlib
import json
import queue
import socket
import threading
import time
from typing import Any


class FakeCall:
    """A citizen's call that the switch handed over: its channel data, and a way to act on it."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._reader = connection.makefile("rb")
        self.events: queue.Queue[dict[str, Any]] = queue.Queue()
        self._replies: queue.Queue[dict[str, str]] = queue.Queue()
        self.headers: dict[str, str] = {}
        self.closed = threading.Event()

    def greet(self) -> None:
        self._socket.sendall(b"connect\n\n")
        self.headers = self._head()
        threading.Thread(target=self._read, daemon=True).start()
        for command in ("linger 1", "myevents json"):
            self.command(command)

    @property
    def uuid(self) -> str:
        return self.headers["unique-id"]

    def variable(self, name: str) -> str | None:
        return self.headers.get(f"variable_{name}")

    def command(self, text: str) -> dict[str, str]:
        self._socket.sendall(text.encode() + b"\n\n")
        return self._replies.get(timeout=5)

    def execute(self, app: str, arg: str = "") -> None:
        """Start an application; its end comes as an event."""
        text = f"sendmsg\ncall-command: execute\nexecute-app-name: {app}\n"
        self.command(text + f"execute-app-arg: {arg}" if arg else text.rstrip())

    def run(self, app: str, arg: str = "", seconds: float = 10.0) -> dict[str, Any]:
        """Start an application and wait for its end."""
        self.execute(app, arg)
        return self.wait_for("CHANNEL_EXECUTE_COMPLETE", seconds, Application=app)

    def finish(self, cause: str = "NORMAL_CLEARING") -> None:
        """Hang up, not before the phone had time to see that it was answered."""
        self.run("playback", "tone_stream://%(200,0,400)")
        self.execute("hangup", cause)

    def wait_for(self, name: str, seconds: float = 10.0, **headers: str) -> dict[str, Any]:
        """The next event of that name and with those headers (`_` for `-`)."""
        deadline = time.monotonic() + seconds
        while True:
            left = deadline - time.monotonic()
            assert left > 0, f"no {name} {headers} within {seconds:g} s"
            with contextlib.suppress(queue.Empty):
                event = self.events.get(timeout=left)
                wanted = {key.replace("_", "-"): value for key, value in headers.items()}
                if event["Event-Name"] == name and wanted.items() <= event.items():
                    return event

    def drop(self) -> None:
        """Close without a word, as the kernel does for a process that was killed."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _read(self) -> None:
        try:
            while True:
                headers = self._head()
                body = self._reader.read(int(headers.get("content-length", 0)))
                if headers.get("content-type") == "text/event-json":
                    self.events.put(json.loads(body))
                elif headers.get("content-type") == "command/reply":
                    self._replies.put(headers)
        except (OSError, ValueError):
            self.closed.set()
        finally:
            self._reader.close()

    def _head(self) -> dict[str, str]:
        headers = {}
        while True:
            line = self._reader.readline()
            if not line:
                raise OSError("closed")
            if line == b"\n":
                if headers:
                    return headers
                continue
            name, _, value = line.decode("utf-8", "replace").rstrip("\n").partition(": ")
            headers[name.lower()] = value


class FakeController:
    """Listens on `port`; `next_call` gives the calls in order; `die` closes everything at once."""

    def __init__(self, port: int) -> None:
        self._server = socket.create_server(("127.0.0.1", port))
        self._calls: queue.Queue[FakeCall] = queue.Queue()
        self._all: list[FakeCall] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> FakeController:
        return self

    def __exit__(self, *_: object) -> None:
        self.die()

    def next_call(self, seconds: float = 10.0) -> FakeCall:
        return self._calls.get(timeout=seconds)

    def nobody_called(self) -> bool:
        return self._calls.empty()

    def die(self) -> None:
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        for call in self._all:
            call.drop()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._server.accept()
                call = FakeCall(connection)
                self._all.append(call)
                with contextlib.suppress(OSError, queue.Empty):  # the caller was quicker
                    call.greet()
                    self._calls.put(call)
