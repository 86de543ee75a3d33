"""One connection against a hostile peer: framing, replies, jobs."""

from __future__ import annotations

import socket as system_socket

import gevent
import pytest
from fakeswitch import Command, FakeSwitch, Peer, eventually
from gevent.event import Event as Flag

from callcenter.esl import (
    BadArgument,
    CommandFailed,
    EslError,
    LoginRefused,
    ReplyTimeout,
    SwitchGone,
)
from callcenter.esl.inbound import SwitchConnection

FORGED = "Wang\nEvent-Name: CHANNEL_HANGUP\nUnique-ID: somebody-else"
FORGED_ENCODED = "Wang%0AEvent-Name%3A%20CHANNEL_HANGUP%0AUnique-ID%3A%20somebody-else"


def dead(connection: SwitchConnection) -> bool:
    """The connection has ended, and says so."""
    return bool(connection.closed.wait(5)) and not connection.connected


def run_script(make_switch, connect_to, script):
    """A logged-in connection whose peer goes on with `script`."""
    holder: list[FakeSwitch] = []

    def whole(peer: Peer) -> None:
        if holder[0].log_in(peer):
            script(peer)

    holder.append(make_switch(whole))
    return connect_to(holder[0])


def reads_nothing(peer: Peer) -> None:
    peer.over.wait(30)


# -- events


def test_a_line_break_in_a_json_value_forges_no_header(make_switch, connect_to):
    def script(peer):
        peer.event("CHANNEL_PARK", Unique_ID="mine", Caller_Caller_ID_Name=FORGED)
        peer.command()

    connection = run_script(make_switch, connect_to, script)
    eventually(lambda: connection.seen)
    (event,) = connection.seen
    assert (event.name, event.uuid) == ("CHANNEL_PARK", "mine")
    assert event.get("Caller-Caller-ID-Name") == FORGED


def test_an_encoded_line_break_in_a_plain_value_forges_no_header(make_switch, connect_to):
    def script(peer):
        lines = [
            "Event-Name: CHANNEL_PARK",
            "Unique-ID: mine",
            f"Caller-Caller-ID-Name: {FORGED_ENCODED}",
        ]
        peer.frame("text/event-plain", ("\n".join(lines) + "\n\n").encode())
        peer.command()

    connection = run_script(make_switch, connect_to, script)
    eventually(lambda: connection.seen)
    (event,) = connection.seen
    assert (event.name, event.uuid) == ("CHANNEL_PARK", "mine")
    assert event.get("Caller-Caller-ID-Name") == FORGED


def test_other_line_separators_split_no_plain_header(make_switch, connect_to):
    name = "a\x0bb\x0cc\x1cd\x85e\u2028f: g"

    def script(peer):
        text = f"Event-Name: CHANNEL_PARK\nCaller-Caller-ID-Name: {name}\n\n"
        peer.frame("text/event-plain", text.encode())
        peer.command()

    connection = run_script(make_switch, connect_to, script)
    eventually(lambda: connection.seen)
    assert connection.seen[0].headers == {
        "Event-Name": "CHANNEL_PARK",
        "Caller-Caller-ID-Name": name,
    }


@pytest.mark.parametrize("kind", ["json", "plain"])
def test_an_undecodable_byte_costs_one_character_and_nothing_else(make_switch, connect_to, kind):
    bodies = {
        "json": b'{"Event-Name":"DTMF","Caller-Caller-ID-Name":"a\xffb\xe4\xbd"}',
        "plain": b"Event-Name: DTMF\nCaller-Caller-ID-Name: a\xffb\xe4%bd\n\n",
    }

    def script(peer):
        peer.frame(f"text/event-{kind}", bodies[kind])
        while (command := peer.command()) is not None:
            peer.reply(f"+OK {command.line}")

    connection = run_script(make_switch, connect_to, script)
    eventually(lambda: connection.seen)
    assert connection.seen[0].get("Caller-Caller-ID-Name") == "a\ufffdb\ufffd"
    assert connection.send("filter x").reply == "+OK filter x"


