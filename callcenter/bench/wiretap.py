"""INVITEs as they pass on the loopback device, with the kernel's timestamps.

The switch's own event timestamps tick in steps of up to 20 ms, which is more than what is to be
measured. Needs CAP_NET_RAW (root); media never reach us, the kernel's filter drops them.
"""

from __future__ import annotations

import ctypes
import re
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass

from callcenter.settings import SettingsError

ETH_P_IP = 0x0800
SO_ATTACH_FILTER = 26
SO_TIMESTAMPNS = 35
_LARGEST = 65_535
# UDP, and the first four bytes of its payload are "INVI" (classic BPF, from the IP header on).
_INVITES = (
    (0x30, 0, 0, 9),
    (0x15, 0, 4, 17),
    (0xB1, 0, 0, 0),
    (0x40, 0, 0, 8),
    (0x15, 0, 1, 0x494E5649),
    (0x06, 0, 0, _LARGEST),
    (0x06, 0, 0, 0),
)
_REQUEST = re.compile(rb"INVITE sips?:([^@;>\s]+)@")
_FROM = re.compile(rb"\r\n(?:From|f)\s*:[^\r\n]*?sips?:([^@;>\s]+)@", re.IGNORECASE)
_CALL_ID = re.compile(rb"\r\n(?:Call-ID|i)\s*:\s*([^\r\n]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Invite:
    at: float  # seconds since the epoch, when the receiver's socket got it
    port: int  # it was sent to
    user: str  # of the request URI
    caller: str  # user of From


class WireTap:
    """Collects the first INVITE of every Call-ID; `invites` grows while it is open."""

    def __init__(self) -> None:
        self.invites: list[Invite] = []
        self._seen: set[bytes] = set()
        self._stop = threading.Event()
        self._socket = _open()
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> WireTap:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(5)
        self._socket.close()

    def to_port(self, port: int) -> Iterator[Invite]:
        return (invite for invite in list(self.invites) if invite.port == port)

    def _listen(self) -> None:
        while not self._stop.is_set():
            try:
                packet, control, _, address = self._socket.recvmsg(_LARGEST, 128)
            except TimeoutError:
                continue
            if address[2] == socket.PACKET_HOST:  # on loopback each passes twice
                self._take(packet, _time(control))

    def _take(self, packet: bytes, at: float) -> None:
        start = (packet[0] & 0x0F) * 4
        port = int(struct.unpack_from("!H", packet, start + 2)[0])
        text = packet[start + 8 :]
        request, caller, call_id = (find.search(text) for find in (_REQUEST, _FROM, _CALL_ID))
        if request and caller and call_id and call_id[1] not in self._seen:
            self._seen.add(call_id[1])
            self.invites.append(Invite(at, port, request[1].decode(), caller[1].decode()))


def _open() -> socket.socket:
    try:
        tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_IP))
    except PermissionError:
        raise SettingsError("this bench reads INVITEs off the wire: run it as root") from None
    code = b"".join(struct.pack("HBBI", *step) for step in _INVITES)
    kept = ctypes.create_string_buffer(code)
    program = struct.pack("HP", len(_INVITES), ctypes.addressof(kept))
    tap.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, program)
    tap.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    tap.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    tap.bind(("lo", ETH_P_IP))
    tap.settimeout(0.5)
    return tap


def _time(control: list[tuple[int, int, bytes]]) -> float:
    for level, kind, data in control:
        if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS):
            seconds, nanoseconds = struct.unpack_from("qq", data)
            return float(seconds) + nanoseconds / 1e9
    raise SettingsError("the kernel gives no timestamps")
