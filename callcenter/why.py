"""Why a call went where it went: the engine's decisions as plain sentences, from the journal."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from callcenter.events import Event, Kind
from callcenter.models import JournalEvent
from callcenter.privacy import clean_text

SHORTEST_PREFIX = 6  # characters of a call's id that are enough when no other call begins so

Data = dict[str, Any]


class NoSuchCall(Exception):
    """No call, or more than one, has an id that begins so."""


def events_of(session: Session, call: str) -> list[Event]:
    """The call's events in their order; raise NoSuchCall. The beginning of its id is enough."""
    column = JournalEvent.call_id
    ids = [call]
    if len(call) >= SHORTEST_PREFIX:
        found = select(column).where(column.startswith(call, autoescape=True)).distinct().limit(3)
        ids = [str(each) for each in session.scalars(found)]
    if len(ids) > 1:
        raise NoSuchCall(f"more than one call begins with {call}: {', '.join(ids)} …")
    query = select(JournalEvent).where(column.in_(ids)).order_by(JournalEvent.at, JournalEvent.seq)
    rows = list(session.scalars(query))
    if not rows:
        raise NoSuchCall(f"there is no call {call}")
    return [Event(row.id, row.at, Kind(row.kind), row.call_id, row.data) for row in rows]


def explain(events: Iterable[Event], zone: dt.tzinfo) -> Iterator[str]:
    """One line for each step of the distribution; reasons are indented below their decision."""
    for event in events:
        teller = _TELLERS.get(event.kind)
        if teller is None:
            continue
        first, *more = teller(event.data)
        at = dt.datetime.fromtimestamp(event.at, zone)
        yield f"{at:%H:%M:%S}.{at.microsecond // 1000:03d}  {clean_text(first, 400)}"
        for line in more:
            yield f"{'':14}{clean_text(line, 400)}"


def _arrived(data: Data) -> list[str]:
    before = f", promised in call {data['callback_of']}" if data.get("callback_of") else ""
    return [f"The call arrived for {data.get('dialed')}{before}."]


def _joined(data: Data) -> list[str]:
    text = f"It joined queue {data.get('queue')}"
    if data.get("rule"):
        text += f" by the rule {_words(data['rule'])!r} of the queue before"
    if data.get("priority"):
        text += f", with priority {data['priority']}"
    if data.get("requirement"):
        text += f", asking for {data['requirement']}"
    if isinstance(data.get("since"), int | float):
        text += ", in the place it has had since the first call"
    return [text + ".", *map(_asked_by_history, _tables(data, "history"))]


def _asked_by_history(asks: Data) -> str:
    if asks.get("queue"):
        what = f"answered in queue {asks['queue']}"
    else:
        what = f"that asked for {asks.get('asked')}"
    calls = "1 call" if asks.get("calls") == 1 else f"{asks.get('calls')} calls"
    return (
        f"the caller's history asks for {asks.get('requirement')}:"
        f" {calls} {what} within {_days(asks)}"
    )


def _days(asks: Data) -> str:
    days = asks.get("days")
    return f"{days:g} days" if isinstance(days, int | float) else "some days"


def _tables(data: Data, key: str) -> list[Data]:
    items = data.get(key)
    return [item for item in (items if isinstance(items, list) else []) if isinstance(item, dict)]


def _decided(data: Data) -> list[str]:
    rule, agent = data.get("rule"), data.get("agent")
    head = f"Agent {agent} was chosen: {rule}." if agent else f"Nobody was chosen: {rule}."
    lines = [f"agent {who}: {why}" for who, why in _pairs(data, "considered")]
    counts = [f"{count} {reason}" for reason, count in _pairs(data, "counts")]
    if counts:
        lines.append(f"of all agents of the queue: {', '.join(counts)}")
    elif not lines:
        lines.append("no agent of the queue is logged in")
    return [head, *lines]


def _pairs(data: Data, key: str) -> list[tuple[Any, Any]]:
    pairs = data.get(key)
    return [
        (pair[0], pair[1])
        for pair in (pairs if isinstance(pairs, list) else [])
        if isinstance(pair, list) and len(pair) == 2
    ]


def _words(value: object) -> str:
    return str(value).replace("_", " ")


def _announced(data: Data) -> list[str]:
    seconds = data.get("estimate")
    wait = f", about {seconds:.0f} s" if isinstance(seconds, int | float) else ""
    return [f"The citizen was told: place {data.get('position')}{wait}."]


def _offer_ended(data: Data) -> list[str]:
    cause = f" ({data['cause']})" if data.get("cause") else ""
    return [f"The offer to agent {data.get('agent')} ended: {_words(data.get('result'))}{cause}."]


def _left(data: Data) -> list[str]:
    rule = f", by the rule {_words(data['rule'])!r}" if data.get("rule") else ""
    return [f"It left the queue: {_words(data.get('reason'))}{rule}."]


def _requested(data: Data) -> list[str]:
    how = {"asked": "The citizen asked to be called back", "cut_off": "A failure cut it off"}
    why = how.get(str(data.get("reason")), "A rule of the queue has it called back")
    return [f"{why}; the place in queue {data.get('queue')} is kept."]


def _dialed(data: Data) -> list[str]:
    how = "waits on the line" if data.get("first") == "agent" else "is kept for the answer"
    agent = f", agent {data['agent']} {how}" if data.get("agent") else ""
    return [f"The citizen is called back, attempt {data.get('attempt')}{agent}."]


def _not_reached(data: Data) -> list[str]:
    last = f"; it was the last one, then: {data.get('then')}" if data.get("again") is None else ""
    return [f"Attempt {data.get('attempt')} failed: {data.get('cause')}{last}."]


_TELLERS: dict[Kind, Callable[[Data], list[str]]] = {
    Kind.CALL_ARRIVED: _arrived,
    Kind.QUEUE_JOINED: _joined,
    Kind.QUEUE_ANNOUNCED: _announced,
    Kind.DECISION: _decided,
    Kind.OFFER_MADE: lambda data: [f"Agent {data.get('agent')}'s phone is called."],
    Kind.OFFER_RINGING: lambda data: [f"Agent {data.get('agent')}'s phone rings."],
    Kind.OFFER_ENDED: _offer_ended,
    Kind.QUEUE_LEFT: _left,
    Kind.CALLBACK_REQUESTED: _requested,
    Kind.CALLBACK_DIALED: _dialed,
    Kind.CALLBACK_FAILED: _not_reached,
    Kind.CALLBACK_ANSWERED: lambda data: [
        f"The citizen took the call back: see call {data.get('callback')}."
    ],
    Kind.TALK_STARTED: lambda data: [f"Agent {data.get('agent')} talks with the citizen."],
    Kind.TALK_ENDED: lambda data: [f"The conversation ended, {data.get('by')} hung up."],
    Kind.REPAIRED: lambda data: [f"Repaired: {data.get('found')}; {data.get('done')}."],
    Kind.CALL_RESUMED: lambda data: [f"Controller {data.get('controller')} took the call over."],
    Kind.CALL_ENDED: lambda data: [f"The call ended: {data.get('cause')}."],
}
