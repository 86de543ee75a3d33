"""Three and more far ends: conferences, and supervisors who listen, whisper and barge in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from media_phone import Phone, goertzel, mono, sides, tone, until

from labswitch import g711
from labswitch.media import Conference
from labswitch.sources import Pcm

LOUD, QUIET = 3000, 300
Make = Callable[..., Phone]


def levels(phone: Phone, *frequencies: float) -> list[bool]:
    """Which of the frequencies it hears now; asserts that none is in between."""
    phone.hears(1, 5)
    phone.hears(1, 12)
    heard = [goertzel(phone.heard(12), frequency) for frequency in frequencies]
    assert all(level > LOUD or level < QUIET for level in heard), heard
    return [level > LOUD for level in heard]


def test_given_a_conference_of_three_each_hears_the_two_others(phone: Make, tmp_path: Path) -> None:
    room = Conference("12330")
    everyone = [phone(440), phone(660, g711.PCMU), phone(1000)]
    for each in everyone:
        room.join(each.port)
    recording = room.record(tmp_path / "room.wav")
    assert levels(everyone[0], 440, 660, 1000) == [False, True, True]
    assert levels(everyone[1], 440, 660, 1000) == [True, False, True]
    assert levels(everyone[2], 440, 660, 1000) == [True, True, False]
    until(lambda: recording.samples >= 8000)
    room.leave(everyone[2].port)
    assert levels(everyone[0], 440, 660, 1000) == [False, True, False]
    room.close()
    assert recording.wait(2)
    sound = mono(recording.path)[:16000]
    assert all(goertzel(sound, frequency) > LOUD / 2 for frequency in (440, 660, 1000))
    assert not room.members


def test_given_a_conference_the_muted_is_not_heard_and_the_deaf_hears_nothing(
    phone: Make,
) -> None:
    room = Conference()
    muted, deaf, usual = phone(440), phone(660), phone()
    room.join(muted.port, mute=True)
    room.join(deaf.port, deaf=True)
    room.join(usual.port)
    assert levels(usual, 440, 660) == [False, True]
    assert levels(muted, 440, 660) == [False, True]
    deaf.listen()
    assert not deaf.packets


def test_given_a_conference_an_announcement_is_heard_by_all(phone: Make) -> None:
    room = Conference()
    members = [phone(), phone()]
    for each in members:
        room.join(each.port)
    ended = []
    room.play(Pcm(tone(800, 1.2)), lambda *result: ended.append(result))
    assert levels(members[0], 800) == [True]
    until(lambda: ended == [(True, 9600)])
    assert levels(members[1], 800) == [False]


def test_given_a_bridge_when_one_side_joins_a_conference_the_bridge_ends(phone: Make) -> None:
    citizen, agent = phone(440), phone(660)
    citizen.port.bridge(agent.port)
    room = Conference()
    room.join(citizen.port)
    assert agent.port.peer is None
    room.join(agent.port)
    assert levels(agent, 440) == [True]
    citizen.port.bridge(agent.port)
    assert not room.members
    assert levels(agent, 440, 660) == [True, False]


@pytest.mark.parametrize(
    ("mode", "agent_hears_supervisor", "citizen_hears_supervisor"),
    [("listen", False, False), ("whisper", True, False), ("barge", True, True)],
)
def test_given_a_supervisor_who_hears_whom(
    phone: Make,
    tmp_path: Path,
    mode: str,
    agent_hears_supervisor: bool,
    citizen_hears_supervisor: bool,
) -> None:
    citizen, agent, supervisor = phone(440), phone(660), phone(1000)
    citizen.port.bridge(agent.port)
    supervisor.port.eavesdrop(agent.port, mode)
    citizen.hears(660, 5)
    recording = citizen.port.record(tmp_path / "call.wav")
    assert levels(supervisor, 440, 660, 1000) == [True, True, False]
    assert levels(agent, 440, 660, 1000) == [True, False, agent_hears_supervisor]
    assert levels(citizen, 440, 660, 1000) == [False, True, citizen_hears_supervisor]
    recording.stop()
    assert recording.wait(2)
    left, right = (side[-16000:] for side in sides(recording.path))
    assert (goertzel(right, 1000) > LOUD) is citizen_hears_supervisor
    assert goertzel(left, 1000) < QUIET
    supervisor.port.stop_eavesdrop()
    assert levels(agent, 440, 1000) == [True, False]


def test_given_a_supervisor_when_the_agent_hangs_up_the_listening_ends(phone: Make) -> None:
    citizen, agent, supervisor = phone(440), phone(660), phone()
    citizen.port.bridge(agent.port)
    supervisor.port.eavesdrop(agent.port, "listen")
    supervisor.hears(440, 5)
    agent.port.close()
    assert not supervisor.port.eavesdropping
    assert citizen.port.peer is None


def test_given_a_conference_member_when_a_supervisor_barges_the_room_hears(phone: Make) -> None:
    room = Conference()
    citizen, agent, supervisor = phone(440), phone(660), phone(1000)
    room.join(citizen.port)
    room.join(agent.port)
    supervisor.port.eavesdrop(agent.port, "barge")
    assert levels(citizen, 660, 1000) == [True, True]
    assert levels(agent, 440, 1000) == [True, True]
    assert levels(supervisor, 440, 660, 1000) == [True, True, False]


def test_given_a_call_that_ended_meanwhile_nothing_is_joined_to_it(phone: Make) -> None:
    citizen, agent, supervisor, room = phone(), phone(), phone(), Conference()
    agent.port.close()
    citizen.port.bridge(agent.port)
    agent.port.bridge(citizen.port)
    supervisor.port.eavesdrop(agent.port, "listen")
    room.join(agent.port)
    assert citizen.port.peer is None
    assert not supervisor.port.eavesdropping
    assert not room.members
