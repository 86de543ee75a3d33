"""Calls that the switch hands over: the call itself and the server that takes it."""

from __future__ import annotations

import logging

import gevent
import gevent.socket
import pytest
from fakeswitch import FakeCall, eventually
from gevent.event import Event as Flag

from callcenter.esl import (
    BadArgument,
    CallGone,
    CommandFailed,
    OutboundCall,
    OutboundServer,
    ReplyTimeout,
)

# -- taking a call over


def test_a_call_is_taken_over_with_json_events_and_a_bounded_linger(stage):
    act = stage(lambda call: call.variable("cc_stage"))
    fake = act.call(cc_stage="menu")
    assert act.result(fake) == "menu"
    assert [command.line for command in fake.peer.commands] == [
        "connect",
        "linger 10",
        "myevents json",
        "event json BACKGROUND_JOB RECORD_START RECORD_STOP CHANNEL_HOLD CHANNEL_UNHOLD",
    ]


@pytest.mark.parametrize(
    "name",
    [
        "Wang\nUnique-ID: somebody-else\nvariable_cc_agent: 1001",
        "Wang\n\nContent-Type: text/event-json\n\n{}",
        "Wang%0AUnique-ID: somebody-else%0Avariable_cc_agent: 1001",
        "Wang\r\nContent-Length: 5000\r\n\r\n",
        "a\x0b\x0c\x1c\x85\u2028b: c",
    ],
)
def test_a_display_name_forges_nothing_in_the_reply_to_connect(stage, name):
    act = stage(lambda call: (call.uuid, call.variable("sip_from_display"), call.headers))
    fake = act.call(sip_from_display=name)
    uuid, told, headers = act.result(fake)
    assert (uuid, told) == (fake.uuid, name)
    assert "variable_cc_agent" not in headers
    assert "Content-Length" not in headers


def test_a_call_without_full_control_is_not_served(stage, caplog):
    act = stage(lambda call: pytest.fail("it was served"))
    fake = act.call()

    def answer(peer, command):
        if command.line == "connect":
            return False
        peer.reply("-ERR command not found")
        return True

    fake.on_command = answer
    assert fake.closed()
    assert f"call {fake.uuid} could not be taken over" in caplog.text


# -- applications


def test_an_execution_ends_with_its_own_event(stage):
    act = stage(lambda call: call.execute("playback", "welcome.wav").get("Application-Response"))
    fake = act.call()
    command = fake.sent.get(timeout=5)
    assert command.headers["execute-app-name"] == "playback"
    assert command.headers["execute-app-arg"] == "welcome.wav"
    assert command.headers["event-lock"] == "true"
    fake.executed(command, Application_Response="FILE PLAYED")
    assert act.result(fake) == "FILE PLAYED"


def test_two_playbacks_that_end_out_of_order_are_told_apart(stage):
    def story(call):
        first, second = call.start("playback", "a"), call.start("playback", "b")
        waiters = [gevent.spawn(e.wait, 5) for e in (first, second)]
        return [waiter.get().get("Mark") for waiter in waiters]

    act = stage(story)
    fake = act.call()
    commands = [fake.sent.get(timeout=5) for _ in range(2)]
    fake.event("CHANNEL_EXECUTE_COMPLETE", Application="playback", Application_UUID="the-dialplans")
    fake.event("CHANNEL_EXECUTE_COMPLETE", Application="playback")
    fake.executed(commands[1], Mark="second")
    fake.executed(commands[0], Mark="first")
    assert act.result(fake) == ["first", "second"]


def test_an_execution_may_end_before_its_reply(stage):
    act = stage(lambda call: call.execute("answer").name)
    fake = act.call()

    def answer(peer, command):
        if command.line != "sendmsg":
            return False
        fake.executed(command)
        peer.reply()
        return True

    fake.on_command = answer
    assert act.result(fake) == "CHANNEL_EXECUTE_COMPLETE"


def test_an_execution_that_takes_too_long_leaves_the_call_alone(stage):
    def story(call):
        with pytest.raises(ReplyTimeout):
            call.execute("playback", "long.wav", timeout=0.05)
        return call.execute("answer").name

    act = stage(story)
    fake = act.call()
    late = fake.sent.get(timeout=5)
    answer = fake.sent.get(timeout=5)
    fake.executed(late)
    fake.executed(answer)
    assert act.result(fake) == "CHANNEL_EXECUTE_COMPLETE"


