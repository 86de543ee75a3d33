"""Where the stand-in differs from FreeSWITCH on purpose, and why."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any


@dataclass(frozen=True)
class Difference:
    """`header`, `event` or `step` (a part of what was asked) that isn't compared."""

    reason: str
    conversations: str = "*"
    header: str = ""
    event: str = ""
    step: str = ""


DIFFERENCES: tuple[Difference, ...] = (
    Difference(
        "FreeSWITCH makes a channel before it finds that the phone isn't registered, and tells "
        "only of its CHANNEL_DESTROY; the stand-in makes none. Nobody listens for it.",
        conversations="agents_*",
        event="CHANNEL_DESTROY",
    ),
)


def without(name: str, transcript: dict[str, Any]) -> dict[str, Any]:
    """A conversation's transcript without what may differ."""
    mine = [one for one in DIFFERENCES if fnmatchcase(name, one.conversations)]
    headers = [one.header for one in mine if one.header]
    events = [one.event for one in mine if one.event]
    steps = [one.step for one in mine if one.step]
    return {
        **transcript,
        "steps": [line for line in transcript["steps"] if not any(s in line[1] for s in steps)],
        "channels": {
            role: kept
            for role, lines in transcript["channels"].items()
            if (kept := _channel(lines, headers, events))
        },
        "heard": {
            key: [line for line in lines if line[0] not in events]
            for key, lines in transcript["heard"].items()
        },
    }


def _channel(lines: list[Any], headers: list[str], events: list[str]) -> list[Any]:
    kept = []
    carried: dict[str, Any] = {}  # what an event that is left out had changed
    for name, told, changed in lines:
        changed = {**carried, **changed}
        if name in events:
            carried = changed
            continue
        carried = {}
        kept.append([name, *(_only(part, headers) for part in (told, changed))])
    return kept


def _only(part: dict[str, Any], headers: list[str]) -> dict[str, Any]:
    return {
        name: value
        for name, value in part.items()
        if not any(fnmatchcase(name, header) for header in headers)
    }
