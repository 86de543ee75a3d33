"""Events into the database, and everything that follows from them, within one transaction."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from callcenter.events import Event, Kind
from callcenter.models import Call, JournalEvent, Recording
from callcenter.projection import CallRecord, fold
from workorder.drafts import DRAFT, draft_of, merge, new_order
from workorder.models import Order, OrderEvent
from workorder.numbering import next_number

NUISANCE = (Kind.NUISANCE, Kind.NUISANCE_DECIDED)
EARLIEST, LATEST = 946_684_800.0, 32_503_680_000.0  # years 2000 to 3000


@dataclass(frozen=True, slots=True)
class Changes:
    """What others may want to look at once the transaction is committed."""

    calls: tuple[str, ...] = ()  # ids
    orders: tuple[str, ...] = ()  # numbers
    recordings: bool = False  # some may be indexed now
    nuisances: tuple[str, ...] = ()  # ids of calls that were marked or decided on


def store(session: Session, events: Sequence[Event], now: dt.datetime) -> Changes:
    """Add the events that are new and derive calls, recordings and draft orders again.

    Storing an event twice changes nothing. ValueError for an event that no record can hold.
    """
    fresh = _insert(session, events)
    touched = {event.call for event in fresh if event.call}
    if not touched:
        return Changes()
    records = [fold(story) for story in _stories(session, touched).values()]
    orders = _save_orders(session, records, now)
    recordings = _save_recordings(session, records)
    _save_calls(session, records, orders, now)
    return Changes(
        tuple(record.id for record in records),
        tuple(order.number for order, changed in orders.values() if changed),
        recordings,
        tuple(sorted({event.call for event in fresh if event.call and event.kind in NUISANCE})),
    )


def _insert(session: Session, events: Sequence[Event]) -> list[Event]:
    """Store the events that aren't there yet, and give them."""
    by_id: dict[str, Event] = {}
    for event in events:
        _check(event)
        by_id.setdefault(event.id, event)
    known = set(session.scalars(sa.select(JournalEvent.id).where(JournalEvent.id.in_(by_id))).all())
    fresh = [event for event in by_id.values() if event.id not in known]
    if fresh:
        dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
        statement = dialect.insert(JournalEvent).on_conflict_do_nothing(index_elements=["id"])
        session.execute(statement, [_row(event) for event in fresh])
    return fresh


def _check(event: Event) -> None:
    if not EARLIEST <= event.at < LATEST:
        raise ValueError(f"time {event.at!r} is outside the years 2000 to 2999")
    if not 0 < len(event.id) <= 128 or len(event.call or "") > 64:
        raise ValueError("id or call is empty or too long")


def _row(event: Event) -> dict[str, Any]:
    return {
        "id": event.id,
        "at": event.at,
        "kind": event.kind.value,
        "call_id": event.call,
        "data": _without_nul(event.data),
    }


def _without_nul(value: Any) -> Any:
    """PostgreSQL can't keep U+0000."""
    if isinstance(value, str):
        return value.replace("\0", "\ufffd")
    if isinstance(value, list):
        return [_without_nul(item) for item in value]
    if isinstance(value, dict):
        return {_without_nul(key): _without_nul(item) for key, item in value.items()}
    return value


def _stories(session: Session, calls: Iterable[str]) -> dict[str, list[Event]]:
    """All events of the calls."""
    stories = defaultdict(list)
    columns = (
        JournalEvent.id,
        JournalEvent.at,
        JournalEvent.kind,
        JournalEvent.call_id,
        JournalEvent.data,
    )
    query = sa.select(*columns).where(JournalEvent.call_id.in_(sorted(calls)))
    for event_id, at, kind, call, data in session.execute(query):
        stories[call].append(Event(event_id, at, Kind(kind), call, data))
    return stories


def _save_calls(
    session: Session,
    records: Sequence[CallRecord],
    orders: dict[str, tuple[Order, bool]],
    now: dt.datetime,
) -> None:
    ids = [record.id for record in records]
    known = {call.id: call for call in session.scalars(sa.select(Call).where(Call.id.in_(ids)))}
    for record in records:
        values = record.columns()
        values["order_number"] = orders[record.id][0].number if record.id in orders else None
        call = known.get(record.id)
        if call is None:
            session.add(Call(**values, updated_at=now))
            continue
        changed = {name: value for name, value in values.items() if getattr(call, name) != value}
        if changed:
            for name, value in changed.items():
                setattr(call, name, value)
            call.updated_at = now


