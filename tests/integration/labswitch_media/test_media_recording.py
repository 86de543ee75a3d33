"""Messages and recordings: when they end, and that the file is always whole."""

from __future__ import annotations

import signal
import subprocess
import sys
import wave
from collections.abc import Callable
from pathlib import Path

import pytest
from media_phone import Phone, goertzel, mono, sides, tone, until

from labswitch.media import MediaEngine
from labswitch.sources import Pcm

Make = Callable[..., Phone]


def test_given_a_message_when_the_caller_falls_silent_it_ends(phone: Make, tmp_path: Path) -> None:
    citizen, ended = phone(440), []
    recording = citizen.port.record_message(
        tmp_path / "m.wav", max_seconds=30, silence_seconds=0.4, on_done=ended.append
    )
    until(lambda: recording.samples >= 4000)
    citizen.say(None)
    until(lambda: ended == [recording])
    assert recording.reason == "silence"
    assert goertzel(mono(recording.path)[:8000], 440) > 3000


def test_given_a_message_longer_than_allowed_it_is_cut_there(phone: Make, tmp_path: Path) -> None:
    citizen = phone(440)
    recording = citizen.port.record_message(tmp_path / "m.wav", max_seconds=0.5, silence_seconds=3)
    assert recording.wait(3)
    assert recording.reason == "limit"
    assert len(mono(recording.path)) == 8000


def test_given_two_parts_of_a_message_they_are_one_file(phone: Make, tmp_path: Path) -> None:
    citizen = phone(440)
    for _ in range(2):
        recording = citizen.port.record_message(tmp_path / "m.wav", max_seconds=0.5, append=True)
        assert recording.wait(3)
    assert len(mono(recording.path)) == 16000  # bytes of 1 s


def test_given_a_message_what_the_caller_hears_is_not_in_it(phone: Make, tmp_path: Path) -> None:
    citizen = phone(440)
    citizen.port.play(Pcm(tone(1000, 2)))
    recording = citizen.port.record_message(tmp_path / "m.wav", max_seconds=0.6)
    assert recording.wait(3)
    sound = mono(recording.path)
    assert goertzel(sound, 440) > 2000
    assert goertzel(sound, 1000) < 300


def test_given_a_prompt_while_recording_right_holds_the_prompt(phone: Make, tmp_path: Path) -> None:
    citizen = phone(440)
    recording = citizen.port.record(tmp_path / "r.wav", stereo=True, max_seconds=0.6)
    citizen.port.play(Pcm(tone(1000, 2)))
    assert recording.wait(3)
    left, right = sides(recording.path)
    assert goertzel(right, 1000) > 3000 > 300 > goertzel(right, 440)
    assert goertzel(left, 440) > 2000 > 300 > goertzel(left, 1000)


def test_given_a_mono_recording_both_sides_are_mixed(phone: Make, tmp_path: Path) -> None:
    citizen, agent = phone(440), phone(660)
    citizen.port.bridge(agent.port)
    citizen.hears(660, 5)
    recording = citizen.port.record(tmp_path / "r.wav", stereo=False, max_seconds=0.6)
    assert recording.wait(3)
    assert min(goertzel(mono(recording.path), each) for each in (440, 660)) > 2000


def test_given_a_file_that_cannot_be_made_record_raises(phone: Make, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        phone().port.record(tmp_path / "file" / "r.wav")


def test_given_a_disk_that_fails_the_recording_ends_with_error_and_the_call_goes_on(
    phone: Make, tmp_path: Path
) -> None:
    citizen = phone(440)
    citizen.port.echo = True
    recording = citizen.port.record(Path("/dev/full"), stereo=False)
    assert recording.wait(3)
    assert recording.reason == "error"
    assert citizen.hears(440, 10) > 3000


def test_given_a_running_recording_the_file_on_disk_is_already_playable(
    phone: Make, tmp_path: Path
) -> None:
    recording = phone(440).port.record(tmp_path / "r.wav", stereo=True)
    until(lambda: recording.path.stat().st_size > 10_000)
    with wave.open(str(recording.path)) as file:
        assert file.getnchannels() == 2
        assert file.getnframes() * 4 + 44 == recording.path.stat().st_size


def test_given_an_engine_that_stops_its_recordings_are_complete(tmp_path: Path) -> None:
    engine = MediaEngine("127.0.0.1", (30000, 39999))
    engine.start()
    recording = engine.open().record(tmp_path / "r.wav")
    until(lambda: recording.samples >= 1600)
    engine.stop()
    assert recording.finished.is_set()
    with wave.open(str(recording.path)) as file:
        assert file.getnframes() == recording.samples


EXITING = """
import sys, gevent
from labswitch.media import MediaEngine
engine = MediaEngine("127.0.0.1", (30000, 39999))
engine.start()
recording = engine.open().record(sys.argv[1], stereo=True)
while recording.samples < 3200:
    gevent.sleep(0.01)
print(recording.samples, flush=True)
if sys.argv[2] == "wait":
    gevent.sleep(60)
"""


def run(path: Path, how: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "ignore", "-c", EXITING, str(path), how]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_given_a_process_that_exits_the_header_is_final(tmp_path: Path) -> None:
    with run(tmp_path / "r.wav", "exit") as process:
        told, _ = process.communicate(timeout=20)
    with wave.open(str(tmp_path / "r.wav")) as file:
        assert file.getnframes() == int(told)


def test_given_a_process_that_is_killed_the_file_is_playable(tmp_path: Path) -> None:
    path = tmp_path / "r.wav"
    with run(path, "wait") as process:
        until(lambda: path.exists() and path.stat().st_size > 10_000, 20)
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    with wave.open(str(path)) as file:
        assert file.getnframes() > 2000
