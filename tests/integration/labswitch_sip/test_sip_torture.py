"""Hostile packets while a call is up: each answered or dropped, none fatal, the call unharmed."""

from __future__ import annotations

import logging
import random

import pytest
from sip_packets import HOST, OFFER, invite_packet
from sip_rig import rig, wait_for

MUTATIONS = 500


@pytest.fixture
def trunk():
    with rig() as made:
        made.held = made.phone("13812345678")
        made.held.dial()
        wait_for(lambda: "acked" in made.desk.words(), "the call to be up")
        yield made


@pytest.fixture(autouse=True)
def nothing_fails_inside(caplog):
    yield
    failures = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert failures == []


def assert_unharmed(trunk) -> None:
    """The call that is up still is, and a new one can be made."""
    held = trunk.held
    while not held.silent(0.01):
        pass
    held.request("INFO", body=b"x", cseq=40_000)
    assert held.expect(200).cseq == (40_000, "INFO")
    assert trunk.desk.ended() == []
    phone = trunk.phone("13900000000")
    phone.dial()
    held.request("BYE", cseq=40_001)
    assert held.expect(200).cseq == (40_001, "BYE")
    wait_for(trunk.desk.ended, "the end of the call")


@pytest.mark.parametrize(
    ("old", "new", "status"),
    [
        (f"Content-Length: {len(OFFER)}", f"Content-Length: {len(OFFER) + 900}", 400),
        (f"Content-Length: {len(OFFER)}", "Content-Length: -5", 400),
        ("CSeq: 1 INVITE", "CSeq: 1 BYE", 400),
        ("CSeq: 1 INVITE", "CSeq: 99999999999 INVITE", 400),
        ("Max-Forwards: 70", "Max-Forwards: 900", 400),
        ("Max-Forwards: 70", "Nonsense", 400),
        ("Content-Type:", "X: " + "y" * 9000 + "\r\nContent-Type:", 513),
        ("Content-Type:", "X: y\r\n" * 200 + "Content-Type:", 400),
        ("SIP/2.0\r\nVia", "SIP/3.0\r\nVia", 505),
        ("INVITE sip:12345", "INVITE tel:12345", 416),
        ("INVITE sip:12345@127.0.0.1", "INVITE sip:", 400),
        ("To: <sip", "To: <<sip", 200),  # odd, but it can be read
        ('"Li"', '"Li', 400),
    ],
)
def test_what_is_wrong_is_answered(trunk, old, new, status):
    phone = trunk.phone()
    phone.send(invite_packet(phone.port).replace(old.encode(), new.encode()))
    assert phone.expect(status)
    assert_unharmed(trunk)


@pytest.mark.parametrize("name", ["Via", "From", "To", "Call-ID", "CSeq"])
def test_a_request_without_a_mandatory_header_is_answered_if_it_says_who_sent_it(trunk, name):
    phone = trunk.phone()
    lines = invite_packet(phone.port).split(b"\r\n")
    phone.send(b"\r\n".join(line for line in lines if not line.startswith(name.encode() + b":")))
    if name == "Via":
        assert phone.silent(0.2)
    else:
        assert phone.expect(400)
    assert_unharmed(trunk)


def test_truncation_at_every_byte(trunk):
    phone = trunk.phone()
    packet = invite_packet(phone.port)
    head = packet.index(b"\r\n\r\n")
    for length in range(head):
        phone.send(packet[:length])
    assert_unharmed(trunk)
    assert len(trunk.desk.calls) == 2


def test_a_datagram_of_the_largest_size(trunk):
    phone = trunk.phone()
    phone.send(invite_packet(phone.port) + b"x" * 60_000)
    assert phone.expect(513)
    phone.send(b"\xff" * 65_000)
    assert_unharmed(trunk)


def test_500_random_mutations(trunk):
    chance = random.Random(12345)
    phone = trunk.phone()
    for number in range(MUTATIONS):
        packet = bytearray(invite_packet(phone.port, number))
        for _ in range(chance.randrange(1, 20)):
            match chance.randrange(3):
                case 0:
                    packet[chance.randrange(len(packet))] = chance.randrange(256)
                case 1:
                    del packet[chance.randrange(len(packet))]
                case _:
                    at = chance.randrange(len(packet))
                    packet[at:at] = packet[at : at + chance.randrange(40)]
        phone.send(bytes(packet))
    assert_unharmed(trunk)


def test_mutated_requests_inside_the_call(trunk):
    chance = random.Random(54321)
    held = trunk.held
    tag = trunk.desk.calls[0].path.local_tag
    for number in range(MUTATIONS):
        packet = bytearray(
            invite_packet(held.port, number)
            .replace(f"torture-{held.port}-{number}".encode(), held.call_id.encode())
            .replace(b"INVITE", chance.choice([b"INVITE", b"INFO", b"ACK", b"OPTIONS", b"UPDATE"]))
            .replace(f"To: <sip:12345@{HOST}>".encode(), f"To: <sip:a@b>;tag={tag}".encode())
            .replace(f"tag=t{number}".encode(), b"tag=phone")
            .replace(b"CSeq: 1 ", b"CSeq: %d " % (number + 2))
        )
        for _ in range(chance.randrange(4)):
            packet[chance.randrange(len(packet))] = chance.randrange(256)
        held.send(bytes(packet))
    assert_unharmed(trunk)


def test_responses_that_nobody_asked_for(trunk):
    phone = trunk.phone()
    for status in (100, 180, 200, 404, 699):
        line = f"SIP/2.0 {status} x".encode()
        phone.send(
            invite_packet(phone.port).replace(f"INVITE sip:12345@{HOST} SIP/2.0".encode(), line)
        )
    assert phone.silent(0.2)
    assert_unharmed(trunk)


def test_duplicates_of_every_packet_are_absorbed(trunk):
    phone = trunk.phone()
    calls = len(trunk.desk.calls)
    for _ in range(20):
        phone.request("INVITE", body=OFFER, branch="z9hG4bK-dup", cseq=1)
    phone.expect(200)
    for _ in range(20):
        phone.request("ACK", cseq=1)
    for _ in range(20):
        phone.request("BYE", branch="z9hG4bK-dup-bye", cseq=2)
    wait_for(trunk.desk.ended, "the end")
    assert len(trunk.desk.calls) == calls + 1
    assert len(trunk.desk.ended()) == 1
    trunk.desk.told.clear()
    assert_unharmed(trunk)


def test_keep_alives_are_ignored(trunk):
    phone = trunk.phone()
    for packet in (b"\r\n\r\n", b"\0", b"\0\0\0\0", b"", b"  "):
        phone.send(packet)
    assert phone.silent(0.2)
    assert_unharmed(trunk)
