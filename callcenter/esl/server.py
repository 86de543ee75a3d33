"""Where the switch connects to when a call is handed to us."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from typing import Any

import gevent
from gevent import socket
from gevent.server import StreamServer
from greenswitch.esl import OutboundESLServer

from callcenter.esl.errors import CallGone, EslError
from callcenter.esl.feed import EventFeed
from callcenter.esl.outbound import OutboundCall

log = logging.getLogger(__name__)

BACKLOG = 1024
REJECT_SECONDS = 10.0
CLOSE_SECONDS = 5.0


class OutboundServer(OutboundESLServer):
    """Accepts the switch's connections; one greenlet per call runs `serve(call)`.

    `serve` gets a call that is connected and whose events flow. When it returns or fails, only
    its own connection is closed, and the dialplan goes on with the call if it is still there.
    A call beyond `max_calls` is refused: its connection is closed at once, so the dialplan
    goes on without us, or `reject(call)` has 10 s with it.
    """

    def __init__(
        self,
        host: str,
        port: int,
        serve: Callable[[OutboundCall], None],
        *,
        max_calls: int = 500,
        reject: Callable[[OutboundCall], None] | None = None,
        linger_seconds: int = 10,
        feed: EventFeed | None = None,
    ) -> None:
        super().__init__(host, port, serve, max_calls)
        self._feed = feed
        self._reject = reject
        self._linger_seconds = linger_seconds
        self._served: dict[OutboundCall, gevent.Greenlet] = {}
        self._kept: set[OutboundCall] = set()
        self.refused = 0

    @property
    def port(self) -> int:
        """The port listened on; the one chosen by the system if 0 was asked for."""
        return int(self.bound_port or 0)

    @property
    def calls(self) -> list[OutboundCall]:
        return list(self._served)

    def start(self) -> None:
        """Listen; raises OSError when the port is taken."""
        listener = _listener(self.bind_address, self.bind_port[0])
        self.server = StreamServer(listener, self._accept_call)
        self.server.start()
        self.bound_port = self.server.server_port
        self._running = True
        log.info("calls are taken at %s:%d", self.bind_address, self.bound_port)

    def listen(self) -> None:
        """greenswitch's name: listen until `stop`."""
        if not self._running:
            self.start()
        self.server.serve_forever()

    def stop(self, grace: float = 0.0, timeout: float = 5.0) -> None:
        """Take no more calls; end the connections of those that last longer than `grace` seconds.

        Their handlers get `CallGone` and have `timeout` seconds to end before they are killed.
        """
        if self.server is not None:
            self.server.stop(timeout=0)
        self._running = False
        handlers = [g for g in self._served.values() if g is not gevent.getcurrent()]
        gevent.joinall(handlers, timeout=grace)
        for call in [*self._served, *self._kept]:
            call.close("the controller stops")
        gevent.joinall(handlers, timeout=timeout)
        gevent.killall(handlers, timeout=timeout)

    def drop_parked(self, living: Collection[str]) -> set[str]:
        """After the link was away: the parked calls, which may have missed something.

        Those that are not among the `living` are told so; the others are returned, to be brought
        back through the dialplan.
        """
        parked = [call for call in self._served if call.parked]
        for call in parked:
            if call.uuid not in living:
                call.vanished()
        return {call.uuid for call in parked if call.uuid in living}

    def drop_deaf(self, applications: Mapping[str, str]) -> int:
        """After the link was away: give back to the dialplan the calls that missed something.

        `applications` tells what each living channel runs now. The dialplan brings such a call
        back at once, and it goes on where it stood. Returns how many there were.
        """
        deaf = [
            call
            for call in self._served
            if not call.parked
            and call.uuid in applications
            and call.missed_something(applications[call.uuid])
        ]
        for call in deaf:
            call.close("the link that brings its events was away")
        return len(deaf)

    def _accept_call(self, sock: Any, address: Any) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        call = OutboundCall(address, sock, linger_seconds=self._linger_seconds, feed=self._feed)
        try:
            if len(self._served) >= self.max_connections:
                self._refuse(call)
            else:
                self._handle_call(call)
        finally:
            if self._has_returned(call):
                self._keep(call)
            call.close("the handler has ended")
            call.closed.wait(CLOSE_SECONDS)

    def _has_returned(self, call: OutboundCall) -> bool:
        """Whether the dialplan has handed the same call to us again since."""
        return bool(call.uuid) and any(other.uuid == call.uuid for other in self._served)

    def _keep(self, call: OutboundCall) -> None:
        """Hold the connection until the call hangs up.

        With `socket_resume=true` FreeSWITCH resets the channel when any of its connections
        ends: closing the old one would cut off what the new one plays.
        """
        self._kept.add(call)
        try:
            call.closed.wait()
        finally:
            self._kept.discard(call)

    def _handle_call(self, call: OutboundCall) -> None:
        self._served[call] = gevent.getcurrent()
        self.connection_count = len(self._served)
        try:
            self._run(call, self.application)
        finally:
            del self._served[call]
            self.connection_count = len(self._served)

    def _refuse(self, call: OutboundCall) -> None:
        self.refused += 1
        log.error(
            "refused a call: %d are served already, that is the limit (%d refused so far)",
            len(self._served),
            self.refused,
        )
        if self._reject is not None:
            with gevent.Timeout(REJECT_SECONDS, False):
                self._run(call, self._reject)

    def _run(self, call: OutboundCall, serve: Callable[[OutboundCall], None]) -> None:
        try:
            call.connect()
        except EslError as error:
            log.warning("call %s could not be taken over: %s", call.uuid or "?", error)
            return
        try:
            serve(call)
        except CallGone as error:
            log.info("call %s: %s", call.uuid, error)
        except Exception:
            log.exception("call %s: its handler failed; the dialplan goes on", call.uuid)


def _listener(host: str, port: int) -> Any:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener
