from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labswitch.dtmf import (
    DIGITS,
    Event,
    KeyReceiver,
    build_dtmf_relay,
    events_out,
    parse_dtmf_relay,
    parse_event,
)

Packet = tuple[int, Event]


def packets(stamp: int, digit: str, ms: int, ends: int = 3) -> list[Packet]:
    body = [(stamp, Event(digit, False, units)) for units in range(160, ms * 8, 160)]
    return body + [(stamp, Event(digit, True, ms * 8))] * ends


def told(*groups: list[Packet], step: float = 0.02, end: float = 1.0) -> list[tuple[str, int]]:
    receiver, now, presses = KeyReceiver(), 100.0, []
    for group in groups:
        for stamp, event in group:
            presses += receiver.packet(stamp, event, now)
            now += step
    return presses + receiver.expire(now + end)


def test_one_press_is_told_once_at_its_end() -> None:
    assert told(packets(8000, "7", 200)) == [("7", 200)]


def test_late_repeats_of_the_end_after_the_next_key_began_are_absorbed() -> None:
    first, second = packets(8000, "1", 100), packets(12000, "2", 100)
    assert told([*first[:-2], *second[:2], *first[-2:], *second[2:]]) == [("1", 100), ("2", 100)]


def test_a_next_key_ends_one_whose_end_packets_were_lost() -> None:
    assert told(packets(8000, "1", 100, ends=0), packets(12000, "1", 60)) == [("1", 80), ("1", 60)]


def test_a_key_held_for_twenty_seconds_in_segments_is_one_press() -> None:
    """RFC 4733 §2.5.1.3: each full segment is followed by one whose timestamp starts at its end."""
    segments: list[Packet] = []
    for n in range(2):
        segments += [(n * 0xFFFF, Event("5", False, u)) for u in range(160, 0xFFFF, 800)]
        segments += [(n * 0xFFFF, Event("5", False, 0xFFFF))]
    segments += packets(2 * 0xFFFF, "5", 3616)
    [(digit, ms)] = told(segments)
    assert digit == "5"
    assert ms == pytest.approx(20_000, abs=5)


def test_a_key_whose_duration_wraps_is_one_press() -> None:
    body = [(5, Event("5", False, units & 0xFFFF)) for units in range(160, 96_000, 160)]
    [(digit, ms)] = told([*body, *[(5, Event("5", True, 96_000 & 0xFFFF))] * 3])
    assert (digit, ms) == ("5", 12_000)


def test_the_same_packets_played_again_later_are_another_press() -> None:
    receiver = KeyReceiver()
    presses = []
    for at in (10.0, 12.0):
        for n, (stamp, event) in enumerate(packets(777, "4", 100)):
            presses += receiver.packet(stamp, event, at + n * 0.02)
    assert presses == [("4", 100), ("4", 100)]


@given(
    st.lists(st.tuples(st.sampled_from(DIGITS), st.integers(40, 1000)), min_size=1, max_size=8),
    st.integers(0, 0xFFFFFFFF),
    st.data(),
)
def test_any_keys_with_any_loss_but_one_end_packet_are_told_once_each(
    keys: list[tuple[str, int]], clock: int, data: st.DataObject
) -> None:
    groups = []
    for digit, ms in keys:
        whole = packets(clock & 0xFFFFFFFF, digit, ms)
        kept = data.draw(st.sets(st.integers(0, len(whole) - 2)))
        groups.append([each for n, each in enumerate(whole) if n in kept] + whole[-1:])
        clock += ms * 8 + 800
    assert told(*groups) == keys


@given(st.binary(max_size=8))
def test_any_payload_is_read_or_refused(payload: bytes) -> None:
    event = parse_event(payload)
    assert (event is None) == (len(payload) < 4 or payload[0] > 15)


def test_an_event_survives_the_wire() -> None:
    event = Event("#", True, 800)
    assert parse_event(event.payload) == event


def test_keys_out_pause_between_keys_and_on_w() -> None:
    ticks = list(events_out("1w2@60", 250))
    gap = [n for n, event in enumerate(ticks) if event is None]
    assert [event.digit for event in ticks if event] == ["1"] * 6 + ["2"] * 6
    assert gap[:28] == list(range(6, 34))


@pytest.mark.parametrize("digits", ["", "12x", "1@", "w@99999999", "1\r\n"])
def test_not_keys(digits: str) -> None:
    if digits in ("1@", "1\r\n"):  # an empty length is the default; space around is none of it
        assert any(events_out(digits, 100))
    else:
        with pytest.raises(ValueError):
            events_out(digits, 100)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("Signal=5\r\nDuration=160\r\n", ("5", 160)),
        ("Signal= 5\nDuration= 100", ("5", 100)),
        ("signal=*", ("*", 250)),
        ("Signal=10\r\nDuration=160", ("*", 160)),
        ("Signal=11", ("#", 250)),
        ("Signal=d", ("D", 250)),
        ("Signal=5\r\nDuration=99999", ("5", 8000)),
        ("Signal=5\r\nDuration=-3", ("5", 250)),
        ("7\r\n", ("7", 250)),
        ("", None),
        ("Signal=", None),
        ("Signal=55", None),
        ("Signal=٣", None),
        ("hello", None),
    ],
)
def test_info_bodies(body: str, expected: tuple[str, int] | None) -> None:
    assert parse_dtmf_relay(body) == expected
    assert parse_dtmf_relay(body.encode()) == expected
    assert parse_dtmf_relay(b"\xff" + body.encode()) is None or "=" in body


@given(st.sampled_from(DIGITS), st.integers(40, 8000))
def test_an_info_body_survives(digit: str, ms: int) -> None:
    assert parse_dtmf_relay(build_dtmf_relay(digit, ms)) == (digit, ms)
