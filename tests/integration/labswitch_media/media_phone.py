"""A far end for media tests: says a tone in RTP, keeps what it hears, measures it."""

from __future__ import annotations

import audioop
import math
import socket
import struct
import time
import wave
from array import array
from collections.abc import Callable
from pathlib import Path

import gevent

from labswitch import g711, tones
from labswitch.media import MediaPort

HEADER = struct.Struct("!BBHII")
EVENTS = 101


def until(condition: Callable[[], object], seconds: float = 5.0, what: str = "condition") -> None:
    """Wait for a condition; fail when it doesn't come true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} not true within {seconds} s"
        gevent.sleep(0.005)


def goertzel(linear: bytes, frequency: float) -> float:
    """Amplitude of one frequency (0…32767) in 16-bit sound."""
    samples = array("h", linear)
    if not samples:
        return 0.0
    step = 2 * math.pi * frequency / g711.RATE
    real = sum(sample * math.cos(step * n) for n, sample in enumerate(samples))
    imaginary = sum(sample * math.sin(step * n) for n, sample in enumerate(samples))
    return 2 * math.hypot(real, imaginary) / len(samples)


def tone(frequency: float, seconds: float = 1.0, decibels: float = -12.0) -> bytes:
    return array("h", tones.sine([frequency], seconds * 1000, decibels)).tobytes()


def write_wav(path: Path, linear: bytes, rate: int = 8000, channels: int = 1) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(linear)
    return path


def sides(path: Path) -> tuple[bytes, bytes]:
    """The left and the right channel of a stereo recording."""
    with wave.open(str(path), "rb") as file:
        assert (file.getnchannels(), file.getframerate(), file.getsampwidth()) == (2, 8000, 2)
        frames = file.readframes(file.getnframes())
    return audioop.tomono(frames, 2, 1, 0), audioop.tomono(frames, 2, 0, 1)


def mono(path: Path) -> bytes:
    with wave.open(str(path), "rb") as file:
        assert (file.getnchannels(), file.getframerate(), file.getsampwidth()) == (1, 8000, 2)
        return file.readframes(file.getnframes())


class Packet:
    def __init__(self, data: bytes, at: float) -> None:
        first, second, self.seq, self.timestamp, self.ssrc = HEADER.unpack_from(data)
        assert first == 0x80
        self.marker = bool(second & 0x80)
        self.payload_type = second & 0x7F
        self.payload = data[HEADER.size :]
        self.at = at


class Phone:
    """Talks to one MediaPort; `frequency` None says nothing."""

    def __init__(
        self,
        port: MediaPort,
        frequency: float | None = None,
        codec: g711.Codec = g711.PCMA,
        ip: str = "127.0.0.1",
        **sdp: object,
    ) -> None:
        self.port = port
        self.codec = codec
        self.packets: list[Packet] = []
        self.seq, self.timestamp, self.ssrc = 1000, 50_000, 0xC0FFEE00 + port.local_port
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.sock.bind((ip, 0))
        self.address = self.sock.getsockname()
        self.frames = self._frames(frequency) if frequency else []
        port.set_remote(*self.address, codec.payload_type, EVENTS, **sdp)
        self._greenlet = gevent.spawn(self._run)

    def _frames(self, frequency: float) -> list[bytes]:
        sound = self.codec.encode(tone(frequency))
        return [sound[at : at + 160] for at in range(0, len(sound), 160)]

    def say(self, frequency: float | None) -> None:
        self.frames = self._frames(frequency) if frequency else []

    def _run(self) -> None:
        deadline = time.monotonic()
        sent = 0
        while True:
            if self.frames:
                self.send(self.frames[sent % len(self.frames)])
                sent += 1
            else:
                self.timestamp += 160
            deadline += 0.02
            gevent.sleep(max(0, deadline - time.monotonic()))
            self.listen()

    def listen(self) -> None:
        while True:
            try:
                self.packets.append(Packet(self.sock.recv(2048), time.monotonic()))
            except BlockingIOError:
                return

    def raw(self, data: bytes) -> None:
        self.sock.sendto(data, (self.port.local_ip, self.port.local_port))

    def packet(self, payload: bytes, payload_type: int | None = None) -> bytes:
        kind = self.codec.payload_type if payload_type is None else payload_type
        data = HEADER.pack(0x80, kind, self.seq & 0xFFFF, self.timestamp, self.ssrc) + payload
        self.seq += 1
        return data

    def send(self, payload: bytes) -> None:
        self.raw(self.packet(payload))
        self.timestamp += len(payload)

    @property
    def audio(self) -> list[Packet]:
        return [each for each in self.packets if each.payload_type == self.codec.payload_type]

    @property
    def events(self) -> list[Packet]:
        return [each for each in self.packets if each.payload_type == EVENTS]

    def heard(self, last: int | None = None) -> bytes:
        """The last packets' sound (linear), all by default."""
        packets = self.audio if last is None else self.audio[-last:]
        return b"".join(self.codec.decode(each.payload) for each in packets)

    def hears(self, frequency: float, frames: int = 12) -> float:
        """Listen to the next frames; the amplitude of a frequency in them."""
        self.listen()
        have = len(self.audio)
        until(lambda: len(self.audio) >= have + frames, what=f"{frames} frames heard")
        return goertzel(self.heard(frames), frequency)

    def close(self) -> None:
        self._greenlet.kill()
        self.sock.close()
