"""One call that the switch handed to us (outbound mode)."""

from __future__ import annotations

import logging
import sys
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import gevent
from gevent.event import AsyncResult
from gevent.event import Event as Flag
from gevent.queue import Queue
from greenswitch.esl import OutboundSession

from callcenter.esl import command
from callcenter.esl.errors import (
    BadArgument,
    CallGone,
    CommandFailed,
    EslError,
    ProtocolError,
    ReplyTimeout,
)
from callcenter.esl.event import Event
from callcenter.esl.feed import TOLD, UNTOLD, EventFeed
from callcenter.esl.wire import REPLY_SECONDS, Wire

log = logging.getLogger(__name__)

MAX_EVENTS = 1000
GOODBYE_SECONDS = 2.0
# Beside what `myevents` brings.
MORE_EVENTS = "BACKGROUND_JOB RECORD_START RECORD_STOP CHANNEL_HOLD CHANNEL_UNHOLD"
# Not for the call's handler: states it sees otherwise, and what executions and jobs consume.
_UNSEEN = frozenset(
    {
        "",
        "BACKGROUND_JOB",
        "CHANNEL_CALLSTATE",
        "CHANNEL_EXECUTE",
        "CHANNEL_EXECUTE_COMPLETE",
        "CHANNEL_STATE",
    }
)


_VARIABLE = "variable_"


def _variables_in(headers: Mapping[str, str]) -> dict[str, str]:
    """The channel variables an event tells; names are shared by all calls: there are hundreds."""
    return {
        sys.intern(name.removeprefix(_VARIABLE)): value
        for name, value in headers.items()
        if name.startswith(_VARIABLE)
    }


