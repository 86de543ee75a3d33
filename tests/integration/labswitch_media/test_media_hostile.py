"""Packets that no honest phone sends, and networks that lose, swap and repeat."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Callable

import pytest
from media_phone import HEADER, Phone, goertzel, until

from labswitch.media import MediaEngine

LOUD, QUIET = 3000, 300
Make = Callable[..., Phone]


def test_given_malformed_packets_nothing_of_them_is_heard(phone: Make) -> None:
    citizen, agent = phone(440), phone()
    citizen.port.bridge(agent.port)
    agent.hears(440, 5)
    audio = b"\x55" * 160
    header = HEADER.pack(0x80, 8, 7, 8, 9)
    bad = [
        b"",
        b"\x80",
        header[:11],
        b"\x00" + header[1:] + audio,  # version 0
        b"\xc0" + header[1:] + audio,  # version 3
        b"\x8f" + header[1:],  # 15 CSRCs that aren't there
        b"\x90" + header[1:] + b"\xbe\xde\xff\xff" + audio,  # extension beyond the end
        b"\xa0" + header[1:] + audio[:-1] + b"\xff",  # padding beyond the start
        header[:1] + b"\x00" + header[2:] + audio,  # PCMU, not agreed
        header[:1] + b"\x60" + header[2:] + audio,
        header + bytes(1400),
        b"OPTIONS sip:x SIP/2.0\r\n\r\n",
    ]
    rejected, rng = citizen.port.rejected, random.Random(1)
    for data in bad:
        citizen.raw(data)
    until(lambda: citizen.port.rejected >= rejected + len(bad))
    for _ in range(200):
        citizen.raw(bytes([0x40 | rng.getrandbits(6)]) + os.urandom(rng.randrange(300)))
    assert agent.hears(440) > LOUD
    assert goertzel(agent.heard(12), 1000) < QUIET


def test_given_a_stranger_after_the_latch_he_is_neither_heard_nor_answered(phone: Make) -> None:
    citizen, agent = phone(440), phone(660)
    citizen.port.bridge(agent.port)
    agent.hears(440, 5)
    stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    stranger.bind(("127.0.0.1", 0))
    stranger.setblocking(False)
    rejected = citizen.port.rejected
    for seq in range(30):
        stranger.sendto(
            HEADER.pack(0x80, 8, seq, seq * 160, 1) + bytes(160),
            (citizen.port.local_ip, citizen.port.local_port),
        )
    until(lambda: citizen.port.rejected >= rejected + 30)
    assert agent.hears(440) > LOUD
    with pytest.raises(BlockingIOError):
        stranger.recv(2048)
    stranger.close()


def test_given_a_phone_behind_nat_the_sound_goes_where_it_came_from(phone: Make) -> None:
    citizen, agent = phone(), phone(660)
    citizen.port.bridge(agent.port)
    citizen.port.set_remote("127.0.0.1", 9, 8, 101)  # the SDP names another port
    citizen.say(440)
    assert citizen.hears(660, 10) > LOUD
    assert citizen.port.remote == citizen.address


def test_given_one_forged_packet_with_another_ssrc_the_stream_goes_on(phone: Make) -> None:
    citizen, agent = phone(440), phone()
    citizen.port.bridge(agent.port)
    agent.hears(440, 5)
    for _ in range(5):
        forged = HEADER.pack(0x80, 8, random.getrandbits(16), 5, random.getrandbits(32))
        citizen.raw(forged + bytes(160))
    assert agent.hears(440) > LOUD
    assert goertzel(agent.heard(12), 440) > LOUD


def test_given_a_new_ssrc_the_stream_is_followed(phone: Make) -> None:
    citizen, agent = phone(440), phone()
    citizen.port.bridge(agent.port)
    agent.hears(440, 5)
    citizen.ssrc, citizen.seq, citizen.timestamp = 77, 60_000, 3
    citizen.say(660)
    agent.hears(660, 5)
    assert agent.hears(660) > LOUD


def test_given_loss_swaps_and_repeats_the_sound_stays_and_time_does_too(phone: Make) -> None:
    citizen, agent = phone(), phone()
    citizen.port.bridge(agent.port)
    frames = citizen._frames(440)
    rng = random.Random(4)
    sent = 0

    def send_badly(payload: bytes) -> None:
        nonlocal sent
        data = citizen.packet(payload)
        citizen.timestamp += 160
        sent += 1
        if rng.random() < 0.05:
            return
        held.append(data)
        if rng.random() < 0.2:
            held.append(data)
        if rng.random() < 0.2:
            return  # goes out after the next one
        for each in reversed(held):
            citizen.raw(each)
        held.clear()

    held: list[bytes] = []
    citizen.send = send_badly  # type: ignore[method-assign]
    citizen.frames = frames
    until(lambda: sent >= 150)
    agent.listen()
    stats = citizen.port.jitter
    assert stats.lost > 0
    assert stats.duplicates + stats.late > 0
    assert len(agent.audio) >= 0.8 * sent
    assert goertzel(agent.heard(100), 440) > LOUD / 2


def test_given_packets_of_30_and_10_ms_they_are_cut_into_frames(phone: Make) -> None:
    citizen, agent = phone(), phone()
    citizen.port.bridge(agent.port)
    whole = b"".join(citizen._frames(440))
    citizen.frames = [whole[at : at + 240] for at in range(0, len(whole) - 240, 240)]
    agent.hears(440, 10)
    assert {len(each.payload) for each in agent.audio} == {160}
    assert goertzel(agent.heard(8), 440) > LOUD / 2


def test_given_a_flood_on_one_port_the_others_keep_their_pace(
    phone: Make, engine: MediaEngine
) -> None:
    citizen, agent, victim = phone(440), phone(), phone()
    citizen.port.bridge(agent.port)
    agent.hears(440, 5)
    engine.lag.reset()
    engine.work.reset()
    for _ in range(2000):
        victim.send(b"\x55" * 160)
    assert agent.hears(440) > LOUD
    assert engine.work.max < 0.02


@pytest.mark.parametrize(
    "remote",
    [
        ("evil.example", 4000, 8, 101),
        ("::1", 4000, 8, 101),
        ("127.0.0.1", 70000, 8, 101),
        ("127.0.0.1", 4000, 9, 101),
        ("127.0.0.1", 4000, 8, 101, "upside-down"),
    ],
)
def test_given_an_sdp_that_cannot_be_meant_set_remote_refuses_it(
    phone: Make, remote: tuple[str, int, int, int]
) -> None:
    citizen = phone()
    with pytest.raises(ValueError):
        citizen.port.set_remote(*remote)


def test_given_a_far_end_that_vanished_the_engine_goes_on(phone: Make) -> None:
    citizen, agent = phone(440), phone()
    citizen.port.bridge(agent.port)
    citizen.port.echo = True
    agent.sock.close()  # ICMP port unreachable comes back for each packet
    agent._greenlet.kill()
    came = citizen.port.packets_in
    until(lambda: citizen.port.packets_in >= came + 20)
    assert not agent.port.closed
