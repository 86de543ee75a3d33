"""What the survival tests look at: the journal, the switch's channels, and what was to be heard."""

from __future__ import annotations

import array
import json
import math
import wave
from pathlib import Path
from typing import Any

from callcenter.events import Event, Kind
from callcenter.segments import read_segment, segments

CITIZEN_HERTZ = 440.0
AGENT_HERTZ = 660.0
WINDOW = 0.1  # seconds that one look at a recording takes in
AUDIBLE = 300.0  # amplitude; SIPp's tones come with 8000


def journal(folder: Path, kind: Kind | None = None, call: str | None = None) -> list[Event]:
    """All events on the disk, oldest first."""
    events = [event for path in segments(folder) for event, _ in read_segment(path)]
    found = [e for e in events if kind in (None, e.kind) and call in (None, e.call)]
    return sorted(found, key=lambda event: event.at)


def channels(api: Any) -> list[dict[str, str]]:
    """`show channels` of a switch, by its `api`."""
    return list(json.loads(api("show channels as json")).get("rows", []))


def variable(api: Any, channel: str, name: str) -> str:
    """A channel variable; "" when it isn't set."""
    value = str(api(f"uuid_getvar {channel} {name}"))
    return "" if value.startswith(("_undef_", "-ERR")) else value


def longest_gap(path: Path, side: int, hertz: float, begin: float, end: float) -> float:
    """Seconds of the longest time without the tone on one side (0 left) of a stereo recording.

    `begin` and `end` are seconds into the file.
    """
    with wave.open(str(path), "rb") as file:
        assert file.getnchannels() == 2, path
        rate = file.getframerate()
        samples = array.array("h", file.readframes(file.getnframes()))[side::2]
    size = int(WINDOW * rate)
    gap = longest = 0.0
    for first in range(int(begin * rate), min(int(end * rate), len(samples) - size), size):
        heard = _amplitude(samples[first : first + size], hertz, rate) >= AUDIBLE
        gap = 0.0 if heard else gap + WINDOW
        longest = max(longest, gap)
    return longest


def seconds(path: Path) -> float:
    with wave.open(str(path), "rb") as file:
        return file.getnframes() / file.getframerate()


def _amplitude(samples: Any, hertz: float, rate: int) -> float:
    """Amplitude of one frequency (one bin of a Fourier transform)."""
    turn = 2 * math.pi * hertz / rate
    real = sum(value * math.cos(turn * n) for n, value in enumerate(samples))
    imaginary = sum(value * math.sin(turn * n) for n, value in enumerate(samples))
    return 2 * math.hypot(real, imaginary) / max(1, len(samples))
