"""One Event Socket client: what it subscribed to and the commands it gives (mod_event_socket)."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import gevent

from labswitch.command import Command
from labswitch.dialplan import search
from labswitch.esl_wire import GOODBYE, BadRequest, Request, Wire
from labswitch.events import Event, Headers, plain_lines

if TYPE_CHECKING:
    from labswitch.channel import Channel
    from labswitch.switch import Switch

log = logging.getLogger(__name__)

MY_EVENTS = frozenset(
    {
        "CHANNEL_ANSWER",
        "CHANNEL_APPLICATION",
        "CHANNEL_BRIDGE",
        "CHANNEL_CREATE",
        "CHANNEL_DATA",
        "CHANNEL_DESTROY",
        "CHANNEL_EXECUTE",
        "CHANNEL_EXECUTE_COMPLETE",
        "CHANNEL_HANGUP",
        "CHANNEL_HANGUP_COMPLETE",
        "CHANNEL_ORIGINATE",
        "CHANNEL_UUID",
        "CHANNEL_OUTGOING",
        "CHANNEL_PARK",
        "CHANNEL_PROGRESS",
        "CHANNEL_PROGRESS_MEDIA",
        "CHANNEL_STATE",
        "CHANNEL_UNBRIDGE",
        "CHANNEL_UNPARK",
        "DETECTED_SPEECH",
        "DTMF",
        "NOTALK",
        "TALK",
    }
)
KNOWN_EVENTS = MY_EVENTS | frozenset(
    {
        "ALL",
        "CUSTOM",
        "API",
        "BACKGROUND_JOB",
        "CALL_UPDATE",
        "CHANNEL_CALLSTATE",
        "CHANNEL_HOLD",
        "CHANNEL_UNHOLD",
        "CODEC",
        "HEARTBEAT",
        "MEDIA_BUG_START",
        "MEDIA_BUG_STOP",
        "MESSAGE",
        "MODULE_LOAD",
        "NOTIFY",
        "PLAYBACK_START",
        "PLAYBACK_STOP",
        "PRESENCE_IN",
        "PRIVATE_COMMAND",
        "RECORD_START",
        "RECORD_STOP",
        "RECV_INFO",
        "RELOADXML",
        "SESSION_HEARTBEAT",
        "SHUTDOWN",
        "STARTUP",
        "TRAP",
    }
)
MAX_FILTERS = 1000


class EslSession:
    """A client, over either direction's connection. `channel` is set for outbound ones."""

    def __init__(
        self, switch: Switch, sock: Any, *, channel: Channel | None = None, full: bool = True
    ) -> None:
        self.switch = switch
        self.wire = Wire(switch, sock)
        self.channel = channel
        self.full = full
        self.authenticated = channel is not None
        self.connected = False
        self.linger: float | None = None  # seconds; negative is for ever
        self._format = "plain"
        self._names: set[str] = set()
        self._subclasses: set[str] = set()
        self._everything = False
        self._mine: str | None = None
        self._filters: list[tuple[str, str]] = []

    # --- events (labswitch.events.Listener) --------------------------------------------------

    def wants(self, name: str, subclass: str) -> bool:
        if self._everything:
            return True
        return name in self._names and (name != "CUSTOM" or subclass in self._subclasses)

    def deliver(self, event: Event) -> None:
        if self._filters and not self._passes(event):
            return
        if self._mine is not None and self._mine not in (event.uuid, event.get("Job-Owner-UUID")):
            return
        self.wire.send_event(event, self._format)

    def _passes(self, event: Event) -> bool:
        passes = False
        for name, value in self._filters:
            given = event.get(name)
            if given is None:
                continue
            positive = not value.startswith("-")
            wanted = value.lstrip("+- ")
            if passes and positive:
                continue
            hit = (
                search(wanted, given) is not None
                if value.startswith("/")
                else given.lower() == wanted.lower()
            )
            if hit and not positive:
                return False
            passes = passes or hit
        return passes

    # --- commands ------------------------------------------------------------------------------

    def serve(self) -> None:
        """Take commands until the client leaves, says exit, or is thrown out."""
        self.switch.events.add(self)
        try:
            while not self.wire.closing:
                request = self.wire.read()
                if request is None or not self._obey(request):
                    break
        except (OSError, BadRequest) as error:
            log.debug("an event client is gone: %s", error)
        finally:
            self.switch.events.remove(self)
            self.wire.close_reader()

    def _obey(self, request: Request) -> bool:
        """False ends the connection."""
        line = request.line
        word = line.partition(" ")[0].lower()
        if word in ("exit", "..."):
            self.wire.reply("+OK bye")
            return False
        if not self.authenticated:
            return self._authenticate(line)
        handler = _COMMANDS.get(word)
        if handler is None or (word in _FULL_ONLY and not self.full):
            self.wire.reply("-ERR command not found")
        else:
            handler(self, request, line.partition(" ")[2].strip())
        return True

    def _authenticate(self, line: str) -> bool:
        word, _, password = line.partition(" ")
        if word.lower() != "auth":
            self.wire.reply("-ERR command not found")
            return True
        if password != self.switch.configuration.esl_password:
            self.wire.reply("-ERR invalid")
            return False
        self.authenticated = True
        self.wire.reply("+OK accepted")
        return True

    def _connect(self, request: Request, argument: str) -> None:
        channel = self.channel
        if channel is None:
            self.wire.reply("-ERR command not found")
            return
        headers: Headers = {
            **self.switch.events.base("CHANNEL_DATA"),
            **channel.profile.headers("Channel"),
            **channel.headers("CHANNEL_DATA"),
            "Content-Type": "command/reply",
            "Reply-Text": "+OK\n",
            "Socket-Mode": "async",
            "Control": "full" if self.full else "single-channel",
        }
        self.wire.send(plain_lines(headers) + b"\n")
        self.connected = True
        channel.nudge()

    def _events(self, request: Request, argument: str) -> None:
        parts = argument.split()
        if parts and parts[0].lower() in ("plain", "json", "xml"):
            form = parts.pop(0).lower()
            self._format = "json" if form == "json" else "plain"
        custom = False
        found = 0
        for part in parts:
            name = part.upper()
            if custom:
                self._subclasses.add(part)
            elif name in KNOWN_EVENTS:
                found += 1
                self._names.add(name)
                custom = name == "CUSTOM"
                self._everything = self._everything or name == "ALL"
        if not found:
            self.wire.reply("-ERR no keywords supplied")
        else:
            self.wire.reply(f"+OK event listener enabled {self._format}")

    def _nix(self, request: Request, argument: str) -> None:
        custom = False
        found = 0
        for part in argument.split():
            name = part.upper()
            if custom:
                self._subclasses.discard(part)
            elif name == "ALL":
                found += 1
                self._forget_events()
            elif name in KNOWN_EVENTS:
                found += 1
                if self._everything:
                    self._everything = False
                    self._names = set(KNOWN_EVENTS) - {"ALL"}
                custom = name == "CUSTOM"
                if not custom:
                    self._names.discard(name)
        self.wire.reply("+OK events nixed" if found else "-ERR no keywords supplied")

    def _no_events(self, request: Request, argument: str) -> None:
        if self._names or self._everything:
            self._forget_events()
            self.wire.reply("+OK no longer listening for events")
        else:
            self.wire.reply("-ERR not listening for events")

    def _forget_events(self) -> None:
        self._names.clear()
        self._subclasses.clear()
        self._everything = False

    def _my_events(self, request: Request, argument: str) -> None:
        parts = argument.split()
        if self._mine is not None:
            self.wire.reply("-ERR aready enabled.")
            return
        if self.channel is not None:
            self._mine = self.channel.uuid
        elif parts:
            self._mine = parts[0]
        else:
            self.wire.reply("-ERR command not found")
            return
        self._names |= MY_EVENTS
        if "json" in argument.lower():
            self._format = "json"
        self.wire.reply("+OK Events Enabled")

    def _filter(self, request: Request, argument: str) -> None:
        name, _, value = argument.partition(" ")
        if name.lower() == "delete" and value:
            name, _, value = value.partition(" ")
            self._filters = [
                one
                for one in self._filters
                if name.lower() != "all"
                and (one[0].lower() != name.lower() or (value and one[1] != value))
            ]
            self.wire.reply(f"+OK filter deleted. [{name}][{value}]")
            return
        if name.lower() == "add":
            name, _, value = value.partition(" ")
        if not value or len(self._filters) >= MAX_FILTERS:
            self.wire.reply("-ERR invalid syntax")
            return
        self._filters.append((name, value))
        self.wire.reply(f"+OK filter added. [{name}]=[{value}]")

    def _send_message(self, request: Request, argument: str) -> None:
        uuid = argument or request.fields.get("session-id", "")
        channel = self.channel
        if uuid and (channel is None or uuid != channel.uuid):
            channel = self.switch.locate(uuid)
        if channel is None:
            self.wire.reply(f"-ERR invalid session id [{uuid}]")
        elif channel.queue_command(Command(request.fields, request.body)):
            self.wire.reply("+OK")
        else:
            self.wire.reply("-ERR memory error")

    def _api(self, request: Request, argument: str) -> None:
        name, _, rest = argument.partition(" ")
        if not name:
            self.wire.reply("-ERR command not found")
            return
        self.wire.respond(self.switch.api(name, rest))

    def _background_api(self, request: Request, argument: str) -> None:
        if not argument:
            self.wire.reply("-ERR command not found")
            return
        job = request.fields.get("job-uuid") or str(uuid.uuid4())
        self.wire.reply(f"+OK Job-UUID: {job}", f"Job-UUID: {job}\n")
        gevent.spawn(self._run_job, job, argument)

    def _run_job(self, job: str, text: str) -> None:
        name, _, rest = text.partition(" ")
        answer = self.switch.api(name, rest)
        headers: Headers = {"Job-UUID": job}
        if self.channel is not None:
            headers["Job-Owner-UUID"] = self.channel.uuid
        headers["Job-Command"] = name
        if rest:
            headers["Job-Command-Arg"] = rest
        self.switch.events.fire("BACKGROUND_JOB", lambda: headers, body=answer)

    def _send_event(self, request: Request, argument: str) -> None:
        event_uuid = str(uuid.uuid4())
        name = argument.split()[0].upper() if argument else "CUSTOM"
        fields = {k: v for k, v in request.fields.items() if k != "content-length"}
        subclass = fields.pop("event-subclass", "")
        self.switch.events.fire(
            name if name in KNOWN_EVENTS else "CUSTOM",
            lambda: {**fields, "Event-UUID": event_uuid},
            subclass=subclass,
            body=request.body or None,
        )
        self.wire.reply(f"+OK {event_uuid}")

    def _get_variable(self, request: Request, argument: str) -> None:
        value = self.channel.get(argument) if self.channel else None
        self.wire.reply(value or "-ERR command not found")

    def _resume(self, request: Request, argument: str) -> None:
        if self.channel is None:
            self.wire.reply("-ERR command not found")
            return
        self.channel.set("socket_resume", "true")
        self.wire.reply("+OK")

    def _linger(self, request: Request, argument: str) -> None:
        if self.channel is None:
            self.wire.reply("-ERR not controlling a session")
        elif argument.isascii() and argument.isdigit():
            self.linger = float(argument)
            self.wire.reply(f"+OK will linger {int(self.linger)} seconds")
        else:
            self.linger = -1.0
            self.wire.reply("+OK will linger")

    def _no_linger(self, request: Request, argument: str) -> None:
        self.linger = None
        if self.channel is None:
            self.wire.reply("-ERR not controlling a session")
        else:
            self.wire.reply("+OK will not linger")

    def _log(self, request: Request, argument: str) -> None:
        self.wire.reply(f"+OK log level {argument or 'DEBUG'} [7]")

    def _no_log(self, request: Request, argument: str) -> None:
        self.wire.reply("+OK no longer logging")

    def goodbye(self) -> bytes:
        """The disconnect notice."""
        head = "Content-Type: text/disconnect-notice\n"
        if self.channel is not None:
            head += f"Controlled-Session-UUID: {self.channel.uuid}\n"
            head += "Content-Disposition: disconnect\n"
        return f"{head}Content-Length: {len(GOODBYE)}\n\n".encode() + GOODBYE


_Handler = Callable[[EslSession, Request, str], None]
_FULL_ONLY = frozenset({"api", "bgapi", "event", "nixevent", "noevents", "sendevent", "log"})
_COMMANDS: dict[str, _Handler] = {
    "connect": EslSession._connect,
    "event": EslSession._events,
    "events": EslSession._events,
    "nixevent": EslSession._nix,
    "noevents": EslSession._no_events,
    "myevents": EslSession._my_events,
    "filter": EslSession._filter,
    "sendmsg": EslSession._send_message,
    "sendevent": EslSession._send_event,
    "api": EslSession._api,
    "bgapi": EslSession._background_api,
    "getvar": EslSession._get_variable,
    "resume": EslSession._resume,
    "linger": EslSession._linger,
    "nolinger": EslSession._no_linger,
    "log": EslSession._log,
    "nolog": EslSession._no_log,
}
