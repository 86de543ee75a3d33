"""Expansion of `${variable}`, `${api(arguments)}` and regular-expression captures `$1`."""

from __future__ import annotations

import re
from collections.abc import Callable

MAX_DEPTH = 8

Lookup = Callable[[str], str | None]
Api = Callable[[str, str], str]


def expand(text: str, variable: Lookup, api: Api, depth: int = 0) -> str:
    """Expand `${...}` from the inside out.

    A name may take a substring, `${name:2:4}`, as in FreeSWITCH (negative: from the end).
    `\\${` is left for later, without its backslash. Unknown variables are empty.
    """
    if "${" not in text or depth > MAX_DEPTH:
        return text
    out: list[str] = []
    at = 0
    while True:
        start = text.find("${", at)
        if start < 0:
            out.append(text[at:])
            return "".join(out)
        if start > at and text[start - 1] == "\\":
            out.append(text[at : start - 1] + "${")
            at = start + 2
            continue
        end = _closing(text, start + 2)
        if end < 0:
            out.append(text[at:])
            return "".join(out)
        out.append(text[at:start])
        inner = expand(text[start + 2 : end], variable, api, depth + 1)
        out.append(_value(inner, variable, api))
        at = end + 1


def _closing(text: str, at: int) -> int:
    depth = 1
    while at < len(text):
        if text.startswith("${", at):
            depth += 1
            at += 1
        elif text[at] == "}":
            depth -= 1
            if depth == 0:
                return at
        at += 1
    return -1


_CALL = re.compile(r"(\w+)\((.*)\)$", re.DOTALL)
_SUBSTRING = re.compile(r"(.*?):(-?\d+)(?::(-?\d+))?$")


def _value(inner: str, variable: Lookup, api: Api) -> str:
    call = _CALL.match(inner)
    if call:
        return api(call[1], call[2])
    part = _SUBSTRING.match(inner)
    if part and variable(inner) is None:
        return _substring(variable(part[1]) or "", int(part[2]), part[3])
    return variable(inner) or ""


def _substring(value: str, offset: int, length: str | None) -> str:
    value = value[offset:]
    if length is None:
        return value
    return value[: int(length)]


_CAPTURE = re.compile(r"\$(\d{1,2})")


def captures(text: str, found: re.Match[str] | None) -> str:
    """Replace `$1`, `$2` … by what a condition's expression caught."""
    if found is None or "$" not in text:
        return text

    def group(match: re.Match[str]) -> str:
        number = int(match[1])
        return (found[number] or "") if number <= (found.re.groups) else ""

    return _CAPTURE.sub(group, text)
