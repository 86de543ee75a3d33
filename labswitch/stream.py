"""RTP on the wire: one far end's packets in and out, its keys, its address."""

from __future__ import annotations

import ipaddress
import random
import socket
from collections import deque
from collections.abc import Iterator

from labswitch import dtmf, g711, rtp
from labswitch.g711 import Codec
from labswitch.jitter import JitterBuffer

COMFORT_NOISE = (13, 19)  # RFC 3389, and the number used before it
MAX_QUEUED_KEYS = 64
RECEIVING = ("sendrecv", "recvonly")
SENDING = ("sendrecv", "sendonly")


class RtpStream:
    """A UDP socket that speaks RTP with one far end, in frames of 20 ms.

    `pressed` is called for each key press that comes in. Nothing here blocks.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.local_ip: str
        self.local_port: int
        self.local_ip, self.local_port = sock.getsockname()[:2]
        self.packets_in = 0
        self.packets_out = 0
        self.rejected = 0  # malformed, of a foreign payload type, or from a stranger
        self.last_packet_at: float | None = None  # time.monotonic()
        self.send_silence = False
        self._sock = sock
        self._latch = rtp.Latch()
        self._jitter = JitterBuffer()
        self._codec: Codec = g711.PCMA
        self._payload_type: int | None = None
        self._event_type: int | None = None
        self._receiving = self._sending = False
        self._keys_in = dtmf.KeyReceiver()
        self._keys_out: deque[Iterator[dtmf.Event | None]] = deque()
        self._key_clock = 0
        self._ssrc = random.getrandbits(32)
        self._seq = random.getrandbits(15)
        self._clock = random.getrandbits(31)
        self._talking = False  # audio went out on the last tick

    def pressed(self, digit: str, ms: int) -> None:
        """A key was pressed at the far end and released."""
        raise NotImplementedError

    def set_remote(
        self,
        ip: str,
        port: int,
        payload_type: int,
        dtmf_payload_type: int | None,
        direction: str = "sendrecv",
        codec: str | None = None,
    ) -> None:
        """Apply what an SDP answer settled. `direction` is ours: recvonly sends nothing.

        `codec` names what a dynamic payload type stands for. Raises ValueError for an address
        that isn't IPv4, a port or direction that can't be, and an unknown payload type.
        """
        address = (str(ipaddress.IPv4Address(ip)), port)
        if not 0 <= port <= 0xFFFF:
            raise ValueError(f"not a port: {port}")
        if direction not in ("sendrecv", "sendonly", "recvonly", "inactive"):
            raise ValueError(f"not a direction: {direction!r}")
        found = g711.BY_NAME.get(codec) if codec else g711.BY_PAYLOAD_TYPE.get(payload_type)
        if found is None:
            raise ValueError(f"no codec for payload type {payload_type} ({codec})")
        if (found, payload_type) != (self._codec, self._payload_type):
            self._jitter = JitterBuffer()
        self._codec, self._payload_type = found, payload_type
        self._event_type = dtmf_payload_type
        self._latch.announce(address)
        reachable = port != 0 and address[0] != "0.0.0.0"
        self._receiving = direction in RECEIVING
        self._sending = direction in SENDING and reachable

    @property
    def codec(self) -> str:
        return self._codec.name

    @property
    def remote(self) -> rtp.Address | None:
        """Where the sound goes: the announced address, or the one that it really came from."""
        return self._latch.target

    @property
    def jitter(self) -> JitterBuffer:
        """Counts of lost, late and duplicate packets."""
        return self._jitter

    def send_dtmf(self, digits: str, ms: int = 250) -> bool:
        """Press keys towards the far end, after those still being sent.

        False if it can't take RFC 4733 events (use SIP INFO) or too many wait. Raises ValueError.
        """
        ticks = dtmf.events_out(digits, ms)
        if self._event_type is None or len(self._keys_out) >= MAX_QUEUED_KEYS:
            return False
        self._keys_out.append(ticks)
        return True

    def fileno(self) -> int:
        return self._sock.fileno()

    def receive(self, now: float) -> None:
        """Read one waiting datagram."""
        try:
            data, source = self._sock.recvfrom(2048)
        except OSError:  # nothing there, or an ICMP error for something sent
            return
        if not self._take(data, source, now):
            self.rejected += 1

    def _take(self, data: bytes, source: rtp.Address, now: float) -> bool:
        """Sort one datagram in; False if it is none of ours."""
        if len(data) < rtp.HEADER_BYTES:
            return False
        first, second, seq, timestamp, ssrc = rtp.HEADER.unpack_from(data)
        payload_type = second & 0x7F
        audio = payload_type == self._payload_type
        if first & rtp.VERSION_MASK != rtp.VERSION_2 or not (
            audio or payload_type == self._event_type or payload_type in COMFORT_NOISE
        ):
            return False
        payload = data[rtp.HEADER_BYTES :] if first == rtp.VERSION_2 else rtp.body(data)
        if payload is None or len(payload) > rtp.MAX_PAYLOAD:
            return False
        if source != self._latch.source and not self._latch.accepts(source):
            return False
        self.packets_in += 1
        self.last_packet_at = now
        ours = self._jitter.push(ssrc, seq, payload if audio else b"")
        if ours and payload_type == self._event_type:
            event = dtmf.parse_event(payload)
            if event:
                self._tell(self._keys_in.packet(timestamp, event, now))
        return True

    def _tell(self, presses: list[tuple[str, int]]) -> None:
        for digit, ms in presses:
            self.pressed(digit, ms)

    def frame_in(self, now: float) -> bytes | None:
        """This tick's frame from the far end (encoded); None when it says nothing."""
        if self._keys_in.held:
            self._tell(self._keys_in.expire(now))
        payload = self._jitter.pop()
        return payload if self._receiving else None

    def frame_out(self, tick: int, payload: bytes | None) -> None:
        """Send this tick's frame (encoded); a key being pressed takes its place."""
        if not self._sending:
            return
        if self._keys_out and self._send_key(tick):
            self._talking = False
            return
        if payload is None:
            if not self.send_silence:
                self._talking = False
                return
            payload = self._codec.silence
        marker = 0 if self._talking else rtp.MARKER
        self._talking = True
        self._send(marker | (self._payload_type or 0), self._timestamp(tick), payload)

    def _timestamp(self, tick: int) -> int:
        return (self._clock + tick * g711.FRAME_SAMPLES) & 0xFFFFFFFF

    def _send_key(self, tick: int) -> bool:
        """Send this tick's event packet, if a key is down."""
        while self._keys_out:
            try:
                event = next(self._keys_out[0])
            except StopIteration:
                self._keys_out.popleft()
                continue
            if event is None or self._event_type is None:
                return False
            if event.first:
                self._key_clock = self._timestamp(tick)
            marker = rtp.MARKER if event.first else 0
            self._send(marker | self._event_type, self._key_clock, event.payload)
            return True
        return False

    def _send(self, second: int, timestamp: int, payload: bytes) -> None:
        self._seq = (self._seq + 1) & 0xFFFF
        target = self._latch.source or self._latch.announced
        if target is None:
            return
        header = rtp.HEADER.pack(rtp.VERSION_2, second, self._seq, timestamp, self._ssrc)
        try:
            self._sock.sendto(header + payload, target)
        except OSError:  # unreachable, or the socket's buffer is full: RTP goes on without it
            return
        self.packets_out += 1