@pytest.mark.parametrize(
    "garbage",
    [b"{", b"", b"[1,2]", b'"text"', b"\xff\xfe", b'{"Event-Name":', b"null", b"[" * 100_000],
)
def test_garbage_instead_of_json_loses_that_event_alone(make_switch, connect_to, garbage):
    def script(peer):
        peer.frame("text/event-json", garbage)
        peer.event("DTMF")
        peer.command()

    connection = run_script(make_switch, connect_to, script)
    eventually(lambda: connection.seen)
    assert [event.name for event in connection.seen] == ["DTMF"]
    assert connection.garbled == 1


def test_values_of_other_json_types_become_text(make_switch, connect_to):
    def script(peer):
        peer.frame("text/event-json", b'{"Event-Name":"DTMF","a":["x","y"],"n":7,"z":null}')
        peer.command()

    connection = run_script(make_switch, connect_to, script)
    eventually(lambda: connection.seen)
    headers = connection.seen[0].headers
    assert (headers["a"], headers["n"], headers["z"]) == ("ARRAY::x|:y", "7", "")


def test_unknown_frames_are_read_over(make_switch, connect_to):
    def script(peer):
        peer.frame("text/brand-new", b"Event-Name: DTMF\n\n" * 3)
        peer.frame("log/data", b"Content-Type: command/reply\n\n")
        peer.event("DTMF")
        peer.command()

    connection = run_script(make_switch, connect_to, script)
    eventually(lambda: connection.seen)
    assert [event.name for event in connection.seen] == ["DTMF"]


# -- framing


def test_a_body_cut_off_by_the_end_ends_the_wait(make_switch, connect_to):
    def script(peer):
        peer.command()
        peer.raw(b"Content-Type: api/response\nContent-Length: 1000\n\nonly this")

    connection = run_script(make_switch, connect_to, script)
    with gevent.Timeout(3), pytest.raises(SwitchGone, match="inside a body"):
        connection.send("api status", timeout=30)
    assert dead(connection)


def test_a_header_cut_off_by_the_end_is_no_frame(make_switch, connect_to):
    def script(peer):
        peer.command()
        peer.raw(b"Content-Type: command/reply\nReply-Text: +OK")

    connection = run_script(make_switch, connect_to, script)
    with gevent.Timeout(3), pytest.raises(SwitchGone):
        connection.send("filter x", timeout=30)


@pytest.mark.parametrize(
    "length", ["-1", "-9999999999", "x", "", "1e3", "0x10", "12 34", "٣", "+5", "9" * 400]
)
def test_a_length_that_is_no_number_ends_the_connection(make_switch, connect_to, length):
    def script(peer):
        peer.raw(f"Content-Type: text/event-json\nContent-Length: {length}\n\n{{}}".encode())
        peer.command()

    connection = run_script(make_switch, connect_to, script)
    assert dead(connection)
    assert "length" in connection.close_reason


def test_an_oversized_body_is_refused_before_it_is_read(make_switch, connect_to):
    def script(peer):
        peer.raw(b"Content-Type: text/event-json\nContent-Length: 99999999999\n\n")
        peer.command()

    connection = run_script(make_switch, connect_to, script)
    assert dead(connection)
    assert "limit" in connection.close_reason


def test_two_lengths_in_one_frame_end_the_connection(make_switch, connect_to):
    def script(peer):
        peer.raw(b"Content-Length: 2\nContent-Type: text/event-json\ncontent-length: 9\n\n{}")
        peer.command()

    connection = run_script(make_switch, connect_to, script)
    assert dead(connection)


def test_headers_without_end_are_cut_off(make_switch, connect_to):
    def script(peer):
        for _ in range(40):
            peer.raw(b"X-Header: " + b"x" * 50_000 + b"\n")

    connection = run_script(make_switch, connect_to, script)
    assert dead(connection)
    assert "header block" in connection.close_reason


def test_a_megabyte_of_body_arrives_whole_in_small_pieces(make_switch, connect_to):
    body = bytes(range(32, 127)) * 11_000

    def script(peer):
        peer.command()
        peer.raw(b"Content-Type: api/response\nContent-Length: %d\n\n" % len(body))
        for at in range(0, len(body), 70_001):
            peer.raw(body[at : at + 70_001])
            gevent.sleep(0)
        peer.command()

    connection = run_script(make_switch, connect_to, script)
    assert connection.send("api show").body == body.decode()


