"""Where a fixed line is: China's area codes, offline. Mobile numbers are carried from place to
place, so nothing is said of them.
"""

from __future__ import annotations

import csv
import functools
from pathlib import Path

FILE = Path(__file__).with_name("area_codes.csv")  # code, name in Chinese, name in English
LONGEST, SHORTEST = 4, 3


def place_of(number: str, language: str = "zh") -> str | None:
    """The city of a fixed line as `04128881234` or `+864128881234`; None when it isn't known."""
    national = "0" + number[3:] if number.startswith("+86") else number
    if not national.startswith("0") or national.startswith("00"):
        return None
    for length in range(LONGEST, SHORTEST - 1, -1):
        names = _table().get(national[:length])
        if names is not None:
            return names[1] if language == "en" else names[0]
    return None


@functools.cache
def _table() -> dict[str, tuple[str, str]]:
    with FILE.open(encoding="utf-8", newline="") as file:
        return {row["code"]: (row["zh"], row["en"]) for row in csv.DictReader(file)}
