"""A bare ESL client and outbound listener for tests: they show what came over the wire."""

from __future__ import annotations

import json
import time
import urllib.parse
import uuid
from typing import Any

import gevent
from gevent import socket
from gevent.event import AsyncResult
from gevent.queue import Empty, Queue


class Frame:
    def __init__(self, head: dict[str, str], body: bytes) -> None:
        self.head, self.body = head, body
        self.event: dict[str, str] = {}
        kind = head.get("Content-Type")
        if kind == "text/event-json":
            self.event = json.loads(body)
        elif kind == "text/event-plain":
            inner_head, _, inner_body = body.decode().partition("\n\n")
            for line in inner_head.split("\n"):
                name, _, value = line.partition(": ")
                self.event[name] = urllib.parse.unquote(value)
            if inner_body:
                self.event["_body"] = inner_body

    @property
    def name(self) -> str:
        return self.event.get("Event-Name", "")

    def __repr__(self) -> str:
        return f"<{self.head} {self.name or self.body[:200]!r}>"


class Wire:
    """One ESL connection, inbound or outbound."""

    def __init__(self, sock: Any) -> None:
        self.sock = sock
        self.file = sock.makefile("rb")
        self.replies: Queue[Frame] = Queue()
        self.events: Queue[Frame] = Queue()
        self.seen: list[Frame] = []
        self.closed: AsyncResult[None] = AsyncResult()
        self.reader = gevent.spawn(self._read)

    @classmethod
    def dial(cls, address: tuple[str, int], password: str) -> Wire:
        wire = cls(socket.create_connection(address, 5))
        wire.replies.get(timeout=5)
        reply = wire.command(f"auth {password}")
        assert reply.head["Reply-Text"] == "+OK accepted", reply
        return wire

    def _read(self) -> None:
        try:
            while True:
                head: dict[str, str] = {}
                while True:
                    line = self.file.readline()
                    if not line:
                        return
                    text = line.decode(errors="replace").rstrip("\n")
                    if not text:
                        if head:
                            break
                        continue
                    name, _, value = text.partition(": ")
                    head[name] = value
                body = self.file.read(int(head.get("Content-Length", 0)))
                frame = Frame(head, body)
                self.seen.append(frame)
                if frame.event and "Content-Type" in head:
                    self.events.put(frame)
                else:
                    self.replies.put(frame)
        except OSError:
            pass
        finally:
            self.closed.set(None)

    def send(self, text: str) -> None:
        self.sock.sendall(text.encode() + b"\n\n")

    def command(self, text: str, timeout: float = 5) -> Frame:
        self.send(text)
        return self.replies.get(timeout=timeout)

    def api(self, text: str, timeout: float = 10) -> str:
        return self.command(f"api {text}", timeout).body.decode()

    def bgapi(self, text: str, timeout: float = 30) -> str:
        job = str(uuid.uuid4())
        self.command(f"bgapi {text}\nJob-UUID: {job}")
        frame = self.wait("BACKGROUND_JOB", timeout, **{"Job-UUID": job})
        return frame.event["_body"]

    def execute(self, app: str, arg: str = "", *, uuid_: str = "", event_uuid: str = "") -> Frame:
        lines = [f"sendmsg {uuid_}".strip(), "call-command: execute", f"execute-app-name: {app}"]
        if arg:
            lines.append(f"execute-app-arg: {arg}")
        if event_uuid:
            lines.append(f"Event-UUID: {event_uuid}")
        return self.command("\n".join(lines))

    def wait(self, name: str, timeout: float = 5, **headers: str) -> Frame:
        """The first event, already seen or to come, of this name with these headers."""
        deadline = time.monotonic() + timeout
        start = 0
        while True:
            for frame in self.seen[start:]:
                if frame.name == name and all(frame.event.get(h) == v for h, v in headers.items()):
                    return frame
            start = len(self.seen)
            left = deadline - time.monotonic()
            if left <= 0:
                names = [f.name for f in self.seen if f.name]
                raise AssertionError(f"no {name} {headers} in {timeout} s; saw {names}")
            try:
                self.events.get(timeout=min(left, 0.2))
            except Empty:
                continue

    def close(self) -> None:
        self.reader.kill()
        self.file.close()
        self.sock.close()


class Listener:
    """Accepts outbound connections like a controller would."""

    def __init__(self, port: int = 0) -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.bind(("127.0.0.1", port))
        self.sock.listen(50)
        self.port = self.sock.getsockname()[1]
        self.wires: list[Wire] = []

    def accept(self, timeout: float = 5, *, greet: bool = True) -> tuple[Wire, Frame]:
        """The next call: its connection and the answer to `connect`."""
        with gevent.Timeout(timeout):
            sock, _ = self.sock.accept()
        wire = Wire(sock)
        self.wires.append(wire)
        if not greet:
            return wire, Frame({}, b"")
        return wire, wire.command("connect")

    def close(self) -> None:
        for wire in self.wires:
            wire.close()
        self.sock.close()
