"""The calls by which the orders came, and those of citizens who gave up, rated badly, or asked."""

from __future__ import annotations

import datetime as dt
import random
import uuid
from typing import Any

from sqlalchemy.orm import Session

from callcenter.events import Event, Kind
from callcenter.models import Call, JournalEvent

ANNOUNCED_AFTER = 20.0  # seconds in the queue
RATINGS = (1, 1, 1, 1, 2, 2, 3, 4, 5, None)


Told = tuple[float, Kind, dict[str, Any]]  # seconds after the arrival, what, data


def phone_number(chance: random.Random) -> str:
    """A number of a block that no carrier gives out."""
    return f"1390000{chance.randrange(10_000):04}"


def answered(
    session: Session, chance: random.Random, at: dt.datetime, caller: str, agent: str
) -> Call:
    """A citizen's call that an agent took, with its journal."""
    wait = chance.choice([chance.uniform(1, 13)] * 8 + [chance.uniform(16, 80)])
    talk = chance.uniform(60, 420)
    rating = chance.choice(RATINGS)
    queued, told = 9.0, 9.0 + wait
    announced = _announcement(chance, queued, wait)
    call = _call(session, at, caller, {
        "queue": "general", "agent": agent, "agents_offered": [agent], "outcome": "answered",
        "rating": rating, "menu_path": ["main:1"],
        "queued_at": at + _s(queued), "offered_at": at + _s(told - 0.8),
        "told_at": at + _s(announced[0][0]) if announced else None,
        "told_seconds": announced[0][2]["estimate"] if announced else None,
        "answered_at": at + _s(told), "talk_ended_at": at + _s(told + talk),
        "ended_at": at + _s(told + talk + 9), "hangup_by": "citizen",
    })  # fmt: skip
    offer = {"offer": f"demo-{call.id[:8]}", "agent": agent}
    _tell(session, call, [
        (2.0, Kind.MENU_ENTERED, {"menu": "main"}),
        (8.5, Kind.MENU_KEY, {"menu": "main", "key": "1", "choice": "queue:general"}),
        (queued, Kind.QUEUE_JOINED, {"queue": "general", "priority": 0, "requirement": ""}),
        *announced,
        (told - 0.8, Kind.OFFER_MADE, offer),
        (told, Kind.OFFER_ENDED, {**offer, "result": "answered"}),
        (told, Kind.TALK_STARTED, {**offer, "leg": ""}),
        (told + talk, Kind.TALK_ENDED, {"agent": agent, "by": "agent"}),
        *([(told + talk + 7, Kind.SURVEY_RATED, {"rating": rating})] if rating else []),
    ])  # fmt: skip
    return call


def _announcement(chance: random.Random, queued: float, wait: float) -> list[Told]:
    """The place and the expected wait, heard by whoever waits longer than 20 s."""
    if wait <= ANNOUNCED_AFTER + 1:
        return []
    estimate = round(max(2.0, wait - ANNOUNCED_AFTER + chance.gauss(1.0, 8.0)), 1)
    data = {"position": chance.randint(1, 4), "estimate": estimate}
    return [(queued + ANNOUNCED_AFTER, Kind.QUEUE_ANNOUNCED, data)]


def given_up(session: Session, chance: random.Random, at: dt.datetime) -> Call:
    """A citizen who hung up in the menu or in the queue."""
    if chance.random() < 0.5:
        left = chance.uniform(4, 20)
        values: dict[str, Any] = {"outcome": "abandoned_in_menu", "menu_path": []}
    else:
        left = chance.uniform(15, 90)
        values = {
            "outcome": "abandoned_in_queue", "queue": "general", "menu_path": ["main:1"],
            "queued_at": at + _s(8),
        }  # fmt: skip
    values |= {"ended_at": at + _s(left), "hangup_by": "citizen"}
    call = _call(session, at, phone_number(chance), values)
    _tell(session, call, [(2.0, Kind.MENU_ENTERED, {"menu": "main"})])
    return call


def _call(session: Session, at: dt.datetime, caller: str, values: dict[str, Any]) -> Call:
    call = Call(
        id=str(uuid.uuid4()), caller=caller, dialed="12345", hotline="12345", stage="ended",
        arrived_at=at, updated_at=at, hangup_cause="NORMAL_CLEARING", **values,
    )  # fmt: skip
    session.add(call)
    return call


def _tell(session: Session, call: Call, told: list[Told]) -> None:
    start = call.arrived_at.timestamp()
    first: Told = (
        0.0,
        Kind.CALL_ARRIVED,
        {"caller": call.caller, "name": "", "dialed": call.dialed},
    )
    end = (call.ended_at or call.arrived_at).timestamp() - start
    last: Told = (end, Kind.CALL_ENDED, {"cause": call.hangup_cause, "by": call.hangup_by})
    for place, (after, kind, data) in enumerate([first, *told, last]):
        event = Event(f"demo:{call.id}:{place}", start + after, kind, call.id, dict(data))
        session.add(
            JournalEvent(
                id=event.id, at=event.at, kind=event.kind, call_id=event.call, data=event.data
            )
        )


def _s(seconds: float) -> dt.timedelta:
    return dt.timedelta(seconds=seconds)
