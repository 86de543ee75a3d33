"""Why a step is refused; pages translate the code, the command line prints the sentence."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from enum import StrEnum
from typing import Any

from workorder.states import Step
from workorder.worktime import CHINA


class Why(StrEnum):
    STATE = "state"
    ROLE = "role"
    UNIT = "unit"
    REASON_NEEDED = "reason_needed"
    FIELD_NEEDED = "field_needed"
    FIELD_WRONG = "field_wrong"
    FIELD_UNKNOWN = "field_unknown"
    UNKNOWN_UNIT = "unknown_unit"
    DESIGNATED = "designated"
    HANDED_DOWN = "handed_down"
    NOT_HANDED_DOWN = "not_handed_down"
    NOT_BELOW = "not_below"
    REDO_STAYS = "redo_stays"
    RETURN_REJECTED = "return_rejected"
    RETURN_TOO_LATE = "return_too_late"
    ONLY_JOINT = "only_joint"
    EXTENSION_PENDING = "extension_pending"
    NO_EXTENSION_ASKED = "no_extension_asked"
    NO_MORE_EXTENSIONS = "no_more_extensions"
    NO_EXTENSION_IN_REDO = "no_extension_in_redo"
    EXTENSION_TOO_LATE = "extension_too_late"
    EXTENSION_TOO_LONG = "extension_too_long"
    PAUSED = "paused"
    NOT_PAUSED = "not_paused"
    CO_OPEN = "co_open"
    CO_TWICE = "co_twice"
    NOT_CO = "not_co"
    NO_MORE_REDOS = "no_more_redos"
    SUPERVISION_OPEN = "supervision_open"
    NO_NOTICE = "no_notice"
    ALREADY_SUPERVISED = "already_supervised"
    CAUSE_NOT_IN_POLICY = "cause_not_in_policy"
    WRITTEN_OPEN = "written_open"
    NO_WRITTEN_ASKED = "no_written_asked"
    NO_LEAD = "no_lead"
    UNKNOWN_ORDER = "unknown_order"
    ITSELF = "itself"
    IN_A_RING = "in_a_ring"


_SENTENCES = {
    Why.STATE: "an order in state {state} has no such step",
    Why.ROLE: "the role {role} may not take it; these may: {roles}",
    Why.UNIT: "it belongs to unit {unit}, or one above it",
    Why.REASON_NEEDED: "a reason is needed",
    Why.FIELD_NEEDED: "{field} is needed",
    Why.FIELD_WRONG: "{field}: expected {expected}",
    Why.FIELD_UNKNOWN: "{field}: there is no such field",
    Why.UNKNOWN_UNIT: "there is no active unit {unit}",
    Why.DESIGNATED: "the unit was designated by joint determination and may not return it",
    Why.HANDED_DOWN: "it was handed down by {unit}: hand it back there",
    Why.NOT_HANDED_DOWN: "no unit above handed it down",
    Why.NOT_BELOW: "{unit} is no other unit of yours or below you",
    Why.REDO_STAYS: "an order to be redone stays with its unit",
    Why.RETURN_REJECTED: "the dispatcher rejected its return already",
    Why.RETURN_TOO_LATE: "it could be returned until {until}; now it counts as accepted",
    Why.ONLY_JOINT: "a returned order goes to joint determination",
    Why.EXTENSION_PENDING: "an extension has been asked for already",
    Why.NO_EXTENSION_ASKED: "no extension has been asked for",
    Why.NO_MORE_EXTENSIONS: "{most} extension(s) at most, and {count} granted",
    Why.NO_EXTENSION_IN_REDO: "an order that is redone may not be extended",
    Why.EXTENSION_TOO_LATE: "an extension could be asked for until {until}",
    Why.EXTENSION_TOO_LONG: "at most {most} working days",
    Why.PAUSED: "its clock stands still",
    Why.NOT_PAUSED: "its clock is running",
    Why.CO_OPEN: "the answers of these co-handlers are missing: {units}",
    Why.CO_TWICE: "{unit} has a part in it already",
    Why.NOT_CO: "{unit} is no co-handler whose answer is missing",
    Why.NO_MORE_REDOS: "it may be redone {most} time(s) at most",
    Why.SUPERVISION_OPEN: "a supervision notice waits for its reply",
    Why.NO_NOTICE: "no supervision notice waits for a reply",
    Why.ALREADY_SUPERVISED: "a notice for {cause} waits for its reply already",
    Why.CAUSE_NOT_IN_POLICY: "{cause} is none of the policy's causes: {causes}",
    Why.WRITTEN_OPEN: "a written result has been asked for and isn't issued",
    Why.NO_WRITTEN_ASKED: "nobody asked for a written result",
    Why.NO_LEAD: "no unit handled it",
    Why.UNKNOWN_ORDER: "there is no order {number}",
    Why.ITSELF: "an order is no repeat of itself",
    Why.IN_A_RING: "{number} is itself a repeat of {of}",
}


class Refused(Exception):
    """A step that can't be taken. Nothing was changed.

    `values` fill the sentence; moments are aware. `legal` are the steps that the same actor could
    take now, `owner` is who has to do something now (a role, or unit:CODE).
    """

    def __init__(self, step: Step, code: Why, **values: Any) -> None:
        super().__init__(step, code, values)
        self.step = step
        self.code = code
        self.values = values
        self.legal: tuple[Step, ...] = ()
        self.owner = ""

    @property
    def sentence(self) -> str:
        return _SENTENCES[self.code].format(**{k: _said(v) for k, v in self.values.items()})

    def __str__(self) -> str:
        legal = ", ".join(self.legal) or f"none for you; it is {self.owner}'s turn"
        return f"{self.step}: {self.sentence} (possible now: {legal})"


class Conflict(Exception):
    """Somebody else was faster; nothing was changed."""

    def __init__(self, number: str, by: str, kind: str, at: dt.datetime | None) -> None:
        super().__init__(number, by, kind, at)
        self.number = number
        self.by = by
        self.kind = kind  # the step taken meanwhile
        self.at = at

    def __str__(self) -> str:
        when = f" at {_said(self.at)}" if self.at else ""
        return f"order {self.number}: {self.by} took the step {self.kind} meanwhile{when}"


def _said(value: Any) -> str:
    if isinstance(value, dt.datetime):
        return f"{value.astimezone(CHINA):%Y-%m-%d %H:%M}"
    if isinstance(value, Iterable) and not isinstance(value, str):
        return ", ".join(str(item) for item in value)
    return str(value)
