"""Where a conversation is held: a switch, phones, the controller's connections, and the record."""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gevent import socket
from gevent.queue import Queue
from gevent.server import StreamServer
from lab_phone import Phone, PhoneCall
from switches import RunningSwitch

from conformance.controls import LINGER, Control, Link
from conformance.normalise import Names, changes, facts, settled
from conformance.wire import Connection, Event, until

WATCHED = (
    "CHANNEL_CREATE CHANNEL_DESTROY CHANNEL_CALLSTATE CHANNEL_ANSWER CHANNEL_HANGUP "
    "CHANNEL_HANGUP_COMPLETE CHANNEL_EXECUTE CHANNEL_EXECUTE_COMPLETE CHANNEL_HOLD "
    "CHANNEL_UNHOLD CHANNEL_BRIDGE CHANNEL_UNBRIDGE CHANNEL_PROGRESS CHANNEL_PROGRESS_MEDIA "
    "CHANNEL_OUTGOING CHANNEL_PARK CHANNEL_UNPARK CHANNEL_ORIGINATE DTMF PLAYBACK_START "
    "PLAYBACK_STOP RECORD_START RECORD_STOP BACKGROUND_JOB HEARTBEAT CUSTOM sofia::register "
    "sofia::unregister sofia::expire conference::maintenance"
)
ROOM_ACTIONS = ("member", "conference-create", "add-member", "kick-member", "del-member",
                "conference-destroy")  # fmt: skip


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
