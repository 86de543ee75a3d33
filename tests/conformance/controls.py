"""A controller's side of a conversation: its link to the switch, and the calls handed to it."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from conformance.normalise import changes, facts
from conformance.wire import Connection, Event, Frame, until

if TYPE_CHECKING:
    from conformance.scene import Scene

CALL_EVENTS = "BACKGROUND_JOB RECORD_START RECORD_STOP CHANNEL_HOLD CHANNEL_UNHOLD"
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
