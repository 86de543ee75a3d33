"""One event or reply from the switch."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote_to_bytes

import orjson
from greenswitch.esl import ESLEvent

from callcenter.esl.errors import ProtocolError

_MICROSECONDS = re.compile(r"[0-9]{1,18}")


class Event(ESLEvent):
    """Headers and body of an event or a reply.

    greenswitch decodes a whole plain event before it splits lines, so a value that holds `%0A`
    makes headers of its own. Here lines are split first, at LF alone, and each value is decoded
    by itself; JSON needs neither.
    """

    headers: dict[str, str]

    def __init__(self, headers: dict[str, str], body: str | None = None) -> None:
        self.headers = headers
        self.body = body
        self.data = body  # greenswitch's name for it

    @classmethod
    def from_json(cls, raw: bytes) -> Event:
        """An event of `event json`; raises `ProtocolError` if it isn't a JSON object."""
        try:
            parsed = orjson.loads(raw)
        except orjson.JSONDecodeError:
            parsed = _load_leniently(raw)
        if not isinstance(parsed, dict):
            raise ProtocolError("an event that is no JSON object")
        body = parsed.pop("_body", None)
        headers = parsed
        for name, value in parsed.items():
            if type(value) is not str:
                headers[name] = _text(value)
        return cls(headers, None if body is None else _text(body))

    @classmethod
    def from_plain(cls, raw: bytes) -> Event:
        """An event of `event plain`, or the header block of a reply."""
        block, _, body = raw.partition(b"\n\n")
        return cls(parse_headers(block.split(b"\n")), body.decode("utf-8", "replace") or None)

    @property
    def name(self) -> str:
        return self.headers.get("Event-Name", "")

    @property
    def subclass(self) -> str:
        """A CUSTOM event's subclass, e.g. `sofia::register`; else empty."""
        return self.headers.get("Event-Subclass", "")

    @property
    def uuid(self) -> str:
        """The channel's UUID; empty for events that belong to no channel."""
        return self.headers.get("Unique-ID", "")

    @property
    def at(self) -> float:
        """When the switch made the event: seconds since the epoch, UTC; 0.0 if it doesn't say."""
        stamp = self.headers.get("Event-Date-Timestamp", "")
        return int(stamp) / 1e6 if _MICROSECONDS.fullmatch(stamp) else 0.0

    @property
    def reply(self) -> str:
        """A reply's text: `+OK …` or `-ERR …`."""
        return self.headers.get("Reply-Text", "").rstrip("\n")

    def get(self, header: str, default: str = "") -> str:
        return self.headers.get(header, default)

    def variable(self, name: str, default: str = "") -> str:
        """The channel variable at the time of the event."""
        return self.headers.get(f"variable_{name}", default)

    def __repr__(self) -> str:
        label = self.subclass or self.name or self.get("Content-Type")
        return f"<Event {label} {self.uuid or '-'}>"


def parse_headers(lines: list[bytes]) -> dict[str, str]:
    """`Name: value` lines with url-encoded values; lines without a colon are left out.

    FreeSWITCH writes `_undef_` for an empty value; it becomes the empty text, as in JSON.
    """
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(b":")
        if colon:
            headers[name.strip().decode("utf-8", "replace")] = _decode(value.strip())
    return headers


def _decode(value: bytes) -> str:
    if value == b"_undef_":
        return ""
    raw = unquote_to_bytes(value) if b"%" in value else value
    return raw.decode("utf-8", "replace")


def _load_leniently(raw: bytes) -> Any:
    """cJSON passes bytes through that aren't UTF-8: replace them rather than lose the event."""
    try:
        return orjson.loads(raw.decode("utf-8", "replace"))
    except orjson.JSONDecodeError as error:
        raise ProtocolError("an event that is no JSON") from error


def _text(value: Any) -> str:
    """FreeSWITCH's text for a value: lists (variables set with `push`) as `ARRAY::a|:b`."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "ARRAY::" + "|:".join(_text(item) for item in value)
    return "" if value is None else str(value)
