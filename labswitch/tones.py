"""Tones from FreeSWITCH's tone language (TGML), the part that hotlines use.

`%(on,off,freq[,freq…])` in ms and Hz; `v=-7` sets the level in dB for what follows, `l=3` repeats
each following tone, `L=3` or `loops=3` the whole (-1: for ever). Parts are separated by `;`.
Example, the Chinese ring-back tone: `%(1000,4000,450);loops=-1`.
"""

from __future__ import annotations

import math
import re
from array import array
from dataclasses import dataclass
from functools import lru_cache

from labswitch.g711 import RATE

MAX_MS = 60_000
DEFAULT_DB = -7.0  # libteletone's default level

_TONE = re.compile(r"%\(\s*([0-9.]+)\s*,\s*([0-9.]+)((?:\s*,\s*[0-9.]+)+)\s*\)")
_SETTING = re.compile(r"(v|l|L|loops)\s*=\s*(-?[0-9.]+)")


class BadTone(ValueError):
    """The text isn't in the part of TGML that is understood."""


@dataclass(frozen=True, slots=True)
class ToneScript:
    """Rendered sound (linear) and how often to play it; None is for ever."""

    pcm: bytes
    loops: int | None


@lru_cache(maxsize=64)
def parse(spec: str) -> ToneScript:
    """Read and render a script. Raises BadTone."""
    decibels, repeats, loops = DEFAULT_DB, 1, 1
    sound = array("h")
    for part in filter(None, (part.strip() for part in spec.split(";"))):
        try:
            if tone := _TONE.fullmatch(part):
                sound += _tone(tone, decibels) * repeats
            elif setting := _SETTING.fullmatch(part):
                name, value = setting.groups()
                if name == "v":
                    decibels = min(float(value), 0.0)
                elif name == "l":
                    repeats = max(1, int(value))
                else:
                    loops = int(value)
            else:
                raise BadTone(f"don't understand {part!r} in tone {spec!r}")
        except ValueError as error:
            raise BadTone(f"bad number in {part!r} of tone {spec!r}") from error
        if len(sound) > MAX_MS * RATE // 1000:
            raise BadTone(f"tone {spec!r} is longer than {MAX_MS} ms; use loops")
    if not sound:
        raise BadTone(f"no tone in {spec!r}")
    return ToneScript(sound.tobytes(), None if loops < 0 else max(1, loops))


def _tone(match: re.Match[str], decibels: float) -> array[int]:
    on, off = float(match[1]), float(match[2])
    if on + off > MAX_MS:
        raise BadTone(f"{match[0]!r} is longer than {MAX_MS} ms")
    frequencies = [float(text) for text in match[3].split(",")[1:]]
    return array("h", sine(frequencies, on, decibels)) + array("h", [0]) * int(off * RATE / 1000)


def sine(frequencies: list[float], ms: float, decibels: float = DEFAULT_DB) -> list[int]:
    """Samples of a sum of sines; `decibels` is the level of the whole below full scale."""
    peak = 32767 * 10 ** (decibels / 20) / max(1, len(frequencies))
    steps = [2 * math.pi * frequency / RATE for frequency in frequencies]
    return [
        round(peak * sum(math.sin(step * n) for step in steps))
        for n in range(int(ms * RATE / 1000))
    ]
