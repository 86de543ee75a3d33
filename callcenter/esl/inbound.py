"""One connection from us to the switch (inbound mode)."""

from __future__ import annotations

import socket as system_socket
from collections.abc import Callable, Mapping, Sequence

import gevent.socket
from greenswitch.esl import InboundESL

from callcenter.esl.command import one_line
from callcenter.esl.errors import EslError, LoginRefused, SwitchGone
from callcenter.esl.event import Event
from callcenter.esl.wire import Wire

ALWAYS = ("HEARTBEAT", "BACKGROUND_JOB")


class SwitchConnection(Wire, InboundESL):
    """A connection that is made once, used until it ends, and thrown away."""

    def __init__(
        self,
        host: str,
        port: int,
        password: str,
        *,
        timeout: float = 5.0,
        on_event: Callable[[Event], None],
        on_end: Callable[[], None] | None = None,
    ) -> None:
        self._on_event = on_event
        self._on_end = on_end
        super().__init__(host, port, one_line(password, "the password"), timeout)

    def deliver(self, event: Event) -> None:
        self._on_event(event)

    def ended(self) -> None:
        if self._on_end is not None:
            self._on_end()

    def connect(self) -> None:
        """Connect and log in; each step has `timeout` seconds.

        Raises `SwitchGone` when nobody answers and `LoginRefused` when we aren't let in.
        """
        try:
            self.sock = gevent.socket.create_connection((self.host, self.port), self.timeout)
        except OSError as error:
            raise SwitchGone(f"can't connect to {self.host}:{self.port}: {error}") from error
        self.sock.settimeout(None)
        self.sock.setsockopt(system_socket.IPPROTO_TCP, system_socket.TCP_NODELAY, 1)
        self.sock.setsockopt(system_socket.SOL_SOCKET, system_socket.SO_KEEPALIVE, 1)
        self.sock_file = self.sock.makefile("rb", 1 << 16)
        self.connected = True
        self.start_event_handlers()
        try:
            self._log_in()
        except BaseException:
            self.close("the log-in failed")
            raise

    def _log_in(self) -> None:
        asked = self._auth_request_event.wait(self.timeout)
        if self.rejection:
            raise LoginRefused(f"rejected by the switch: {self.rejection}")
        if not asked:
            raise SwitchGone(f"no auth/request within {self.timeout:g} s")
        self.authenticate()

    def authenticate(self) -> None:
        reply = self.send(f"auth {self.password}", self.timeout).reply
        if reply != "+OK accepted":
            raise LoginRefused(f"the switch refuses our password: {reply}")

    def subscribe(
        self, events: list[str], passing: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        """Ask for events by name; `sofia::register` and the like are CUSTOM subclasses.

        `passing` tells for an event's name which of them get through: those with one of the
        headers, written `Header value` or `Header /pattern/`. An event that gets through for its
        header does so whatever its name.
        """
        words = [word for entry in events for word in entry.split() if word != "CUSTOM"]
        names = dict.fromkeys([*ALWAYS, *(word for word in words if "::" not in word)])
        subclasses = dict.fromkeys(word for word in words if "::" in word)
        custom = ["CUSTOM", *subclasses] if subclasses else []
        self.request(" ".join(["event json", *names, *custom]))
        if passing:
            whole = [f"Event-Name {name}" for name in [*names, *custom[:1]] if name not in passing]
            some = dict.fromkeys(one for conditions in passing.values() for one in conditions)
            self.request_all([f"filter {condition}" for condition in [*whole, *some]])

    def core(self) -> str:
        """The UUID of the running switch; another one means that it was started anew."""
        event = self.run_job("global_getvar core_uuid", self.timeout)
        core = event.get("Core-UUID") or (event.body or "").strip()
        if not core:
            raise EslError("the switch doesn't say which core it is")
        return core