class Link(Protocol):
    """What a parked call needs of the link to the switch."""

    def ask(self, command: str) -> str: ...
    def request(self, command: str, headers: Mapping[str, str] | None = None) -> Event: ...
    def post(
        self,
        command: str,
        headers: Mapping[str, str] | None = None,
        *,
        refused: Callable[[str], None] | None = None,
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class Execution:
    """An application that was handed to the call; `done` gets its CHANNEL_EXECUTE_COMPLETE.

    `begun` is set by its CHANNEL_EXECUTE. Before that a break has no effect on it, or takes it
    out of the queue without a word.
    """

    app: str
    uuid: str = field(default_factory=lambda: str(uuid.uuid4()))
    begun: Flag = field(default_factory=Flag)
    done: AsyncResult = field(default_factory=AsyncResult)

    def wait(self, timeout: float) -> Event:
        """Its end; raises `ReplyTimeout` after `timeout` seconds (it goes on) or `CallGone`."""
        timer = gevent.Timeout(timeout)
        timer.start()
        try:
            return self.done.get()
        except gevent.Timeout as expired:
            if expired is not timer:
                raise
            raise ReplyTimeout(f"{self.app} did not end within {timeout:g} s") from None
        finally:
            timer.close()


class OutboundCall(Wire, OutboundSession):
    """A call under our control, from `connect` until it hangs up or `close`.

    `headers` are the facts at the moment of arrival. `events` gets the call's events (DTMF,
    CHANNEL_BRIDGE, CHANNEL_UNBRIDGE, CHANNEL_HANGUP_COMPLETE, …) and None once, when the
    connection has ended. Whoever waits for something then gets `CallGone`.

    With a `feed` that is live the events come from there, and this connection carries commands
    only; else they come by `myevents`.

    A call for which nothing is to be done for a while can be `park`ed: it has no connection then,
    and what is asked of it goes over the link.

    Closing the connection of a living call gives it back to the dialplan (`socket_resume=true`).
    Never close it while a second connection serves the same call: FreeSWITCH resets the channel
    and cuts off what the other one does. (`OutboundServer` keeps such a connection open.)
    """

    def __init__(
        self,
        client_address: Any,
        sock: Any,
        *,
        linger_seconds: int = 10,
        feed: EventFeed | None = None,
    ) -> None:
        self._linger_seconds = linger_seconds
        self._feed = feed
        self._link: Link | None = None  # over which a parked call is reached
        self._rests = False  # parked, and the connection has ended
        self._let_go = False  # parked, and no longer ours
        self.fed = False
        self._executions: dict[str, Execution] = {}
        self._variables: dict[str, str] = {}
        self._overflowed = False
        self.headers: dict[str, str] = {}
        self.events: Queue = Queue()
        self.hung_up = Flag()
        self.hangup_cause = ""
        super().__init__(client_address, sock)
        self.sock_file = sock.makefile("rb", 1 << 16)  # the facts of a call come at once

    @property
    def uuid(self) -> str:
        return self.headers.get("Unique-ID") or self.variable("uuid")

    def variable(self, name: str, default: str = "") -> str:
        """The channel variable as of the last event that told it."""
        return self._variables.get(name, default)

    # -- set-up

    def connect(self) -> None:
        """Take the call over: its facts, its events, a bounded linger.

        Raises `CommandFailed` if the dialplan didn't say `async full`.
        """
        self.fed = self._feed is not None and self._feed.live
        replies = self.exchange(["connect", f"linger {self._linger_seconds}"])
        told = replies[0].headers
        self._variables = _variables_in(told)
        self.session_data = self.headers = {
            sys.intern(name): value
            for name, value in told.items()
            if not name.startswith(_VARIABLE)
        }
        self._accepted(replies, "connect", "linger")
        if not self.uuid:
            raise ProtocolError("the peer connected us to no call")
        self._outbound_connected = True
        if self.fed and self._feed is not None:
            self._feed.join(self.uuid, self.deliver)
        else:
            self.request_all(["myevents json", f"event json {MORE_EVENTS}"])

    # -- applications

    def start(
        self, app: str, arg: str = "", *, expand: bool = False, wait: bool = True
    ) -> Execution:
        """Queue an application; it runs when those started before it have ended.

        The arguments may not hold `${…}`, which the switch would run, unless `expand` says
        that no part of them is a stranger's. Raises `CallGone`, `CommandFailed`, `BadArgument`.
        Without `wait` the switch's word isn't waited for: a refusal comes out of `done`.
        """
        if not expand:
            command.no_expansion(arg, f"the argument of {app}")
        execution = Execution(app)
        headers = {
            "call-command": "execute",
            "execute-app-name": app,
            "Event-UUID": execution.uuid,
        }
        if not self.parked:
            # Without it a second application starts inside the first one, which is what a parked
            # call needs: it runs inside the dialplan's music.
            headers["event-lock"] = "true"
        if arg:
            headers["execute-app-arg"] = arg
        if self._over():
            raise self.gone()
        if self.fed and app not in TOLD:
            if app not in UNTOLD:
                raise BadArgument(f"{app}: its end would not be told, see callcenter.esl.feed")
        else:
            self._executions[execution.uuid] = execution
        try:
            if self._link is not None:
                over, line = self._link, f"sendmsg {self.uuid}"
            else:
                over, line = self, "sendmsg"
            if wait:
                over.request(line, headers)
            else:
                over.post(line, headers, refused=lambda said: self._refused(execution, said))
        except BaseException:
            self._executions.pop(execution.uuid, None)
            raise
        return execution

    def _refused(self, execution: Execution, said: str) -> None:
        if self._executions.pop(execution.uuid, None) is not None:
            execution.done.set_exception(CommandFailed(said, execution.app))

    def execute(
        self, app: str, arg: str = "", timeout: float = 60.0, *, expand: bool = False
    ) -> Event:
        """Run an application and wait for its end, at most `timeout` seconds.

        Returns its CHANNEL_EXECUTE_COMPLETE event. Raises `ReplyTimeout` (it goes on),
        `CallGone` and what `start` raises.
        """
        return self.start(app, arg, expand=expand).wait(timeout)

    def call_command(
        self,
        app_name: str,
        app_args: str | None = None,
        block: bool = False,
        response_timeout: float | None = None,
    ) -> Event | Execution:
        """greenswitch's name, used by its `answer`, `playback`, `bridge` and the like."""
        if block:
            return self.execute(app_name, app_args or "", response_timeout or 60.0)
        return self.start(app_name, app_args or "")

    # -- the call

    def set_variables(self, variables: Mapping[str, str], *, wait: bool = True) -> None:
        """Set channel variables now, whatever runs; an empty value unsets.

        Raises `BadArgument` for values with a line break or `${`, and what `ask` raises. Without
        `wait` they are set before anything that is sent later on this connection takes effect.
        """
        for line in command.set_variables(self.uuid, variables):
            if wait:
                self.ask(line)
            elif self._link is not None:
                self._link.post(f"api {line}")
            else:
                self.post(f"api {line}")
        self._variables = {**self._variables, **variables}

    def api(self, command: str, timeout: float = REPLY_SECONDS) -> str:
        """Run an API command; at once and without a job where no event could tell its end."""
        return self.ask(command) if self.fed else super().api(command, timeout)

    def ask(self, command: str) -> str:
        return super().ask(command) if self._link is None else self._link.ask(command)

    # -- parked

    @property
    def parked(self) -> bool:
        """Whether the call is there without a connection to us."""
        return self._link is not None

    def park(self, link: Link, extension: str) -> None:
        """End the connection and leave the call to an extension that plays music for ever.

        FreeSWITCH's thread for a connection looks for news 50 times a second, a seventh of what a
        call costs that only hears music. `extension` as in `uuid_transfer`. Needs a `feed` that is
        live. Raises what `ask` raises; a call that is not parked then goes on as before, or comes
        back through the dialplan.
        """
        if not self.fed or self.parked:
            raise BadArgument("only a call whose events come over the link can be parked")
        self.set_variables({"socket_resume": "false"})
        self._link = link
        self.stop(GOODBYE_SECONDS)
        self._rests = True
        link.ask(f"uuid_transfer {self.uuid} {extension}")

    def vanished(self) -> None:
        """The switch no longer has this call, and nobody told us."""
        self.hangup_cause = self.hangup_cause or "UNKNOWN"
        self._hung_up()
        self._leave()

    @property
    def down(self) -> bool:
        """Whether the channel has hung up, as far as we know; not when only we were cut off."""
        return self.hung_up.is_set() or self._lingering

    def missed_something(self, application: str) -> bool:
        """Whether what we wait for has ended unheard: `application` is what the switch runs now."""
        pending = {execution.app for execution in self._executions.values()}
        return self.fed and bool(pending) and application not in pending

    def interrupt(self) -> None:
        """Stop what is being played; the application ends, the next queued one starts."""
        self.api(f"uuid_break {self.uuid}")

    def hangup(self, cause: str = "NORMAL_CLEARING") -> None:
        """Hang up now, whatever runs; nothing happens if the call is gone already."""
        line = f"uuid_kill {self.uuid} {command.hangup_cause(cause)}"
        try:
            if not self.hung_up.is_set():
                self.api(line)
        except CallGone:
            log.debug("call %s: hung up before it was told to", self.uuid)
        except CommandFailed as failure:
            log.debug("call %s: %s", self.uuid, failure)

    # -- the reader's greenlet: must not block

    def deliver(self, event: Event) -> None:
        if self._lingering:
            self._fail_executions()
        if event.uuid and event.uuid == self.uuid:
            # What an application changes is told at its end.
            if "variable_uuid" in event.headers and event.name != "CHANNEL_EXECUTE":
                self._variables = _variables_in(event.headers)
            self._follow(event)
        if event.name not in _UNSEEN:
            self._queue(event)
        if event.name == "CHANNEL_HANGUP_COMPLETE" and event.uuid == self.uuid:
            # Lingering on would only keep the dead channel in the switch's memory.
            self.close("the call has hung up")

    def close(self, reason: str = "closed by us") -> None:
        """End the connection, or let a parked call go; see `Wire.close`."""
        if self._rests and not self._let_go:
            self._let_go = True
            self._leave()
        super().close(reason)

    def _follow(self, event: Event) -> None:
        if event.name == "CHANNEL_EXECUTE":
            beginning = self._executions.get(event.get("Application-UUID"))
            if beginning is not None:
                beginning.begun.set()
        elif event.name == "CHANNEL_EXECUTE_COMPLETE":
            execution = self._executions.pop(event.get("Application-UUID"), None)
            if execution is not None:
                execution.done.set(event)
        elif event.name in ("CHANNEL_HANGUP", "CHANNEL_HANGUP_COMPLETE"):
            self.hangup_cause = event.get("Hangup-Cause") or self.hangup_cause
            self._hung_up()

    def _queue(self, event: Event) -> None:
        if self.events.qsize() < MAX_EVENTS:
            self.events.put_nowait(event)
        elif not self._overflowed:
            self._overflowed = True
            log.error(
                "call %s: nobody reads its events, from %r on they are lost", self.uuid, event
            )

    def _hung_up(self) -> None:
        self.hung_up.set()
        self._fail_executions()

    def _fail_executions(self) -> None:
        executions, self._executions = self._executions, {}
        for execution in executions.values():
            execution.done.set_exception(self.gone())

    def _over(self) -> bool:
        if self._lingering or self.hung_up.is_set() or self._let_go:
            return True
        return not self.connected and not self.parked

    def gone(self) -> EslError:
        if self.hung_up.is_set() or self._lingering:
            return CallGone(f"the call has hung up {self.hangup_cause}".rstrip())
        return CallGone(f"the call's connection has ended: {self.close_reason or 'not connected'}")

    def ended(self) -> None:
        if self._lingering:
            self.hung_up.set()
        self._outbound_connected = False
        if not self.parked or self._over():
            self._leave()

    def _leave(self) -> None:
        """Nothing more will be heard of the call here."""
        if self._feed is not None:
            self._feed.leave(self.uuid, self.deliver)
        self._fail_executions()
        self.events.put_nowait(None)
