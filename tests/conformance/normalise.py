"""What stays of events and replies when ids, times and places are taken out."""

from __future__ import annotations

import json
import re
from typing import Any

# What happened: written with the event that tells of it.
FACTS = (
    "Event-Subclass",
    "Application",
    "Application-Data",
    "Application-Response",
    "Application-UUID",
    "DTMF-Digit",
    "DTMF-Source",
    "Hangup-Cause",
    "Playback-File-Path",
    "Playback-Status",
    "Record-File-Path",
    "Bridge-A-Unique-ID",
    "Bridge-B-Unique-ID",
    "Original-Channel-Call-State",
    "Job-UUID",
    "Job-Command",
    "Job-Command-Arg",
    "from-user",
    "from-host",
    "to-user",
    "user",
    "host",
    "profile-name",
    "username",
    "realm",
    "Action",
    "Conference-Name",
    "Conference-Profile-Name",
    "Conference-Size",
    "Member-Type",
    "Event-Info",
    "Max-Sessions",
    "Session-Count",
)

# How the channel stands: written when it changed since the channel's event before.
STATE = (
    "Answer-State",
    "Call-Direction",
    "Channel-Call-State",
    "Channel-HIT-Dialplan",
    "Caller-ANI",
    "Caller-Caller-ID-Name",
    "Caller-Caller-ID-Number",
    "Caller-Channel-Answered-Time",
    "Caller-Channel-Bridged-Time",
    "Caller-Channel-Created-Time",
    "Caller-Channel-Hangup-Time",
    "Caller-Channel-Progress-Time",
    "Caller-Channel-Progress-Media-Time",
    "Caller-Context",
    "Caller-Destination-Number",
    "Caller-Dialplan",
    "Caller-Direction",
    "Caller-Unique-ID",
    "Other-Type",
    "Other-Leg-Caller-ID-Number",
    "Other-Leg-Destination-Number",
    "Other-Leg-Direction",
    "Other-Leg-Unique-ID",
)

# Read from `uuid_dump` alone: in events they tell how far FreeSWITCH's threads are.
DUMPED = ("Channel-State",)

VARIABLES = (
    "bridge_uuid",
    "current_application",
    "direction",
    "execute_on_originate",
    "hangup_after_bridge",
    "hangup_cause",
    "hangup_cause_q850",
    "ignore_early_media",
    "is_outbound",
    "last_bridge_hangup_cause",
    "last_bridge_to",
    "limit_ignore_transfer",
    "originate_timeout",
    "origination_caller_id_name",
    "origination_caller_id_number",
    "originator",
    "park_timeout",
    "playback_terminator_used",
    "playback_terminators",
    "proto_specific_hangup_cause",
    "recording_follow_transfer",
    "RECORD_STEREO",
    "sip_hangup_disposition",
    "sip_term_cause",
    "sip_term_status",
    "socket_resume",
    "transfer_after_bridge",
    "uuid",
)

LAST = ("CHANNEL_HANGUP_COMPLETE", "CHANNEL_DESTROY")

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_PORT = re.compile(r"127\.0\.0\.1:\d+")
_MICROSECONDS = re.compile(r"\b1[5-9]\d{14}\b")
_EPOCH = re.compile(r"\b1[5-9]\d{8}\b(?:\.\d+)?")


