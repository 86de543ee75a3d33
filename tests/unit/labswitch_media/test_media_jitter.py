from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from labswitch.jitter import CEILING, MAX_PACKETS, JitterBuffer


def frame(n: int) -> bytes:
    return n.to_bytes(2, "big") * 80


def number(payload: bytes | None) -> int | None:
    return None if payload is None else int.from_bytes(payload[:2], "big")


def play(buffer: JitterBuffer, arrivals: list[list[int]]) -> list[int | None]:
    """Push each tick's packets (sequence number = content), pop once a tick."""
    out = []
    for packets in arrivals:
        for n in packets:
            buffer.push(1, n & 0xFFFF, frame(n & 0xFFFF))
        out.append(number(buffer.pop()))
    return out


def test_steady_packets_come_out_in_order_one_frame_late() -> None:
    out = play(JitterBuffer(), [[n] for n in range(100, 130)])
    assert out == [None, *range(100, 129)]


def test_sequence_numbers_wrap() -> None:
    out = play(JitterBuffer(), [[n] for n in range(65530, 65546)])
    assert out[1:] == [n & 0xFFFF for n in range(65530, 65545)]


def test_swapped_packets_are_put_in_order() -> None:
    arrivals = [[1], [2], [4, 3], [5], [7], [6], [8], [9], [10]]
    out = play(JitterBuffer(), arrivals)
    assert [n for n in out if n is not None] == list(range(1, 9))


def test_repeated_packets_count_once() -> None:
    buffer = JitterBuffer()
    out = play(buffer, [[n, n, n] for n in range(1, 10)])
    assert [n for n in out if n is not None] == list(range(1, 9))
    assert buffer.duplicates + buffer.late == 18


def test_a_lost_packet_keeps_its_time_by_repeating_the_last_sound() -> None:
    buffer = JitterBuffer()
    out = play(buffer, [[1], [2], [3], [], [5], [6], [7]])
    assert out == [None, 1, 2, 3, 3, 5, 6]
    assert buffer.lost == 1


def test_a_burst_after_a_pause_is_cut_to_the_reserve() -> None:
    buffer = JitterBuffer()
    play(buffer, [[n] for n in range(1, 5)])
    out = play(buffer, [list(range(5, 60)), [60], [61]])
    assert out[0] is not None
    assert out[0] > 40
    assert len(play(buffer, [[]] * CEILING)) == CEILING


def test_a_buffer_that_grew_shrinks_again() -> None:
    buffer = JitterBuffer()
    play(buffer, [[n] for n in range(1, 11)] + [[]] * 5 + [[11, 12, 13, 14, 15, 16, 17]])
    out = play(buffer, [[n] for n in range(18, 400)])
    assert 399 - (out[-1] or 0) <= 3


def test_a_single_packet_of_another_source_is_ignored_two_are_followed() -> None:
    buffer = JitterBuffer()
    play(buffer, [[1], [2], [3]])
    assert not buffer.push(9, 500, frame(500))
    assert buffer.push(1, 4, frame(4))
    assert not buffer.push(9, 700, frame(700))
    assert buffer.push(9, 701, frame(701))
    assert buffer.push(9, 702, frame(702))
    assert [number(buffer.pop()) for _ in range(2)] == [701, 702]


def test_a_wild_jump_is_followed_from_the_second_packet() -> None:
    buffer = JitterBuffer()
    play(buffer, [[1], [2]])
    assert not buffer.push(1, 30_000, frame(1))
    assert buffer.push(1, 30_001, frame(2))


def test_packets_of_other_lengths_are_cut_into_frames() -> None:
    buffer = JitterBuffer()
    sound = bytes(n % 251 for n in range(240 * 8))
    out = b""
    for n in range(12):
        if n < 8:
            buffer.push(1, n, sound[n * 240 : (n + 1) * 240])
        out += buffer.pop() or b""
    assert sound.startswith(out)
    assert len(out) >= 160 * 9


def test_places_without_sound_are_not_loss() -> None:
    buffer = JitterBuffer()
    for n in range(10):
        buffer.push(1, n, b"" if 3 <= n < 7 else frame(n))
        buffer.pop()
    assert buffer.lost == 0


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 0xFFFF), st.binary(max_size=500)), max_size=300
    ),
    st.integers(0, 2**32),
)
def test_no_packets_whatever_break_it_or_make_it_grow(
    packets: list[tuple[int, int, bytes]], seed: int
) -> None:
    buffer, rng = JitterBuffer(), random.Random(seed)
    for ssrc, seq, payload in packets:
        buffer.push(ssrc, seq, payload)
        assert len(buffer._packets) <= MAX_PACKETS
        assert buffer._bytes == sum(len(payload) for _, payload in buffer._packets)
        if rng.random() < 0.5:
            out = buffer.pop()
            assert out is None or len(out) == 160


@given(st.integers(0, 0xFFFF), st.sets(st.integers(3, 60), max_size=12), st.integers(0, 2**32))
def test_what_comes_out_is_in_order_and_never_late_in_time(
    start: int, lost: set[int], seed: int
) -> None:
    """With loss and neighbours swapped, after n ticks no more than n frames were played."""
    rng = random.Random(seed)
    order = [n for n in range(64) if n not in lost]
    for at in range(2, len(order) - 1, 3):
        if rng.random() < 0.5:
            order[at], order[at + 1] = order[at + 1], order[at]
    buffer = JitterBuffer()
    out = []
    for n in order:
        buffer.push(1, (start + n) & 0xFFFF, frame(n))
        out.append(number(buffer.pop()))
    played = [n for n in out if n is not None]
    assert played == sorted(played)
    assert set(played) <= set(order)
