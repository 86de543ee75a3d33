"""How long a WAV file is, without trusting its header."""

from __future__ import annotations

from pathlib import Path

HEADER = 44
BYTES_PER_SECOND = 16_000  # 8 kHz, 16 bit, mono


def seconds_of(path: Path) -> float:
    """Seconds of sound in an 8 kHz mono recording by its size; 0 when there is none."""
    try:
        return max(0, path.stat().st_size - HEADER) / BYTES_PER_SECOND
    except OSError:
        return 0.0
