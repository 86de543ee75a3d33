from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from labswitch import rtp

PHONE, NAT, OTHER, THIRD = (
    ("10.0.0.1", 4000),
    ("10.0.0.1", 5555),
    ("10.9.9.9", 4000),
    ("10.8.8.8", 4000),
)


def latch() -> rtp.Latch:
    made = rtp.Latch()
    made.announce(PHONE)
    return made


def test_before_the_sdp_nobody_is_heard() -> None:
    assert not rtp.Latch().accepts(PHONE)


def test_the_announced_address_is_taken_at_once_and_for_good() -> None:
    made = latch()
    assert made.accepts(PHONE)
    assert not made.accepts(NAT)
    assert not any(made.accepts(OTHER) for _ in range(100))
    assert made.target == PHONE


def test_the_same_host_on_another_port_is_taken_at_once() -> None:
    made = latch()
    assert made.accepts(NAT)
    assert made.target == NAT


def test_another_host_must_insist_alone() -> None:
    made = latch()
    first = [made.accepts(OTHER) for _ in range(rtp.Latch.STRANGER_PACKETS - 1)]
    assert not any(first)
    assert not made.accepts(THIRD)
    assert not any(made.accepts(OTHER) for _ in range(rtp.Latch.STRANGER_PACKETS - 1))
    assert made.accepts(OTHER)
    assert made.target == OTHER


def test_the_announced_address_wins_over_a_stranger_who_was_first() -> None:
    made = latch()
    for _ in range(20):
        made.accepts(OTHER)
    assert made.accepts(PHONE)
    assert not made.accepts(OTHER)


def test_the_same_sdp_again_keeps_the_latch_another_one_opens_it() -> None:
    made = latch()
    made.accepts(NAT)
    made.announce(PHONE)
    assert made.target == NAT
    made.announce(OTHER)
    assert made.target == OTHER
    assert not made.accepts(NAT)


def test_csrcs_extension_and_padding_are_taken_off() -> None:
    head = struct.pack("!BBHII", 0x80 | 0x20 | 0x10 | 2, 8, 1, 2, 3)
    packet = head + bytes(8) + b"\xbe\xde\x00\x01" + bytes(4) + b"sound" + b"\0\0\x03"
    assert rtp.body(packet) == b"sound"


@given(st.integers(0x80, 0xBF), st.binary(max_size=100))
def test_a_body_is_within_its_packet(first: int, rest: bytes) -> None:
    packet = bytes([first]) + bytes(11) + rest
    found = rtp.body(packet)
    assert found is None or found in rest
