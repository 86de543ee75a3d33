"""Where a conversation is held: a switch, phones, the controller's connections, and the record."""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Callable, Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

from gevent import socket
from gevent.queue import Queue
from gevent.server import StreamServer
from lab_phone import Phone, PhoneCall
from switches import RunningSwitch

from conformance.normalise import Names, changes, facts, settled
from conformance.wire import Connection, Event, Frame, until

WATCHED = (
    "CHANNEL_CREATE CHANNEL_DESTROY CHANNEL_CALLSTATE CHANNEL_ANSWER CHANNEL_HANGUP "
    "CHANNEL_HANGUP_COMPLETE CHANNEL_EXECUTE CHANNEL_EXECUTE_COMPLETE CHANNEL_HOLD "
    "CHANNEL_UNHOLD CHANNEL_BRIDGE CHANNEL_UNBRIDGE CHANNEL_PROGRESS CHANNEL_PROGRESS_MEDIA "
    "CHANNEL_OUTGOING CHANNEL_PARK CHANNEL_UNPARK CHANNEL_ORIGINATE DTMF PLAYBACK_START "
    "PLAYBACK_STOP RECORD_START RECORD_STOP BACKGROUND_JOB HEARTBEAT CUSTOM sofia::register "
    "sofia::unregister sofia::expire conference::maintenance"
)
CALL_EVENTS = "BACKGROUND_JOB RECORD_START RECORD_STOP CHANNEL_HOLD CHANNEL_UNHOLD"
ROOM_ACTIONS = ("member", "conference-create", "add-member", "kick-member", "del-member",
                "conference-destroy")  # fmt: skip
LINGER = 2  # seconds


class Link:
    """A controller's own connection to the switch; everything said goes into the record."""

    def __init__(self, scene: Scene, name: str = "link") -> None:
        self.name = name
        self.events: list[Event] = []
        self._scene = scene
        settings = scene.switch.settings
        self.connection = Connection.dial(settings.esl_host, settings.esl_port, self.events.append)

    def log_in(self) -> Link:
        """With the right password, and not written down."""
        password = self._scene.switch.settings.esl_password
        assert self.connection.ask(f"auth {password}").reply == "+OK accepted"
        return self

    def ask(self, text: str, *, show: Callable[[Frame], Any] | None = None) -> Frame:
        """A command of the event socket; its reply is written down."""
        frame = self.connection.ask(text)
        answer = show(frame) if show else (frame.reply or frame.body)
        self._scene.said(self.name, text, answer)
        return frame

    def api(self, command: str, *, show: Callable[[str], Any] | None = None) -> str:
        """A command that is answered at once."""
        body = self.connection.ask(f"api {command}").body
        self._scene.said(self.name, f"api {command}", show(body) if show else body)
        return body

    def job(
        self, command: str, *, show: Callable[[str], Any] | None = None, seconds: float = 15.0
    ) -> str:
        """A command that runs in the background: what its BACKGROUND_JOB event says."""
        return self.started(command)(show, seconds)

    def settles(self, command: str, done: Callable[[str], bool]) -> None:
        """Ask until the answer is so: what `show` reads is written a moment after the fact."""
        until(lambda: done(self.connection.ask(f"api {command}").body), command)

    def started(self, command: str) -> Callable[..., str]:
        """Begin a job; call the result to wait for its end and write it down."""
        job = str(uuid.uuid4())
        number = self._scene.number(job, "job")
        frame = self.connection.ask(f"bgapi {command}\nJob-UUID: {job}")
        self._scene.said(self.name, f"bgapi {command}", frame.reply)

        def wait(show: Callable[[str], Any] | None = None, seconds: float = 15.0) -> str:
            event = until(
                lambda: next((e for e in self._scene.jobs if e.get("Job-UUID") == job), None),
                f"the end of {command}",
                seconds,
            )
            body = str(event.get("_body", ""))
            self._scene.said(self.name, f"result of {number}", show(body) if show else body)
            return body

        return wait


