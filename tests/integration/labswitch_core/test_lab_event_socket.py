"""The inbound Event Socket: who gets in, what is told, how answers are worded."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import gevent
import pytest
from gevent import socket
from lab_esl import Wire
from lab_rig import Rig, until


def test_wrong_password_ends_the_connection(rig: Rig) -> None:
    wire = Wire(socket.create_connection(("127.0.0.1", rig.server.port)))
    assert wire.replies.get(timeout=3).head == {"Content-Type": "auth/request"}
    assert wire.command("auth wrong").head["Reply-Text"] == "-ERR invalid"
    wire.closed.get(timeout=3)
    wire.close()


def test_nothing_is_done_before_the_password(rig: Rig) -> None:
    wire = Wire(socket.create_connection(("127.0.0.1", rig.server.port)))
    wire.replies.get(timeout=3)
    assert wire.command("api status").head["Reply-Text"] == "-ERR command not found"
    assert wire.command("event json ALL").head["Reply-Text"] == "-ERR command not found"
    wire.close()


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("uuid_exists x", "false"),
        ("uuid_kill x", "-ERR No such channel!\n"),
        ("uuid_kill", "-USAGE: <uuid> [cause]\n"),
        ("uuid_bridge x y", "-ERR Invalid uuid\n"),
        ("uuid_record x start /tmp/a", "-ERR Cannot locate session!\n"),
        ("uuid_broadcast x y", "-ERR invalid uuid\n"),
        ("nosuchcommand", "-ERR nosuchcommand Command not found!\n"),
        ("global_getvar nope", "-ERR no reply\n"),
        ("global_getvar domain", "callcenter.local"),
        ("eval ${domain}", "callcenter.local"),
        ("echo hi there", "hi there"),
        ("show channels as json", '{"row_count": 0}\n'),
        ("show channels count", "\n0 total.\n"),
        ("conference list", "+OK No active conferences.\n"),
        ("conference nope list", "-ERR Conference nope not found\n"),
        ("limit_usage hash a b", "0"),
        ("hupall", "+OK hangup all channels with cause MANAGER_REQUEST\n"),
        ("reloadxml", "+OK [Success]\n"),
        ("expr 2*(3+4)", "14"),
        ("cond 3 > 2 ? yes : no", "yes"),
    ],
)
def test_answers_are_worded_as_freeswitch_words_them(rig: Rig, command: str, answer: str) -> None:
    assert rig.watcher("").api(command) == answer


def test_status_and_profiles_are_readable(rig: Rig) -> None:
    wire = rig.watcher("")
    assert "is ready" in wire.api("status")
    assert "0 session(s) - peak" in wire.api("status")
    running = wire.api("sofia status")
    assert running.count("RUNNING (0)") == 2
    assert "2 profiles 0 aliases" in running


def test_job_answers_with_the_id_that_was_given(rig: Rig) -> None:
    wire = rig.watcher("event json BACKGROUND_JOB")
    reply = wire.command("bgapi echo hello\nJob-UUID: job-1")
    assert reply.head["Reply-Text"] == "+OK Job-UUID: job-1"
    assert reply.head["Job-UUID"] == "job-1"
    event = wire.wait("BACKGROUND_JOB").event
    assert (event["Job-UUID"], event["Job-Command"], event["_body"]) == ("job-1", "echo", "hello")


def test_plain_events_survive_a_hostile_name(rig: Rig) -> None:
    wire = rig.watcher("event plain CHANNEL_CREATE")
    citizen = rig.agent(register=False)
    citizen.server = rig.trunk
    citizen.display = "x%0aEvent-Name: CHANNEL_HANGUP"
    citizen.call("7001")
    event = wire.wait("CHANNEL_CREATE").event
    assert event["Caller-Caller-ID-Name"] == "x%0aEvent-Name: CHANNEL_HANGUP"
    assert event["Event-Name"] == "CHANNEL_CREATE"


def test_filters_and_unsubscribing(rig: Rig) -> None:
    wire = rig.watcher("event json CHANNEL_CREATE CHANNEL_ANSWER CHANNEL_DESTROY")
    assert wire.command("nixevent CHANNEL_ANSWER").head["Reply-Text"] == "+OK events nixed"
    added = wire.command("filter Caller-Destination-Number 7000").head["Reply-Text"]
    assert added == "+OK filter added. [Caller-Destination-Number]=[7000]"
    first, second = rig.citizen("7001"), rig.citizen("7000")
    assert first.answered.wait(3)
    second.hangup()
    first.hangup()
    wire.wait("CHANNEL_DESTROY")
    assert [f.name for f in wire.seen if f.name] == ["CHANNEL_CREATE", "CHANNEL_DESTROY"]
    assert wire.command("noevents").head["Reply-Text"] == "+OK no longer listening for events"
    assert wire.command("noevents").head["Reply-Text"] == "-ERR not listening for events"


def test_message_to_any_channel_runs_there(rig: Rig) -> None:
    wire = rig.watcher()
    citizen = rig.citizen("7001")
    assert citizen.answered.wait(3)
    channel = json.loads(wire.api("show channels as json"))["rows"][0]["uuid"]
    assert wire.execute("set", "a=b", uuid_=channel).head["Reply-Text"] == "+OK"
    until(lambda: wire.api(f"uuid_getvar {channel} a") == "b", "the variable")
    unknown = wire.execute("set", "a=b", uuid_="nobody").head["Reply-Text"]
    assert unknown == "-ERR invalid session id [nobody]"


def test_garbage_ends_only_its_own_connection(rig: Rig) -> None:
    wire = rig.watcher("")
    for garbage in (b"\xff\xfe\n\n", b"event\n\n", b"sendmsg\ncontent-length: 99999999\n\n"):
        other = Wire.dial(("127.0.0.1", rig.server.port), "sesame-for-tests")
        other.sock.sendall(garbage)
        gevent.sleep(0.05)
        other.close()
    flood = socket.create_connection(("127.0.0.1", rig.server.port))
    with pytest.raises(OSError):  # it is cut off in the end
        flood.sendall(b"x" * 200_000_000)
    flood.close()
    assert wire.api("echo alive") == "alive"


def test_too_many_calls_get_503(rig: Rig) -> None:
    wire = rig.watcher("")
    assert wire.api("fsctl max_sessions 1") == "+OK max sessions: 1\n"
    first = rig.citizen("7001")
    assert first.answered.wait(3)
    second = rig.citizen("7001", caller="13900000000")
    assert second.ended.wait(3)
    assert second.status == 503


def test_limit_refuses_the_second_and_is_given_back(rig: Rig) -> None:
    wire = rig.watcher("")
    first = rig.citizen("7002")
    assert first.answered.wait(3)
    second = rig.citizen("7002")
    assert second.ended.wait(3)
    assert second.status == 486
    assert wire.api("limit_usage hash test 13812345678") == "1"
    first.hangup()
    until(lambda: wire.api("limit_usage hash test 13812345678") == "0", "the place is free")


def test_unknown_number_gets_404(rig: Rig) -> None:
    citizen = rig.citizen("555")
    assert citizen.ended.wait(3)
    assert citizen.status == 404


def test_three_in_a_conference(rig: Rig) -> None:
    wire = rig.watcher()
    wire.command("event json CUSTOM conference::maintenance")
    callers = [rig.citizen("7001", caller=f"1380000000{n}") for n in range(3)]
    for caller in callers:
        assert caller.answered.wait(3)
    rows = json.loads(wire.api("show channels as json"))["rows"]
    for row in rows:
        assert wire.api(f"uuid_broadcast {row['uuid']} conference::room aleg").startswith("+OK")
    until(lambda: wire.api("conference room list count") == "3", "all three")
    until(lambda: all(caller.loudness() for caller in callers), "everyone hears someone")
    member = wire.api("conference room list").split(";")[0]
    assert wire.api(f"conference room mute {member}") == f"+OK mute {member}\n"
    assert wire.api(f"conference room kick {member}") == f"+OK kicked {member}\n"
    until(lambda: wire.api("conference room list count") == "2", "two are left")


def test_supervisor_listens_and_whispers(rig: Rig) -> None:
    wire, agent, supervisor = rig.watcher(), rig.agent("1001"), rig.agent("1002")
    citizen = rig.citizen("7001")
    assert citizen.answered.wait(3)
    channel = json.loads(wire.api("show channels as json"))["rows"][0]["uuid"]
    assert wire.bgapi("originate user/1001@callcenter.local &park()").startswith("+OK")
    rows = json.loads(wire.api("show channels as json"))["rows"]
    leg = next(row["uuid"] for row in rows if row["direction"] == "outbound")
    wire.api(f"uuid_bridge {channel} {leg}")
    wire.wait("CHANNEL_BRIDGE")
    reply = wire.bgapi(f"originate user/1002@callcenter.local &eavesdrop({leg})")
    assert reply.startswith("+OK")
    listening = supervisor.next_call()
    until(lambda: listening.loudness() > 0, "the supervisor hears them")
    agent.next_call().hangup()
    assert listening.ended.wait(3)


def test_process_says_what_it_is_and_ends_on_a_signal(rig: Rig, tmp_path: Path) -> None:
    rig.switch.stop()
    rig.server.stop()
    process = subprocess.Popen(
        [sys.executable, "-m", "labswitch.main", "--conf", str(tmp_path / "conf")],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if "ready" in line:
            break
    assert "THIS IS NOT FreeSWITCH" in "".join(lines)
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    process.stdout.close()
