"""A UDP socket that never makes a sender wait, and says who can't be reached."""

from __future__ import annotations

import errno
import logging
import struct
from collections.abc import Callable
from typing import Any

import gevent
from gevent import socket

logger = logging.getLogger(__name__)

IP_RECVERR = 11  # Linux; not in Python's socket module
SOCK_EXTENDED_ERR = struct.Struct("=IBBBBII")
MAX_DATAGRAM = 65_535
BURST = 64  # packets read before other greenlets get their turn


class DatagramSocket:
    """Packets to `on_packet`, and destinations where nothing listens (ICMP) to `on_unreachable`.

    An exception in either is logged and never ends the reading.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        on_packet: Callable[[bytes, tuple[str, int]], None],
        on_unreachable: Callable[[tuple[str, int]], None],
    ) -> None:
        self._address = (host, port)
        self._on_packet = on_packet
        self._on_unreachable = on_unreachable
        self._socket: Any = None
        self._reader: Any = None

    @property
    def port(self) -> int:
        """The port that it is bound to; the wanted one before `start`."""
        return self._socket.getsockname()[1] if self._socket is not None else self._address[1]

    def start(self) -> None:
        """Bind and read; raises OSError."""
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            sock.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            sock.bind(self._address)
        except OSError:
            sock.close()
            raise
        sock.setblocking(False)
        self._socket = sock
        self._reader = gevent.spawn(self._read)

    def stop(self) -> None:
        """Close; what is sent afterwards is lost."""
        if self._reader is not None:
            self._reader.kill()
        if self._socket is not None:
            self._socket.close()
        self._socket = self._reader = None

    def send(self, packet: bytes, destination: tuple[str, int]) -> None:
        """Send one packet, or lose it as the network may: whoever cares sends it again."""
        if self._socket is None:
            return
        try:
            self._socket.sendto(packet, destination)
        except OSError as error:
            if error.errno == errno.ECONNREFUSED:
                # An earlier packet's ICMP error, reported here; this packet hasn't left.
                self._retry(packet, destination)
            else:
                logger.warning("a SIP packet to %s:%s is lost: %s", *destination, error)

    def _retry(self, packet: bytes, destination: tuple[str, int]) -> None:
        try:
            self._socket.sendto(packet, destination)
        except OSError as error:
            logger.warning("a SIP packet to %s:%s is lost: %s", *destination, error)

    def _read(self) -> None:
        while True:
            for _ in range(BURST):
                if not self._read_one():
                    socket.wait_read(self._socket.fileno())
            gevent.sleep(0)

    def _read_one(self) -> bool:
        """Read a packet or an error; False when there is none."""
        try:
            packet, source = self._socket.recvfrom(MAX_DATAGRAM)
        except OSError:
            # Nothing to read, or an ICMP error; while one is queued the socket seems readable.
            return self._read_error()
        self._guard(self._on_packet, packet, source)
        return True

    def _read_error(self) -> bool:
        try:
            _, ancillary, _, destination = self._socket.recvmsg(0, 512, socket.MSG_ERRQUEUE)
        except OSError:
            return False
        for _, kind, data in ancillary:
            if kind == IP_RECVERR and len(data) >= SOCK_EXTENDED_ERR.size:
                number = SOCK_EXTENDED_ERR.unpack_from(data)[0]
                if number in (errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH):
                    self._guard(self._on_unreachable, destination)
        return True

    def _guard(self, callback: Callable[..., None], *args: Any) -> None:
        try:
            callback(*args)
        except Exception:
            logger.exception("a SIP packet could not be dealt with")
