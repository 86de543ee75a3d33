"""A call in a controller's hands: the socket application and what can happen to it."""

from __future__ import annotations

import json
import wave

import gevent
from lab_rig import Rig, until, write_tone
from lab_story import call_agent, handed_over, names, run, start


def test_call_is_handed_over_with_its_numbers_and_variables(rig: Rig) -> None:
    citizen = rig.citizen("2613710", caller="13911112222")
    _, first = rig.controllers[0].accept()
    head = first.head
    assert head["Event-Name"] == "CHANNEL_DATA"
    assert head["Reply-Text"] == "%2BOK%0A"
    assert (head["Socket-Mode"], head["Control"]) == ("async", "full")
    assert head["Caller-Caller-ID-Number"] == "13911112222"
    assert head["variable_cc_dialed"] == "2613710"
    assert head["Caller-Destination-Number"] == "hotline"
    assert head["Channel-Call-State"] == "RINGING"
    assert not citizen.answered.is_set()


def test_second_controller_is_tried_when_the_first_is_not_there(rig: Rig) -> None:
    rig.controllers[0].close()
    rig.citizen()
    _, first = rig.controllers[1].accept()
    assert first.head["Event-Name"] == "CHANNEL_DATA"


def test_queued_and_locked_prompts_play_one_after_the_other(rig: Rig) -> None:
    call = handed_over(rig)
    first = start(call.wire, "playback", "silence_stream://200", lock=True)
    second = start(call.wire, "playback", "silence_stream://100", lock=True)
    call.wire.wait("CHANNEL_EXECUTE_COMPLETE", **{"Application-UUID": second})
    order = [
        (frame.name, frame.event["Application-UUID"])
        for frame in call.wire.seen
        if frame.event.get("Application") == "playback"
    ]
    assert order == [
        ("CHANNEL_EXECUTE", first),
        ("CHANNEL_EXECUTE_COMPLETE", first),
        ("CHANNEL_EXECUTE", second),
        ("CHANNEL_EXECUTE_COMPLETE", second),
    ]


def test_prompt_without_a_lock_interrupts_and_the_first_goes_on_after_it(rig: Rig) -> None:
    call = handed_over(rig)
    outer = start(call.wire, "playback", "silence_stream://600")
    call.wire.wait("CHANNEL_EXECUTE", **{"Application-UUID": outer})
    inner = start(call.wire, "playback", "silence_stream://100")
    done = call.wire.wait("CHANNEL_EXECUTE_COMPLETE", **{"Application-UUID": outer})
    completed = [f.event["Application-UUID"] for f in call.wire.seen if "COMPLETE" in f.name]
    assert completed[-2:] == [inner, outer]
    assert done.event["Application-Response"] == "FILE PLAYED"
    assert done.event["variable_playback_ms"] == "600"


def test_keys_are_told_at_once_and_end_a_prompt_when_they_may(rig: Rig) -> None:
    call = handed_over(rig)
    call.citizen.press("5")
    event = call.wire.wait("DTMF").event
    assert (event["DTMF-Digit"], event["DTMF-Source"]) == ("5", "RTP")
    run(call.wire, "set", "playback_terminators=#")
    playing = start(call.wire, "playback", "silence_stream://20000")
    call.wire.wait("CHANNEL_EXECUTE", **{"Application-UUID": playing})
    call.citizen.press("1")
    call.wire.wait("DTMF", **{"DTMF-Digit": "1"})
    call.citizen.press("#")
    done = call.wire.wait("CHANNEL_EXECUTE_COMPLETE", **{"Application-UUID": playing}).event
    assert done["variable_playback_terminator_used"] == "#"
    assert done["Application-Response"] == "FILE PLAYED"


def test_key_by_info_counts_like_any_other(rig: Rig) -> None:
    call = handed_over(rig)
    call.citizen.info_digit("7")
    event = call.wire.wait("DTMF").event
    assert (event["DTMF-Digit"], event["DTMF-Source"]) == ("7", "ENDPOINT")


def test_break_all_ends_the_prompt_and_forgets_those_that_wait(rig: Rig) -> None:
    call = handed_over(rig)
    watcher = rig.watcher()
    first = start(call.wire, "playback", "silence_stream://20000", lock=True)
    call.wire.wait("CHANNEL_EXECUTE", **{"Application-UUID": first})
    second = start(call.wire, "playback", "silence_stream://20000", lock=True)
    assert watcher.api(f"uuid_break {call.uuid} all") == "+OK\n"
    call.wire.wait("CHANNEL_EXECUTE_COMPLETE", **{"Application-UUID": first})
    run(call.wire, "set", "a=1")
    assert not [f for f in call.wire.seen if f.event.get("Application-UUID") == second]