@pytest.mark.parametrize("bad", ["a\nb", "a\r", "a\0", "a\n\nsendmsg\ncall-command: hangup"])
def test_a_line_break_in_an_argument_is_refused(stage, bad):
    def story(call):
        with pytest.raises(BadArgument):
            call.start("playback", bad)
        with pytest.raises(BadArgument):
            call.start(bad)
        with pytest.raises(BadArgument):
            call.call_command("playback", bad)
        with pytest.raises(BadArgument):
            call.set_variables({"cc_note": bad})
        with pytest.raises(BadArgument):
            call.set_variables({bad: "x"})
        with pytest.raises(BadArgument):
            call.hangup(bad)
        return len(call._executions)

    act = stage(story)
    fake = act.call()
    assert act.result(fake) == 0
    assert fake.sent.empty()


@pytest.mark.parametrize("bad", ["${system(reboot)}", "a$\\{b}", "$${domain}"])
def test_what_the_switch_would_expand_is_refused_unless_asked_for(stage, bad):
    def story(call):
        with pytest.raises(BadArgument):
            call.start("log", bad)
        with pytest.raises(BadArgument):
            call.set_variables({"cc_note": bad})
        call.start("log", bad, expand=True)

    act = stage(story)
    fake = act.call()
    act.result(fake)
    assert fake.sent.get(timeout=5).headers["execute-app-arg"] == bad


def test_an_application_that_is_not_accepted_says_so(stage):
    def story(call):
        with pytest.raises(CommandFailed, match="memory"):
            call.start("answer")
        return len(call._executions)

    act = stage(story)
    fake = act.call()

    def answer(peer, command):
        if command.line == "sendmsg":
            peer.reply("-ERR memory error")
        return command.line == "sendmsg"

    fake.on_command = answer
    assert act.result(fake) == 0


# -- variables and commands


def test_variables_are_set_in_one_command_and_known_at_once(stage):
    def story(call):
        call.set_variables({"cc_stage": "queue", "cc_note": "a;b 'c' \\d "})
        return call.variable("cc_stage"), call.variable("cc_note")

    act = stage(story)
    fake = act.call(cc_stage="menu")
    asked = fake.sent.get(timeout=5)
    assert asked.line == (
        f"api uuid_setvar_multi {fake.uuid} cc_stage=queue;cc_note=a\\;b \\'c\\' \\\\d\\s"
    )
    assert act.result(fake) == ("queue", "a;b 'c' \\d ")


def test_later_events_tell_later_variables(stage):
    def story(call):
        call.execute("play_and_get_digits", "1 1 1 3000 # menu.wav")
        return call.variable("digits")

    act = stage(story)
    fake = act.call()
    fake.executed(fake.sent.get(timeout=5), variable_uuid=fake.uuid, variable_digits="2")
    assert act.result(fake) == "2"


# -- the end of a call


def test_a_hang_up_ends_every_wait_and_the_events(stage):
    def story(call):
        waiters = [
            gevent.spawn(call.execute, "playback", "a", 60),
            gevent.spawn(call.execute, "playback", "b", 60),
            gevent.spawn(call.api, "uuid_record x", 60),
        ]
        gevent.joinall(waiters, timeout=5)
        names = [event.name for event in iter(lambda: call.events.get(timeout=5), None)]
        with pytest.raises(CallGone):
            call.start("answer")
        call.hangup()
        return [type(waiter.exception) for waiter in waiters], names, call.hangup_cause

    act = stage(story)
    fake = act.call()
    for _ in range(3):
        fake.sent.get(timeout=5)
    fake.event("DTMF", DTMF_Digit="5")
    fake.hang_up("ORIGINATOR_CANCEL")
    errors, names, cause = act.result(fake)
    assert errors == [CallGone] * 3
    assert names == ["DTMF", "CHANNEL_HANGUP", "CHANNEL_HANGUP_COMPLETE"]
    assert cause == "ORIGINATOR_CANCEL"
    assert act.calls[fake.uuid].hung_up.is_set()
    assert fake.closed()  # lingering on would keep the dead channel in the switch's memory


