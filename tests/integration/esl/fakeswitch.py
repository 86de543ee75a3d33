"""Peers on a real socket that play the switch, well-behaved or hostile."""

from __future__ import annotations

import contextlib
import socket as system_socket
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import gevent
import gevent.socket
import orjson
from gevent.event import Event as Flag
from gevent.queue import Queue
from gevent.server import StreamServer

PASSWORD = "only-for-this-test"


class Command(list[str]):
    """The lines of one command."""

    @property
    def line(self) -> str:
        return self[0]

    @property
    def headers(self) -> dict[str, str]:
        return dict(line.split(": ", 1) for line in self[1:])


class Peer:
    """The switch's end of one connection."""

    def __init__(self, sock: Any) -> None:
        self.sock = sock
        self.file = sock.makefile("rb")
        self.commands: list[Command] = []
        self.over = Flag()

    def command(self) -> Command | None:
        """The next command; None when the other side has closed."""
        lines = Command()
        while True:
            try:
                line = self.file.readline()
            except OSError:
                return None
            if not line:
                return None
            if line == b"\n":
                break
            lines.append(line.decode().removesuffix("\n"))
        self.commands.append(lines)
        return lines

    def raw(self, data: bytes) -> None:
        with contextlib.suppress(OSError):  # the other side may be quicker to close
            self.sock.sendall(data)

    def reply(self, text: str = "+OK", *more: str) -> None:
        lines = ["Content-Type: command/reply", f"Reply-Text: {text}", *more]
        self.raw(("\n".join(lines) + "\n\n").encode())

    def frame(self, kind: str, body: bytes = b"", *more: str) -> None:
        lines = [f"Content-Length: {len(body)}", f"Content-Type: {kind}", *more]
        self.raw(("\n".join(lines) + "\n\n").encode() + body)

    def event(self, name: str, body: str | None = None, **headers: str) -> None:
        content = {"Event-Name": name}
        for header, value in headers.items():
            is_variable = header.startswith("variable_")
            content[header if is_variable else header.replace("_", "-")] = value
        if body is not None:
            content |= {"Content-Length": str(len(body)), "_body": body}
        self.frame("text/event-json", orjson.dumps(content))

    def job_done(self, command: Command, body: str, **headers: str) -> None:
        self.event("BACKGROUND_JOB", body, Job_UUID=command.headers["Job-UUID"], **headers)

    def accept_job(self, command: Command) -> None:
        job = command.headers["Job-UUID"]
        self.reply(f"+OK Job-UUID: {job}", f"Job-UUID: {job}")

    def shut(self) -> None:
        """End the connection, also while another greenlet reads from it."""
        self.over.set()
        with contextlib.suppress(OSError):
            self.sock.shutdown(system_socket.SHUT_RDWR)

    def close(self) -> None:
        self.shut()
        self.file.close()
        self.sock.close()


class FakeSwitch:
    """Listens like FreeSWITCH's event socket and runs `script` for each connection."""

    def __init__(self, script: Callable[[Peer], object] | None = None, port: int = 0) -> None:
        self.core = str(uuid.uuid4())
        self.peers: list[Peer] = []
        self.scripts: list[gevent.Greenlet] = []
        self.script = script or self.behave
        self.on_command: Callable[[Peer, Command], bool] = lambda peer, command: False
        self.server = StreamServer(("127.0.0.1", port), self._connected)
        self.server.start()
        self.port: int = self.server.server_port

    def _connected(self, sock: Any, address: Any) -> None:
        peer = Peer(sock)
        self.peers.append(peer)
        self.scripts.append(gevent.getcurrent())
        try:
            self.script(peer)
        finally:
            peer.close()

    def log_in(self, peer: Peer) -> bool:
        """Let the peer in; False if it went away or has the wrong password."""
        peer.raw(b"Content-Type: auth/request\n\n")
        command = peer.command()
        if command is None or command.line != f"auth {PASSWORD}":
            peer.reply("-ERR invalid")
            return False
        peer.reply("+OK accepted")
        return True

    def behave(self, peer: Peer) -> None:
        """Do what FreeSWITCH does, except what `on_command` has dealt with."""
        if not self.log_in(peer):
            return
        while (command := peer.command()) is not None:
            if self.on_command(peer, command):
                continue
            if command.line.startswith("bgapi "):
                peer.accept_job(command)
                peer.job_done(command, self.core, Core_UUID=self.core)
            else:
                peer.reply()

    def stop(self) -> None:
        self.server.stop(timeout=0)
        for peer in self.peers:
            peer.shut()
        gevent.joinall(self.scripts, timeout=5)
        assert all(script.ready() for script in self.scripts)


class FakeCall:
    """A call that the switch hands to an outbound server."""

    def __init__(self, port: int, **variables: str) -> None:
        self.uuid = str(uuid.uuid4())
        self.variables = variables
        self.sent = Queue()  # every sendmsg, bgapi and api, for the test to deal with
        self.peer = Peer(gevent.socket.create_connection(("127.0.0.1", port), 30))
        self.on_command: Callable[[Peer, Command], bool] = lambda peer, command: False
        self.greenlet = gevent.spawn(self._run)

    def facts(self) -> str:
        """What FreeSWITCH answers to `connect`: every value url-encoded."""
        headers = {"Event-Name": "CHANNEL_DATA", "Unique-ID": self.uuid}
        headers |= {f"variable_{name}": value for name, value in self.variables.items()}
        headers |= {"Content-Type": "command/reply", "Reply-Text": "+OK\n", "Control": "full"}
        return "".join(f"{name}: {quote(value) or '_undef_'}\n" for name, value in headers.items())

    def _run(self) -> None:
        try:
            self._behave()
        finally:
            self.peer.close()

    def _behave(self) -> None:
        while (command := self.peer.command()) is not None:
            if self.on_command(self.peer, command):
                continue
            if command.line == "connect":
                self.peer.raw(self.facts().encode() + b"\n")
            elif command.line.startswith("bgapi "):
                self.peer.accept_job(command)
                self.sent.put(command)
            elif command.line.startswith("api "):
                self.peer.frame("api/response", b"+OK\n")
                self.sent.put(command)
            else:
                self.peer.reply()
                if command.line == "sendmsg":
                    self.sent.put(command)

    def executed(self, command: Command, **headers: str) -> None:
        """The application of this sendmsg has ended."""
        self.event(
            "CHANNEL_EXECUTE_COMPLETE",
            Application=command.headers["execute-app-name"],
            Application_UUID=command.headers["Event-UUID"],
            **headers,
        )

    def event(self, name: str, **headers: str) -> None:
        self.peer.event(name, Unique_ID=self.uuid, **headers)

    def hang_up(self, cause: str = "NORMAL_CLEARING") -> None:
        self.event("CHANNEL_HANGUP", Hangup_Cause=cause)
        self.peer.frame("text/disconnect-notice", b"", "Content-Disposition: linger")
        self.event("CHANNEL_HANGUP_COMPLETE", Hangup_Cause=cause)

    def closed(self, seconds: float = 5.0) -> bool:
        """Whether the other side closes the connection within that time."""
        self.greenlet.join(seconds)
        return bool(self.greenlet.ready())

    def close(self) -> None:
        self.peer.shut()
        self.greenlet.join(5)


def eventually(condition: Callable[[], object], seconds: float = 5.0) -> None:
    """Wait until the condition holds; fail after that many seconds."""
    with gevent.Timeout(seconds, AssertionError("it did not happen")):
        while not condition():
            gevent.sleep(0.005)