class Control:
    """A call that the switch handed over, and the connection that controls it."""

    def __init__(self, scene: Scene, sock: Any) -> None:
        self.events: list[Event] = []
        self._scene = scene
        self.connection = Connection(sock, self.events.append)
        self.headers: dict[str, str] = {}
        self.role = ""
        self.runs: set[str] = set()
        self.lingers = False

    @property
    def uuid(self) -> str:
        return self.headers["Unique-ID"]

    def take_over(self, role: str, *, linger: int | None = LINGER) -> None:
        frame = self.connection.ask("connect")
        self.headers = frame.head
        self.lingers = linger is not None
        self.role = role
        self._scene.names.give(self.uuid, role)
        self._scene.said(role, "connect", {**facts(self.headers), **changes({}, self.headers)})
        commands = ["myevents json", f"event json {CALL_EVENTS}"]
        for command in [f"linger {linger}", *commands] if linger else commands:
            self.ask(command)

    def variable(self, name: str) -> str | None:
        return self.headers.get(f"variable_{name}")

    def ask(self, text: str) -> Frame:
        frame = self.connection.ask(text)
        self._scene.said(self.role, text, frame.reply or frame.body)
        return frame

    def api(self, command: str) -> str:
        frame = self.ask(f"api {command}")
        return frame.body

    def start(self, application: str, argument: str = "", *, lock: bool = True) -> str:
        """Hand an application to the call; the id that its events carry."""
        run = str(uuid.uuid4())
        self._scene.number(run, "run")
        self.runs.add(run)
        lines = ["sendmsg", "call-command: execute", f"execute-app-name: {application}"]
        lines.append(f"Event-UUID: {run}")
        if lock:
            lines.append("event-lock: true")
        if argument:
            lines.append(f"execute-app-arg: {argument}")
        frame = self.connection.ask("\n".join(lines))
        self._scene.said(self.role, f"execute {application} {argument}".rstrip(), frame.reply)
        return run

    def ended(self, run: str, seconds: float = 15.0) -> Event:
        """The end of an application, as this connection is told."""
        found: Event = until(
            lambda: self._completed(run), f"{self.role}: the end of an application", seconds
        )
        self._scene.said(
            self.role,
            "saw the end",
            {name: found.get(name, "") for name in ("Application", "Application-Response")},
        )
        return found

    def run(self, application: str, argument: str = "", seconds: float = 15.0) -> Event:
        return self.ended(self.start(application, argument), seconds)

    def wait(self, name: str, seconds: float = 10.0, **headers: str) -> Event:
        """The first event of that name with those headers (`_` for `-`) on this connection."""
        return self._scene.await_in(self.events, self.role, name, seconds, headers)

    def drop(self) -> None:
        """The controller dies."""
        self._scene.said(self.role, "the controller's connection is cut", "")
        self.connection.drop()

    def since_takeover(self) -> list[Event]:
        """What was on its way when the call came to us may be told or not, and so may what
        follows a hang-up without linger: both are left out."""
        own = [
            at
            for at, event in enumerate(self.events)
            if event.get("Application-UUID") in self.runs
            or event["Event-Name"] in ("CHANNEL_HANGUP", "DTMF")
        ]
        told = self.events[own[0] :] if own else []
        if self.lingers:
            return told
        return list(takewhile(lambda event: event.get("Answer-State") != "hangup", told))

    def _completed(self, run: str) -> Event | None:
        for event in self.events:
            ended = event["Event-Name"] == "CHANNEL_EXECUTE_COMPLETE"
            if ended and event.get("Application-UUID") == run:
                return event
        return None