def test_a_linger_notice_alone_ends_the_executions(stage):
    act = stage(lambda call: call.execute("playback", "a", 60))
    fake = act.call()
    fake.sent.get(timeout=5)
    fake.peer.frame("text/disconnect-notice", b"", "Content-Disposition: linger")
    with pytest.raises(CallGone):
        act.result(fake)


def test_a_lost_connection_ends_every_wait_but_is_no_hang_up(stage):
    act = stage(lambda call: call.execute("playback", "a", 60))
    fake = act.call()
    fake.sent.get(timeout=5)
    fake.peer.shut()
    with pytest.raises(CallGone):
        act.result(fake)
    call = act.calls[fake.uuid]
    assert not call.hung_up.is_set()
    assert call.events.get(timeout=1) is None


def test_another_channels_hang_up_is_not_ours(stage):
    def story(call):
        return [call.events.get(timeout=5).name for _ in range(2)], call.hung_up.is_set()

    act = stage(story)
    fake = act.call()
    fake.peer.event("CHANNEL_HANGUP", Unique_ID="somebody-else")
    fake.event("CHANNEL_UNBRIDGE")
    assert act.result(fake) == (["CHANNEL_HANGUP", "CHANNEL_UNBRIDGE"], False)


def test_events_that_nobody_reads_are_bounded(stage, caplog):
    done = Flag()

    def story(call):
        done.wait(10)
        return call.events.qsize()

    act = stage(story)
    fake = act.call()
    eventually(lambda: fake.uuid in act.calls)
    for _ in range(1_100):
        fake.event("DTMF", DTMF_Digit="1")
    job = gevent.spawn(act.calls[fake.uuid].api, "status", 5)
    fake.peer.job_done(fake.sent.get(timeout=5), "UP")
    assert job.get(timeout=5) == "UP"
    done.set()
    assert act.result(fake) == 1_000
    assert caplog.text.count("nobody reads its events") == 1


def test_hanging_up_goes_past_what_is_playing(stage):
    act = stage(lambda call: (call.start("playback", "a"), call.hangup("USER_BUSY")))
    fake = act.call()
    fake.sent.get(timeout=5)
    job = fake.sent.get(timeout=5)
    assert job.line == f"bgapi uuid_kill {fake.uuid} USER_BUSY"
    fake.peer.job_done(job, "-ERR No such channel!\n")
    act.result(fake)


# -- the server


def test_five_hundred_calls_at_once_are_all_served(stage):
    everyone = Flag()

    def story(call):
        digit = call.events.get(timeout=60).get("DTMF-Digit")
        everyone.wait(60)
        return digit

    act = stage(story, max_calls=500)
    fakes = [gevent.spawn(act.call) for _ in range(500)]
    gevent.joinall(fakes, timeout=60)
    eventually(lambda: act.server.connection_count == 500, 60)
    for number, fake in enumerate(act.fakes):
        fake.event("DTMF", DTMF_Digit=str(number))
    everyone.set()
    results = [act.outcome(fake).get(timeout=60) for fake in act.fakes]
    assert results == [str(number) for number in range(500)]
    eventually(lambda: act.server.connection_count == 0, 30)


def test_one_call_too_many_is_refused_at_once_and_said(stage, caplog):
    go_on = Flag()
    act = stage(lambda call: go_on.wait(10), max_calls=2)
    served = [act.call() for _ in range(2)]
    eventually(lambda: act.server.connection_count == 2)
    refused = act.call()
    assert refused.closed()
    assert [command.line for command in refused.peer.commands] == []
    assert act.server.refused == 1
    assert "refused a call: 2 are served already" in caplog.text
    go_on.set()
    assert [act.result(fake) for fake in served] == [True, True]
    eventually(lambda: act.server.connection_count == 0)
    assert act.result(act.call()) is True


def test_a_call_too_many_may_get_a_word_of_refusal(stage):
    go_on = Flag()
    act = stage(
        lambda call: go_on.wait(10),
        max_calls=1,
        reject=lambda call: call.execute("respond", "503"),
    )
    act.call()
    eventually(lambda: act.server.connection_count == 1)
    refused = act.call()
    command = refused.sent.get(timeout=5)
    assert command.headers["execute-app-arg"] == "503"
    refused.executed(command)
    assert refused.closed()
    go_on.set()


