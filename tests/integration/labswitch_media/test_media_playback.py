"""Prompts, tones and music: what reaches the far end, sample by sample."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from media_phone import Phone, goertzel, tone, until, write_wav

from labswitch import g711
from labswitch.sources import (
    LocalStream,
    Loop,
    Pcm,
    Sequence,
    Silence,
    Source,
    Tone,
    WavFile,
    register_local_stream,
)

Make = Callable[..., Phone]


class Ended:
    """Collects on_done calls."""

    def __init__(self) -> None:
        self.calls: list[tuple[bool, int]] = []

    def __call__(self, completed: bool, samples: int) -> None:
        self.calls.append((completed, samples))


def test_given_a_prompt_every_sample_reaches_the_far_end_once_and_in_pace(
    phone: Make, tmp_path: Path
) -> None:
    linear = tone(500, 0.3) + b"\x00\x40" * 37  # not a whole number of frames
    citizen, ended = phone(), Ended()
    citizen.port.play(WavFile(write_wav(tmp_path / "prompt.wav", linear)), ended)
    until(lambda: ended.calls)
    assert ended.calls == [(True, len(linear) // 2)]
    citizen.listen()
    heard = b"".join(each.payload for each in citizen.audio)
    said = g711.PCMA.encode(linear)
    assert heard[: len(said)] == said
    assert len(heard) == -(-len(said) // 160) * 160
    stamps = [each.timestamp for each in citizen.audio]
    assert {later - earlier for earlier, later in pairwise(stamps)} == {160}
    assert [each.marker for each in citizen.audio] == [True] + [False] * (len(stamps) - 1)
    took = citizen.audio[-1].at - citizen.audio[0].at
    assert abs(took - 0.02 * (len(stamps) - 1)) < 0.03


def test_given_a_sequence_of_files_there_is_no_gap_between_them(
    phone: Make, tmp_path: Path
) -> None:
    first, second = tone(400, 0.05) + b"\x01\x10" * 11, tone(800, 0.05)
    files = [write_wav(tmp_path / "a.wav", first), write_wav(tmp_path / "b.wav", second)]
    citizen, ended = phone(), Ended()
    citizen.port.play(Sequence([WavFile(each) for each in files]), ended)
    until(lambda: ended.calls)
    citizen.listen()
    whole = g711.PCMA.encode(first + second)
    assert b"".join(each.payload for each in citizen.audio)[: len(whole)] == whole


def test_given_a_playback_when_stopped_it_ends_at_once_and_says_so_once(phone: Make) -> None:
    citizen, ended = phone(), Ended()
    playback = citizen.port.play(Silence(), ended)
    until(lambda: len(citizen.audio) >= 5)
    playback.stop()
    playback.stop()
    until(lambda: ended.calls)
    completed, samples = ended.calls[0]
    assert not completed
    assert samples == playback.samples
    assert 800 <= samples < 8000
    citizen.port.close()
    assert len(ended.calls) == 1


def test_given_a_playback_when_another_starts_or_the_call_ends_it_is_told(phone: Make) -> None:
    citizen, first, second, third = phone(), Ended(), Ended(), Ended()
    citizen.port.play(Silence(), first)
    citizen.port.play(Silence(), second)
    until(lambda: first.calls == [(False, 0)])
    citizen.port.close()
    until(lambda: second.calls)
    citizen.port.play(Silence(), third)
    until(lambda: third.calls == [(False, 0)])
    assert [completed for completed, _ in second.calls] == [False]


def test_given_a_bridge_when_a_prompt_is_broadcast_its_far_end_hears_it_then_the_peer(
    phone: Make,
) -> None:
    citizen, agent, ended = phone(440), phone(660), Ended()
    citizen.port.bridge(agent.port)
    assert citizen.hears(660, 10) > 3000
    citizen.port.play(Pcm(tone(1000, 0.8)), ended)
    citizen.hears(1000, 3)
    assert citizen.hears(1000) > 3000
    assert goertzel(citizen.heard(12), 660) < 300
    assert agent.hears(440, 10) > 3000
    until(lambda: ended.calls)
    citizen.hears(660, 3)
    assert citizen.hears(660, 10) > 3000


def test_given_a_tone_the_far_end_hears_its_frequencies(phone: Make) -> None:
    citizen, ended = phone(codec=g711.PCMU), Ended()
    citizen.port.play(Tone("%(300,0,350,440)"), ended)
    until(lambda: ended.calls == [(True, 2400)])
    citizen.listen()
    assert goertzel(citizen.heard(), 350) > 4000
    assert goertzel(citizen.heard(), 440) > 4000
    assert goertzel(citizen.heard(), 620) < 300


def test_given_music_on_hold_two_listeners_hear_the_same_place_of_a_loop(
    phone: Make, tmp_path: Path
) -> None:
    steps = b"".join(tone(300 + 50 * n, 0.1) for n in range(12))
    register_local_stream("moh-test", [write_wav(tmp_path / "moh.wav", steps)])
    early, late = phone(), phone()
    early.port.play(LocalStream("moh-test"))
    until(lambda: len(early.audio) >= 20)
    late.port.play(LocalStream("moh-test"))
    late.hears(1, 12)
    pitches = range(300, 900, 50)
    now = [max(pitches, key=lambda f: goertzel(each.heard(3), f)) for each in (early, late)]
    assert abs(now[0] - now[1]) in (0, 50, 550)  # within a frame or two: next to each other
    until(lambda: len(early.audio) >= 75)  # 1.5 s: once around
    assert all(goertzel(early.heard(60), pitch) > 200 for pitch in pitches)


def test_given_a_source_that_fails_only_its_playback_ends(phone: Make) -> None:
    class Broken(Source):
        def read(self, size: int) -> bytes:
            raise RuntimeError("broken")

        def rewind(self) -> None: ...

    citizen, other, ended = phone(), phone(), Ended()
    other.port.play(Loop(Pcm(tone(440))))
    citizen.port.play(Broken(), ended)
    until(lambda: ended.calls == [(False, 0)])
    assert other.hears(440, 10) > 3000
    assert not citizen.port.closed


def test_given_send_silence_a_parked_port_sends_it_and_otherwise_nothing(phone: Make) -> None:
    parked, quiet = phone(440), phone(440)
    parked.port.send_silence = True
    until(lambda: len(parked.audio) >= 5)
    assert {each.payload for each in parked.audio} == {g711.PCMA.silence}
    quiet.listen()
    assert not quiet.packets
