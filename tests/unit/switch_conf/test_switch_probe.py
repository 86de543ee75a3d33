"""Finding, choosing and asking the switch – with a scripted event socket, no switch needed."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from callcenter import switch_process
from callcenter.settings import Settings, load
from callcenter.switch_process import (
    SwitchError,
    SwitchProbe,
    choose,
    find_freeswitch,
    switch_command,
    wait_running,
)

GREETING = b"Content-Type: auth/request\n\n"
WELCOME = b"Content-Type: command/reply\nReply-Text: +OK accepted\n\n"
Script = list[bytes]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    environ = {"CALLCENTER_DATA_DIR": str(tmp_path), "CALLCENTER_ESL_PASSWORD": "a-password-here"}
    return load(environ=environ)


@pytest.fixture
def event_socket(settings: Settings) -> Iterator[Callable[[Script], Settings]]:
    """Serve one conversation: the first line unasked, each further one after a command."""
    servers = []

    def serve(script: Script) -> Settings:
        server = socket.create_server(("127.0.0.1", 0))
        servers.append(server)
        threading.Thread(target=_converse, args=(server, script), daemon=True).start()
        return replace(settings, esl_port=server.getsockname()[1])

    yield serve
    for server in servers:
        server.close()


def _converse(server: socket.socket, script: Script) -> None:
    connection, _ = server.accept()
    with connection:
        connection.sendall(script[0])
        for line in script[1:]:
            if not connection.recv(4096):
                return
            connection.sendall(line)
        connection.recv(4096)  # until the other side goes


def reply(body: str) -> bytes:
    data = body.encode()
    return b"Content-Type: api/response\nContent-Length: %d\n\n%s" % (len(data), data)


def test_answer_is_read_by_its_length(event_socket: Callable[[Script], Settings]) -> None:
    with SwitchProbe(event_socket([GREETING, WELCOME, reply("a\n\nb: 张三\n")])) as probe:
        assert probe.api("status") == "a\n\nb: 张三\n"


def test_only_running_profiles_count(event_socket: Callable[[Script], Settings]) -> None:
    status = (
        "       Name\t   Type\t      Data\tState\n=====\n"
        "  trunk\tprofile\tsip:mod_sofia@127.0.0.1:5060\tRUNNING (0)\n"
        "  agents\tprofile\tsip:mod_sofia@127.0.0.1:5062\tDOWN\n"
        "  callcenter.local\talias\tagents\tALIASED\n=====\n2 profiles 1 alias\n"
    )
    with SwitchProbe(event_socket([GREETING, WELCOME, reply(status)])) as probe:
        assert probe.running_profiles() == {"trunk"}


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ([GREETING, b"Content-Type: command/reply\nReply-Text: -ERR invalid\n\n"], "password"),
        ([b"Content-Type: text/rude-rejection\nContent-Length: 0\n\n"], "access list"),
        ([GREETING, WELCOME, b"Content-Length: many\n\n"], "makes no sense"),
        ([GREETING, WELCOME, b"Content-Length: 99999999999\n\n"], "makes no sense"),
        ([GREETING, WELCOME, b"Content-Type: api/response\nContent-Length: 9\n\nabc"], "within"),
        ([GREETING, WELCOME], "closed|within"),
        ([b""], "within"),
    ],
)
def test_switch_that_answers_wrongly_is_an_error_and_never_a_wait_without_end(
    event_socket: Callable[[Script], Settings], script: Script, words: str
) -> None:
    settings = event_socket(script)
    with pytest.raises(SwitchError, match=words), SwitchProbe(settings, timeout=0.3) as probe:
        probe.api("status")


def test_command_can_not_hold_a_second_one(event_socket: Callable[[Script], Settings]) -> None:
    settings = event_socket([GREETING, WELCOME])
    with SwitchProbe(settings) as probe, pytest.raises(ValueError, match="line breaks"):
        probe.api("status\n\napi fsctl shutdown")


def test_switch_that_is_not_there_is_said_in_one_line(settings: Settings) -> None:
    with pytest.raises(SwitchError, match="isn't ready after 0 s: event socket"):
        wait_running(replace(settings, esl_port=1), 0)


def test_binary_that_was_named_must_exist(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(SwitchError, match="is not a program"):
        find_freeswitch(replace(settings, freeswitch=str(tmp_path / "none")))


def test_named_binary_comes_first_then_path_then_the_usual_place(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named, on_path, usual = (tmp_path / name / "freeswitch" for name in ("named", "path", "usual"))
    for binary in (named, on_path, usual):
        binary.parent.mkdir()
        binary.write_text("#!/bin/sh\n")
        binary.chmod(0o755)
    monkeypatch.setattr(switch_process, "INSTALLED", usual)
    monkeypatch.setenv("PATH", str(on_path.parent))
    assert find_freeswitch(replace(settings, freeswitch=str(named))) == named
    assert find_freeswitch(settings) == on_path
    monkeypatch.setenv("PATH", "/nowhere")
    assert find_freeswitch(settings) == usual
    usual.unlink()
    assert find_freeswitch(settings) is None
    assert choose(settings) == "lab"
    with pytest.raises(SwitchError, match="was not found"):
        choose(replace(settings, switch="freeswitch"))


def test_command_keeps_everything_below_the_data_folder(settings: Settings) -> None:
    try:
        command = switch_command(settings, "freeswitch")
    except SwitchError as error:
        pytest.skip(str(error))
    folders = [word for word in command[1:] if word.startswith("/")]
    assert len(folders) == 9
    assert all(Path(folder).is_relative_to(settings.data_dir) for folder in folders)
    assert "-np" in command


def test_given_freeswitch_when_launched_then_its_threads_do_not_push_each_other_aside(
    settings: Settings, tmp_path: Path
) -> None:
    program = tmp_path / "freeswitch"
    program.write_text("#!/bin/sh\nexec sleep 30\n", "utf-8")
    program.chmod(0o755)
    ours = os.sched_getscheduler(0)
    given = replace(settings, freeswitch=str(program), realtime="off")
    process = switch_process.launch(given, "freeswitch")
    try:
        assert os.sched_getscheduler(process.pid) == os.SCHED_BATCH
        assert os.sched_getscheduler(0) == ours
    finally:
        assert switch_process.stop(process) == -signal.SIGTERM
