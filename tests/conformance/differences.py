"""Where the stand-in differs from FreeSWITCH on purpose, and why.

A difference that no longer makes one fails the conversation's test.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Difference:
    """What isn't compared: steps that ask for `step`, or all that `channel` tells."""

    conversation: str
    reason: str
    step: str = ""
    channel: str = ""


_UNREGISTERED = (
    "FreeSWITCH makes a channel before it finds that the phone isn't registered, and tells only "
    "of its CHANNEL_DESTROY; the stand-in makes none. Nobody listens for it."
)
_DOCTOR = "`callcenter doctor` looks into a real switch only: the stand-in is made of our own files"
_ACTIVE = (
    "FreeSWITCH leaves an answered leg that is sent into the dialplan ACTIVE, the stand-in tells "
    "of RINGING and ACTIVE once more. Nobody listens for it."
)

DIFFERENCES = (
    Difference("agents_without_a_phone", _UNREGISTERED, channel="agent"),
    Difference("agents_dial", _UNREGISTERED, channel="id 1"),
    Difference("room_ends_with_the_last_but_one", _ACTIVE, channel="agent"),
    Difference("doctor_asks", _DOCTOR, step="xml_locate"),
    Difference("doctor_asks", _DOCTOR, step="module_exists"),
    Difference("doctor_asks", _DOCTOR, step="local_stream show"),
    Difference("doctor_asks", _DOCTOR, step="user_data"),
)


def of(name: str) -> list[Difference]:
    """A conversation's differences."""
    return [one for one in DIFFERENCES if one.conversation == name]


def without(transcript: dict[str, Any], differences: list[Difference]) -> dict[str, Any]:
    """A transcript without what may differ."""
    for one in differences:
        transcript = {
            **transcript,
            "steps": [line for line in transcript["steps"] if not _asks(line[1], one.step)],
            "channels": {
                role: lines for role, lines in transcript["channels"].items() if role != one.channel
            },
        }
    return transcript


def _asks(said: str, step: str) -> bool:
    return bool(step) and step in said
