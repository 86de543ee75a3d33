"""Making hostile text harmless, and citizens' numbers unreadable where they needn't be read."""

from __future__ import annotations

import re
import unicodedata

_NUMBER = re.compile(r"\+?[0-9]{2,20}")
_LONG_NUMBER = re.compile(r"[0-9]{7,}")
ANONYMOUS = "anonymous"


def clean_number(text: str) -> str:
    """A caller's number, or `anonymous` when what the network sent isn't one."""
    text = text.strip()
    return text if _NUMBER.fullmatch(text) else ANONYMOUS


def clean_text(text: str, length: int = 64) -> str:
    """Printable text without controls, bidirectional tricks or line ends, cut to `length`."""
    kept = (char for char in text if unicodedata.category(char)[0] != "C")
    return "".join(kept).strip()[:length]


def clean_name(text: str) -> str:
    """A display name, without the telephone numbers that networks like to repeat in it."""
    name = clean_text(text)
    return "" if clean_number(name) != ANONYMOUS else _LONG_NUMBER.sub(_masked, name)


def mask(number: str) -> str:
    """138****5678; short numbers keep their first digit only."""
    if number == ANONYMOUS:
        return number
    if len(number) >= 8:
        return f"{number[:3]}****{number[-4:]}"
    return number[:1] + "*" * max(0, len(number) - 1)


def mask_name(name: str) -> str:
    """王**: the first letter of a name, whatever its length."""
    return f"{name[:1]}**" if name else ""


def _masked(found: re.Match[str]) -> str:
    return mask(found.group())
