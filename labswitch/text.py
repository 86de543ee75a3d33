"""Splitting arguments as FreeSWITCH does."""

from __future__ import annotations


def words(text: str, separator: str = " ", limit: int = 0) -> list[str]:
    """Split at the separator, but not inside '…' (the quotes go) nor after a backslash.

    Spaces around parts go, empty parts too when the separator is a space. The `limit`-th part
    takes all that is left.
    """
    parts: list[str] = []
    current = ""
    kept = 0  # as much of `current` isn't trimmed: an escaped space stays
    quoted = False
    at = 0
    while at < len(text):
        char = text[at]
        if char == "\\" and at + 1 < len(text):
            escaped = _unescaped(text[at + 1], separator)
            if escaped:
                current = current.lstrip() + escaped if not kept else current + escaped
                kept = len(current)
                at += 2
                continue
        if char == "'":
            quoted = not quoted
        elif char == separator and not quoted:
            if limit and len(parts) == limit - 1 and current.strip():
                current += text[at:]
                break
            parts.append(_trimmed(current, kept))
            current, kept = "", 0
        else:
            current += char
        at += 1
    parts.append(_trimmed(current, kept))
    if separator == " ":
        return [part for part in parts if part]
    return parts


def _unescaped(char: str, separator: str) -> str:
    """What a backslash and this character stand for; nothing when the backslash is a plain one."""
    if char in (separator, "'", '"', "\\"):
        return char
    return {"n": "\n", "r": "\r", "t": "\t", "s": " "}.get(char, "")


def _trimmed(part: str, kept: int) -> str:
    return (part[:kept] if kept else "") + (part[kept:].rstrip() if kept else part.strip())


def pairs(text: str, separator: str = ",") -> dict[str, str]:
    """Read `a=1,b='x,y'`; a beginning `^^:` makes `:` the separator."""
    if text.startswith("^^") and len(text) > 2:
        separator, text = text[2], text[3:]
    found = {}
    for part in words(text, separator):
        name, equals, value = part.partition("=")
        if equals and name.strip():
            found[name.strip()] = value
    return found


def integer(text: str | None, default: int = 0) -> int:
    """The number that a text begins with, as C's atoi reads it."""
    digits = ""
    for char in (text or "").strip():
        if not (char.isdigit() or (char in "+-" and not digits)):
            break
        digits += char
    return int(digits) if digits.strip("+-") else default
