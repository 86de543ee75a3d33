"""An event socket as bytes: commands out, replies and events in, nothing interpreted.

It shares no code with `callcenter.esl` or `labswitch`, so that it hides nobody's errors.
"""

from __future__ import annotations

import json
import socket as plain_socket
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import gevent
from gevent import socket
from gevent.event import Event as Flag
from gevent.queue import Empty, Queue

Event = dict[str, Any]


class Frame:
    """One message of the switch."""

    def __init__(self, head: dict[str, str], body: str) -> None:
        self.head = head
        self.body = body

    @property
    def kind(self) -> str:
        return self.head.get("Content-Type", "")

    @property
    def reply(self) -> str:
        return self.head.get("Reply-Text", "")


class Connection:
    """One connection; `on_event` gets events as they come, `notices` what else comes unasked."""

    def __init__(self, sock: Any, on_event: Callable[[Event], None]) -> None:
        self._socket = sock
        self._file = sock.makefile("rb")
        self._on_event = on_event
        self._replies: Queue[Frame] = Queue()
        self.notices: list[Frame] = []
        self.closed = Flag()
        self._reader = gevent.spawn(self._read)

    @classmethod
    def dial(cls, host: str, port: int, on_event: Callable[[Event], None]) -> Connection:
        """Connect to the switch and wait until it asks for the password."""
        connection = cls(socket.create_connection((host, port), 5), on_event)
        connection._socket.settimeout(None)
        until(lambda: connection.notices or connection.closed.is_set(), "the switch's greeting")
        return connection

    def ask(self, text: str, timeout: float = 10.0) -> Frame:
        """Send a command (lines without the empty one at the end); its reply."""
        self._socket.sendall(text.encode() + b"\n\n")
        try:
            return self._replies.get(timeout=timeout)
        except Empty:
            raise AssertionError(f"no reply to {text!r} within {timeout:g} s") from None

    def drop(self) -> None:
        """Close without a word, as the kernel does for a process that was killed."""
        try:
            self._socket.shutdown(plain_socket.SHUT_RDWR)
        except OSError:
            return  # it was closed already

    def close(self) -> None:
        self.drop()
        self.closed.wait(2)
        self._reader.kill()
        self._file.close()
        self._socket.close()

    def _read(self) -> None:
        try:
            while frame := self._frame():
                if frame.kind == "text/event-json":
                    self._on_event(json.loads(frame.body))
                elif frame.kind in ("command/reply", "api/response"):
                    self._replies.put(frame)
                else:
                    self.notices.append(frame)
        except OSError:
            pass
        finally:
            self.closed.set()

    def _frame(self) -> Frame | None:
        head: dict[str, str] = {}
        while True:
            line = self._file.readline()
            if not line:
                return None
            if line != b"\n":
                name, _, value = line.decode("utf-8", "replace").rstrip("\n").partition(": ")
                head[name] = unquote(value)
            elif head:
                size = int(head.get("Content-Length", 0)) if _has_body(head) else 0
                return Frame(head, self._file.read(size).decode("utf-8", "replace"))


def _has_body(head: dict[str, str]) -> bool:
    return head.get("Content-Type") != "command/reply"


def until(condition: Callable[[], Any], what: str, seconds: float = 10.0) -> Any:
    """Wait for a condition while everything else goes on; its first true value."""
    with gevent.Timeout(seconds, AssertionError(f"not within {seconds:g} s: {what}")):
        while True:
            value = condition()
            if value:
                return value
            gevent.sleep(0.01)
