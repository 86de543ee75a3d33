"""Telling tones apart: each prompt is a tone of its own, so what was heard reads as a story.

    heard = Listener()
    heard.take(samples)             # 16-bit, 8 kHz, as they come
    heard.story()                   # [("welcome", 0.4), ("recording_notice", 0.4), …]

A frame is 20 ms: tones that are multiples of 50 Hz are exactly orthogonal in it.
"""

from __future__ import annotations

import math
import struct
import wave
from collections.abc import Iterable, Sequence
from pathlib import Path

RATE = 8000
FRAME = 160  # samples, 20 ms
LOUD = 100.0  # RMS below which a frame counts as silence
PURE = 0.6  # share of a frame's energy that its tone must have

# What isn't a prompt: people, music, the switch's own tones.
CITIZEN, AGENT, MUSIC, BEEP, ALERT = 440, 660, 350, 880, 1000
THIRD, SUPERVISOR = 550, 770
VOICES = {"agent": AGENT, "citizen": CITIZEN, "supervisor": SUPERVISOR, "third": THIRD}
AUDIBLE = 0.12  # share of a frame's energy that a voice among others has
OTHERS = {**VOICES, "music": MUSIC, "beep": BEEP, "alert": ALERT}
OTHER_PROMPT = 3400
PROMPTS = {
    name: (1100 + 100 * place, seconds)
    for place, (name, seconds) in enumerate(
        {
            "welcome": 0.4,
            "recording_notice": 0.4,
            "menu_main": 1.0,
            "menu_auto": 0.6,
            "menu_closed": 0.6,
            "silence": 0.3,
            "wrong_key": 0.3,
            "about": 2.0,
            "connecting": 0.4,
            "position_before": 0.3,
            "position_after": 0.3,
            "next_in_line": 0.4,
            "agent_before": 0.3,
            "digit": 0.2,
            "agent_after": 0.3,
            "agent_lost": 0.5,
            "message_prompt": 0.4,
            "message_saved": 0.4,
            "message_empty": 0.4,
            "survey": 0.8,
            "survey_thanks": 0.4,
            "goodbye": 0.4,
            "blocked": 0.5,
        }.items()
    )
}
# Between the others: a frame of 20 ms tells multiples of 50 Hz apart.
PROMPTS |= {
    name: (1150 + 100 * place, 0.5)
    for place, name in enumerate(
        [
            *("please_hold", "queue_keys", "queue_keys_callback", "queue_keys_message"),
            *("callback_taken", "callback_hello"),
            *("follow_up_hello", "follow_up_true", "follow_up_solved", "follow_up_satisfied"),
            *("follow_up_thanks", "progress_number", "progress_phone", "progress_wrong"),
            *("progress_state", "progress_unavailable", "notice_hello", "notice_thanks"),
        ]
    )
}
TONES = {**OTHERS, "other": OTHER_PROMPT, **{name: hertz for name, (hertz, _) in PROMPTS.items()}}


def voice_of(prompt: str) -> tuple[int, float]:
    """Hertz and seconds of a prompt's tone; digits sound alike."""
    if prompt.startswith("digit_"):
        prompt = "digit"
    return PROMPTS.get(prompt, (OTHER_PROMPT, 0.3))


def power(samples: Sequence[int], hertz: float) -> float:
    """Mean square of the part of `samples` at `hertz` (Goertzel)."""
    factor = 2 * math.cos(2 * math.pi * hertz / RATE)
    before = last = 0.0
    for sample in samples:
        before, last = last, sample + factor * last - before
    total = last * last + before * before - factor * last * before
    return 2 * total / len(samples) ** 2


def energy(samples: Sequence[int]) -> float:
    """Mean square."""
    return sum(sample * sample for sample in samples) / max(1, len(samples))


