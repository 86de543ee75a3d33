"""Events and the bus that carries them to listeners, in FreeSWITCH's names and order."""

from __future__ import annotations

import itertools
import json
import time
import uuid
from collections.abc import Callable
from email.utils import formatdate
from typing import Protocol
from urllib.parse import quote

# A header whose value is a list is an array (`ARRAY::a|:b` in the plain form).
Headers = dict[str, str | list[str]]

# Characters that FreeSWITCH leaves as they are in plain events (switch_url_encode).
_PLAIN_SAFE = "/!$'()*-._~,"


def url_encode(value: str) -> str:
    """Encode a header's value for the plain format: no line break survives."""
    return quote(value, safe=_PLAIN_SAFE)


class Event:
    """One event. `headers` hold everything but the body."""

    __slots__ = ("_json", "_plain", "body", "headers", "name", "subclass", "uuid")

    def __init__(self, name: str, headers: Headers, body: str | None = None) -> None:
        self.name = name
        self.headers = headers
        self.body = body
        subclass, unique_id = headers.get("Event-Subclass", ""), headers.get("Unique-ID", "")
        self.subclass = subclass if isinstance(subclass, str) else ""
        self.uuid = unique_id if isinstance(unique_id, str) else ""
        self._json: bytes | None = None
        self._plain: bytes | None = None

    def get(self, header: str) -> str | None:
        """A header's text; names are compared as they stand, then without case."""
        value = self.headers.get(header)
        if value is None:
            low = header.lower()
            value = next((v for name, v in self.headers.items() if name.lower() == low), None)
        return array_text(value) if isinstance(value, list) else value

    def json(self) -> bytes:
        if self._json is None:
            data: dict[str, str | list[str]] = dict(self.headers)
            if self.body is not None:
                data["Content-Length"] = str(len(self.body.encode()))
                data["_body"] = self.body
            self._json = json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode(
                "utf-8", "replace"
            )
        return self._json

    def plain(self) -> bytes:
        if self._plain is None:
            self._plain = plain_lines(self.headers)
            if self.body is None:
                self._plain += b"\n"
            else:
                body = self.body.encode("utf-8", "replace")
                self._plain += b"Content-Length: %d\n\n" % len(body) + body
        return self._plain


def array_text(values: list[str]) -> str:
    """An array variable as one text, as `uuid_getvar` shows it."""
    return "ARRAY::" + "|:".join(values)


def plain_lines(headers: Headers) -> bytes:
    """Header lines with encoded values, without the empty line at the end."""
    lines = []
    for name, value in headers.items():
        text = array_text(value) if isinstance(value, list) else value
        lines.append(f"{name}: {url_encode(text)}\n")
    return "".join(lines).encode("utf-8", "replace")


class Listener(Protocol):
    """Who gets events. `deliver` must not block."""

    def wants(self, name: str, subclass: str) -> bool: ...

    def deliver(self, event: Event) -> None: ...


class EventBus:
    """Numbers events and hands them to whoever wants them.

    An event's headers are only made when somebody wants it: a switch without listeners is quiet.
    """

    def __init__(self, switchname: str = "labswitch") -> None:
        self.core_uuid = str(uuid.uuid4())
        self.switchname = switchname
        self._listeners: list[Listener] = []
        self._sequence = itertools.count(1)

    def add(self, listener: Listener) -> None:
        self._listeners.append(listener)

    def remove(self, listener: Listener) -> None:
        if listener in self._listeners:
            self._listeners.remove(listener)

    def base(self, name: str) -> Headers:
        """The headers that every event begins with."""
        now = time.time()
        headers: Headers = {"Event-Name": name, "Core-UUID": self.core_uuid}
        headers["FreeSWITCH-Hostname"] = headers["FreeSWITCH-Switchname"] = self.switchname
        headers["FreeSWITCH-IPv4"] = "127.0.0.1"
        headers["FreeSWITCH-IPv6"] = "::1"
        headers["Event-Date-Local"] = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(now))
        headers["Event-Date-GMT"] = formatdate(now, usegmt=True)
        headers["Event-Date-Timestamp"] = str(int(now * 1_000_000))
        headers["Event-Calling-File"] = "labswitch"
        headers["Event-Calling-Function"] = "fire"
        headers["Event-Calling-Line-Number"] = "0"
        headers["Event-Sequence"] = str(next(self._sequence))
        return headers

    def fire(
        self,
        name: str,
        headers: Callable[[], Headers] | None = None,
        *,
        subclass: str = "",
        body: str | None = None,
    ) -> None:
        """Send an event; `headers` is called only when a listener wants it."""
        wanting = [listener for listener in self._listeners if listener.wants(name, subclass)]
        if not wanting:
            next(self._sequence)
            return
        all_headers = {"Event-Subclass": subclass} if subclass else {}
        event = Event(
            name, {**all_headers, **self.base(name), **(headers() if headers else {})}, body
        )
        for listener in wanting:
            listener.deliver(event)