class Names:
    """Turns what differs from run to run into words that don't."""

    def __init__(self, places: dict[str, str]) -> None:
        """`places` are texts (folders, ports) and what is written in their stead."""
        self._places = sorted(places.items(), key=lambda item: -len(item[0]))
        self._ids: dict[str, str] = {}
        self._unnamed = 0

    def give(self, unique_id: str, name: str) -> None:
        self._ids.setdefault(unique_id, name)

    def known(self, unique_id: str) -> str | None:
        return self._ids.get(unique_id)

    def of(self, unique_id: str) -> str:
        """An id's name; who has none is numbered in the order of appearance."""
        if unique_id not in self._ids:
            self._unnamed += 1
            self._ids[unique_id] = f"id {self._unnamed}"
        return self._ids[unique_id]

    def clean(self, value: Any) -> Any:
        """Text, or lists and dicts of texts, without ids, times and places."""
        if isinstance(value, dict):
            return {self.clean(key): self.clean(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.clean(item) for item in value]
        if not isinstance(value, str):
            return value
        for place, word in self._places:
            value = value.replace(place, word)
        value = _UUID.sub(lambda found: f"<{self.of(found[0])}>", value)
        value = _PORT.sub("127.0.0.1:<port>", value)
        return _EPOCH.sub("<time>", _MICROSECONDS.sub("<time>", value))


def facts(event: dict[str, Any]) -> dict[str, Any]:
    """The headers that say what happened."""
    told = {name: event[name] for name in FACTS if name in event}
    if event.get("Answer-State") == "hangup":
        told.pop("Application-Response", None)  # whichever thread was faster
    if "_body" in event:
        told["_body"] = event["_body"]
    return told


def state(event: dict[str, Any]) -> dict[str, Any]:
    """The headers and variables that say how the channel stands."""
    told = {name: event[name] for name in STATE if name in event}
    for header, value in event.items():
        name = header.removeprefix("variable_")
        if name != header and (name.startswith("cc_") or name in VARIABLES):
            told[header] = value
    return told


def changes(before: dict[str, Any], event: dict[str, Any]) -> dict[str, Any]:
    """What is new in an event's state; None for what went. `before` is brought up to date.

    Events without variables (DTMF, CHANNEL_CALLSTATE …) say nothing about variables. From the
    hang-up on, other threads of FreeSWITCH set some while the channel tells its last events:
    they are shown with CHANNEL_HANGUP_COMPLETE.
    """
    now = state(event)
    if now.get("Answer-State") == "hangup" and event["Event-Name"] not in LAST:
        now = {**before, "Answer-State": "hangup"}
    has_variables = any(header.startswith("variable_") for header in event)
    gone = [
        name
        for name in before
        if name not in now and (has_variables or not name.startswith("variable_"))
    ]
    changed: dict[str, Any] = {
        name: value for name, value in sorted(now.items()) if before.get(name) != value
    }
    if not has_variables:
        changed["variables"] = "none"
    before.update(now)
    for name in gone:
        del before[name]
        changed[name] = None
    return changed


def settled(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A channel's events with three put where they belong, which other threads may overtake.

    CHANNEL_CALLSTATE ACTIVE comes right after CHANNEL_ANSWER, though who waited for the answer
    goes on meanwhile; CHANNEL_HANGUP is the first that a channel tells of its end, though it is
    told by the one who ends it; a `limit` that hangs up tells of its own end right behind it.
    """
    events = list(events)
    answer = _first(events, 0, "CHANNEL_ANSWER")
    active = _first(events, answer + 1, "CHANNEL_CALLSTATE", "Channel-Call-State", "ACTIVE")
    if 0 <= answer < active:
        events.insert(answer + 1, events.pop(active))
    ended = _first(events, 0, "", "Answer-State", "hangup")
    hangup = _first(events, 0, "CHANNEL_HANGUP")
    if 0 <= ended < hangup:
        events.insert(ended, events.pop(hangup))
    hangup = _first(events, 0, "CHANNEL_HANGUP")
    limited = _first(events, hangup + 1, "CHANNEL_EXECUTE_COMPLETE", "Application", "limit")
    if 0 <= hangup < limited:
        events.insert(hangup + 1, events.pop(limited))
    return events


def _first(
    events: list[dict[str, Any]], start: int, name: str, header: str = "", value: str = ""
) -> int:
    for at in range(start, len(events)):
        event = events[at]
        if name in ("", event["Event-Name"]) and (not header or event.get(header) == value):
            return at
    return -1


def shape(value: Any) -> Any:
    """The form of a JSON answer: names and kinds, not contents."""
    if isinstance(value, dict):
        return {name: shape(item) for name, item in sorted(value.items())}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return type(value).__name__


def shape_of(text: str) -> Any:
    return shape(json.loads(text))
