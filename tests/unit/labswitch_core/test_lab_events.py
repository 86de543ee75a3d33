from __future__ import annotations

import json
from urllib.parse import unquote

from labswitch.events import Event, EventBus


class Recorder:
    def __init__(self, *names: str) -> None:
        self.names = names
        self.events: list[Event] = []

    def wants(self, name: str, subclass: str) -> bool:
        return name in self.names

    def deliver(self, event: Event) -> None:
        self.events.append(event)


def test_hostile_value_cannot_forge_a_header() -> None:
    event = Event("CHANNEL_PARK", {"Event-Name": "CHANNEL_PARK", "Name": "x\nEvent-Name: EVIL\r"})
    lines = event.plain().decode().split("\n")
    assert lines[2:] == ["", ""]
    assert unquote(lines[1].partition(": ")[2]) == "x\nEvent-Name: EVIL\r"
    assert json.loads(event.json())["Name"] == "x\nEvent-Name: EVIL\r"


def test_body_comes_with_its_length_in_bytes() -> None:
    event = Event("BACKGROUND_JOB", {"Event-Name": "BACKGROUND_JOB"}, "+OK 张\n")
    head, _, body = event.plain().partition(b"\n\n")
    assert b"Content-Length: 8" in head
    assert body == "+OK 张\n".encode()
    assert json.loads(event.json())["_body"] == "+OK 张\n"


def test_arrays_in_both_forms() -> None:
    event = Event("X", {"variable_a": ["1", "2"]})
    assert json.loads(event.json())["variable_a"] == ["1", "2"]
    assert b"variable_a: ARRAY%3A%3A1%7C%3A2\n" in event.plain()


def test_headers_are_made_only_for_those_who_want_them() -> None:
    bus, recorder = EventBus(), Recorder("DTMF")
    bus.add(recorder)
    made: list[str] = []

    def headers() -> dict[str, str | list[str]]:
        made.append("")
        return {"DTMF-Digit": "5"}

    bus.fire("CHANNEL_STATE", headers)
    assert not made
    bus.fire("DTMF", headers)
    assert len(made) == 1
    assert recorder.events[0].get("dtmf-digit") == "5"
    assert int(recorder.events[0].get("Event-Sequence") or 0) == 2


def test_listener_that_left_hears_nothing() -> None:
    bus, recorder = EventBus(), Recorder("DTMF")
    bus.add(recorder)
    bus.remove(recorder)
    bus.remove(recorder)
    bus.fire("DTMF")
    assert recorder.events == []