def test_a_flood_of_events_does_not_starve_other_greenlets(make_switch, connect_to):
    turns = []

    def script(peer):
        for _ in range(3000):
            peer.event("DTMF")
        peer.command()

    connection = run_script(make_switch, connect_to, script)

    def others():
        while len(connection.seen) < 3000:
            turns.append(len(connection.seen))
            gevent.sleep(0)

    gevent.spawn(others).join(10)
    assert len(connection.seen) == 3000
    assert max(b - a for a, b in zip(turns, [*turns[1:], 3000], strict=True)) <= 200


# -- replies


def test_a_reply_that_never_comes_ends_the_wait_and_the_connection(make_switch, connect_to):
    connection = run_script(make_switch, connect_to, lambda peer: (peer.command(), peer.command()))
    with gevent.Timeout(3), pytest.raises(ReplyTimeout):
        connection.send("filter x", timeout=0.1)
    assert dead(connection)
    with pytest.raises(SwitchGone):
        connection.send("filter y")


def test_a_late_reply_is_never_taken_for_the_next_commands(make_switch, connect_to):
    go_on = Flag()

    def script(peer):
        peer.command()
        go_on.wait(5)
        peer.reply("+OK first")
        peer.reply("+OK second")
        peer.command()

    connection = run_script(make_switch, connect_to, script)
    with pytest.raises(ReplyTimeout):
        connection.send("first", timeout=0.05)
    second = gevent.spawn(lambda: connection.send("second").reply)
    go_on.set()
    with pytest.raises(SwitchGone):
        second.get(timeout=3)


def test_everyone_who_waits_is_told_at_once_when_the_connection_ends(make_switch, connect_to):
    all_sent = Flag()

    def script(peer):
        for _ in range(5):
            peer.command()
        all_sent.set()

    connection = run_script(make_switch, connect_to, script)
    waiting = [gevent.spawn(connection.send, f"filter {n}", 30) for n in range(5)]
    assert all_sent.wait(5)
    for greenlet in waiting:
        with pytest.raises(SwitchGone):
            greenlet.get(timeout=3)


def test_a_reply_that_nobody_asked_for_ends_the_connection(make_switch, connect_to):
    def script(peer):
        peer.reply("+OK surprise")
        peer.command()

    connection = run_script(make_switch, connect_to, script)
    assert dead(connection)
    assert "nobody waits" in connection.close_reason


def test_a_waiter_that_gives_up_leaves_the_replies_in_step(make_switch, connect_to):
    go_on = Flag()

    def script(peer):
        peer.command()
        go_on.wait(5)
        peer.reply("+OK first")
        peer.command()
        peer.reply("+OK second")
        peer.command()

    connection = run_script(make_switch, connect_to, script)
    impatient = gevent.spawn(connection.send, "first")
    gevent.sleep(0)
    impatient.kill()
    go_on.set()
    assert connection.send("second").reply == "+OK second"


def test_many_greenlets_sending_at_once_never_mix_their_commands(make_switch, connect_to):
    received: list[Command] = []

    def script(peer):
        while (command := peer.command()) is not None:
            received.append(command)
            peer.reply(f"+OK {command.line[:20]}")

    connection = run_script(make_switch, connect_to, script)
    connection.sock.setsockopt(system_socket.SOL_SOCKET, system_socket.SO_SNDBUF, 4096)
    lines = [f"filter-{n:03} " + f"{n:03}" * 40_000 for n in range(20)]
    senders = [gevent.spawn(connection.send, line, 30) for line in lines]
    replies = [greenlet.get(timeout=30).reply for greenlet in senders]
    assert replies == [f"+OK {line[:20]}" for line in lines]
    assert [command.line for command in received] == lines


def test_a_large_command_arrives_whole_though_the_peer_reads_slowly(make_switch, connect_to):
    line = "api " + "x" * 900_000
    got = []

    def script(peer):
        data = b""
        while not data.endswith(b"\n\n"):
            data += peer.sock.recv(7_001)
            gevent.sleep(0)
        got.append(data)
        peer.reply()
        peer.command()

    connection = run_script(make_switch, connect_to, script)
    connection.send(line, timeout=30)
    assert got == [line.encode() + b"\n\n"]


