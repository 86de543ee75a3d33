"""Reads dial strings: `{a=b}[c=d]sofia/agents/1001@host,user/1002@domain|error/user_busy`.

Commas ring at once, bars one after the other.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from labswitch.text import pairs

MAX_DIAL_STRING = 16384
_CLOSING = {"{": "}", "[": "]", "(": ")", "<": ">"}


@dataclass(frozen=True, slots=True)
class Leg:
    """One thing to call: `endpoint/rest`, with the variables of its own."""

    endpoint: str
    rest: str
    variables: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DialString:
    """`groups` are tried in order, the legs of each at once."""

    variables: dict[str, str]
    groups: list[list[Leg]]


def parse(text: str) -> DialString:
    """Raises ValueError for what isn't a dial string."""
    if len(text) > MAX_DIAL_STRING:
        raise ValueError("too long")
    common, rest = _take_variables(text.strip(), "{")
    groups = []
    for group in split_outside(rest, "|"):
        legs = []
        for one in split_outside(group, ","):
            own, target = _take_variables(one.strip(), "[")
            endpoint, slash, where = target.partition("/")
            if not slash or not endpoint:
                raise ValueError(f"no endpoint in {target[:40]!r}")
            legs.append(Leg(endpoint.lower(), where, own))
        groups.append(legs)
    return DialString(common, groups)


def _take_variables(text: str, bracket: str) -> tuple[dict[str, str], str]:
    variables: dict[str, str] = {}
    while text.startswith(bracket):
        end = _closing(text, 0)
        if end < 0:
            raise ValueError(f"no {_CLOSING[bracket]}")
        variables.update(pairs(text[1:end]))
        text = text[end + 1 :].lstrip()
    return variables, text


def _closing(text: str, at: int) -> int:
    """Where the bracket at `at` is closed, -1 if nowhere."""
    opening, closing = text[at], _CLOSING[text[at]]
    depth = 0
    quoted = False
    while at < len(text):
        char = text[at]
        if char == "\\":
            at += 1
        elif char == "'":
            quoted = not quoted
        elif not quoted and char == opening:
            depth += 1
        elif not quoted and char == closing:
            depth -= 1
            if depth == 0:
                return at
        at += 1
    return -1


def split_outside(text: str, separator: str) -> list[str]:
    """Split where no quotes or brackets are open; nothing is taken away but the separators."""
    parts: list[str] = []
    start = at = 0
    while at < len(text):
        char = text[at]
        if char == "\\":
            at += 1
        elif char == "'" and "'" in text[at + 1 :]:
            at = text.index("'", at + 1)
        elif char in _CLOSING and char != "<":
            end = _closing(text, at)
            at = end if end > 0 else at
        elif char == separator:
            parts.append(text[start:at])
            start = at + 1
        at += 1
    parts.append(text[start:])
    return [part for part in parts if part] if separator == " " else parts
