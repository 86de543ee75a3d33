"""From events to records: pure, and the same whatever order the events came in.

A call's record is never changed by hand. It is folded anew from all of the call's events each
time one more is known, so that a late, doubled or replayed event can do no harm.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import PurePosixPath
from typing import Any

from callcenter.events import Event, Kind, Outcome
from callcenter.privacy import clean_text

ENDED = "ended"  # the stage of a call that is over
LONGEST_WAIT = 7 * 86400.0  # seconds; a longer one was never announced

# What follows from what when two events have the same time.
_ORDER = {kind: position for position, kind in enumerate(Kind)}
_LAST = {Kind.RECORDING_STOPPED: 1, Kind.CALL_ENDED: 2}

_STAGES = {
    Kind.CALL_ARRIVED: "welcome",
    Kind.MENU_ENTERED: "menu",
    Kind.MENU_KEY: "menu",
    Kind.MENU_SILENCE: "menu",
    Kind.MENU_WRONG_KEY: "menu",
    Kind.QUEUE_JOINED: "queue",
    Kind.TALK_STARTED: "talk",
    Kind.TRANSFERRED: "talk",
    Kind.SURVEY_STARTED: "survey",
    Kind.SURVEY_RATED: "survey",
    Kind.SURVEY_SILENT: "survey",
    Kind.MESSAGE_RECORDED: "message",
    Kind.PROGRESS_ASKED: "menu",
    Kind.FOLLOW_UP_ANSWER: "follow_up",
    Kind.FOLLOW_UP_SILENT: "follow_up",
}

# How a call that nobody answered came out; the first that happened in this order counts.
_OUTCOMES = (
    (Kind.SELF_SERVED, Outcome.SELF_SERVED),
    (Kind.FOLLOW_UP_ANSWER, Outcome.SELF_SERVED),
    (Kind.NOTICE_HEARD, Outcome.SELF_SERVED),
    (Kind.CALLBACK_REQUESTED, Outcome.CALLBACK_REQUESTED),
    (Kind.MESSAGE_RECORDED, Outcome.MESSAGE_LEFT),
    (Kind.BLOCKED, Outcome.BLOCKED),
    (Kind.FAILED, Outcome.FAILED),
)


@dataclass(frozen=True, slots=True)
class RecordingRecord:
    """A file that the call's events speak of; columns of `models.Recording`."""

    path: str  # relative to the recordings folder
    kind: str  # "talk" or "message"
    started_at: dt.datetime | None
    closed_at: dt.datetime | None  # None: it may still grow


@dataclass(frozen=True, slots=True)
class CallRecord:
    """The columns of `models.Call` that follow from events, and the call's recordings."""

    id: str
    caller: str
    caller_name: str
    dialed: str
    hotline: str
    menu_path: list[str]
    queue: str | None
    agents_offered: list[str]
    agent: str | None
    stage: str
    arrived_at: dt.datetime
    queued_at: dt.datetime | None
    queue_left_at: dt.datetime | None
    told_at: dt.datetime | None  # the first expected wait that was announced in this queue
    told_seconds: float | None
    offered_at: dt.datetime | None
    answered_at: dt.datetime | None
    talk_ended_at: dt.datetime | None
    ended_at: dt.datetime | None
    outcome: Outcome | None
    rating: int | None
    hangup_cause: str | None
    hangup_by: str | None
    callback_number: str | None
    callback_of: str | None  # the call in which this one was promised
    purpose: str  # of a call that we made of our own accord; "" for others
    about: str | None  # and the number of the order that it was about
    recordings: tuple[RecordingRecord, ...]
    drafted_at: dt.datetime | None  # first answer, message, transfer or wish to be called back
    guided: bool  # transferred to an emergency line: guidance, whatever else was said
    joined: tuple[tuple[str, dt.datetime], ...]  # joint lines that took part, and when

    @property
    def message_left(self) -> bool:
        return any(recording.kind == "message" for recording in self.recordings)

    def columns(self) -> dict[str, Any]:
        """What belongs into the row of `models.Call`."""
        values = {name: getattr(self, name) for name in _COLUMNS}
        # Drivers differ in what they make of an enum.
        return values | {"outcome": None if self.outcome is None else self.outcome.value}


_COLUMNS = [
    field.name
    for field in fields(CallRecord)
    if field.name not in ("recordings", "drafted_at", "about", "guided", "joined")
]


