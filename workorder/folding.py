"""From an order's events to its life.

Nothing but the events is asked, so that replaying them gives the same order. What a step writes
into the clocks' ledger is part of its event.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from typing import Any

from workorder.clocks import Entry
from workorder.life import EventLike, Life, Notice, Part
from workorder.states import State, Step


def fold(events: Iterable[EventLike]) -> Life:
    """The life that `events`, in their order, come to."""
    life = Life()
    for event in events:
        apply(life, event)
    return life


def apply(life: Life, event: EventLike) -> None:
    """Bring `life` on by one event; of a kind that isn't known here, only its state counts."""
    data = event.data or {}
    handler = _HANDLERS.get(event.kind)
    before = life.state
    life.state = State(event.to_state)
    life.ledger += [Entry.from_data(entry) for entry in data.get("ledger", ())]
    if handler is not None:
        handler(life, event, data, before)
    if life.state in (State.ARCHIVED, State.MERGED):
        life.closed_at = life.closed_at or event.at
    else:
        life.closed_at = None
    life.last_at, life.last_by = event.at, event.actor


Handler = Callable[[Life, EventLike, dict[str, Any], State], None]


def _edited(life: Life, event: EventLike, data: dict[str, Any], before: State) -> None:
    change = (data.get("changes") or {}).get("category")
    if change:
        life.category = change[1] or None


def _classified(life: Life, event: EventLike, data: dict[str, Any], before: State) -> None:
    life.category = data.get("category") or life.category
    life.specialised = data.get("specialised", life.specialised)
    life.unclear = data.get("unclear", life.unclear)


def _accepted(life: Life, event: EventLike, data: dict[str, Any], before: State) -> None:
    _classified(life, event, data, before)
    life.accepted_at = event.at


def _answered(life: Life, event: EventLike, data: dict[str, Any], before: State) -> None:
    life.category = data.get("category") or life.category
    life.result = data.get("text", "")
    life.accepted_at = life.accepted_at or event.at
    life.resolved_at = event.at


def _declined(life: Life, event: EventLike, data: dict[str, Any], before: State) -> None:
    _let_go(life, event.at, "released")
    life.result = event.reason


def _reopened(life: Life, event: EventLike, data: dict[str, Any], before: State) -> None:
    life.accepted_at = life.accepted_at or event.at
    life.result, life.resolved_at = "", None
    if before is State.MERGED:
        life.repeat_of = None


def _dispatched(life: Life, event: EventLike, data: dict[str, Any], before: State) -> None:
    _let_go(life, event.at, "released")
    for unit, part in ((data["unit"], "lead"), *((code, "co") for code in data["co_units"])):
        _assign(life, unit, part, event.at)
    life.designated = event.kind == Step.DETERMINE
    life.return_rejected = False
    life.extension_state, life.extension_count, life.paused = "", 0, False
    life.dispatched_at = event.at


def _assign(life: Life, unit: str, part: str, at: dt.datetime) -> None:
    life.parts.append(Part(len(life.parts) + 1, unit, part, "assigned", True, at))


def _let_go(life: Life, at: dt.datetime, state: str) -> None:
    """Nobody has the order any more; a notice that went to the lead lapses."""
    life.above = []
    for part in life.parts:
        if part.active:
            part.active, part.until, part.state = False, at, state
    for notice in life.open_notices:
        notice.closed_at, notice.outcome = at, "lapsed"


def _recalled(life: Life, event: EventLike, data: dict[str, Any], before: State) -> None:
    _let_go(life, event.at, "released")
    life.extension_state, life.paused = "", False


def _returned(life: Life, event: EventLike, data: dict[str, Any], before: State) -> None:
    life.returned_from = before
    life.return_count += 1
    life.paused = False
    life.extension_state = "" if life.extension_state == "asked" else life.extension_state
    for part in life.parts:
        if part.active and part.part == "lead":
            part.active, part.until, part.state = False, event.at, "returned"
    for notice in life.open_notices:
        notice.closed_at, notice.outcome = event.at, "lapsed"


def _return_rejected(life: Life, event: EventLike, data: dict[str, Any], before: State) -> None:
    life.return_rejected = True
    part = next(part for part in reversed(life.parts) if part.part == "lead")
    part.active, part.until = True, None
    part.state = "assigned" if life.state is State.DISPATCHED else "acknowledged"


def _handed_on(life: Life, event: EventLike, data: dict[str, Any], before: State) -> None:
    """Another unit of the same part of the tree leads; its notices stay with the one above."""
    part = _lead(life)
    if part is not None:
        part.active, part.until, part.state = False, event.at, "handed_on"
    life.above = list(data["above"])
    _assign(life, data["unit"], "lead", event.at)


def _lead(life: Life) -> Part | None:
    return next((part for part in life.parts if part.part == "lead" and part.active), None)


def _lead_is(state: str) -> Handler:
    def handler(life: Life, event: EventLike, data: dict[str, Any], before: State) -> None:
        part = _lead(life)
        if part is not None:
            part.state = state

    return handler


