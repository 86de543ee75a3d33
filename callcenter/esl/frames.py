"""Reading frames: a header block, an empty line, and exactly Content-Length bytes of body."""

from __future__ import annotations

import re
from dataclasses import dataclass
from io import BufferedReader

from callcenter.esl.errors import ProtocolError
from callcenter.esl.event import parse_headers

MAX_HEADER_BYTES = 1 << 20  # the reply to `connect` holds every variable of the channel
MAX_BODY_BYTES = 16 << 20  # `show channels as json` with some thousand channels

_LENGTH = re.compile(r"[0-9]{1,12}")


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame; header values are url-decoded one by one."""

    headers: dict[str, str]
    body: bytes

    @property
    def content_type(self) -> str:
        return self.headers.get("Content-Type", "")


def read_frame(file: BufferedReader, max_body: int = MAX_BODY_BYTES) -> Frame | None:
    """The next frame, or None when the peer closed between two frames.

    Raises `ProtocolError` when it closed inside one, for a length that is no number or is more
    than `max_body` bytes, and for header blocks over `MAX_HEADER_BYTES`.
    """
    lines = _header_lines(file)
    if lines is None:
        return None
    headers = parse_headers(lines)
    length = _content_length(headers, lines)
    if length > max_body:
        raise ProtocolError(f"a body of {length} bytes, the limit is {max_body}")
    body = file.read(length) if length else b""
    if len(body) < length:
        raise ProtocolError(f"the connection ended inside a body: {len(body)} of {length} bytes")
    return Frame(headers, body)


def _header_lines(file: BufferedReader) -> list[bytes] | None:
    # As a rule the whole block is there already: a call's facts are 300 lines.
    there = file.peek(1)
    end = there.find(b"\n\n")
    if 0 < end < MAX_HEADER_BYTES and b"\r" not in there[:end]:
        return file.read(end + 2)[:end].split(b"\n")
    return _lines_one_by_one(file)


def _lines_one_by_one(file: BufferedReader) -> list[bytes] | None:
    lines: list[bytes] = []
    room = MAX_HEADER_BYTES
    while True:
        line = file.readline(room)
        if not line:
            if lines:
                raise ProtocolError("the connection ended inside a header block")
            return None
        room -= len(line)
        if room <= 0:
            raise ProtocolError(f"a header block of more than {MAX_HEADER_BYTES} bytes")
        if not line.endswith(b"\n"):
            raise ProtocolError("the connection ended inside a header line")
        line = line.rstrip(b"\r\n")
        if line:
            lines.append(line)
        elif lines:
            return lines


def _content_length(headers: dict[str, str], lines: list[bytes]) -> int:
    text = headers.get("Content-Length")
    if text is None:
        return 0
    if sum(line.lower().startswith(b"content-length:") for line in lines) > 1:
        raise ProtocolError("a frame with two lengths")
    if not _LENGTH.fullmatch(text):
        raise ProtocolError(f"a length that is no number: {text[:40]!r}")
    return int(text)
