"""Both switches are asked the same things and must answer the same.

What a real FreeSWITCH answered is kept in `transcripts/`, so that the stand-in is held to it on
machines without one; where there is one, it is held to its own words, lest they go stale.
`make transcripts` writes them anew.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from switches import RunningSwitch

from conformance import differences, transcript
from conformance.conversations import SETTINGS, all_conversations
from conformance.scene import scene_with
from conformance.transcript import Transcript
from conformance.wire import Event

SHARED = [name for name in all_conversations() if name not in SETTINGS]


@pytest.mark.parametrize("name", SHARED)
def test_switch_answers_as_written(
    switch: RunningSwitch, name: str, heartbeats: list[Event], recording: bool
) -> None:
    hold(switch, name, heartbeats, recording)


@pytest.mark.parametrize("name", list(SETTINGS))
def test_switch_with_other_settings_answers_as_written(
    make_switch: Callable[..., RunningSwitch], name: str, recording: bool
) -> None:
    hold(make_switch(**SETTINGS[name]), name, [], recording)


def hold(switch: RunningSwitch, name: str, heartbeats: list[Event], recording: bool) -> None:
    """Hold a conversation and compare it with its transcript, or write that."""
    if recording and switch.kind != "freeswitch":
        pytest.skip("only a real FreeSWITCH is recorded")
    with scene_with(switch, heartbeats) as scene:
        all_conversations()[name](scene)
        scene.finish()
        found = scene.transcript()
    if recording:
        transcript.save(name, switch.api("version"), found)
        return
    expected = transcript.load(name)
    allowed = differences.of(name) if switch.kind == "lab" else []
    told = compare(expected, found, allowed)
    assert not told, f"{switch.kind} differs from {expected['switch']}:\n{told}"
    for one in allowed:
        others = [other for other in allowed if other != one]
        assert compare(expected, found, others), f"{one} is a difference no longer: take it out"


def compare(expected: Transcript, found: Transcript, allowed: list[differences.Difference]) -> str:
    return transcript.difference(
        differences.without(expected, allowed), differences.without(found, allowed)
    )
