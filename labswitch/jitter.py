"""The jitter buffer: packets in any order in, one 20 ms frame per tick out.

It plays with one frame in reserve. A frame that comes too late empties the reserve; the next
start waits for it again, so the buffer grows to what the network needs and shrinks when a
window of `WINDOW` ticks showed that it holds more than it needs.
"""

from __future__ import annotations

from collections import deque

from labswitch.g711 import FRAME_SAMPLES

RESERVE = 2 * FRAME_SAMPLES  # bytes of G.711 that playing starts with
CEILING = 15 * FRAME_SAMPLES  # more than 300 ms waiting: the oldest go
MAX_PACKETS = 64
MAX_CONCEALED = 5  # lost packets in a row that keep their place in time
WINDOW = 100  # ticks
MAX_DROPOUT = 3000  # RFC 3550 A.1: a larger step forward isn't loss but another stream
MAX_MISORDER = 100  # RFC 3550 A.1


class JitterBuffer:
    """Orders one source's packets. Payloads are G.711, one byte a sample."""

    def __init__(self) -> None:
        self.lost = 0
        self.late = 0
        self.duplicates = 0
        self._ssrc: int | None = None
        self._candidate: tuple[int, int] | None = None  # (SSRC, sequence number) of a new stream
        self._reset(0)

    def _reset(self, seq: int) -> None:
        self._packets: deque[tuple[int, bytes]] = deque()
        self._bytes = 0
        self._newest = seq - 1
        self._next = seq
        self._rest = b""  # of packets that weren't whole frames
        self._last = b""
        self._starting = True
        self._waited = 0
        self._floor = CEILING
        self._ticks = 0

    def push(self, ssrc: int, seq: int, payload: bytes) -> bool:
        """Take a packet. An empty payload only fills its place (an event, comfort noise).

        False when the packet isn't (yet) part of the stream: a new SSRC or a wild jump counts
        from its second packet in a row (RFC 3550 A.1), so that one forged packet changes nothing.
        """
        if ssrc != self._ssrc:
            if self._ssrc is not None and self._candidate != (ssrc, seq):
                self._candidate = (ssrc, (seq + 1) & 0xFFFF)
                return False
            self._ssrc = ssrc
            self._candidate = None
            self._reset(seq)
        step = (seq - self._newest) & 0xFFFF
        if step == 1:
            self._newest += 1
            self._packets.append((self._newest, payload))
            self._bytes += len(payload)
        elif 0 < step < MAX_DROPOUT:
            self._newest += step
            self._packets.append((self._newest, payload))
            self._bytes += len(payload)
        elif step == 0 or step >= 0x10000 - MAX_MISORDER:
            self._insert(self._newest - (-step & 0xFFFF), payload)
        elif self._candidate == (ssrc, seq):
            self._candidate = None
            self._reset(seq)
            return self.push(ssrc, seq, payload)
        else:
            self._candidate = (ssrc, (seq + 1) & 0xFFFF)
            return False
        if self._bytes > CEILING or len(self._packets) > MAX_PACKETS:
            self._drop_to(RESERVE)
        return True

    def _insert(self, place: int, payload: bytes) -> None:
        """Put a packet that others overtook where it belongs."""
        if place < self._next:
            self.late += 1
            return
        index = len(self._packets)
        while index and self._packets[index - 1][0] > place:
            index -= 1
        if index and self._packets[index - 1][0] == place:
            self.duplicates += 1
            return
        self._packets.insert(index, (place, payload))
        self._bytes += len(payload)

    def _drop_to(self, keep: int) -> None:
        while self._packets and (self._bytes > keep or len(self._packets) > MAX_PACKETS // 2):
            place, payload = self._packets.popleft()
            self._bytes -= len(payload)
            self._next = place + 1

    def pop(self) -> bytes | None:
        """The next frame (160 bytes); None when there is nothing to play."""
        if self._starting:
            if not self._bytes:
                self._skip_empty()
                return None
            self._waited += 1
            if self._bytes < RESERVE and self._waited < 2:
                return None
            self._starting = False
        self._shrink()
        while len(self._rest) < FRAME_SAMPLES and self._packets:
            place, payload = self._packets[0]
            missing = place - self._next
            if missing and self._last and self._bytes <= RESERVE and missing <= MAX_CONCEALED:
                return self._conceal()
            self.lost += missing
            self._packets.popleft()
            self._bytes -= len(payload)
            self._next = place + 1
            if not self._rest and len(payload) == FRAME_SAMPLES:
                self._last = payload
                return payload
            self._rest += payload
        if len(self._rest) >= FRAME_SAMPLES:
            self._last = self._rest[:FRAME_SAMPLES]
            self._rest = self._rest[FRAME_SAMPLES:]
            return self._last
        self._last = b""
        self._starting = True
        self._waited = 0
        return None

    def _conceal(self) -> bytes:
        """Fill a lost packet's 20 ms with the last heard, so that time doesn't shrink."""
        self._next += 1
        self.lost += 1
        return self._last

    def _skip_empty(self) -> None:
        while self._packets:
            self._next = self._packets.popleft()[0] + 1

    def _shrink(self) -> None:
        self._floor = min(self._floor, self._bytes)
        self._ticks += 1
        if self._ticks >= WINDOW:
            if self._floor > RESERVE + FRAME_SAMPLES:
                self._drop_to(self._bytes - (self._floor - RESERVE))
            self._floor = CEILING
            self._ticks = 0
