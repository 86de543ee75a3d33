"""Steps that several tests begin with."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from lab_esl import Wire
from lab_phone import Phone, PhoneCall


@dataclass
class Handed:
    """A citizen's call in a controller's hands."""

    citizen: PhoneCall
    wire: Wire
    uuid: str


def handed_over(rig: Any, *, answer: bool = True, linger: int = 5) -> Handed:
    citizen = rig.citizen()
    wire, first = rig.controllers[0].accept()
    if linger:
        wire.command(f"linger {linger}")
    wire.command("myevents json")
    handed = Handed(citizen, wire, first.head["Unique-ID"])
    if answer:
        run(wire, "answer")
        assert citizen.answered.wait(3)
    return handed


def run(wire: Wire, application: str, argument: str = "", timeout: float = 5) -> dict[str, str]:
    """Execute and wait for the end."""
    event_uuid = str(uuid.uuid4())
    wire.execute(application, argument, event_uuid=event_uuid)
    done = wire.wait("CHANNEL_EXECUTE_COMPLETE", timeout, **{"Application-UUID": event_uuid})
    return done.event


def start(wire: Wire, application: str, argument: str = "", *, lock: bool = False) -> str:
    """Queue an execute; returns its Event-UUID."""
    event_uuid = str(uuid.uuid4())
    lines = [
        "sendmsg",
        "call-command: execute",
        f"execute-app-name: {application}",
        f"execute-app-arg: {argument}",
        f"Event-UUID: {event_uuid}",
    ]
    if lock:
        lines.append("event-lock: true")
    assert wire.command("\n".join(lines)).head["Reply-Text"] == "+OK"
    return event_uuid


def call_agent(watcher: Wire, agent: Phone, variables: str = "") -> tuple[str, PhoneCall]:
    """Originate to a phone that answers, parked; its channel and its side of the call."""
    channel = str(uuid.uuid4())
    extra = f",{variables}" if variables else ""
    reply = watcher.bgapi(
        f"originate {{origination_uuid={channel}{extra}}}user/{agent.user}@callcenter.local &park()"
    )
    assert reply == f"+OK {channel}\n"
    return channel, agent.next_call()


def names(wire: Wire, uuid_: str) -> list[str]:
    """The names of a channel's events so far, without its states and queued commands."""
    left_out = ("CHANNEL_STATE", "CHANNEL_CALLSTATE", "PRIVATE_COMMAND", "CALL_UPDATE")
    return [
        frame.name
        for frame in wire.seen
        if frame.event.get("Unique-ID") == uuid_ and frame.name not in left_out
    ]
