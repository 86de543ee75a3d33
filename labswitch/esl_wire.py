"""The Event Socket's framing: commands in, replies and events out, one connection each.

Two greenlets serve a connection: the reader takes commands and runs them, the writer sends what
waits. A client that doesn't read loses events, and after too many its connection.
"""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING, Any

import gevent
from gevent.event import Event as Flag
from gevent.queue import Empty, Full, Queue

from labswitch.events import Event

if TYPE_CHECKING:
    from labswitch.switch import Switch

log = logging.getLogger(__name__)

MAX_HEAD = 65536
MAX_BODY = 1024 * 1024
MAX_WAITING = 20000  # messages
MAX_LOST = 500  # events, then the connection is closed
GOODBYE = b"Disconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/\n"


class Request:
    """One command with its headers (names in lower case) and body."""

    def __init__(self, line: str, fields: dict[str, str], body: str) -> None:
        self.line = line
        self.fields = fields
        self.body = body


class BadRequest(ValueError):
    """The client sent what isn't a command, or too much."""


class Wire:
    """Framing over one socket; both greenlets end when the socket does."""

    def __init__(self, switch: Switch, sock: Any) -> None:
        self.switch = switch
        self.closing = False
        self.closed = Flag()
        self._sock = sock
        self._file = sock.makefile("rb")
        self._out: Queue[bytes | None] = Queue(MAX_WAITING)
        self._lost = 0
        self._writer = gevent.spawn(self._write)

    def read(self) -> Request | None:
        """The next command; None when the client has gone. Raises BadRequest."""
        lines: list[str] = []
        size = 0
        while True:
            raw = self._file.readline(MAX_HEAD)
            size += len(raw)
            if not raw:
                return None
            if size > MAX_HEAD:
                raise BadRequest("a command that is too long")
            line = raw.decode("utf-8", "replace").rstrip("\r\n")
            if line:
                lines.append(line)
            elif lines:
                return self._request(lines)

    def _request(self, lines: list[str]) -> Request:
        fields = {}
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if colon:
                fields[name.strip().lower()] = value.lstrip()
        body = ""
        length = fields.get("content-length", "0")
        if length.isascii() and length.isdigit() and int(length[:9]):
            if int(length[:9]) > MAX_BODY:
                raise BadRequest("a body that is too long")
            body = self._file.read(int(length[:9])).decode("utf-8", "replace")
        return Request(lines[0], fields, body)

    def send(self, data: bytes) -> None:
        """Queue bytes; a client that doesn't read is cut off."""
        if self.closing:
            return
        try:
            self._out.put_nowait(data)
        except Full:
            self.abort()

    def reply(self, text: str, more: str = "") -> None:
        self.send(f"Content-Type: command/reply\nReply-Text: {text}\n{more}\n".encode())

    def respond(self, text: str) -> None:
        """The answer to `api`."""
        body = (text or "-ERR no reply\n").encode("utf-8", "replace")
        self.send(b"Content-Type: api/response\nContent-Length: %d\n\n" % len(body) + body)

    def send_event(self, event: Event, form: str) -> None:
        body = event.json() if form == "json" else event.plain()
        head = f"Content-Length: {len(body)}\nContent-Type: text/event-{form}\n\n".encode()
        try:
            self._out.put_nowait(head + body)
        except Full:
            self._lost += 1
            if self._lost > MAX_LOST:
                log.error("an event client lost too many events and is cut off")
                self.abort()

    def close_reader(self) -> None:
        """Nothing is read any more."""
        with contextlib.suppress(OSError):
            self._file.close()

    def finish(self, notice: bytes) -> None:
        """Send what waits and a last notice, then close."""
        if self.closing:
            return
        self.send(notice)
        self.closing = True
        try:
            self._out.put_nowait(None)
        except Full:
            self.abort()

    def abort(self) -> None:
        self.closing = True
        self._shut()

    def _write(self) -> None:
        try:
            while True:
                data = self._out.get()
                if data is None:
                    return
                parts = [data]
                try:
                    while len(parts) < 100:
                        parts.append(self._out.get_nowait())
                except Empty:
                    pass
                last = parts[-1] is None
                self._sock.sendall(b"".join(part for part in parts if part is not None))
                if last:
                    return
        except OSError:
            pass
        finally:
            self._shut()

    def _shut(self) -> None:
        if self.closed.is_set():
            return
        self.closed.set()
        with contextlib.suppress(OSError):
            self._sock.shutdown(2)
        self._sock.close()