def test_a_sender_cut_off_inside_a_command_ends_the_connection(make_switch, connect_to):
    """Half a command can't be followed by another one."""
    connection = run_script(make_switch, connect_to, reads_nothing)
    sender = gevent.spawn(connection._write, b"x" * 50_000_000)
    sender.join(0.05)
    assert not sender.ready()
    sender.kill()
    assert dead(connection)
    with pytest.raises(SwitchGone, match="in part"):
        connection.send("status")


def test_a_peer_that_reads_nothing_costs_the_reply_timeout_and_no_more(make_switch, connect_to):
    connection = run_script(make_switch, connect_to, reads_nothing)
    connection.sock.setsockopt(system_socket.SOL_SOCKET, system_socket.SO_SNDBUF, 4096)
    senders = [gevent.spawn(connection.send, "x" * 1_000_000, 0.3) for _ in range(12)]
    gevent.joinall(senders, timeout=5)
    assert all(isinstance(greenlet.exception, EslError) for greenlet in senders)
    assert dead(connection)


@pytest.mark.parametrize("bad", ["\n", "\r", "\r\n", "\0", "\n\napi fsctl shutdown"])
def test_a_line_break_in_anything_sent_is_refused(make_switch, connect_to, bad):
    switch = make_switch()
    connection = connect_to(switch)
    with pytest.raises(BadArgument):
        connection.send(f"api status{bad}")
    with pytest.raises(BadArgument):
        connection.api(f"status {bad}x")
    with pytest.raises(BadArgument):
        connection.request("sendmsg", {"execute-app-arg": f"a{bad}b"})
    with pytest.raises(BadArgument):
        connection.request("sendmsg", {f"a{bad}b": "c"})
    assert connection.connected
    assert len(switch.peers[0].commands) == 1  # auth
    assert connection.api("status") == switch.core


@pytest.mark.parametrize("bad", ["", "   ", "a\ud800b", "x" * 2_000_000])
def test_what_is_no_command_is_refused(make_switch, connect_to, bad):
    connection = connect_to(make_switch())
    with pytest.raises(BadArgument):
        connection.send(bad)
    assert connection.connected


# -- jobs


def test_a_job_body_is_kept_as_body_and_makes_no_headers(make_switch, connect_to):
    body = "Event-Name: CHANNEL_HANGUP\nUnique-ID: forged\nJob-UUID: other\n\nCore-UUID: x\n"
    switch = make_switch()

    def answer(peer, command):
        if not command.line.startswith("bgapi "):
            return False
        peer.accept_job(command)
        peer.job_done(command, body)
        return True

    switch.on_command = answer
    connection = connect_to(switch)
    assert connection.api("show channels") == body.rstrip("\n")
    (event,) = connection.seen
    assert (event.name, event.uuid, event.body) == ("BACKGROUND_JOB", "", body)
    assert "Core-UUID" not in event.headers


def test_jobs_that_end_out_of_order_go_to_whom_they_belong(make_switch, connect_to):
    switch = make_switch()
    jobs: list[Command] = []

    def answer(peer, command):
        if not command.line.startswith("bgapi "):
            return False
        jobs.append(command)
        peer.accept_job(command)
        if len(jobs) == 3:
            for job in reversed(jobs):
                peer.job_done(job, job.line)
        return True

    switch.on_command = answer
    connection = connect_to(switch)
    waiting = [gevent.spawn(connection.api, f"echo {n}") for n in range(3)]
    assert [g.get(timeout=5) for g in waiting] == [f"bgapi echo {n}" for n in range(3)]


def test_a_job_that_ends_before_its_reply_is_not_lost(make_switch, connect_to):
    switch = make_switch()

    def answer(peer, command):
        if not command.line.startswith("bgapi "):
            return False
        peer.job_done(command, "quick")
        peer.accept_job(command)
        return True

    switch.on_command = answer
    assert connect_to(switch).api("status") == "quick"


def test_a_job_that_takes_too_long_costs_neither_connection_nor_memory(make_switch, connect_to):
    switch = make_switch()
    late: list[Command] = []

    def answer(peer, command):
        if "slow" not in command.line:
            return False
        peer.accept_job(command)
        late.append(command)
        return True

    switch.on_command = answer
    connection = connect_to(switch)
    with pytest.raises(ReplyTimeout):
        connection.api("slow", timeout=0.05)
    assert len(connection.jobs) == 0
    switch.peers[0].job_done(late[0], "too late")
    assert connection.api("status") == switch.core