def test_missing_file_is_told_and_the_call_goes_on(rig: Rig) -> None:
    call = handed_over(rig)
    assert run(call.wire, "playback", "/nowhere.wav")["Application-Response"] == "FILE NOT FOUND"
    welcome = rig.folder / "sounds" / "welcome.wav"
    done = run(call.wire, "playback", f"file_string://{welcome}!/nowhere.wav!{welcome}")
    assert done["Application-Response"] == "FILE PLAYED"
    assert done["variable_playback_ms"] == "1000"


def test_digits_are_gathered_and_checked(rig: Rig) -> None:
    call = handed_over(rig)
    argument = "1 4 1 3000 # silence_stream://3000 silence_stream://10 order \\d+"
    asked = start(call.wire, "play_and_get_digits", argument)
    call.wire.wait("CHANNEL_EXECUTE", **{"Application-UUID": asked})
    call.citizen.press("12#")
    done = call.wire.wait("CHANNEL_EXECUTE_COMPLETE", **{"Application-UUID": asked}).event
    assert (done["variable_order"], done["variable_read_result"]) == ("12", "success")
    again = run(call.wire, "play_and_get_digits", argument.replace("3000", "50"))
    assert again["variable_read_result"] == "failure"


def test_controller_that_dies_lets_the_dialplan_go_on_at_once(rig: Rig) -> None:
    call = handed_over(rig, linger=0)
    watcher = rig.watcher()
    start(call.wire, "playback", "silence_stream://20000")
    call.wire.wait("CHANNEL_EXECUTE", Application="playback")
    call.wire.close()
    going_on = watcher.wait("CHANNEL_EXECUTE", **{"Application-Data": "socket_lost=true"})
    assert going_on.event["Unique-ID"] == call.uuid
    assert going_on.event["variable_cc_dialed"] == "12345"
    assert not call.citizen.ended.is_set()


def test_without_resume_what_was_queued_is_finished_first(rig: Rig) -> None:
    call = handed_over(rig, linger=0)
    watcher = rig.watcher()
    run(call.wire, "set", "socket_resume=false")
    start(call.wire, "playback", "silence_stream://400")
    call.wire.wait("CHANNEL_EXECUTE", Application="playback")
    call.wire.close()
    watcher.wait("CHANNEL_EXECUTE", **{"Application-Data": "socket_lost=true"})
    played = watcher.wait("CHANNEL_EXECUTE_COMPLETE", Application="playback").event
    assert played["Application-Response"] == "FILE PLAYED"


def test_hang_up_is_told_until_the_linger_time_is_over(rig: Rig) -> None:
    call = handed_over(rig, linger=1)
    call.citizen.hangup()
    complete = call.wire.wait("CHANNEL_HANGUP_COMPLETE").event
    assert complete["Hangup-Cause"] == "NORMAL_CLEARING"
    assert complete["variable_sip_hangup_disposition"] == "recv_bye"
    assert int(complete["variable_duration"]) >= 0
    call.wire.closed.get(timeout=4)
    notices = [
        frame.head.get("Content-Disposition")
        for frame in call.wire.seen
        if frame.head.get("Content-Type") == "text/disconnect-notice"
    ]
    assert notices == ["linger", "disconnect"]


def test_conversation_outlives_its_controller(rig: Rig) -> None:
    call = handed_over(rig, linger=0)
    watcher, agent = rig.watcher(), rig.agent()
    channel, talking = call_agent(watcher, agent)
    run(call.wire, "set", "socket_resume=false")
    assert watcher.api(f"uuid_bridge {call.uuid} {channel}") == f"+OK {channel}\n"
    bridged = watcher.wait("CHANNEL_BRIDGE").event
    assert bridged["Bridge-A-Unique-ID"] == call.uuid
    assert bridged["Bridge-B-Unique-ID"] == channel
    call.wire.close()
    heard = call.citizen.received
    until(lambda: call.citizen.received > heard + 20, "the citizen hears the agent")
    assert call.citizen.loudness() > 0
    assert talking.loudness() > 0


