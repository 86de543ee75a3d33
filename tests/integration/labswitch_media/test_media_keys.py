"""Keys over the wire: told once per press, whatever is lost or repeated."""

from __future__ import annotations

import struct
from collections.abc import Callable
from itertools import pairwise

import gevent
from media_phone import EVENTS, Phone, until

from labswitch import g711
from labswitch.sources import Loop, Pcm, Silence

Make = Callable[..., Phone]
Presses = list[tuple[str, int]]


def listen(phone: Phone) -> Presses:
    presses: Presses = []
    phone.port.on_dtmf = lambda digit, ms: presses.append((digit, ms))
    return presses


def press(phone: Phone, number: int, ms: int = 100, ends: int = 3, lost: int = 0) -> None:
    """Send a key's event packets; `lost` end packets are never sent."""
    stamp = phone.timestamp
    body = struct.Struct("!BBH")
    payloads = [body.pack(number, 10, units) for units in range(160, ms * 8, 160)]
    payloads += [body.pack(number, 0x8A, ms * 8)] * ends
    for index, payload in enumerate(payloads):
        data = bytearray(phone.packet(payload, EVENTS))
        data[4:8] = stamp.to_bytes(4, "big")
        if index < len(payloads) - lost:
            phone.raw(bytes(data))


def settle(phone: Phone, ticks: int = 20) -> None:
    """Let the engine run on, so that a second telling would show."""
    sent = phone.port.packets_out
    phone.port.send_silence = True
    until(lambda: phone.port.packets_out >= sent + ticks)


def test_given_three_end_packets_a_press_is_told_once(phone: Make) -> None:
    citizen = phone(440)
    presses = listen(citizen)
    press(citizen, 5, 120)
    until(lambda: presses)
    settle(citizen)
    assert presses == [("5", 120)]


def test_given_all_but_one_end_packet_lost_the_press_is_told_once(phone: Make) -> None:
    citizen = phone()
    presses = listen(citizen)
    press(citizen, 11, 120, lost=2)
    until(lambda: presses)
    settle(citizen)
    assert presses == [("#", 120)]


def test_given_only_an_end_packet_the_press_is_told(phone: Make) -> None:
    citizen = phone()
    presses = listen(citizen)
    press(citizen, 9, 20, ends=1)
    until(lambda: presses == [("9", 20)])


def test_given_every_end_packet_lost_the_press_is_told_after_a_moment(phone: Make) -> None:
    citizen = phone()
    presses = listen(citizen)
    press(citizen, 1, 120, lost=3)
    until(lambda: presses == [("1", 100)])


def test_given_the_same_key_twice_two_presses_are_told_in_order(phone: Make) -> None:
    citizen = phone(440)
    presses = listen(citizen)
    for number in (1, 1, 2):
        press(citizen, number)
        citizen.timestamp += 1600
    until(lambda: len(presses) == 3)
    assert [digit for digit, _ in presses] == ["1", "1", "2"]


def test_given_another_event_payload_type_the_sdp_decides(phone: Make) -> None:
    citizen = phone()
    citizen.port.set_remote(*citizen.address, 8, 96)
    presses = listen(citizen)
    rejected = citizen.port.rejected
    press(citizen, 1)  # as 101
    until(lambda: citizen.port.rejected >= rejected + 6)
    assert not presses


def test_given_keys_to_send_the_far_end_gets_events_with_three_ends(phone: Make) -> None:
    citizen = phone()
    citizen.port.play(Loop(Pcm(bytes(16000))))
    assert citizen.port.send_dtmf("1#", 100)
    until(lambda: len(citizen.events) >= 16)
    settle(citizen, 10)
    citizen.listen()
    events = [(struct.unpack("!BBH", each.payload), each) for each in citizen.events]
    for key in (1, 11):
        mine = [(fields, each) for fields, each in events if fields[0] == key]
        assert [fields[2] for fields, _ in mine] == [160, 320, 480, 640, 800, 800, 800, 800]
        assert [bool(fields[1] & 0x80) for fields, _ in mine] == [False] * 5 + [True] * 3
        assert [each.marker for _, each in mine] == [True] + [False] * 7
        assert len({each.timestamp for _, each in mine}) == 1
    assert len(events) == 16
    numbers = [each.seq for each in citizen.packets]
    assert all((b - a) & 0xFFFF == 1 for a, b in pairwise(numbers))


def test_given_a_bridge_a_key_crosses_it_once(phone: Make) -> None:
    citizen, agent = phone(440), phone(660)
    citizen.port.bridge(agent.port)
    press(citizen, 3, 60)
    until(lambda: len(agent.events) >= 6)
    settle(agent, 10)
    agent.listen()
    assert {each.payload[0] for each in agent.events} == {3}
    assert len({each.timestamp for each in agent.events}) == 1
    assert not citizen.events


def test_given_no_event_type_agreed_keys_are_refused(phone: Make) -> None:
    citizen = phone()
    citizen.port.set_remote(*citizen.address, 8, None)
    assert not citizen.port.send_dtmf("1")


def test_given_a_handler_that_blocks_the_media_goes_on(phone: Make) -> None:
    citizen = phone(codec=g711.PCMU)
    citizen.port.play(Silence())
    released = gevent.event.Event()
    citizen.port.on_dtmf = lambda digit, ms: released.wait(5)
    press(citizen, 7)
    sent = citizen.port.packets_out
    until(lambda: citizen.port.packets_out >= sent + 10)
    released.set()
