"""Ranges of ports for switches that run side by side, whichever process started them."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

import callcenter.free_ports as free_ports_module
from callcenter.free_ports import BLOCK, HOST, RANGES, SINGLE, free_ports

KEPT = 2  # these tests run beside whole systems, which need ranges too

OTHER = """
import sys
from callcenter.free_ports import free_ports
print(*[free_ports(400) for _ in range(3)], *[free_ports() for _ in range(50)], flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def claims(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[int, socket.socket]]:
    """What a test claims; others may have it again afterwards."""
    own: dict[int, socket.socket] = {}
    monkeypatch.setattr(free_ports_module, "KEPT", KEPT)
    monkeypatch.setattr(free_ports_module, "_claims", own)
    monkeypatch.setattr(free_ports_module, "_turns", {})
    monkeypatch.setattr(free_ports_module, "_given", {})
    yield own
    while own:
        own.popitem()[1].close()


def blocks(first: int, count: int = 400) -> set[int]:
    return {(port - RANGES.start) // BLOCK for port in range(first, first + count)}


def test_two_processes_never_share_a_range(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(free_ports_module, "GRACE", 0.0)
    with subprocess.Popen(
        [sys.executable, "-c", OTHER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        told = [int(first) for first in other.stdout.readline().split()]
        theirs = set().union(*(blocks(first) for first in told[:3]))
        ours = set().union(*(blocks(free_ports(400)) for _ in range(2 * KEPT)))
        other.communicate()
    assert len(theirs) == 3
    assert not set(told[3:]) & {free_ports() for _ in range(BLOCK)}
    assert not theirs & ours
    assert len(ours) <= KEPT  # one process doesn't take them all


def test_a_range_in_use_is_not_given_twice() -> None:
    first = free_ports(400)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind((HOST, first + 399))
        assert not blocks(first) & set().union(*(blocks(free_ports(400)) for _ in range(KEPT)))


def test_a_single_port_is_in_nobodys_range() -> None:
    assert all(free_ports() in SINGLE for _ in range(20))
    assert free_ports(BLOCK) in RANGES


def test_a_range_may_be_longer_than_one_block(monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = range(3960, 9000)  # where no other process may hold every second block
    monkeypatch.setattr(free_ports_module, "RANGES", elsewhere)
    first = free_ports(2 * BLOCK)
    assert first in elsewhere
    assert first + 2 * BLOCK - 1 in elsewhere


def test_a_single_port_comes_again_only_when_all_had_their_turn() -> None:
    """Somebody may still call a telephone that has gone."""
    given = [free_ports(count) for count in (1, 4, 1, 3) * 20]
    taken = [
        port
        for first, count in zip(given, (1, 4, 1, 3) * 20, strict=True)
        for port in range(first, first + count)
    ]
    assert len(taken) == len(set(taken)) == 180
    assert all(first % 2 == 0 for first in given)  # RTP's ports are even (RFC 3550, section 11)


def test_connections_that_wait_for_their_end_take_no_range_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A server that has just stopped leaves them for a minute; the next one may begin at once."""
    monkeypatch.setattr(free_ports_module, "GRACE", 0.0)
    firsts = [free_ports(400) for _ in range(3 * KEPT)]
    for first in set(firsts):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as server:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.bind((HOST, first))
            server.listen()
            with socket.create_connection((HOST, first)) as client:
                accepted, _ = server.accept()
                accepted.close()  # the server closes first: its side waits
                assert client.recv(1) == b""
    assert free_ports(400) in RANGES


def test_servers_all_over_a_block_leave_room_for_many_ports_in_a_row() -> None:
    """Long-lived servers take single ports in turn: after a while no 200 in a row are left."""
    with ExitStack() as servers:
        for _ in range(BLOCK // 50):
            server = servers.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            server.bind((HOST, free_ports()))
            free_ports(50)
        first = free_ports(200)
        assert first in SINGLE
        assert first + 199 in SINGLE


@pytest.mark.parametrize(("count", "times"), [(400, KEPT + 2), (200, 4)])
def test_what_was_just_given_is_not_given_again_before_it_can_be_bound(
    count: int, times: int
) -> None:
    """A telephone takes a moment to start; its ports look free until then."""
    taken = [set(range(first, first + count)) for first in map(free_ports, [count] * times)]
    assert len(set().union(*taken)) == times * count


def test_what_was_claimed_in_a_rush_is_left_to_others_afterwards(
    monkeypatch: pytest.MonkeyPatch, claims: dict[int, socket.socket]
) -> None:
    for _ in range(KEPT + 2):
        free_ports(BLOCK)  # whole: a switch's secure WebSocket may sit in the rest of one
    assert len(claims) == KEPT + 2
    monkeypatch.setattr(free_ports_module, "GRACE", 0.0)
    free_ports(BLOCK)
    assert len(claims) == KEPT
