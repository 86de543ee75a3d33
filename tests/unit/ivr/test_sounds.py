"""The recordings of the prompts, as far as they can be judged without ears."""

from __future__ import annotations

import array
import itertools
import math
import re
import sys
import wave
from pathlib import Path

import pytest

from ivr.prompts import TEXTS, agent_announcement

SOUNDS = Path(__file__).resolve().parents[3] / "ivr" / "sounds" / "zh"
RATE = 8000
PIECE = RATE // 50  # 20 ms
FULL = 32768
SPEECH = 0.1  # of the loudest piece; less is a pause


def samples(name: str) -> array.array[int]:
    with wave.open(str(SOUNDS / f"{name}.wav"), "rb") as file:
        found = array.array("h", file.readframes(file.getnframes()))
    if sys.byteorder == "big":
        found.byteswap()
    return found


def levels(sound: array.array[int]) -> list[float]:
    """Root mean square of each 20 ms, of full scale."""
    return [
        math.sqrt(sum(sample * sample for sample in sound[at : at + PIECE]) / PIECE) / FULL
        for at in range(0, len(sound) - PIECE + 1, PIECE)
    ]


def loudness(name: str) -> float:
    """Of what is speech, in dBFS."""
    found = levels(samples(name))
    speech = [level for level in found if level > SPEECH * max(found)]
    return 10 * math.log10(sum(level * level for level in speech) / len(speech))


def longest_pause(name: str) -> float:
    """Seconds without speech, between speech."""
    found = levels(samples(name))
    speech = [at for at, level in enumerate(found) if level > 0.02 * max(found)]
    pauses = (after - before - 1 for before, after in itertools.pairwise(speech))
    return max(pauses, default=0) * PIECE / RATE


def characters(name: str) -> int:
    return len(re.sub(r"[，。！？、]", "", TEXTS[name]))


def pauses(name: str) -> int:
    return len(re.findall(r"[，。！？、](?=.)", TEXTS[name]))


every_prompt = pytest.mark.parametrize("name", sorted(TEXTS))


def test_there_is_one_file_for_each_prompt_and_no_other() -> None:
    assert {path.name for path in SOUNDS.iterdir()} == {f"{name}.wav" for name in TEXTS}


@every_prompt
def test_the_switch_can_play_it_as_it_is(name: str) -> None:
    with wave.open(str(SOUNDS / f"{name}.wav"), "rb") as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE, 1, 2)


@every_prompt
def test_it_lasts_as_long_as_its_text_takes_to_say(name: str) -> None:
    seconds = len(samples(name)) / RATE
    if characters(name) == 1:
        assert 0.15 <= seconds <= 0.5
        return
    assert 0.15 * characters(name) <= seconds <= 0.36 * characters(name) + 0.6 * (pauses(name) + 1)


@every_prompt
def test_it_is_as_loud_as_the_others_and_not_clipped(name: str) -> None:
    assert loudness(name) == pytest.approx(-20, abs=2)
    assert max(map(abs, samples(name))) < 0.95 * FULL


@every_prompt
def test_it_begins_and_ends_softly(name: str) -> None:
    sound = samples(name)
    loudest = max(map(abs, sound))
    edge = RATE // 500  # 2 ms
    assert max(map(abs, sound[:edge])) < 0.15 * loudest
    assert max(map(abs, sound[-edge:])) < 0.15 * loudest


@every_prompt
def test_it_has_no_hole(name: str) -> None:
    assert longest_pause(name) <= (0.06 if characters(name) == 1 else 0.8)


def test_an_agents_number_is_said_quickly_and_evenly() -> None:
    names = agent_announcement("1004")
    assert sum(len(samples(name)) for name in names) / RATE <= 3.3
    heard = [loudness(name) for name in names]
    assert max(heard) - min(heard) <= 3
