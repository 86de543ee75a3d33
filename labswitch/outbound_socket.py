"""The `socket` application: hands a call to a controller, and goes on when that is gone.

With `socket_resume=true`, a controller's end stops what the call does and the dialplan goes on
with its next action; without it, what was queued is finished first.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import gevent
from gevent import socket

from labswitch.applications.registry import application
from labswitch.conf import is_true
from labswitch.esl_session import EslSession
from labswitch.states import State

if TYPE_CHECKING:
    from labswitch.channel import Channel

log = logging.getLogger(__name__)

DEFAULT_PORT = 8084
MAX_HOSTS = 50
CONNECT_SECONDS = 5.0
GREETING_SECONDS = 25.0


@application("socket")
def socket_application(channel: Channel, argument: str) -> None:
    """`host[:port]|host[:port]… [async] [full]`: the first that accepts gets the call."""
    parts = argument.split()
    if not parts:
        return
    sock = _connect(channel, parts[0].split("|")[:MAX_HOSTS])
    if sock is None:
        return
    if "async" not in parts[1:]:
        log.warning("%s: the synchronous socket mode isn't here; async is used", channel.uuid)
    control = _Control(channel, sock, full="full" in parts[1:])
    channel.idle(lambda: control.ended or control.session.connected, GREETING_SECONDS)
    if not control.session.connected and channel.ready:
        control.session.wire.abort()
    if not control.ended:
        channel.park()
    while channel.run_next_command():
        pass
    if channel.up and channel.state in (State.EXECUTE, State.RESET) and _resumes(channel):
        channel.set_state(State.EXECUTE)


def _resumes(channel: Channel) -> bool:
    return is_true(channel.get("socket_resume"))


def _connect(channel: Channel, hosts: list[str]) -> Any:
    port = DEFAULT_PORT
    for text in hosts:
        host, colon, port_text = text.rpartition(":")
        if colon and port_text.split("/")[0].isdigit():
            port = int(port_text.split("/")[0])
        else:
            host = text
        if not host:
            continue
        channel.set("socket_host", host)
        try:
            sock = socket.create_connection((host, port), CONNECT_SECONDS)
        except OSError as error:
            log.info("%s: no controller at %s:%d: %s", channel.uuid, host, port, error)
            continue
        sock.settimeout(None)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock
    log.error("%s: no controller answers", channel.uuid)
    return None


class _Control:
    """A controller's connection, from its first command to its end or the channel's."""

    def __init__(self, channel: Channel, sock: Any, *, full: bool) -> None:
        self.channel = channel
        self.session = EslSession(channel.switch, sock, channel=channel, full=full)
        self.ended = False
        channel.hold_record()
        gevent.spawn(self._run)
        self._ender = gevent.spawn(self._end_with_channel)

    def _run(self) -> None:
        self.session.serve()
        self._over()

    def _end_with_channel(self) -> None:
        """Linger after the hang-up as long as was asked, then say goodbye."""
        self.channel.reported.wait()
        seconds = self.session.linger
        if seconds is not None:
            self.session.wire.send(self._notice(seconds))
            self.session.wire.closed.wait(None if seconds < 0 else seconds)
        self._over()

    def _notice(self, seconds: float) -> bytes:
        return (
            "Content-Type: text/disconnect-notice\n"
            f"Controlled-Session-UUID: {self.channel.uuid}\n"
            "Content-Disposition: linger\n"
            f"Channel-Name: {self.channel.name}\n"
            f"Linger-Time: {int(seconds)}\n"
            "Content-Length: 0\n\n"
        ).encode()

    def _over(self) -> None:
        if self.ended:
            return
        self.ended = True
        channel = self.channel
        if channel.up:
            moved = channel.state in (State.HIBERNATE, State.ROUTING, State.PARK)
            if _resumes(channel) and not moved:
                channel.set_state(State.RESET)
            channel.controlled = False
            channel.nudge()
        self.session.wire.finish(self.session.goodbye())
        self.session.wire.closed.wait(2)
        self.session.wire.abort()
        channel.release_record()
        if self._ender is not gevent.getcurrent():
            self._ender.kill(block=False)
