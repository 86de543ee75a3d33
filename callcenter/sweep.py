"""Calls that the switch lost: when it dies, nobody is left to say that they ended.

The controller shows in Redis which channels live (`cc:channels`). A call that is open in the
database, isn't among them for a while, and left no record of the switch's own, is over: it gets
its `call.ended` here. Without fresh news of the switch nothing is swept: its calls may well live.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import redis
import sqlalchemy as sa

from callcenter.database import reading
from callcenter.events import Event, Kind, event
from callcenter.models import Call, JournalEvent
from callcenter.segments import SegmentWriter

log = logging.getLogger(__name__)

CHANNELS = "cc:channels"
GRACE_SECONDS = 15.0  # the switch's own record of a call comes within seconds of its end
TIMEOUT_SECONDS = 1.0
CAUSE = "CRASH"  # FreeSWITCH's name for a call whose switch died


@dataclass(frozen=True, slots=True)
class Living:
    """The channels of the switch at a moment (seconds since the epoch)."""

    at: float
    channels: frozenset[str]


def listener(url: str) -> Callable[[], Living | None]:
    """What `Sweep` asks: the controller's last word, or None when nobody knows now."""
    if not url:
        return lambda: None
    client = redis.Redis.from_url(
        url,
        decode_responses=True,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
    )
    return lambda: _living(client)


def _living(client: redis.Redis) -> Living | None:
    try:
        told = client.get(CHANNELS)
        if told is None:
            return None
        shown = json.loads(str(told))
        return Living(float(shown["at"]), frozenset(map(str, shown["channels"])))
    except (redis.RedisError, OSError, ValueError, KeyError, TypeError):
        return None


class Sweep:
    """Finds the dead calls; for one thread."""

    def __init__(
        self,
        engine: sa.Engine,
        writer: SegmentWriter,
        spool: Path,
        ask: Callable[[], Living | None],
        *,
        grace: float = GRACE_SECONDS,
    ) -> None:
        """`ask` says which channels live; `spool` is where the switch puts its records."""
        self._engine = engine
        self._writer = writer
        self._spool = spool
        self._ask = ask
        self._grace = grace
        self._missing: dict[str, float] = {}  # call -> when it was first found missing
        self._seen: dict[str, float] = {}  # call -> when it was last found alive

    def poll(self) -> int:
        """End the calls that are dead; how many. Raise SQLAlchemyError, OSError.

        To be called when all of the journal is in the database: what an end that waits there
        says is better.
        """
        now = self._ask()
        if now is None:
            self._missing.clear()
            return 0
        calls = self._open_calls()
        for gone in self._seen.keys() - calls.keys():
            del self._seen[gone]
        for call in calls.keys() & now.channels:
            self._seen[call] = now.at
        missing = {
            call: self._missing.get(call, now.at)
            for call, began in calls.items()
            if call not in now.channels and began < now.at
        }
        dead = [call for call, since in missing.items() if now.at - since >= self._grace]
        dead = [call for call in dead if not (self._spool / f"{call}.cdr.json").exists()]
        for call in dead:
            self._end(call)
            del missing[call]
        self._missing = missing
        return len(dead)

    def _open_calls(self) -> dict[str, float]:
        """Calls without an end, with the time of their arrival."""
        with reading(self._engine) as session:
            query = sa.select(Call.id, Call.arrived_at).where(Call.ended_at.is_(None))
            return {call: arrived.timestamp() for call, arrived in session.execute(query)}

    def _end(self, call: str) -> None:
        with reading(self._engine) as session:
            stage = session.scalar(sa.select(Call.stage).where(Call.id == call)) or ""
            told = session.scalar(
                sa.select(sa.func.max(JournalEvent.at)).where(JournalEvent.call_id == call)
            )
        at = max(self._seen.pop(call, 0.0), told or 0.0)
        log.warning("call %s: the switch lost it during %s", call, stage)
        self._writer.append([each.to_json() for each in _account(call, stage, at)])


def _account(call: str, stage: str, at: float) -> list[Event]:
    # The same id whoever tells it: several projectors may find the same call.
    failed = Event(f"{call}:{Kind.FAILED}:sweep", at, Kind.FAILED, call, {"reason": "switch lost"})
    ended = event(
        Kind.CALL_ENDED, call, at=at, cause=CAUSE, stage=stage, by="switch", source="sweep"
    )
    return [failed, ended]