def test_a_failing_handler_ends_its_own_connection_only(stage, caplog):
    go_on = Flag()

    def story(call):
        if call.variable("bad"):
            raise RuntimeError("a bug in the story")
        return go_on.wait(10)

    act = stage(story)
    good, bad = act.call(), act.call(bad="yes")
    with pytest.raises(RuntimeError):
        act.result(bad)
    assert bad.closed()
    assert f"call {bad.uuid}: its handler failed" in caplog.text
    go_on.set()
    assert act.result(good) is True


def test_a_caller_who_leaves_is_no_error(stage, caplog):
    caplog.set_level(logging.WARNING)
    act = stage(lambda call: call.execute("playback", "a", 60))
    fake = act.call()
    fake.sent.get(timeout=5)
    fake.hang_up()
    with pytest.raises(CallGone):
        act.result(fake)
    assert fake.closed()
    assert "Traceback" not in caplog.text
    assert caplog.records == []


def test_a_peer_that_says_nothing_holds_no_place_for_long(stage, monkeypatch, caplog):
    monkeypatch.setattr(OutboundCall, "reply_seconds", 0.1)
    act = stage(lambda call: True, max_calls=1)
    mute = gevent.socket.create_connection(("127.0.0.1", act.server.port), 5)
    eventually(lambda: act.server.connection_count == 1)
    eventually(lambda: act.server.connection_count == 0)
    assert mute.recv(300).startswith(b"connect\n\n")
    assert mute.recv(100) == b""
    mute.close()
    assert "could not be taken over" in caplog.text
    assert act.result(act.call()) is True


def test_a_peer_that_speaks_another_protocol_is_dropped(stage):
    act = stage(lambda call: pytest.fail("it was served"))
    stranger = gevent.socket.create_connection(("127.0.0.1", act.server.port), 5)
    stranger.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n")
    assert stranger.recv(300).startswith(b"connect\n\n")
    assert stranger.recv(100) == b""
    stranger.close()


def test_stop_ends_idle_and_stubborn_calls_in_time(stage):
    def story(call):
        while call.variable("stubborn"):
            gevent.sleep(0.01)  # never looks whether the call is still there
        call.execute("playback", "a", 60)

    act = stage(story)
    idle, stubborn = act.call(), act.call(stubborn="yes")
    eventually(lambda: act.server.connection_count == 2)
    idle.sent.get(timeout=5)
    with gevent.Timeout(3):
        act.server.stop(timeout=0.2)
    with pytest.raises(CallGone):
        act.result(idle)
    assert idle.closed()
    assert stubborn.closed()
    assert act.server.connection_count == 0
    with pytest.raises(ConnectionRefusedError):
        gevent.socket.create_connection(("127.0.0.1", act.server.port), 5)


def test_stop_with_grace_lets_a_call_end_by_itself(stage):
    act = stage(lambda call: call.execute("playback", "goodbye.wav").name)
    fake = act.call()
    command = fake.sent.get(timeout=5)
    stopping = gevent.spawn(act.server.stop, 5.0)
    eventually(lambda: act.server.server.closed)
    fake.executed(command)
    assert act.result(fake) == "CHANNEL_EXECUTE_COMPLETE"
    stopping.get(timeout=2)


def test_a_connection_is_kept_while_another_one_serves_the_same_call(stage):
    """FreeSWITCH resets the channel at the end of any of its connections."""
    stories: list[OutboundCall] = []

    def story(call):
        stories.append(call)
        if len(stories) == 1:
            eventually(lambda: len(stories) == 2)
        else:
            call.events.get(timeout=5)

    act = stage(story)
    old = act.call()
    eventually(lambda: stories)
    new = FakeCall(act.server.port)
    new.uuid = old.uuid
    act.fakes.append(new)
    eventually(lambda: len(stories) == 2 and act.server.calls == [stories[1]])
    assert not old.closed(0.1)
    new.event("DTMF")
    assert new.closed()
    old.hang_up()
    assert old.closed()


def test_a_port_that_is_taken_is_an_error_not_an_exit(stage):
    act = stage(lambda call: None)
    second = OutboundServer("127.0.0.1", act.server.port, lambda call: None)
    with pytest.raises(OSError, match="in use"):
        second.start()
    second.stop()