def _co_is(state: str, *, gone: bool = False) -> Handler:
    def handler(life: Life, event: EventLike, data: dict[str, Any], before: State) -> None:
        for part in life.co:
            if part.unit == data["unit"]:
                part.state, part.answer = state, data.get("text", part.answer)
                if gone:
                    part.active, part.until = False, event.at

    return handler


def _co_added(life: Life, event: EventLike, data: dict[str, Any], before: State) -> None:
    _assign(life, data["unit"], "co", event.at)


def _extension_asked(life: Life, event: EventLike, data: dict[str, Any], before: State) -> None:
    life.extension_state, life.extension_workdays = "asked", data["workdays"]


def _extension_granted(life: Life, event: EventLike, data: dict[str, Any], before: State) -> None:
    life.extension_state = "granted"
    life.extension_count += 1


def _extension_refused(life: Life, event: EventLike, data: dict[str, Any], before: State) -> None:
    life.extension_state = "refused"


def _paused(life: Life, event: EventLike, data: dict[str, Any], before: State) -> None:
    life.paused = True


def _resumed(life: Life, event: EventLike, data: dict[str, Any], before: State) -> None:
    life.paused = False


def _resolved(life: Life, event: EventLike, data: dict[str, Any], before: State) -> None:
    _lead_is("resolved")(life, event, data, before)
    life.result, life.resolved_at, life.paused = data.get("result", ""), event.at, False
    if life.extension_state == "asked":
        life.extension_state = ""


def _followed_up(life: Life, event: EventLike, data: dict[str, Any], before: State) -> None:
    life.reached = data.get("reached")
    life.solved, life.true_result = data.get("solved"), data.get("true")
    life.satisfaction = data.get("satisfaction")
    life.unsatisfied_with = tuple(data.get("unsatisfied_with") or ())


def _redone(life: Life, event: EventLike, data: dict[str, Any], before: State) -> None:
    life.redo_count += 1
    life.extension_state, life.extension_count = "", 0
    life.dispatched_at, life.resolved_at = event.at, None
    for part in life.parts:
        if part.active:
            part.state = "assigned"


def _supervised(life: Life, event: EventLike, data: dict[str, Any], before: State) -> None:
    life.notices.append(
        Notice(
            serial=len(life.notices) + 1,
            unit=data["unit"],
            cause=data["cause"],
            text=data.get("text", ""),
            at=event.at,
            by=event.actor,
            round=life.redo_count,
        )
    )


def _replied(life: Life, event: EventLike, data: dict[str, Any], before: State) -> None:
    for notice in life.open_notices:
        if notice.serial == data["serial"]:
            notice.closed_at, notice.outcome, notice.reply = event.at, "replied", data["text"]


def _written_requested(life: Life, event: EventLike, data: dict[str, Any], before: State) -> None:
    life.written = "requested"


def _written_issued(life: Life, event: EventLike, data: dict[str, Any], before: State) -> None:
    life.written = "issued"


def _linked(life: Life, event: EventLike, data: dict[str, Any], before: State) -> None:
    life.repeat_of = data["into"]
    if event.kind == Step.MERGE:
        _let_go(life, event.at, "released")


def _repeated(life: Life, event: EventLike, data: dict[str, Any], before: State) -> None:
    if data.get("undone"):
        life.repeats = [number for number in life.repeats if number != data["number"]]
    elif data["number"] not in life.repeats:
        life.repeats.append(data["number"])


def _key(life: Life, event: EventLike, data: dict[str, Any], before: State) -> None:
    life.is_key = True


_HANDLERS: dict[str, Handler] = {
    Step.DRAFTED: _classified,
    Step.EDITED: _edited,
    Step.CLASSIFY: _classified,
    Step.ACCEPT: _accepted,
    Step.ANSWER: _answered,
    Step.DECLINE: _declined,
    Step.RECONSIDER: _reopened,
    Step.UNMERGE: _reopened,
    Step.DISPATCH: _dispatched,
    Step.DETERMINE: _dispatched,
    Step.RECALL: _recalled,
    Step.RETURN: _returned,
    Step.REJECT_RETURN: _return_rejected,
    Step.ADD_CO: _co_added,
    Step.RELEASE_CO: _co_is("released", gone=True),
    Step.HAND_DOWN: _handed_on,
    Step.HAND_BACK: _handed_on,
    Step.CO_ACKNOWLEDGE: _co_is("acknowledged"),
    Step.CO_ANSWER: _co_is("answered"),
    Step.CO_RETURN: _co_is("returned", gone=True),
    Step.ACKNOWLEDGE: _lead_is("acknowledged"),
    Step.ASK_EXTENSION: _extension_asked,
    Step.GRANT_EXTENSION: _extension_granted,
    Step.REFUSE_EXTENSION: _extension_refused,
    Step.PAUSE: _paused,
    Step.RESUME: _resumed,
    Step.RESOLVE: _resolved,
    Step.FOLLOW_UP: _followed_up,
    Step.REDO: _redone,
    Step.SUPERVISE: _supervised,
    Step.REPLY_SUPERVISION: _replied,
    Step.REQUEST_WRITTEN: _written_requested,
    Step.ISSUE_WRITTEN: _written_issued,
    Step.LINK: _linked,
    Step.MERGE: _linked,
    Step.REPEATED: _repeated,
    Step.MARK_KEY: _key,
}
