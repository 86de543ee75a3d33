"""A citizen's telephone that measures: INVITE → first sound, key → the next sound.

SIP over UDP (RFC 3261) and G.711 A-law on sockets of its own; one call at a time, no thread.
Sounds are told apart by how often the samples' sign changes within a packet.
"""

from __future__ import annotations

import itertools
import re
import select
import socket
import time
import uuid
from collections.abc import Callable
from types import TracebackType

from callcenter.sipp import HOST, Address

FRAME = 160  # samples of a packet, 20 ms
LIMIT = 10.0  # seconds for anything to happen
RETRANSMIT = 0.5  # RFC 3261, 17.1.1.2: T1
TOLERANCE = 3  # sign changes of a packet


class NoSound(Exception):
    """What was to be heard didn't come in time, or the call was refused."""


class StopwatchPhone:
    """`with StopwatchPhone(trunk, "12345") as call: call.first_sound(440); call.press("1", 880)`"""

    def __init__(self, trunk: Address, dialed: str, caller: str = "13800000001") -> None:
        self._trunk = trunk
        self._sip, self._media = _udp(), _udp()
        self._id = uuid.uuid4().hex
        self._from = f"<sip:{caller}@{HOST}:{self._port(self._sip)}>;tag={self._id[:8]}"
        self._to = f"<sip:{dialed}@{trunk[0]}:{trunk[1]}>"
        self._target = f"sip:{dialed}@{trunk[0]}:{trunk[1]}"
        self._sequence = 1
        self._up = False

    def __enter__(self) -> StopwatchPhone:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._up:
            self._sequence += 1
            self._send("BYE", self._sequence)
        self._sip.close()
        self._media.close()

    def first_sound(self, hertz: float) -> float:
        """Call; milliseconds from the INVITE to the first packet of that tone."""
        branch = f"z9hG4bK{uuid.uuid4().hex}"
        began = time.monotonic()
        self._send("INVITE", 1, self._sdp(), "application/sdp", branch)
        again = began + RETRANSMIT

        def repeat() -> None:
            nonlocal again
            if not self._up and time.monotonic() > again:
                again = time.monotonic() + RETRANSMIT
                self._send("INVITE", 1, self._sdp(), "application/sdp", branch)

        return (self._hears(hertz, repeat) - began) * 1000

    def press(self, key: str, hertz: float) -> float:
        """Press a key by INFO; milliseconds until the first packet of the tone that it brings."""
        self._sequence += 1
        began = time.monotonic()
        body = f"Signal={key}\r\nDuration=160\r\n"
        self._send("INFO", self._sequence, body, "application/dtmf-relay")
        return (self._hears(hertz, lambda: None) - began) * 1000

    def _hears(self, hertz: float, meanwhile: Callable[[], None]) -> float:
        """When the tone began."""
        wanted = 2 * hertz * FRAME / 8000
        deadline = time.monotonic() + LIMIT
        while time.monotonic() < deadline:
            ready, _, _ = select.select([self._sip, self._media], [], [], 0.05)
            if self._media in ready:
                packet = self._media.recv(2048)
                if len(packet) >= 12 + FRAME and abs(_changes(packet[12:]) - wanted) <= TOLERANCE:
                    return time.monotonic()
            if self._sip in ready:
                self._answered(self._sip.recv(65535).decode("utf-8", "replace"))
            meanwhile()
        raise NoSound(f"no tone of {hertz:g} Hz within {LIMIT:g} s")

    def _answered(self, text: str) -> None:
        status = re.match(r"SIP/2.0 (\d+)", text)
        if status is None or " INVITE" not in _header(text, "CSeq"):
            return
        code = int(status[1])
        if code >= 300:
            raise NoSound(f"the call was refused:\n{text}")
        if code < 200:
            return
        self._to = _header(text, "To")
        contact = re.search(r"<?(sip:[^>;\s]+)", _header(text, "Contact"))
        self._target = contact[1] if contact else self._target
        self._send("ACK", 1)
        self._up = True

    def _send(
        self, method: str, sequence: int, body: str = "", kind: str = "", branch: str = ""
    ) -> None:
        port = self._port(self._sip)
        lines = [
            f"{method} {self._target} SIP/2.0",
            f"Via: SIP/2.0/UDP {HOST}:{port};branch={branch or 'z9hG4bK' + uuid.uuid4().hex}",
            "Max-Forwards: 70",
            f"From: {self._from}",
            f"To: {self._to}",
            f"Call-ID: {self._id}",
            f"CSeq: {sequence} {method}",
            f"Contact: <sip:stopwatch@{HOST}:{port}>",
        ]
        if kind:
            lines.append(f"Content-Type: {kind}")
        lines += [f"Content-Length: {len(body)}", "", body]
        self._sip.sendto("\r\n".join(lines).encode(), self._trunk)

    def _sdp(self) -> str:
        return (
            f"v=0\r\no=- 1 1 IN IP4 {HOST}\r\ns=-\r\nc=IN IP4 {HOST}\r\nt=0 0\r\n"
            f"m=audio {self._port(self._media)} RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\na=ptime:20\r\n"
        )

    @staticmethod
    def _port(sock: socket.socket) -> int:
        return int(sock.getsockname()[1])


def _changes(alaw: bytes) -> int:
    """How often the sign changes: the first bit of an A-law code (ITU-T G.711)."""
    return sum((one ^ next_) >> 7 for one, next_ in itertools.pairwise(alaw))


def _header(text: str, name: str) -> str:
    found = re.search(rf"^{name}:\s*(.*?)\r?$", text, re.MULTILINE | re.IGNORECASE)
    return found[1] if found else ""


def _udp() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((HOST, 0))
    return made