def test_a_job_whose_connection_ends_fails_at_once(make_switch, connect_to):
    switch = make_switch()

    def answer(peer, command):
        peer.accept_job(command)
        peer.close()
        return True

    switch.on_command = answer
    connection = connect_to(switch)
    with gevent.Timeout(3), pytest.raises(SwitchGone):
        connection.api("originate user/1001 &park()", timeout=60)
    assert len(connection.jobs) == 0


def test_a_reply_to_another_job_means_out_of_step(make_switch, connect_to):
    switch = make_switch()

    def answer(peer, command):
        peer.reply("+OK Job-UUID: other", "Job-UUID: other")
        return True

    switch.on_command = answer
    connection = connect_to(switch)
    with pytest.raises(SwitchGone, match="out of step"):
        connection.api("status")
    assert dead(connection)


@pytest.mark.parametrize("printed", ["-ERR No such channel!\n", "-USAGE: <uuid>\n"])
def test_a_command_that_fails_says_what_the_switch_said(make_switch, connect_to, printed):
    switch = make_switch()

    def answer(peer, command):
        peer.accept_job(command)
        peer.job_done(command, printed)
        return True

    switch.on_command = answer
    with pytest.raises(CommandFailed) as failure:
        connect_to(switch).api("uuid_kill 13800138000")
    assert failure.value.reply == printed.rstrip("\n")
    assert "13800138000" not in str(failure.value)


# -- logging in and leaving


def test_a_wrong_password_is_refused_and_nothing_stays_open(make_switch, connect_to):
    switch = make_switch()
    connection = SwitchConnection(
        "127.0.0.1", switch.port, "wrong", timeout=5, on_event=lambda event: None
    )
    with pytest.raises(LoginRefused) as refusal:
        connection.connect()
    assert "wrong" not in str(refusal.value)
    assert dead(connection)


def test_a_rude_rejection_is_told(make_switch, connect_to):
    def script(peer):
        peer.frame("text/rude-rejection", b"Access Denied, go away.\n")

    with pytest.raises(LoginRefused, match="Access Denied"):
        connect_to(make_switch(script))


@pytest.mark.parametrize(
    "script",
    [
        lambda peer: None,
        lambda peer: peer.raw(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"),
        lambda peer: peer.raw(b"Content-Type: auth/request\n\n"),
    ],
    ids=["closes", "speaks another protocol", "closes after asking"],
)
def test_a_peer_that_is_no_switch_is_given_up_quickly(make_switch, connect_to, script):
    with gevent.Timeout(3), pytest.raises(SwitchGone):
        connect_to(make_switch(script))


def test_a_peer_that_says_nothing_is_given_up_in_time(make_switch):
    switch = make_switch(lambda peer: peer.command())
    connection = SwitchConnection(
        "127.0.0.1", switch.port, "x", timeout=0.2, on_event=lambda event: None
    )
    with gevent.Timeout(3), pytest.raises(SwitchGone, match="auth/request"):
        connection.connect()
    assert dead(connection)


def test_nobody_listening_is_told(make_switch):
    switch = make_switch()
    switch.stop()
    connection = SwitchConnection(
        "127.0.0.1", switch.port, "x", timeout=1, on_event=lambda event: None
    )
    with pytest.raises(SwitchGone, match="can't connect"):
        connection.connect()


@pytest.mark.parametrize("password", ["a\nb", "a\r", "\0"])
def test_a_password_with_a_line_break_is_refused(password):
    with pytest.raises(BadArgument):
        SwitchConnection("127.0.0.1", 1, password, on_event=lambda event: None)


def test_goodbye_ends_the_connection(make_switch, connect_to):
    def script(peer):
        peer.frame("text/disconnect-notice", b"Disconnected, goodbye.\n")
        peer.command()

    connection = run_script(make_switch, connect_to, script)
    assert dead(connection)
    assert "goodbye" in connection.close_reason


def test_stop_says_exit_and_does_not_hang_on_a_mute_peer(make_switch, connect_to):
    connection = run_script(make_switch, connect_to, lambda peer: (peer.command(), peer.command()))
    with gevent.Timeout(3):
        connection.stop(timeout=0.1)
    assert dead(connection)
