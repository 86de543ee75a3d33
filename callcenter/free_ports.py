"""Free ports for test calls, benches and whole systems under test, side by side.

A range for sound looks free until a call needs it, and a switch refuses the call whose port
somebody else took meanwhile. A port that a telephone has left may still be called by a system that
knew it. So ranges and single ports come from places of their own, whatever is given comes from
blocks that the process has claimed for itself, and single ports are given in turn.
"""

from __future__ import annotations

import atexit
import math
import random
import socket
import time
from collections.abc import Iterator

HOST = "127.0.0.1"
# Below the range that the system gives to connections (net.ipv4.ip_local_port_range).
SINGLE = range(9000, 19080)
RANGES = range(19080, 32520)
BLOCK = 420  # ports that are claimed together
FEW = 250  # up to so many are no range
KEPT = 6  # blocks that a process claims before it takes its own again
GRACE = 20.0  # seconds in which whoever was given a port has bound it

_claims: dict[int, socket.socket] = {}  # first port -> what says that it is ours; oldest first
_turns: dict[int, int] = {}  # a block that single ports come from -> where in it the next is
_given: dict[int, float] = {}  # a port -> when it was given last (time.monotonic)


@atexit.register
def _let_go() -> None:
    while _claims:
        _claims.popitem()[1].close()


def free_ports(count: int = 1) -> int:
    """The first of `count` neighbouring ports that are free for UDP and TCP on 127.0.0.1.

    Raises OSError when there are none.
    """
    first = _few(count) if count <= FEW else _range(count)
    if first is None:
        raise OSError(f"no {count} neighbouring ports are free at {HOST}")
    _given.update(dict.fromkeys(range(first, first + count), time.monotonic()))
    return first


def _few(count: int) -> int | None:
    for block in _blocks():
        given = _turns.setdefault(block, 0)
        for step in range(0, BLOCK, 2):
            place = (given + step) % BLOCK
            first = block + place
            if place + count <= BLOCK and _rested(first, count) and _all_free(first, count):
                _turns[block] = place + count + count % 2
                return first
    return None


def _blocks() -> Iterator[int]:
    """Those that single ports are given from; more are claimed once servers sit all over them."""
    yield from list(_turns)
    others = list(range(SINGLE.start, SINGLE.stop - BLOCK + 1, BLOCK))
    random.shuffle(others)
    yield from (block for block in others if block not in _turns and _claim(block))


def _range(count: int) -> int | None:
    _give_back()
    size = -(-count // BLOCK) * BLOCK
    starts = list(range(RANGES.start, RANGES.stop - size + 1, BLOCK))
    random.shuffle(starts)
    fresh = [start for start in starts if start not in _claims]
    known = [start for start in _claims if start in starts]  # what was left is free again
    held = len(_claims) - len(_turns)
    order = [*fresh, *known] if held < KEPT else [*known, *fresh]
    for rested, reuse in ((True, False), (True, True), (False, True)):
        for start in order:
            if rested and not _rested(start, count):
                continue
            blocks = range(start, start + size, BLOCK)
            before = set(_claims)
            if all(map(_claim, blocks)) and _all_free(start, count, reuse=reuse):
                for block in blocks:
                    _claims[block] = _claims.pop(block)  # the newest now
                return start
            for block in _claims.keys() - before:  # of no use to us
                _claims.pop(block).close()
    return None


def _give_back() -> None:
    """Leave to others what was claimed beyond KEPT and isn't used any more."""
    held = [block for block in _claims if block not in _turns]
    for block in held[: max(0, len(held) - KEPT)]:
        if _rested(block, BLOCK) and _all_free(block, BLOCK, reuse=True):
            _claims.pop(block).close()


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


def _rested(first: int, count: int) -> bool:
    """Whether nobody who was given one of them may still be about to bind it."""
    since = time.monotonic() - GRACE
    return all(_given.get(first + n, -math.inf) <= since for n in range(count))


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