def _save_recordings(session: Session, records: Sequence[CallRecord]) -> bool:
    """Keep a row per file; True when some file may be indexed now."""
    wanted = {file.path: (record.id, file) for record in records for file in record.recordings}
    if not wanted:
        return False
    query = sa.select(Recording).where(Recording.path.in_(wanted))
    known = {row.path: row for row in session.scalars(query)}
    closed = False
    for path, (call_id, file) in wanted.items():
        row = known.get(path)
        if row is None:
            row = Recording(path=path, call_id=call_id, state="open", problem="")
            session.add(row)
        elif row.call_id != call_id and row.started_at is not None:
            continue  # another call's file
        row.call_id, row.kind, row.started_at = call_id, file.kind, file.started_at
        if row.closed_at != file.closed_at:
            row.closed_at, row.state = file.closed_at, "open"
            closed = closed or file.closed_at is not None
    return closed


def _save_orders(
    session: Session, records: Sequence[CallRecord], now: dt.datetime
) -> dict[str, tuple[Order, bool]]:
    """Make or refresh the draft orders; by call id, with whether something changed."""
    ids = [call for record in records for call in (record.id, record.callback_of) if call]
    # Locked: an agent may be saving the same order right now.
    query = sa.select(Order).where(Order.call_id.in_(ids)).with_for_update()
    known = {order.call_id: order for order in session.scalars(query)}
    about = _orders_asked_about(session, records)
    orders: dict[str, tuple[Order, bool]] = {}
    for record in sorted(records, key=lambda record: record.drafted_at or record.arrived_at):
        draft = draft_of(record)
        order = known.get(record.id)
        promised = known.get(record.callback_of) if record.callback_of else None
        promised = promised or about.get(record.about or "")
        if order is None and promised is not None:
            # The wish to be called back has an order already; what it leads to is the same matter.
            orders[record.id] = (promised, _attached(promised, record))
        elif order is not None:
            changed = draft is not None and merge(order, draft)
            if changed:
                order.updated_at = now
            orders[record.id] = (order, changed)
        elif draft is not None:
            at = record.drafted_at or record.arrived_at
            order = new_order(next_number(session, at), record.id, draft, at)
            order.events.append(_drafted(record, at))
            session.add(order)
            known[record.id] = order
            orders[record.id] = (order, True)
        if record.id in orders:
            order, changed = orders[record.id]
            orders[record.id] = (order, _joined(order, record) or changed)
    return orders


def _joined(order: Order, record: CallRecord) -> bool:
    """Note the joint lines (12330) that took part: the order goes to them and to the unit."""
    noted = False
    for destination, at in record.joined:
        key = f"{record.id}:joint:{destination}"
        if any(event.key == key for event in order.events):
            continue
        drafted = dict(order.drafted or {})
        order.drafted = {**drafted, "joined": [*drafted.get("joined", []), destination]}
        order.events.append(
            OrderEvent(
                at=at,
                kind="noted",
                actor=record.agent or "system",
                from_state=order.state,
                to_state=order.state,
                data={"joint": destination, "call": record.id},
                key=key,
            )
        )
        noted = True
    return noted


def _orders_asked_about(session: Session, records: Sequence[CallRecord]) -> dict[str, Order]:
    """Orders that we called about, by number: such a call is no new matter."""
    numbers = [record.about for record in records if record.about]
    if not numbers:
        return {}
    query = sa.select(Order).where(Order.number.in_(numbers)).with_for_update()
    return {order.number: order for order in session.scalars(query)}


def _attached(order: Order, record: CallRecord) -> bool:
    """Note that the citizen was called back; False when that is known already."""
    key = f"{record.id}:attached"
    if record.drafted_at is None or any(event.key == key for event in order.events):
        return False
    if order.state == DRAFT and order.agent_number is None:
        order.agent_number = record.agent
    told = {"call": record.id}
    order.events.append(
        OrderEvent(
            at=record.drafted_at,
            kind="attached",
            actor="system",
            from_state=order.state,
            to_state=order.state,
            data=told,
            key=key,
        )
    )
    order.updated_at = max(order.updated_at, record.drafted_at)
    return True


def _drafted(record: CallRecord, at: dt.datetime) -> OrderEvent:
    return OrderEvent(
        at=at, kind="drafted", actor="system", to_state="draft", key=f"{record.id}:drafted"
    )
