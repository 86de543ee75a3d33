"""The media engine: one loop that moves everyone's sound, 50 times a second.

One greenlet wakes at absolute deadlines 20 ms apart, reads what arrived on all ports (one epoll
call tells which), and sends every port its next frame. Nothing in it waits for anything else, so
the cost of a call is what two `recvfrom` and two `sendto` cost.
"""

from __future__ import annotations

import errno
import logging
import random
import select
import socket
import time

import gevent
from gevent.event import Event as Flag

from labswitch.g711 import FRAME_SECONDS
from labswitch.lag import LagStats
from labswitch.mixer import Conference, Member
from labswitch.playback import Playback
from labswitch.port import MediaPort
from labswitch.recorder import Recording, RecordingWriter

__all__ = ["Conference", "MediaEngine", "MediaPort", "Member", "NoPorts", "Playback", "Recording"]

log = logging.getLogger(__name__)

CATCH_UP_SECONDS = 0.2  # later than this, ticks are left out
READ_ROUNDS = 8  # datagrams of one port on one tick: a flood waits in the kernel, or is lost there
EXPEDITED = 0xB8  # DSCP EF (RFC 4594 §4.1)


class NoPorts(RuntimeError):
    """Every port of the range is taken."""


class MediaEngine:
    """Owns the ports from `ports[0]` to `ports[1]` on `host` (IPv4), and the loop.

    `lag` says how late ticks began, `work` how long they took, both in seconds.
    """

    def __init__(self, host: str, ports: tuple[int, int]) -> None:
        self.host = host
        self.lag = LagStats()
        self.work = LagStats()
        self.skipped = 0  # ticks left out because the process was held up
        self.writer = RecordingWriter()
        first = ports[0] + ports[0] % 2
        self._numbers = range(first, ports[1] + 1, 2)
        self._next = random.randrange(len(self._numbers)) if self._numbers else 0
        self._ports: dict[int, MediaPort] = {}
        self._poll = select.epoll()
        self._tick = 0
        self._loop: gevent.Greenlet | None = None
        self._opened = Flag()

    def start(self) -> None:
        self.writer.start()
        self._loop = gevent.spawn(self._run)

    def stop(self) -> None:
        """Close every port, complete every recording."""
        for port in list(self._ports.values()):
            port.close()
        if self._loop:
            self._loop.kill()
            self._loop = None
        self.writer.stop()
        self._poll.close()

    def open(self) -> MediaPort:
        """A port on a free even number of the range. Raises NoPorts."""
        for _ in self._numbers:
            number = self._numbers[self._next]
            self._next = (self._next + 1) % len(self._numbers)
            sock = self._bind(number)
            if sock is not None:
                port = MediaPort(self, sock)
                self._ports[sock.fileno()] = port
                self._poll.register(sock.fileno(), select.EPOLLIN)
                self._opened.set()
                return port
        raise NoPorts(f"all {len(self._numbers)} RTP ports are taken")

    def _bind(self, number: int) -> socket.socket | None:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            sock.bind((self.host, number))
        except OSError as error:
            sock.close()
            if error.errno == errno.EADDRINUSE:
                return None
            raise
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, EXPEDITED)
        return sock

    def forget(self, port: MediaPort) -> None:
        """Called by a port that closes."""
        if self._ports.pop(port.fileno(), None):
            self._poll.unregister(port.fileno())

    @property
    def open_ports(self) -> int:
        return len(self._ports)

    # --- the loop -----------------------------------------------------------------------------

    def _run(self) -> None:
        deadline = time.monotonic()
        while True:
            if not self._ports:  # nobody hears a tick
                self._opened.clear()
                self._opened.wait()
                deadline = time.monotonic()
            deadline += FRAME_SECONDS
            now = self._wait_until(deadline)
            late = max(now - deadline, 0.0)
            self.lag.add(late)
            if late > CATCH_UP_SECONDS:
                missed = int(late / FRAME_SECONDS)
                log.warning("media held up for %.0f ms", late * 1000)
                self.skipped += missed
                self._tick += missed
                deadline += missed * FRAME_SECONDS
            self._tick += 1
            self._do_tick(now)
            self.work.add(time.monotonic() - now)

    @staticmethod
    def _wait_until(deadline: float) -> float:
        """Sleep to the deadline; when it has passed, let the others run once all the same."""
        now = time.monotonic()
        gevent.sleep(max(deadline - now, 0))
        while (now := time.monotonic()) < deadline:  # the loop's clock lags behind the real one
            gevent.sleep(deadline - now)
        return now

    def _do_tick(self, now: float) -> None:
        self._read(now)
        ports = list(self._ports.values())
        listeners = []
        for port in ports:
            try:
                port.tick_in(now)
            except Exception:  # noqa: BLE001 - one broken call must not silence the others
                self._fail(port)
        for port in ports:
            if port.eavesdropping:  # hears what the others were sent on this tick
                listeners.append(port)
            else:
                self._write(port)
        for port in listeners:
            self._write(port)

    def _read(self, now: float) -> None:
        ports = self._ports
        for _ in range(READ_ROUNDS):
            ready = self._poll.poll(0, len(ports) or 1)
            if not ready:
                return
            for descriptor, _ in ready:
                try:
                    ports[descriptor].receive(now)
                except Exception:  # noqa: BLE001 - see _do_tick
                    self._fail(ports[descriptor])

    def _write(self, port: MediaPort) -> None:
        try:
            if not port.closed:
                port.tick_out(self._tick)
        except Exception:  # noqa: BLE001 - see _do_tick
            self._fail(port)

    def _fail(self, port: MediaPort) -> None:
        log.exception("media on port %d failed; closing it", port.local_port)
        port.close()
