"""RTP packets (RFC 3550 §5.1) and whom to believe when they arrive (symmetric RTP, RFC 4961)."""

from __future__ import annotations

import struct

Address = tuple[str, int]

HEADER = struct.Struct("!BBHII")
HEADER_BYTES = HEADER.size
VERSION_MASK = 0xC0
VERSION_2 = 0x80  # also the whole first octet of a packet without padding, extension and CSRCs
MARKER = 0x80
MAX_PAYLOAD = 960  # 120 ms of G.711; longer packets aren't a phone's


def body(data: bytes) -> bytes | None:
    """The payload of a version 2 packet; None if padding, extension or CSRCs overrun it."""
    first = data[0]
    start = HEADER_BYTES + 4 * (first & 0x0F)
    end = len(data)
    if first & 0x10:
        if start + 4 > end:
            return None
        start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4], "big")
    if first & 0x20:
        padding = data[-1]
        if padding == 0:
            return None
        end -= padding
    return data[start:end] if start <= end else None


class Latch:
    """Which source address a port listens to, and answers.

    The address that the SDP announced wins whenever it speaks. Until it does, the first packet
    from the same host on another port is taken (NAT). Another host must be the only one to speak
    for `STRANGER_PACKETS` packets in a row, FreeSWITCH's default threshold. Once a source is
    taken everyone else is ignored, until the SDP changes.
    """

    STRANGER_PACKETS = 10

    def __init__(self) -> None:
        self.announced: Address | None = None
        self.source: Address | None = None
        self._stranger: Address | None = None
        self._stranger_packets = 0

    @property
    def target(self) -> Address | None:
        """Where to send: the latched source, before that the announced address."""
        return self.source or self.announced

    def announce(self, address: Address | None) -> None:
        """Take the address of a new SDP. The same address again keeps the latch."""
        if address != self.announced:
            self.announced = address
            self.source = self._stranger = None
            self._stranger_packets = 0

    def accepts(self, source: Address) -> bool:
        """Whether a valid packet from `source` counts; may latch to it."""
        if source == self.source:
            return True
        if source == self.announced:
            self.source = source
            return True
        if self.source is not None or self.announced is None:
            return False
        if source[0] != self.announced[0] and not self._insists(source):
            return False
        self.source = source
        return True

    def _insists(self, source: Address) -> bool:
        if source != self._stranger:
            self._stranger, self._stranger_packets = source, 0
        self._stranger_packets += 1
        return self._stranger_packets >= self.STRANGER_PACKETS
