"""An RTP load: many far ends in one process, each sending 50 packets a second and counting.

Run as `python -m labswitch.rtp_load SECONDS IP:PORT…`: it prints one line with its own ports
(JSON), waits for a line on standard input, sends to the given ports, and prints one line with
what it received (JSON). It uses no gevent, so that it stays out of the way of what it measures.
"""

from __future__ import annotations

import json
import random
import select
import socket
import sys
import time

from labswitch import g711, rtp
from labswitch.tones import sine

GAP_SECONDS = 0.060  # between two packets: longer is heard, with a usual jitter buffer of 60 ms


class FarEnd:
    """One phone: its socket, its clock and how late what it hears comes."""

    def __init__(self, target: rtp.Address) -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.sock.bind((target[0], 0))
        self.target = target
        self.seq, self.timestamp = random.getrandbits(15), random.getrandbits(31)
        self.ssrc = random.getrandbits(32)
        self.sent = self.received = self.gaps = 0
        self.heard_at = 0.0

    def send(self, payload: bytes) -> None:
        self.seq = (self.seq + 1) & 0xFFFF
        self.timestamp = (self.timestamp + g711.FRAME_SAMPLES) & 0xFFFFFFFF
        header = rtp.HEADER.pack(rtp.VERSION_2, 8, self.seq, self.timestamp, self.ssrc)
        self.sock.sendto(header + payload, self.target)
        self.sent += 1

    def receive(self, now: float) -> None:
        try:
            self.sock.recv(2048)
        except OSError:
            return
        if self.received and now - self.heard_at > GAP_SECONDS:
            self.gaps += 1
        self.received += 1
        self.heard_at = now


def run(ends: list[FarEnd], seconds: float) -> dict[str, float]:
    """Send and receive for `seconds`; the ends are spread over each 20 ms as real callers are."""
    poll = select.epoll()
    by_descriptor = {end.sock.fileno(): end for end in ends}
    for descriptor in by_descriptor:
        poll.register(descriptor, select.EPOLLIN)
    tone = bytes(g711.PCMA.encode(b"".join(s.to_bytes(2, "little", signed=True) for s in _tone())))
    slots = [ends[n::4] for n in range(4)]
    start = time.monotonic()
    for slot in range(round(seconds / g711.FRAME_SECONDS) * len(slots)):
        until = start + slot * g711.FRAME_SECONDS / len(slots)
        while (left := until - time.monotonic()) > 0:
            time.sleep(left)
            for descriptor, _ in poll.poll(0):
                by_descriptor[descriptor].receive(time.monotonic())
        for end in slots[slot % len(slots)]:
            end.send(tone)
    time.sleep(0.1)
    while ready := poll.poll(0):
        for descriptor, _ in ready:
            by_descriptor[descriptor].receive(0.0)
    return {
        "sent": sum(end.sent for end in ends),
        "received": sum(end.received for end in ends),
        "gaps": sum(end.gaps for end in ends),
        "cpu_seconds": time.process_time(),
    }


def _tone() -> list[int]:
    return sine([450.0], 20, -15.0)


def main(arguments: list[str]) -> None:
    targets = [text.rpartition(":") for text in arguments[1:]]
    ends = [FarEnd((ip, int(port))) for ip, _, port in targets]
    print(json.dumps([end.sock.getsockname()[1] for end in ends]), flush=True)
    sys.stdin.readline()
    print(json.dumps(run(ends, float(arguments[0]))), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
