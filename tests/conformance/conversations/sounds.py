"""What a citizen hears, presses and says."""

from __future__ import annotations

import wave
from pathlib import Path

from gevent import sleep
from lab_phone import PhoneCall

from conformance.conversations import conversation
from conformance.scene import Scene
from conformance.wire import until

TONE = "tone_stream://%(200,0,400)"
LONG_TONE = "tone_stream://%(20000,0,400)"
MUSIC = "local_stream://moh"


def leave(scene: Scene, phone: PhoneCall) -> None:
    phone.hangup()
    scene.gone("citizen")


@conversation
def prompts(scene: Scene) -> None:
    """Everything that playback takes."""
    scene.attends()
    phone, call = scene.answered()
    sounds = scene.settings.sounds_dir
    call.run("playback", f"{sounds}/welcome.wav")
    call.run("playback", f"file_string://{sounds}/welcome.wav!{sounds}/goodbye.wav")
    call.run("playback", f"file_string://{sounds}/welcome.wav!{sounds}/missing.wav")
    call.run("playback", TONE)
    call.run("playback", "tone_stream://%(100,100,880);loops=2")
    call.run("playback", "silence_stream://200")
    call.run("playback", f"{sounds}/missing.wav")
    call.run("playback", "local_stream://missing")
    call.run("playback", "nonsense://x")
    call.run("playback")
    call.run("sleep", "100")
    leave(scene, phone)


@conversation
def some_events_get_through(scene: Scene) -> None:
    """A link hears of every DTMF and hang-up, of what is played, and of nobody who parks."""
    link = scene.link
    link.ask("event json CHANNEL_EXECUTE CHANNEL_EXECUTE_COMPLETE CHANNEL_PARK CHANNEL_HANGUP DTMF")
    link.ask("filter Event-Name CHANNEL_HANGUP")
    link.ask("filter Event-Name DTMF")
    link.ask("filter Application playback")
    link.ask("filter variable_cc_line /./")
    scene.attends()
    phone, call = scene.answered()
    call.run("set", "cc_stage=menu")
    call.run("playback", TONE)
    phone.press("1")
    scene.saw("citizen", "DTMF", DTMF_Digit="1")
    leave(scene, phone)
    until(lambda: link.events[-1]["Event-Name"] == "CHANNEL_HANGUP", "the link hears the end")
    scene.note(
        "the link heard",
        [[event["Event-Name"], event.get("Application", "")] for event in link.events],
    )
    link.ask("filter delete all")


@conversation
def application_that_is_none(scene: Scene) -> None:
    scene.attends()
    _phone, call = scene.answered()
    call.start("nonsense", "x")
    scene.gone("citizen")


@conversation
def prompt_is_broken_off(scene: Scene) -> None:
    scene.attends()
    phone, call = scene.answered()
    run = call.start("playback", LONG_TONE)
    scene.saw("citizen", "PLAYBACK_START")
    call.api(f"uuid_break {call.uuid}")
    call.ended(run)
    run = call.start("playback", MUSIC)
    scene.saw("citizen", "PLAYBACK_START", Playback_File_Path=MUSIC)
    call.api(f"uuid_break {call.uuid} all")
    call.ended(run)
    call.api(f"uuid_break {call.uuid} all")  # nothing plays
    call.run("playback", TONE)
    leave(scene, phone)


@conversation
def break_with_more_to_come(scene: Scene) -> None:
    """A break ends what plays; what waits behind it comes next."""
    scene.attends()
    phone, call = scene.answered()
    first = call.start("playback", LONG_TONE)
    second = call.start("playback", TONE)
    third = call.start("set", "cc_stage=menu")
    scene.saw("citizen", "PLAYBACK_START", Playback_File_Path=LONG_TONE)
    call.api(f"uuid_break {call.uuid}")
    for run in (first, second, third):
        call.ended(run)
    leave(scene, phone)


@conversation
def break_all_with_more_to_come(scene: Scene) -> None:
    """`all` takes what waits away too: it neither runs nor is told of."""
    scene.attends()
    phone, call = scene.answered()
    first = call.start("playback", LONG_TONE)
    call.start("playback", TONE)
    call.start("set", "cc_stage=menu")
    scene.saw("citizen", "PLAYBACK_START", Playback_File_Path=LONG_TONE)
    call.api(f"uuid_break {call.uuid} all")
    call.ended(first)
    call.run("playback", "tone_stream://%(100,0,600)")
    leave(scene, phone)


@conversation
def keys_while_a_prompt_plays(scene: Scene) -> None:
    """Both ways of sending keys; the prompt goes on with playback_terminators=none."""
    scene.attends()
    phone, call = scene.answered()
    call.run("set", "playback_terminators=none")
    run = call.start("playback", "tone_stream://%(2500,0,400)")
    scene.saw("citizen", "PLAYBACK_START")
    phone.info_digit("1")
    scene.saw("citizen", "DTMF", DTMF_Digit="1")
    phone.press("2#")
    scene.saw("citizen", "DTMF", DTMF_Digit="#")
    call.ended(run)
    leave(scene, phone)


@conversation
def keys_end_a_prompt(scene: Scene) -> None:
    scene.attends()
    phone, call = scene.answered()
    for terminators, key in (("#", "#"), ("123", "2"), ("any", "9"), ("", "*")):
        call.run("set", f"playback_terminators={terminators}")
        tone = f"tone_stream://%(20000,0,{400 + ord(key)})"
        run = call.start("playback", tone)
        scene.saw("citizen", "PLAYBACK_START", Playback_File_Path=tone)
        phone.press(key)
        call.ended(run)
        call.api(f"uuid_getvar {call.uuid} playback_terminator_used")
    leave(scene, phone)


