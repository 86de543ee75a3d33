#!/usr/bin/env python3
"""Compose the music on hold: our own, gentle, quiet, and free to ship with the project.

    python scripts/make_music.py [FOLDER]        (default: ivr/sounds/music)

Eight bars of broken pentatonic chords over a soft bass, 8 kHz mono 16-bit. Every note's tail is
laid around the loop's end, so that the last sample leads into the first and nobody hears a seam.
`moh/hold.wav` is what waiting citizens hear (36 s); `wait_2s.wav` and `wait_10s.wav` fill the gaps
while the switch looks for a controller, and follow one another without a seam too.
"""

from __future__ import annotations

import math
import struct
import sys
import wave
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

RATE = 8000  # samples a second
PEAK = 0.16  # of full scale: well below a speaking voice
BEAT = 0.75  # seconds
BEATS_IN_BAR = 6


class Note(NamedTuple):
    at: float  # seconds from the loop's start
    pitch: int  # semitones above A3 (220 Hz)
    length: float  # seconds until it has died away
    loudness: float


# one bar each: the bass, then six notes of the broken chord (D major pentatonic: D E F# A B)
BARS: tuple[tuple[int, tuple[int, ...]], ...] = (
    (-7, (5, 9, 12, 17, 12, 9)),  # D
    (-10, (2, 5, 9, 14, 9, 5)),  # B minor
    (-5, (0, 7, 12, 14, 12, 7)),  # E
    (-12, (0, 7, 12, 16, 12, 7)),  # A
    (-7, (5, 12, 14, 17, 14, 9)),  # D
    (-3, (9, 12, 17, 21, 17, 12)),  # F# minor
    (-10, (2, 5, 9, 14, 12, 9)),  # B minor
    (-12, (0, 4, 7, 12, 7, 4)),  # A, which leads back to D
)


def notes_of(bars: Iterable[tuple[int, tuple[int, ...]]], beat: float) -> list[Note]:
    notes = []
    for index, (bass, chord) in enumerate(bars):
        start = index * BEATS_IN_BAR * beat
        notes.append(Note(start, bass, 6 * beat, 0.9))
        for step, pitch in enumerate(chord):
            notes.append(Note(start + step * beat, pitch, 3.5 * beat, 0.55 if step else 0.7))
    return notes


def play(notes: list[Note], seconds: float) -> list[float]:
    """Mix the notes into a loop of that length; what rings on past the end sounds at the start."""
    loop = [0.0] * round(seconds * RATE)
    for note in notes:
        frequency = 220.0 * 2 ** (note.pitch / 12)
        start, length = round(note.at * RATE), round(note.length * RATE)
        for n in range(length):
            t = n / RATE
            attack = min(1.0, t / 0.03)
            release = (1 - n / length) ** 2
            tone = math.sin(2 * math.pi * frequency * t)
            tone += 0.35 * math.sin(4 * math.pi * frequency * t) * math.exp(-3 * t)
            tone += 0.12 * math.sin(6 * math.pi * frequency * t) * math.exp(-6 * t)
            loop[(start + n) % len(loop)] += note.loudness * attack * release * tone
    return loop


def write(path: Path, samples: list[float]) -> None:
    loudest = max(abs(sample) for sample in samples)
    scale = PEAK * 32767 / loudest
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(b"".join(struct.pack("<h", round(s * scale)) for s in samples))


def main(folder: Path) -> None:
    write(folder / "moh" / "hold.wav", play(notes_of(BARS, BEAT), len(BARS) * BEATS_IN_BAR * BEAT))
    # one bar in 2 s, and five bars in 10 s: the same chords, so that they join
    short = BARS[:1]
    write(folder / "wait_2s.wav", play(notes_of(short, 2 / BEATS_IN_BAR), 2))
    longer = (BARS[0], BARS[1], BARS[4], BARS[6], BARS[0])
    write(folder / "wait_10s.wav", play(notes_of(longer, 2 / BEATS_IN_BAR), 10))


if __name__ == "__main__":
    root = Path(__file__).resolve().parent.parent
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else root / "ivr" / "sounds" / "music")
