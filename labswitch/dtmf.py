"""Keys pressed: RFC 4733 telephone events both ways, and SIP INFO `application/dtmf-relay`.

Durations are in milliseconds outside and in RTP timestamp units (1/8 ms) on the wire.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass

DIGITS = "0123456789*#ABCD"  # the event's number is the place in this string (RFC 4733 §3.2)
UNITS_PER_MS = 8
TICK_UNITS = 160
END_PACKETS = 3  # RFC 4733 §2.5.1.4
MIN_MS, MAX_MS = 40, 8000  # one event can't say more than 65,535 units
GAP_TICKS = 3  # silence between keys, at least 40 ms (ITU-T Q.24)
LOST_END_SECONDS = 0.2  # no packet for this long: the key was released and we missed it
FORGET_SECONDS = 0.5  # after this, an old timestamp is a new key (SIPp plays the same file twice)

_EVENT = struct.Struct("!BBH")
_END = 0x80
_VOLUME = 10  # −10 dBm0


@dataclass(frozen=True, slots=True)
class Event:
    """One telephone-event payload. `duration` is in timestamp units."""

    digit: str
    end: bool
    duration: int
    first: bool = False  # sent with the marker bit

    @property
    def payload(self) -> bytes:
        flags = _VOLUME | (_END if self.end else 0)
        return _EVENT.pack(DIGITS.index(self.digit), flags, self.duration)


def parse_event(payload: bytes) -> Event | None:
    """Read a telephone-event payload; None if it is short or not one of the 16 keys."""
    if len(payload) < _EVENT.size:
        return None
    number, flags, duration = _EVENT.unpack_from(payload)
    if number >= len(DIGITS):
        return None
    return Event(DIGITS[number], bool(flags & _END), duration)


class KeyReceiver:
    """Turns event packets into key presses, each told once, when the key is released.

    Packets of one press share an RTP timestamp; repeated end packets are absorbed by it. A key
    held longer than an event can say comes as segments whose timestamps follow on (RFC 4733
    §2.5.1.3) or with a duration that wraps; both are one press.
    """

    def __init__(self) -> None:
        self._digit: str | None = None  # held now
        self._timestamp = 0  # of the segment last seen
        self._before = 0  # units in earlier segments
        self._duration = 0
        self._seen_at = 0.0
        self._done: dict[int, float] = {}  # finished timestamps and when last seen

    @property
    def held(self) -> bool:
        return self._digit is not None

    def packet(self, timestamp: int, event: Event, now: float) -> list[tuple[str, int]]:
        """Take one packet; the presses that it completes as (digit, ms). `now` in seconds."""
        pressed = self.expire(now)
        if now - self._done.get(timestamp, -FORGET_SECONDS) < FORGET_SECONDS:
            self._finish(timestamp, now)
            return pressed
        if self._digit is not None and timestamp != self._timestamp:
            if self._continues(timestamp, event):
                self._before += self._duration
                self._duration = 0
                self._finish(self._timestamp, now)
            else:
                pressed += self._release(now)
        if self._digit is None:
            self._digit, self._before, self._duration = event.digit, 0, 0
        elif self._duration - event.duration > 0x8000:
            self._before += 0x10000
            self._duration = 0
        self._timestamp = timestamp
        self._duration = max(self._duration, event.duration)
        self._seen_at = now
        return pressed + self._release(now) if event.end else pressed

    def expire(self, now: float) -> list[tuple[str, int]]:
        """The press whose end packets were all lost, if it is time to say so."""
        if self._digit is not None and now - self._seen_at > LOST_END_SECONDS:
            return self._release(now)
        return []

    def _continues(self, timestamp: int, event: Event) -> bool:
        step = (timestamp - self._timestamp) & 0xFFFFFFFF
        return self._digit == event.digit and self._duration >= 0xF000 and step <= 0x10000

    def _release(self, now: float) -> list[tuple[str, int]]:
        if self._digit is None:
            return []
        press = (self._digit, (self._before + self._duration) // UNITS_PER_MS)
        self._digit = None
        self._finish(self._timestamp, now)
        return [press]

    def _finish(self, timestamp: int, now: float) -> None:
        self._done[timestamp] = now
        if len(self._done) > 16:
            self._done = {t: at for t, at in self._done.items() if now - at < FORGET_SECONDS}


def events_out(digits: str, ms: int) -> Iterator[Event | None]:
    """What to send on each 20 ms tick for a string of keys; None is a tick without event.

    `w` waits half a second, `W` a second; `@300` at the end sets the length of each key.
    Raises ValueError for anything else.
    """
    keys, ms = parse_keys(digits, ms)
    return _event_ticks(keys, -(-ms * UNITS_PER_MS // TICK_UNITS))


def parse_keys(digits: str, ms: int) -> tuple[str, int]:
    """Split FreeSWITCH's `12w3@500` into keys and length (ms, kept within 40–8,000)."""
    keys, _, length = digits.strip().partition("@")
    keys = keys.replace("W", "ww").upper().replace("W", "w")
    if not re.fullmatch(r"[0-9*#A-Dw]+", keys) or not re.fullmatch(r"\d{0,5}", length):
        raise ValueError(f"not a string of keys: {digits!r}")
    return keys, min(max(int(length or ms), MIN_MS), MAX_MS)


def _event_ticks(keys: str, ticks: int) -> Iterator[Event | None]:
    for key in keys:
        if key == "w":
            yield from [None] * 25
            continue
        for n in range(1, ticks + 1):
            yield Event(key, False, n * TICK_UNITS, first=n == 1)
        for _ in range(END_PACKETS):
            yield Event(key, True, ticks * TICK_UNITS)
        yield from [None] * GAP_TICKS


def parse_dtmf_relay(body: str | bytes, default_ms: int = 250) -> tuple[str, int] | None:
    """Read an INFO body: `Signal=5`, `Duration=160` (dtmf-relay), or the key alone (dtmf).

    Returns (digit, ms), or None if there is no key in it.
    """
    if isinstance(body, bytes):
        body = body.decode("ascii", "replace")
    fields = {
        name.strip().lower(): value.strip()
        for name, _, value in (line.partition("=") for line in body.splitlines())
    }
    signal = fields.get("signal", body.strip()).upper()
    signal = {"10": "*", "11": "#", "12": "A", "13": "B", "14": "C", "15": "D"}.get(signal, signal)
    if len(signal) != 1 or signal not in DIGITS:
        return None
    length = fields.get("duration", "")
    ms = int(length) if re.fullmatch(r"[0-9]{1,5}", length) else default_ms
    return signal, min(max(ms, MIN_MS), MAX_MS)


def build_dtmf_relay(digit: str, ms: int) -> str:
    """The body of an INFO with `Content-Type: application/dtmf-relay`."""
    if len(digit) != 1 or digit not in DIGITS:
        raise ValueError(f"not a key: {digit!r}")
    return f"Signal={digit}\r\nDuration={ms}\r\n"