def voices_in(frame: Sequence[int], total: float) -> str:
    """Who speak at once, as `agent+third`; "?" when it is something else."""
    found = {name: power(frame, hertz) / total for name, hertz in VOICES.items()}
    heard = [name for name, share in found.items() if share > AUDIBLE]
    return "+".join(heard) if len(heard) > 1 and sum(found.values()) > PURE else "?"


class Listener:
    """What is heard, frame by frame, as runs of one tone."""

    def __init__(self) -> None:
        self._rest: list[int] = []
        self._runs: list[tuple[str, int]] = []  # tone, frames

    def take(self, samples: Iterable[int]) -> None:
        self._rest.extend(samples)
        while len(self._rest) >= FRAME:
            frame, self._rest = self._rest[:FRAME], self._rest[FRAME:]
            self._add(self._tone_of(frame))

    def _tone_of(self, frame: list[int]) -> str:
        total = energy(frame)
        if total < LOUD * LOUD:
            return ""
        last = self._runs[-1][0] if self._runs else ""
        names = ([last] if last in TONES else []) + list(TONES)
        return next(
            (name for name in names if power(frame, TONES[name]) > PURE * total),
            voices_in(frame, total),
        )

    def _add(self, tone: str) -> None:
        if self._runs and self._runs[-1][0] == tone:
            self._runs[-1] = (tone, self._runs[-1][1] + 1)
        else:
            self._runs.append((tone, 1))

    def story(self) -> list[tuple[str, float]]:
        """Tones and their seconds in order; silence and frames between two tones are left out."""
        told: list[tuple[str, float]] = []
        for tone, frames in list(self._runs):
            if tone in ("", "?"):
                continue
            if told and told[-1][0] == tone:
                told[-1] = (tone, round(told[-1][1] + frames * 0.02, 2))
            else:
                told.append((tone, round(frames * 0.02, 2)))
        return told

    def words(self) -> list[str]:
        return [tone for tone, _ in self.story()]

    def seconds(self, tone: str) -> float:
        """How long the tone was heard in all."""
        return round(sum(length for name, length in self.story() if name == tone), 2)

    @property
    def sounding(self) -> float:
        """Seconds that weren't silent, whatever they were."""
        return sum(frames for tone, frames in list(self._runs) if tone) * 0.02

    @property
    def length(self) -> float:
        return sum(frames for _, frames in list(self._runs)) * 0.02


def channels(path: Path) -> list[list[int]]:
    """The samples of a 16-bit WAV file, a list for each channel."""
    with wave.open(str(path), "rb") as file:
        assert (file.getframerate(), file.getsampwidth()) == (RATE, 2)
        count = file.getnchannels()
        raw = file.readframes(file.getnframes())
    samples = struct.unpack(f"<{len(raw) // 2}h", raw)
    return [list(samples[channel::count]) for channel in range(count)]


def listened(samples: Sequence[int]) -> Listener:
    """A listener who heard all of it."""
    listener = Listener()
    listener.take(samples)
    return listener


def alaw(sample: int) -> int:
    """ITU-T G.711 A-law of a 16-bit sample."""
    sign = 0x80 if sample >= 0 else 0
    magnitude = min(abs(sample) >> 3, 4095)
    exponent = max(0, magnitude.bit_length() - 5)
    mantissa = (magnitude >> max(1, exponent)) & 0x0F
    return (sign | exponent << 4 | mantissa) ^ 0x55


def _linear(code: int) -> int:
    code ^= 0x55
    exponent, mantissa = (code >> 4) & 7, code & 0x0F
    magnitude = (mantissa << 4) + 8
    if exponent:
        magnitude = (magnitude + 256) << (exponent - 1)
    return magnitude if code & 0x80 else -magnitude


LINEAR = [_linear(code) for code in range(256)]  # A-law to 16-bit samples


def tone_alaw(hertz: float) -> bytes:
    """One second of a tone (whole hertz: it can be repeated without a click)."""
    samples = (8000 * math.sin(2 * math.pi * hertz * n / RATE) for n in range(RATE))
    return bytes(alaw(round(sample)) for sample in samples)
