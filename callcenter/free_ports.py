"""Free ports for test calls, benches and whole systems under test, side by side.

A range for sound looks free until a call needs it, and a switch refuses the call whose port
somebody else took meanwhile. So ranges and single ports come from places of their own, and a range
is claimed: no other process that asks here gets a part of it.
"""

from __future__ import annotations

import random
import socket

HOST = "127.0.0.1"
# Below the range that the system gives to connections (net.ipv4.ip_local_port_range).
SINGLE = range(12000, 16400)
RANGES = range(16400, 32000)
BLOCK = 420  # ports that are claimed together
FEW = 250  # up to so many are no range
KEPT = 8  # blocks that a process claims before it takes its own again

_claims: dict[int, socket.socket] = {}  # first port -> what says that it is ours; oldest first


def free_ports(count: int = 1) -> int:
    """The first of `count` neighbouring ports that are free for UDP and TCP on 127.0.0.1.

    Raises OSError when there are none.
    """
    first = _few(count) if count <= FEW else _range(count)
    if first is None:
        raise OSError(f"no {count} neighbouring ports are free at {HOST}")
    return first


def _few(count: int) -> int | None:
    for _ in range(200):
        first = random.randrange(SINGLE.start, SINGLE.stop - count, 2)
        if _all_free(first, count):
            return first
    return None


def _range(count: int) -> int | None:
    size = -(-count // BLOCK) * BLOCK
    starts = list(range(RANGES.start, RANGES.stop - size + 1, BLOCK))
    random.shuffle(starts)
    fresh = [start for start in starts if start not in _claims]
    known = [start for start in _claims if start in starts]  # what was left is free again
    for reuse in (False, True):
        for start in [*fresh, *known] if len(_claims) < KEPT else [*known, *fresh]:
            blocks = range(start, start + size, BLOCK)
            if all(map(_claim, blocks)) and _all_free(start, count, reuse=reuse):
                for block in blocks:
                    _claims[block] = _claims.pop(block)  # the newest now
                return start
    return None


def _claim(block: int) -> bool:
    """Whether it is ours, from before or from now on; others see it as long as we live."""
    if block in _claims:
        return True
    claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        claim.bind(f"\0callcenter-ports-{block}")
    except OSError:
        claim.close()
        return False
    _claims[block] = claim
    return True


def _all_free(first: int, count: int, *, reuse: bool = False) -> bool:
    return all(_is_free(first + n, reuse) for n in range(count))


def _is_free(port: int, reuse: bool) -> bool:
    """With `reuse` as servers see it: connections that wait for their end don't count."""
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            if reuse and kind is socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                return False
    return True
