"""One end of one call's sound: a UDP socket, and what goes through it on every tick."""

from __future__ import annotations

import ipaddress
import logging
import random
import socket
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import gevent

from labswitch import dtmf, g711, mixer, rtp
from labswitch import playback as play
from labswitch import recorder as rec
from labswitch.g711 import Codec
from labswitch.jitter import JitterBuffer
from labswitch.playback import Playback
from labswitch.recorder import Recording
from labswitch.sources import Source

if TYPE_CHECKING:
    from labswitch.media import MediaEngine

log = logging.getLogger(__name__)

Mode = Literal["listen", "whisper", "barge"]

COMFORT_NOISE = (13, 19)  # RFC 3389, and the number used before it
MAX_QUEUED_KEYS = 64
RECEIVING = ("sendrecv", "recvonly")
SENDING = ("sendrecv", "sendonly")


class MediaPort:
    """What the far end says comes in here, what it hears goes out.

    It hears, in this order: a playback, its bridged peer, its conference, the call it eavesdrops
    on, its own echo, silence (`send_silence`), nothing. Supervisors who whisper or barge are
    added. Everything is paced by the engine's tick; no method blocks.
    """

    def __init__(self, engine: MediaEngine, sock: socket.socket) -> None:
        self.local_ip, self.local_port = sock.getsockname()[:2]
        self.packets_in = 0
        self.packets_out = 0
        self.rejected = 0  # malformed, of a foreign payload type, or from a stranger
        self.last_packet_at: float | None = None  # time.monotonic()
        self.on_dtmf: Callable[[str, int], None] | None = None
        self.send_silence = False
        self.echo = False
        self.relay_dtmf = True  # keys cross a bridge
        self.closed = False
        self._engine = engine
        self._sock = sock
        self._latch = rtp.Latch()
        self._jitter = JitterBuffer()
        self._codec: Codec = g711.PCMA
        self._payload_type: int | None = None
        self._event_type: int | None = None
        self._receiving = self._sending = False
        self._mute_read = self._mute_write = False
        # out
        self._ssrc = random.getrandbits(32)
        self._seq = random.getrandbits(15)
        self._clock = random.getrandbits(31)
        self._talking = False  # audio went out on the last tick
        self._keys_out: deque[Iterator[dtmf.Event | None]] = deque()
        self._key_clock = 0
        # in
        self._keys_in = dtmf.KeyReceiver()
        self._said_payload: bytes | None = None
        self._said: bytes | None = None
        # who is joined to whom
        self._playback: Playback | None = None
        self._peer: MediaPort | None = None
        self._conference: mixer.Conference | None = None
        self._target: MediaPort | None = None
        self._mode: Mode = "listen"
        self._listeners: list[MediaPort] = []
        self._heard: bytes | None = None  # before supervisors are added; kept for listeners
        self._recordings: list[Recording] = []

    # --- the far end -----------------------------------------------------------------------

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

    # --- what it hears ---------------------------------------------------------------------

    def play(self, source: Source, on_done: play.Done | None = None) -> Playback:
        """Play to the far end, instead of what it heard until now; replaces a running playback.

        `on_done(completed, samples)` is called exactly once, in its own greenlet.
        """
        if self._playback:
            self._playback.stop()
        self._playback = Playback(source, on_done)
        if self.closed:
            self._playback.stop()
        return self._playback

    def send_dtmf(self, digits: str, ms: int = 250) -> bool:
        """Press keys towards the far end, after those still being sent.

        False if it can't take RFC 4733 events (use SIP INFO) or too many wait. Raises ValueError.
        """
        ticks = dtmf.events_out(digits, ms)
        if self._event_type is None or len(self._keys_out) >= MAX_QUEUED_KEYS:
            return False
        self._keys_out.append(ticks)
        return True

    def bridge(self, other: MediaPort) -> None:
        """Join two far ends; each leaves what it was joined to before."""
        if other is self:
            raise ValueError("a port can't be bridged to itself")
        for port in (self, other):
            port.leave_all()
        self._peer, other._peer = other, self

    def unbridge(self) -> None:
        if self._peer:
            self._peer._peer = None
            self._peer = None

    @property
    def peer(self) -> MediaPort | None:
        return self._peer

    def eavesdrop(self, target: MediaPort, mode: Mode = "listen") -> None:
        """Hear both sides of another port's call; call again to change the mode.

        Whisper: the target's far end hears us too. Barge: so does whom it talks to.
        """
        if target is self:
            raise ValueError("a port can't eavesdrop on itself")
        if mode not in ("listen", "whisper", "barge"):
            raise ValueError(f"not a mode: {mode!r}")
        if self._target is not target:
            self.leave_all()
            self._target = target
            target._listeners.append(self)
        self._mode = mode

    def stop_eavesdrop(self) -> None:
        if self._target:
            self._target._listeners.remove(self)
            self._target = None

    @property
    def eavesdropping(self) -> bool:
        return self._target is not None

    def enter_conference(self, conference: mixer.Conference) -> None:
        """Called by `Conference.join`."""
        if self._conference is not conference:
            self.leave_all()
            self._conference = conference

    def exit_conference(self, conference: mixer.Conference) -> None:
        """Called by `Conference.leave`."""
        if self._conference is conference:
            self._conference = None

    @property
    def conference(self) -> mixer.Conference | None:
        return self._conference

    def leave_all(self) -> None:
        """Leave bridge, conference and eavesdropping; playbacks and recordings go on."""
        self.unbridge()
        self.stop_eavesdrop()
        if self._conference:
            self._conference.leave(self)

    def mute(self, read: bool, write: bool) -> None:
        """`read`: nobody hears the far end; `write`: the far end hears silence."""
        self._mute_read, self._mute_write = read, write

    # --- recording -------------------------------------------------------------------------

    def record(
        self,
        path: str | Path,
        *,
        stereo: bool = True,
        on_done: rec.Done | None = None,
        max_seconds: float | None = None,
        read_only: bool = False,
    ) -> Recording:
        """Record the call: left what the far end says, right what it hears; else mixed.

        `on_done(recording)` is called once, when the file is complete. Raises OSError.
        """
        recording = Recording(
            path,
            self._engine.writer,
            on_done,
            stereo=stereo,
            max_seconds=max_seconds,
            read_only=read_only,
        )
        return self._add_recording(recording)

    def record_message(
        self,
        path: str | Path,
        *,
        max_seconds: float,
        silence_seconds: float | None = None,
        on_done: rec.Done | None = None,
    ) -> Recording:
        """Record what the far end says, until `silence_seconds` of silence or `max_seconds`."""
        recording = Recording(
            path,
            self._engine.writer,
            on_done,
            read_only=True,
            max_seconds=max_seconds,
            silence_seconds=silence_seconds,
        )
        return self._add_recording(recording)

    def _add_recording(self, recording: Recording) -> Recording:
        self._engine.writer.add(recording)
        if self.closed:
            recording.close()
        else:
            self._recordings.append(recording)
        return recording

    def new_recording(self, path: str | Path, on_done: rec.Done | None) -> Recording:
        """A mono recording that somebody else feeds (a conference)."""
        recording = Recording(path, self._engine.writer, on_done)
        self._engine.writer.add(recording)
        return recording

    def close(self) -> None:
        """End it all: playback, recordings, joins and the socket. Safe to call twice."""
        if self.closed:
            return
        self.closed = True
        self.leave_all()
        for listener in list(self._listeners):
            listener.stop_eavesdrop()
        if self._playback:
            self._playback.stop()
        for recording in self._recordings:
            recording.close()
        self._engine.forget(self)
        self._sock.close()

    # --- the engine's side: packets in -------------------------------------------------------

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
        if (
            first & rtp.VERSION_MASK != rtp.VERSION_2
            or not (audio or payload_type == self._event_type or payload_type in COMFORT_NOISE)
            or (source != self._latch.source and not self._latch.accepts(source))
        ):
            return False
        payload = data[rtp.HEADER_BYTES :] if first == rtp.VERSION_2 else rtp.body(data)
        if payload is None or len(payload) > rtp.MAX_PAYLOAD:
            return False
        self.packets_in += 1
        self.last_packet_at = now
        ours = self._jitter.push(ssrc, seq, payload if audio else b"")
        if ours and payload_type == self._event_type:
            event = dtmf.parse_event(payload)
            if event:
                self._pressed(self._keys_in.packet(timestamp, event, now))
        return True

    def _pressed(self, presses: list[tuple[str, int]]) -> None:
        for digit, ms in presses:
            if self.on_dtmf:
                gevent.spawn(self.on_dtmf, digit, ms)
            if self._peer and self.relay_dtmf:
                self._peer.send_dtmf(digit, ms)

    # --- the engine's side: the tick ----------------------------------------------------------

    def tick_in(self, now: float) -> None:
        """Take this tick's frame from the far end."""
        payload = self._jitter.pop()
        self._said_payload = None if self._mute_read or not self._receiving else payload
        self._said = None
        if self._keys_in.held:
            self._pressed(self._keys_in.expire(now))

    def said(self) -> bytes | None:
        """This tick's frame from the far end (linear); None is silence."""
        if self._said is None and self._said_payload is not None:
            self._said = self._codec.decode(self._said_payload)
        return self._said

    def said_aloud(self) -> bytes | None:
        """The same, with the supervisors who barge in on this port."""
        frame = self.said()
        for listener in self._listeners:
            if listener._mode == "barge":
                frame = mixer.add(frame, listener.said())
        return frame

    def tick_out(self, tick: int) -> None:
        """Make and send this tick's frame to the far end."""
        payload, linear = self._output(tick)
        if self._listeners:
            linear, payload = self._coached(linear if payload is None else self._decode(payload))
        if self._recordings:
            self._record(linear if payload is None else self._decode(payload))
        if not self._sending:
            return
        if self._keys_out and self._send_key(tick):
            self._talking = False
            return
        if payload is None:
            if linear is not None:
                payload = self._codec.encode(linear)
            elif self.send_silence:
                payload = self._codec.silence
            else:
                self._talking = False
                return
        marker = 0 if self._talking else rtp.MARKER
        self._talking = True
        self._send(marker | (self._payload_type or 0), self._timestamp(tick), payload)

    def _output(self, tick: int) -> tuple[bytes | None, bytes | None]:
        """What the far end is to hear: (encoded, None), (None, linear) or (None, None)."""
        payload = linear = None
        if self._playback:
            linear = self._playback.frame() if self._playback.active else None
            if not self._playback.active:
                self._playback = None
        if linear is None:
            peer = self._peer
            if peer is not None:
                if peer._codec is self._codec and not peer._listeners:
                    payload = peer._said_payload
                else:
                    linear = peer.said_aloud()
            elif self._conference is not None:
                linear = self._conference.heard_by(self, tick)
            elif self._target is not None:
                linear = mixer.add(self._target.said(), self._target._heard)
            elif self.echo:
                payload = self._said_payload
        if self._mute_write and (payload or linear):
            return self._codec.silence, None
        return payload, linear

    def _coached(self, linear: bytes | None) -> tuple[bytes | None, None]:
        """Add the supervisors who speak to this port's far end."""
        self._heard = linear
        for listener in self._listeners:
            if listener._mode != "listen":
                linear = mixer.add(linear, listener.said())
        return linear, None

    def _decode(self, payload: bytes) -> bytes:
        return self._codec.decode(payload)

    def _record(self, heard: bytes | None) -> None:
        said = self.said()
        for recording in self._recordings:
            recording.add(said, heard)
        if not all(recording.active for recording in self._recordings):
            self._recordings = [each for each in self._recordings if each.active]

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
        header = rtp.HEADER.pack(rtp.VERSION_2, second, self._seq, timestamp, self._ssrc)
        try:
            self._sock.sendto(header + payload, self._latch.source or self._latch.announced)  # type: ignore[arg-type]
        except OSError:  # unreachable, or the socket's buffer is full: RTP goes on without it
            return
        self.packets_out += 1
