"""How a call's time was spent: in the menu, the queue, ringing, talking, the survey."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flask_babel import LazyString
from flask_babel import lazy_gettext as _l

from callcenter.events import Kind
from callcenter.models import JournalEvent

PHASES: Mapping[str, LazyString] = {
    "menu": _l("菜单"),
    "queue": _l("排队"),
    "ring": _l("振铃"),
    "talk": _l("通话"),
    "survey": _l("评价"),
    "message": _l("留言"),
}
# The phase that begins with an event; one that isn't here changes nothing.
_BEGINS: Mapping[str, str] = {
    Kind.CALL_ARRIVED: "menu",
    Kind.QUEUE_JOINED: "queue",
    Kind.OFFER_MADE: "ring",
    Kind.TALK_STARTED: "talk",
    Kind.TALK_ENDED: "survey",
    Kind.SURVEY_STARTED: "survey",
}
_MESSAGE_AFTER = ("message", "callback", "closed", "failed")  # reasons to leave a queue


SHOWN_FROM = 0.5  # seconds; what is shorter would read 0:00


@dataclass(frozen=True, slots=True)
class Phase:
    name: str
    start: float
    end: float

    @property
    def seconds(self) -> float:
        return max(0.0, self.end - self.start)


def phases(events: Sequence[JournalEvent], end: float) -> list[Phase]:
    """What the call did when, from its first event to `end` (or its last)."""
    found: list[Phase] = []
    name: str | None = None
    start = 0.0
    for event in events:
        begins = _begins(event, name)
        if event.kind == Kind.CALL_ENDED:
            end = event.at
        if begins is None or begins == name:
            continue
        if name is not None:
            found.append(Phase(name, start, event.at))
        name, start = begins, event.at
    if name is not None:
        found.append(Phase(name, start, max(start, end)))
    return [phase for phase in found if phase.seconds >= SHOWN_FROM]


def _begins(event: JournalEvent, current: str | None) -> str | None:
    """The phase that begins with `event`, if one does."""
    if event.kind == Kind.OFFER_ENDED and current == "ring":
        return None if event.data.get("result") == "answered" else "queue"
    if event.kind == Kind.QUEUE_LEFT and event.data.get("reason") in _MESSAGE_AFTER:
        return "message"
    return _BEGINS.get(event.kind)