def test_events_go_on_after_the_bridge_and_tell_its_end(rig: Rig) -> None:
    call = handed_over(rig)
    watcher, agent = rig.watcher(), rig.agent()
    channel, talking = call_agent(watcher, agent)
    run(call.wire, "set", "socket_resume=false")
    watcher.api(f"uuid_bridge {call.uuid} {channel}")
    call.wire.wait("CHANNEL_BRIDGE")
    talking.hangup()
    call.wire.wait("CHANNEL_UNBRIDGE")
    call.wire.wait("CHANNEL_EXECUTE", **{"Application-Data": "socket_lost=true"})


def test_survey_begins_when_the_agent_hangs_up(rig: Rig) -> None:
    call = handed_over(rig)
    watcher, agent = rig.watcher(), rig.agent()
    channel, talking = call_agent(watcher, agent)
    run(call.wire, "set", "socket_resume=false")
    run(call.wire, "set", "transfer_after_bridge=survey:XML:hotline")
    watcher.api(f"uuid_bridge {call.uuid} {channel}")
    watcher.wait("CHANNEL_BRIDGE")
    talking.hangup()
    _, survey = rig.controllers[0].accept()
    assert survey.head["Unique-ID"] == call.uuid
    assert survey.head["variable_cc_stage"] == "survey"
    assert survey.head["Answer-State"] == "answered"
    assert not call.citizen.ended.is_set()


def test_agent_is_hung_up_with_the_citizen(rig: Rig) -> None:
    call = handed_over(rig)
    watcher, agent = rig.watcher(), rig.agent()
    channel, talking = call_agent(watcher, agent)
    watcher.api(f"uuid_bridge {call.uuid} {channel}")
    watcher.wait("CHANNEL_BRIDGE")
    call.citizen.hangup()
    assert talking.ended.wait(3)
    assert "NORMAL_CLEARING" in talking.reason
    order = names(watcher, channel)
    assert order[-3:] == ["CHANNEL_HANGUP", "CHANNEL_HANGUP_COMPLETE", "CHANNEL_DESTROY"]


def test_recording_holds_both_sides_and_its_end_is_told(rig: Rig) -> None:
    call = handed_over(rig)
    watcher = rig.watcher()
    path = rig.recording("call.wav")
    run(call.wire, "record_session", str(path))
    tone = write_tone(rig.folder / "sounds" / "tone.wav", 0.5)
    run(call.wire, "playback", str(tone))
    run(call.wire, "stop_record_session", str(path))
    stopped = watcher.wait("RECORD_STOP").event
    assert stopped["Record-File-Path"] == str(path)
    with wave.open(str(path)) as file:
        assert file.getnchannels() == 1
        assert file.getnframes() >= 3200
        assert max(file.readframes(file.getnframes())) > 0


def test_message_ends_at_the_terminator(rig: Rig) -> None:
    call = handed_over(rig)
    path = rig.recording("messages/m.wav")
    run(call.wire, "set", "playback_terminators=#")
    recording = start(call.wire, "record", f"{path} 30 200 5")
    call.wire.wait("CHANNEL_EXECUTE", **{"Application-UUID": recording})
    gevent.sleep(0.4)  # something to record
    call.citizen.press("#")
    done = call.wire.wait("CHANNEL_EXECUTE_COMPLETE", **{"Application-UUID": recording}).event
    assert done["variable_playback_terminator_used"] == "#"
    assert int(done["variable_record_ms"]) >= 200
    with wave.open(str(path)) as file:
        assert file.getnframes() == int(done["variable_record_samples"])


def test_call_record_is_in_the_spool_before_the_end_is_told(rig: Rig) -> None:
    call = handed_over(rig)
    run(call.wire, "set", "cc_stage=menu")
    call.citizen.hangup()
    call.wire.wait("CHANNEL_HANGUP_COMPLETE")
    record = json.loads((rig.folder / "cdr" / f"{call.uuid}.cdr.json").read_text())
    assert record["variables"]["cc_stage"] == "menu"
    assert record["variables"]["hangup_cause"] == "NORMAL_CLEARING"
    times = record["callflow"][0]["times"]
    assert int(times["created_time"]) <= int(times["answered_time"]) <= int(times["hangup_time"])
    assert record["callflow"][0]["caller_profile"]["caller_id_number"] == "13812345678"
    assert record["callflow"][-1]["caller_profile"]["destination_number"] == "12345"