def in_order(events: Iterable[Event]) -> list[Event]:
    """Sort by time and, within one moment, by what follows from what; doubles are left out."""

    def place(event: Event) -> tuple[float, int, int, str, str]:
        content = json.dumps(event.data, sort_keys=True)
        return event.at, _LAST.get(event.kind, 0), _ORDER[event.kind], event.id, content

    # Two sources may tell the same step (esl and cdr): the earlier account stands.
    first: dict[str, Event] = {}
    for event in sorted(events, key=place):
        first.setdefault(event.id, event)
    return list(first.values())


def fold(events: Iterable[Event]) -> CallRecord:
    """Derive the record of one call from its events.

    Unknown or odd data is passed over; ValueError only for no event at all, or for events of
    different calls.
    """
    story = in_order(events)
    if not story or {event.call for event in story} != {story[0].call} or not story[0].call:
        raise ValueError("fold needs the events of one call")
    folding = _Folding()
    for event in story:
        folding.take(event)
    return folding.record(story[0].call, _when(story[0]))


class _Folding:
    """What is known of the call up to an event."""

    def __init__(self) -> None:
        self.caller = self.caller_name = self.dialed = self.hotline = self.stage = ""
        self.menu_path: list[str] = []
        self.agents_offered: list[str] = []
        self.queue: str | None = None
        self.agent: str | None = None
        self.callback_number: str | None = None
        self.callback_of: str | None = None
        self.purpose = ""
        self.about: str | None = None
        self.hangup_cause: str | None = None
        self.hangup_by: str | None = None
        self.rating: int | None = None
        self.told_seconds: float | None = None
        self.waiting = False
        self.turned_away = False  # by the switch, before any controller took the call
        self.times: dict[str, dt.datetime] = {}
        self.happened: set[Kind] = set()
        self.started: dict[str, dt.datetime] = {}  # recordings by path
        self.stopped: dict[str, dt.datetime] = {}
        self.messages: dict[str, dt.datetime] = {}
        self.guided = False
        self.joined: dict[str, dt.datetime] = {}

    def take(self, event: Event) -> None:
        at, data = _when(event), event.data
        self.happened.add(event.kind)
        if self.stage != ENDED:
            self.stage = _STAGES.get(event.kind, self.stage)
        match event.kind:
            case Kind.CALL_ARRIVED:
                self.times["arrived_at"] = at
                self.caller = _text(data, "caller", 64)
                self.caller_name = _text(data, "name", 128)
                self.dialed = _text(data, "dialed", 64)
                self.hotline = _text(data, "hotline", 64)
                self.callback_of = _text(data, "callback_of", 64) or None
                self.purpose = _text(data, "purpose", 16)
                self.about = _text(data, "order", 32) or None
                if self.purpose:
                    self.stage = self.purpose
            case Kind.MENU_KEY:
                self.menu_path.append(f"{_text(data, 'menu', 32)}:{_text(data, 'key', 8)}")
            case Kind.QUEUE_JOINED:
                self.queue = _text(data, "queue", 64) or self.queue
                self.times.setdefault("queued_at", at)
                self.times.pop("queue_left_at", None)
                self.waiting = True
                if "answered_at" not in self.times:
                    self.times.pop("told_at", None)
                    self.told_seconds = None
                # Information listened to on the way to an agent doesn't make the call a success.
                self.happened.discard(Kind.SELF_SERVED)
            case Kind.QUEUE_ANNOUNCED:
                self._announced(data, at)
            case Kind.QUEUE_LEFT:
                self._leave_queue(at)
            case Kind.OFFER_MADE:
                self.times.setdefault("offered_at", at)
                agent = _text(data, "agent", 16)
                if agent and agent not in self.agents_offered:
                    self.agents_offered.append(agent)
            case Kind.TALK_STARTED:
                self._leave_queue(at)
                self.times.setdefault("answered_at", at)
                self.times.setdefault("drafted_at", at)
                self.times.pop("talk_ended_at", None)
                self.agent = _text(data, "agent", 16) or self.agent
            case Kind.TALK_ENDED:
                self.times["talk_ended_at"] = at
            case Kind.TRANSFERRED:
                self.times.setdefault("drafted_at", at)
                self.guided = self.guided or data.get("kind") == "emergency"
            case Kind.JOINED:
                if data.get("kind") == "joint":
                    self.joined.setdefault(_text(data, "destination", 32), at)
            case Kind.SURVEY_STARTED:
                if "answered_at" in self.times:  # nobody may have seen the talk's end itself
                    self.times.setdefault("talk_ended_at", at)
            case Kind.SURVEY_RATED:
                rating = data.get("rating")
                if type(rating) is int and 1 <= rating <= 5:
                    self.rating = rating
            case Kind.CALLBACK_REQUESTED:
                self.times.setdefault("drafted_at", at)
                self.callback_number = _text(data, "number", 64) or self.caller or None
            case Kind.RECORDING_STARTED | Kind.RECORDING_STOPPED | Kind.MESSAGE_RECORDED:
                self._recording(event.kind, data, at)
            case Kind.CALL_ENDED:
                self._leave_queue(at)
                self.stage = ENDED
                self.times["ended_at"] = at
                self.hangup_cause = _text(data, "cause", 48) or None
                self.hangup_by = _text(data, "by", 16) or None
                self.turned_away = self.hangup_by == "switch" and data.get("stage") == ""

    def _announced(self, data: dict[str, Any], at: dt.datetime) -> None:
        seconds: Any = data.get("estimate")
        first = self.told_seconds is None and "answered_at" not in self.times
        is_time = isinstance(seconds, int | float) and not isinstance(seconds, bool)
        if first and is_time and 0 <= seconds < LONGEST_WAIT:
            self.told_seconds, self.times["told_at"] = float(seconds), at

    def _leave_queue(self, at: dt.datetime) -> None:
        if self.waiting:
            self.times["queue_left_at"] = at
            self.waiting = False

    def _recording(self, kind: Kind, data: dict[str, Any], at: dt.datetime) -> None:
        path = safe_path(data.get("path"))
        if kind is Kind.MESSAGE_RECORDED:
            self.times.setdefault("drafted_at", at)
        if path is None:
            return
        if kind is Kind.RECORDING_STARTED:
            self.started.setdefault(path, at)
        elif kind is Kind.RECORDING_STOPPED:
            self.stopped[path] = at
        else:
            self.messages[path] = at

    def _recordings(self) -> tuple[RecordingRecord, ...]:
        records = []
        for path in sorted({*self.started, *self.stopped, *self.messages}):
            closed = self.messages.get(path) or self.stopped.get(path)
            started = self.started.get(path)
            if closed is None or (started is not None and closed < started):
                closed = self.times.get("ended_at")
            kind = "message" if path in self.messages else "talk"
            records.append(RecordingRecord(path, kind, started, closed))
        return tuple(records)

    def _outcome(self) -> Outcome | None:
        if "ended_at" not in self.times:
            return None
        if Kind.TRANSFERRED in self.happened:
            return Outcome.TRANSFERRED
        if "answered_at" in self.times:
            return Outcome.ANSWERED
        for kind, outcome in _OUTCOMES:
            if kind in self.happened:
                return outcome
        if "queued_at" in self.times:
            return Outcome.ABANDONED_IN_QUEUE
        if self.turned_away:
            return Outcome.FAILED
        return Outcome.ABANDONED_IN_MENU

    def record(self, call: str, first: dt.datetime) -> CallRecord:
        times = self.times
        talk_ended = times.get("talk_ended_at")
        if talk_ended is None and "answered_at" in times:
            talk_ended = times.get("ended_at")  # nobody watched the talk's end
        return CallRecord(
            id=call,
            caller=self.caller,
            caller_name=self.caller_name,
            dialed=self.dialed,
            hotline=self.hotline,
            menu_path=self.menu_path,
            queue=self.queue,
            agents_offered=self.agents_offered,
            agent=self.agent,
            stage=self.stage or "welcome",
            arrived_at=times.get("arrived_at", first),
            queued_at=times.get("queued_at"),
            queue_left_at=times.get("queue_left_at"),
            told_at=times.get("told_at"),
            told_seconds=self.told_seconds,
            offered_at=times.get("offered_at"),
            answered_at=times.get("answered_at"),
            talk_ended_at=talk_ended,
            ended_at=times.get("ended_at"),
            outcome=self._outcome(),
            rating=self.rating,
            hangup_cause=self.hangup_cause,
            hangup_by=self.hangup_by,
            callback_number=self.callback_number,
            callback_of=self.callback_of,
            purpose=self.purpose,
            about=self.about,
            recordings=self._recordings(),
            drafted_at=times.get("drafted_at"),
            guided=self.guided,
            joined=tuple(self.joined.items()),
        )


def safe_path(value: object) -> str | None:
    """A recording's path that stays inside the recordings folder, or None."""
    if not isinstance(value, str) or not 0 < len(value) <= 255 or "\0" in value:
        return None
    path = PurePosixPath(value)
    if path.is_absolute() or ".." in path.parts or str(path) != value or value == ".":
        return None
    return value


def _when(event: Event) -> dt.datetime:
    return dt.datetime.fromtimestamp(event.at, dt.UTC)


def _text(data: dict[str, Any], key: str, length: int) -> str:
    value = data.get(key)
    return clean_text(value, length) if isinstance(value, str) else ""
