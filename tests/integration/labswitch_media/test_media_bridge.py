"""Two far ends joined: who hears what, measured."""

from __future__ import annotations

import wave
from collections.abc import Callable
from pathlib import Path

import pytest
from media_phone import Phone, goertzel, sides, until

from labswitch import g711
from labswitch.media import MediaEngine

LOUD, QUIET = 3000, 300
Make = Callable[..., Phone]


@pytest.mark.parametrize("codec", [g711.PCMA, g711.PCMU], ids=["same codec", "two codecs"])
def test_given_a_bridge_each_side_hears_the_other_alone(phone: Make, codec: g711.Codec) -> None:
    citizen, agent = phone(440), phone(660, codec)
    citizen.port.bridge(agent.port)
    assert agent.hears(440) > LOUD
    assert citizen.hears(660) > LOUD
    assert goertzel(agent.heard(12), 660) < QUIET
    assert goertzel(citizen.heard(12), 440) < QUIET


def test_given_the_same_codec_when_bridged_the_payload_passes_unchanged(phone: Make) -> None:
    """µ-law has two zeros; decoding and encoding again would make one of them the other."""
    citizen, agent = phone(None, g711.PCMU), phone(None, g711.PCMU)
    citizen.port.bridge(agent.port)
    citizen.frames = [b"\x7f\xff" * 80]
    until(lambda: len(agent.audio) >= 10)
    assert {each.payload for each in agent.audio} == set(citizen.frames)


def test_given_a_recorded_bridge_left_is_the_caller_and_right_what_it_heard(
    phone: Make, tmp_path: Path
) -> None:
    citizen, agent = phone(440), phone(660)
    citizen.port.bridge(agent.port)
    agent.hears(440, 5)
    ended = []
    recording = citizen.port.record(tmp_path / "a" / "b.wav", stereo=True, on_done=ended.append)
    until(lambda: recording.samples >= 8000)
    recording.stop()
    assert recording.wait(2)
    left, right = sides(recording.path)
    assert len(left) == 2 * recording.samples
    assert goertzel(left, 440) > LOUD > QUIET > goertzel(left, 660)
    assert goertzel(right, 660) > LOUD > QUIET > goertzel(right, 440)
    until(lambda: ended == [recording])
    assert recording.reason == "stopped"
    assert recording.path.stat().st_mode & 0o777 == 0o600


def test_given_a_recording_when_its_call_ends_the_file_is_completed(
    phone: Make, tmp_path: Path
) -> None:
    citizen = phone(440)
    recording = citizen.port.record(tmp_path / "a.wav", stereo=False)
    until(lambda: recording.samples >= 1600)
    citizen.port.close()
    assert recording.wait(2)
    assert recording.reason == "closed"
    with wave.open(str(recording.path)) as file:
        assert file.getnframes() == recording.samples


def test_given_a_bridge_when_unbridged_both_sides_fall_silent(phone: Make) -> None:
    citizen, agent = phone(440), phone(660)
    citizen.port.bridge(agent.port)
    agent.hears(440, 5)
    agent.port.unbridge()
    assert citizen.port.peer is None
    sent = citizen.port.packets_out
    came = citizen.port.packets_in
    until(lambda: citizen.port.packets_in >= came + 10)
    assert citizen.port.packets_out <= sent + 1


def test_given_a_bridge_when_one_side_is_muted_its_voice_or_ear_is_silent(phone: Make) -> None:
    citizen, agent = phone(440), phone(660)
    citizen.port.bridge(agent.port)
    agent.hears(440, 5)
    citizen.port.mute(False, True)
    citizen.hears(660, 5)
    assert citizen.hears(660) < QUIET
    assert agent.hears(440) > LOUD
    citizen.port.mute(True, False)
    agent.port.send_silence = True
    agent.hears(440, 5)
    assert agent.hears(440) < QUIET
    assert citizen.hears(660) > LOUD


def test_given_a_bridge_when_the_far_end_holds_it_is_sent_nothing(phone: Make) -> None:
    citizen, agent = phone(440), phone(660)
    citizen.port.bridge(agent.port)
    citizen.hears(660, 5)
    citizen.port.set_remote(*citizen.address, 8, 101, direction="recvonly")
    sent = citizen.port.packets_out
    assert agent.hears(440, 10) > 0
    assert citizen.port.packets_out == sent
    citizen.port.set_remote(*citizen.address, 8, 101)
    assert citizen.hears(660) > LOUD


def test_given_echo_the_far_end_hears_itself(phone: Make) -> None:
    citizen = phone(440)
    citizen.port.echo = True
    assert citizen.hears(440) > LOUD


def test_given_all_ports_taken_open_says_so_and_closing_frees_one() -> None:
    from labswitch.media import NoPorts

    engine = MediaEngine("127.0.0.1", (42000, 42003))
    ports = [engine.open(), engine.open()]
    assert {port.local_port % 2 for port in ports} == {0}
    with pytest.raises(NoPorts):
        engine.open()
    ports[0].close()
    assert engine.open().local_port == ports[0].local_port
    engine.stop()