@conversation
def keys_while_nothing_plays(scene: Scene) -> None:
    """Parked under our control; then before music, which they don't end."""
    scene.attends()
    phone, call = scene.answered()
    call.run("set", "playback_terminators=none")
    phone.info_digit("5")
    scene.saw("citizen", "DTMF", DTMF_Digit="5")
    phone.press("6")
    scene.saw("citizen", "DTMF", DTMF_Digit="6")
    run = call.start("playback", MUSIC)
    scene.saw("citizen", "PLAYBACK_START")
    phone.press("7")
    scene.saw("citizen", "DTMF", DTMF_Digit="7")
    phone.info_digit("*")
    scene.saw("citizen", "DTMF", DTMF_Digit="*")
    call.api(f"uuid_break {call.uuid} all")
    call.ended(run)
    leave(scene, phone)


@conversation
def digits_are_gathered(scene: Scene) -> None:
    scene.attends()
    phone, call = scene.answered()
    ask = f"1 4 1 3000 # {TONE} silence_stream://100 cc_digits \\d+"
    run = call.start("play_and_get_digits", ask)
    call.wait("CHANNEL_EXECUTE", Application="play_and_get_digits")
    phone.press("12#")
    call.ended(run)
    call.api(f"uuid_getvar {call.uuid} cc_digits")
    call.run("play_and_get_digits", f"1 1 1 300 # {TONE} silence_stream://100 cc_none \\d")
    call.api(f"uuid_getvar {call.uuid} cc_none")
    leave(scene, phone)


def seconds_of(path: Path) -> str:
    """What a recording is like: its form, and whether there is something in it."""
    with wave.open(str(path)) as file:
        seconds = file.getnframes() / file.getframerate()
        length = "0.7 to 3 s" if 0.7 < seconds < 3 else f"{seconds} s"
        return f"{file.getnchannels()} channels, {file.getframerate()} Hz, {length}"


def message(scene: Scene, name: str) -> Path:
    folder = scene.settings.recordings_dir / "messages"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{name}.wav"


@conversation
def message_ends_with_a_key(scene: Scene) -> None:
    scene.attends()
    phone, call = scene.answered()
    call.run("set", "playback_terminators=#")
    path = message(scene, "by-key")
    run = call.start("record", f"{path} 20 200 5")
    scene.saw("citizen", "RECORD_START")
    sleep(1.0)
    phone.press("1#")
    call.ended(run)
    scene.note("file", seconds_of(path))
    call.api(f"uuid_getvar {call.uuid} playback_terminator_used")
    leave(scene, phone)


@conversation
def message_ends_with_silence(scene: Scene) -> None:
    scene.attends()
    phone, call = scene.answered()
    phone.phone.speech = b"\xd5" * 160
    path = message(scene, "by-silence")
    call.run("record", f"{path} 20 200 1")
    scene.note("file", seconds_of(path))
    leave(scene, phone)


@conversation
def message_is_cut_off(scene: Scene) -> None:
    """At its longest; then one whose citizen hangs up."""
    scene.attends()
    phone, call = scene.answered()
    path = message(scene, "longest")
    call.run("record", f"{path} 1 200 5")
    scene.note("file", seconds_of(path))
    path = message(scene, "hung-up")
    call.start("record", f"{path} 20 200 5")
    scene.saw("citizen", "RECORD_START", Record_File_Path=str(path))
    sleep(1.0)
    leave(scene, phone)
    scene.note("file", seconds_of(path))


@conversation
def conversation_is_recorded(scene: Scene) -> None:
    """In stereo, stopped by us; then again, stopped by the hang-up."""
    scene.attends()
    phone, call = scene.answered()
    call.api(f"uuid_setvar_multi {call.uuid} RECORD_STEREO=true;recording_follow_transfer=true")
    first = scene.settings.recordings_dir / "2024/01/02/first.wav"
    first.parent.mkdir(parents=True, exist_ok=True)
    call.run("record_session", str(first))
    call.wait("RECORD_START")
    call.run("playback", "tone_stream://%(1000,0,400)")
    call.run("stop_record_session", str(first))
    call.wait("RECORD_STOP")
    scene.note("file", seconds_of(first))
    second = scene.settings.recordings_dir / "2024/01/02/second.wav"
    scene.link.job(f"uuid_record {call.uuid} start {second}")
    call.run("playback", "tone_stream://%(1000,0,400)")
    leave(scene, phone)
    scene.note("file", seconds_of(second))


@conversation
def recordings_that_fail(scene: Scene) -> None:
    scene.attends()
    phone, call = scene.answered()
    call.run("record_session", "/proc/nowhere/at-all.wav")
    call.run("stop_record_session", "/proc/nowhere/at-all.wav")
    path = message(scene, "twice")
    call.run("record_session", str(path))
    call.run("record_session", str(path))
    call.run("stop_record_session", "all")
    leave(scene, phone)


@conversation
def broadcast_to_one_leg(scene: Scene) -> None:
    """A sound from outside, while nothing plays and while something does."""
    scene.attends()
    phone, call = scene.answered()
    scene.link.job(f"uuid_broadcast {call.uuid} {TONE} aleg")
    scene.saw("citizen", "PLAYBACK_STOP")
    scene.saw("citizen", "CHANNEL_EXECUTE_COMPLETE", Application="playback")
    leave(scene, phone)