class Scene:
    """One conversation with one switch."""

    def __init__(self, switch: RunningSwitch, heartbeats: list[Event] | None = None) -> None:
        settings = switch.settings
        self.switch = switch
        self.settings = settings
        self.heartbeats = heartbeats if heartbeats is not None else []
        self.names = Names(_places(switch))
        self.steps: list[list[Any]] = []
        self.channel_events: list[Event] = []
        self.other_events: list[Event] = []
        self.jobs: list[Event] = []
        self.controls: list[Control] = []
        self.links: list[Link] = []
        self.phones: list[Phone] = []
        self._registered: list[Phone] = []
        self._numbers: dict[str, int] = {}
        self._servers: list[StreamServer] = []
        self._arrivals: Queue[Any] = Queue()
        self._watch = Connection.dial(settings.esl_host, settings.esl_port, self._take)
        assert self._watch.ask(f"auth {settings.esl_password}").reply == "+OK accepted"
        assert self._watch.ask(f"event json {WATCHED}").reply.startswith("+OK")
        self.link = self.another_link()

    # --- the record ----------------------------------------------------------------------------

    def said(self, who: str, what: str, answer: Any) -> None:
        self.steps.append([who, what, answer])

    def note(self, what: str, found: Any) -> None:
        """Something seen elsewhere: by a phone, in a file."""
        self.steps.append(["seen", what, found])

    def number(self, unique_id: str, kind: str) -> str:
        """Name an id `job 1`, `job 2` …"""
        self._numbers[kind] = self._numbers.get(kind, 0) + 1
        name = f"{kind} {self._numbers[kind]}"
        self.names.give(unique_id, name)
        return name

    def _take(self, event: Event) -> None:
        if event.get("Action", "member") not in ROOM_ACTIONS:
            return  # who speaks when depends on the sound
        if event["Event-Name"] == "BACKGROUND_JOB":
            self.jobs.append(event)
        elif event["Event-Name"] == "HEARTBEAT":
            self.heartbeats.append(event)
        elif event.get("Unique-ID"):
            self.channel_events.append(event)
        else:
            self.other_events.append(event)

    def transcript(self) -> dict[str, Any]:
        """The record with names instead of ids."""
        steps = self.names.clean(self.steps)
        told: dict[str, list[Event]] = {}
        for event in self.channel_events:
            told.setdefault(self.names.of(event["Unique-ID"]), []).append(event)
        channels = {role: self._channel(role, settled(events)) for role, events in told.items()}
        others = [
            self.names.clean([event["Event-Name"], facts(event)]) for event in self.other_events
        ]
        heard = {
            f"{control.role}, connection {at}": [
                self.names.clean([event["Event-Name"], _heard(event)])
                for event in control.since_takeover()
                if event["Event-Name"] not in ("BACKGROUND_JOB", "CHANNEL_STATE")
            ]
            for at, control in enumerate(self.controls, 1)
        }
        return {"steps": steps, "channels": channels, "others": others, "heard": heard}

    def _channel(self, role: str, events: list[Event]) -> list[Any]:
        lines = []
        before: dict[str, Any] = {}
        for event in events:
            changed = changes(before, event)
            self._name_run(event, role)
            lines.append(self.names.clean([event["Event-Name"], facts(event), changed]))
        return lines

    def _name_run(self, event: Event, role: str) -> None:
        """The dialplan's applications have ids too: `set 3` is the third `set` of a channel."""
        run = event.get("Application-UUID")
        if run and not self.names.known(run):
            kind = f"{role}'s {event['Application']}"
            self.number(run, kind)

    # --- who takes part --------------------------------------------------------------------------

    def another_link(self, name: str = "link") -> Link:
        link = Link(self, name)
        self.links.append(link)
        return link.log_in()

    def phone(self, user: str, *, mode: str = "answer") -> Phone:
        """An agent's phone, not registered yet. `mode`: answer, ring, silent, refuse:<status>."""
        phone = Phone(
            user, self.switch.registrar, password=self.switch.agents.get(user, ""), mode=mode
        )
        phone.domain = self.settings.domain
        self.phones.append(phone)
        return phone

    def agent(self, user: str = "1001", *, mode: str = "answer") -> Phone:
        """A registered agent's phone."""
        phone = self.phone(user, mode=mode)
        assert phone.register() == 200
        self._registered.append(phone)
        return phone

    def dials(
        self, number: str = "12345", *, caller: str = "13812345678", name: str = ""
    ) -> PhoneCall:
        """A citizen dials."""
        phone = Phone(caller, self.switch.trunk)
        phone.display = name
        self.phones.append(phone)
        return phone.call(number)

    def attends(self, *, standby: bool = False) -> None:
        """Be the controller that the dialplan calls."""
        address = self.settings.controllers[1 if standby else 0]
        host, _, port = address.rpartition(":")
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, int(port)))
        listener.listen(16)
        server = StreamServer(listener, self._arrived)
        server.start()
        self._servers.append(server)

    def leaves(self) -> None:
        """Nobody listens for calls any more."""
        for server in self._servers:
            server.stop()
        self._servers.clear()

    def _arrived(self, sock: Any, address: Any) -> None:
        done = Queue[None]()
        self._arrivals.put((sock, done))
        done.get()  # the socket belongs to this greenlet

    def takes(self, role: str = "citizen", *, linger: int | None = LINGER) -> Control:
        """The next call that the switch hands over."""
        sock, done = self._arrivals.get(timeout=15)
        control = Control(self, sock)
        control.finished = lambda: done.put(None)  # type: ignore[attr-defined]
        self.controls.append(control)
        control.take_over(role, linger=linger)
        return control

    def answered(
        self, number: str = "12345", *, caller: str = "13812345678", role: str = "citizen"
    ) -> tuple[PhoneCall, Control]:
        """A citizen whose call was taken over and answered."""
        phone = self.dials(number, caller=caller)
        control = self.takes(role)
        control.run("answer")
        until(phone.answered.is_set, "the citizen's phone is answered")
        return phone, control

    def new_id(self, role: str) -> str:
        """A UUID for a channel that we ask for."""
        unique_id = str(uuid.uuid4())
        self.names.give(unique_id, role)
        return unique_id

    # --- waiting ----------------------------------------------------------------------------------

    def saw(self, role: str, name: str, seconds: float = 10.0, **headers: str) -> Event:
        """The first event of a channel with that name and those headers (`_` for `-`)."""
        return self.await_in(self.channel_events, role, name, seconds, headers)

    def saw_other(self, name: str, seconds: float = 10.0, **headers: str) -> Event:
        """An event that belongs to no channel."""
        return self.await_in(self.other_events, "", name, seconds, headers)

    def await_in(
        self, events: list[Event], role: str, name: str, seconds: float, headers: dict[str, str]
    ) -> Event:
        wanted = {key.replace("_", "-"): value for key, value in headers.items()}

        def found() -> Event | None:
            for event in events:
                theirs = not role or self.names.known(event.get("Unique-ID", "")) == role
                if theirs and event["Event-Name"] == name and wanted.items() <= event.items():
                    return event
            return None

        event: Event = until(found, f"{role or 'no channel'}: {name} {wanted}", seconds)
        self.said(role or "switch", f"saw {name}", wanted)
        return event

    def gone(self, *roles: str) -> None:
        """Wait until channels have ended, to their last event."""
        for role in roles:
            self.saw(role, "CHANNEL_HANGUP_COMPLETE")
            for control in self.controls:
                if control.role == role and not control.connection.closed.is_set():
                    control.wait("CHANNEL_HANGUP_COMPLETE")
                    control.connection.drop()  # as the controller does, rather than linger
            self.saw(role, "CHANNEL_DESTROY")

    def comes(self, role: str) -> None:
        """Name the next new channel."""
        event = until(
            lambda: next(
                (
                    event
                    for event in self.channel_events
                    if event["Event-Name"] == "CHANNEL_CREATE"
                    and not self.names.known(event["Unique-ID"])
                ),
                None,
            ),
            f"{role}: a channel",
        )
        self.names.give(event["Unique-ID"], role)

    # --- the end ----------------------------------------------------------------------------------

    def finish(self) -> None:
        """Wait until every channel has ended and the switch has said so."""
        until(self._all_ended, "channels are left at the end of the conversation")

    def _all_ended(self) -> bool:
        names = {"CHANNEL_CREATE": set[str](), "CHANNEL_DESTROY": set[str]()}
        for event in self.channel_events:
            if event["Event-Name"] in names:
                names[event["Event-Name"]].add(event["Unique-ID"])
        return names["CHANNEL_CREATE"] <= names["CHANNEL_DESTROY"]

    def close(self) -> None:
        with contextlib.suppress(AssertionError, OSError):
            self._watch.ask("api hupall")
            until(self._all_ended, "channels left", 5)
        self.leaves()
        for control in self.controls:
            control.connection.close()
            control.finished()  # type: ignore[attr-defined]
        for link in self.links:
            link.connection.close()
        for phone in self._registered:
            phone.register(0)
        for phone in self.phones:
            phone.close()
        self._watch.close()


@contextlib.contextmanager
def scene_with(switch: RunningSwitch, heartbeats: list[Event]) -> Iterator[Scene]:
    scene = Scene(switch, heartbeats)
    try:
        yield scene
    finally:
        scene.close()


def _heard(event: Event) -> dict[str, Any]:
    told = {name: event[name] for name in ("Application", "DTMF-Digit") if name in event}
    if event.get("Answer-State") != "hangup" and "Application-Response" in event:
        told["Application-Response"] = event["Application-Response"]
    return told


def _places(switch: RunningSwitch) -> dict[str, str]:
    settings = switch.settings
    from callcenter import switch_conf

    return {
        str(settings.recordings_dir): "<recordings>",
        str(settings.cdr_dir): "<cdr>",
        str(settings.sounds_dir): "<sounds>",
        str(switch_conf.music_dir(settings)): "<music>",
        str(settings.data_dir): "<data>",
        settings.esl_password: "<password>",
        "|".join(settings.controllers): "<controllers>",
    }


def read_json(path: Path) -> Any:
    return json.loads(path.read_text("utf-8", "replace"))
