"""Queues and agents as the controller last told them through Redis, and how old that is."""

from __future__ import annotations

import json
import logging
import time
from dataclasses import dataclass, field
from typing import Any, cast

import redis

from acd.messages import AgentState

log = logging.getLogger(__name__)

STALE_AFTER = 10.0  # seconds


@dataclass(frozen=True, slots=True)
class AgentPresence:
    """One field of `cc:agents`. Times are seconds since the epoch."""

    number: str
    state: str = AgentState.LOGGED_OUT
    reason: str = ""
    since: float | None = None
    until: float | None = None  # end of wrap-up or of an offer's lease
    contact: str | None = None  # the citizen's channel UUID
    queues: dict[str, Any] = field(default_factory=dict)
    skills: dict[str, Any] = field(default_factory=dict)
    registered: bool | None = None  # the phone; None when it isn't known
    next: str = ""  # reason to be not ready after this call
    line: str = "on_hook"  # or calling, off_hook: the phone's leg stays up between calls


@dataclass(frozen=True, slots=True)
class Live:
    """`cc:live` and `cc:agents` at one moment."""

    at: float | None = None  # when the controller wrote it
    calls: int | None = None
    controller: str = ""
    queues: dict[str, dict[str, Any]] = field(default_factory=dict)
    lines: dict[str, list[Any]] = field(default_factory=dict)  # by queue, who waits first
    agents: dict[str, AgentPresence] = field(default_factory=dict)
    switch: str = ""  # up, down or "" when the controller doesn't say
    redis: bool = False

    @property
    def age(self) -> float | None:
        """Seconds since the controller wrote; None when it hasn't."""
        return None if self.at is None else max(0.0, time.time() - self.at)

    @property
    def stale(self) -> bool:
        return self.age is None or self.age > STALE_AFTER


def read(client: redis.Redis | None) -> Live:
    """What is known now. A Redis that doesn't answer gives an empty, stale picture."""
    if client is None:
        return Live()
    try:
        with client.pipeline(transaction=False) as pipe:
            pipe.get("cc:live")
            pipe.hgetall("cc:agents")
            snapshot, agents = pipe.execute()
    except redis.RedisError as error:
        log.warning("Redis doesn't answer: %s", error)
        return Live()
    return live(_object(snapshot), agents)


def live(found: dict[str, Any], agents: dict[str, str]) -> Live:
    """What the controller told, made certain; `agents` is JSON by number."""
    queues, lines = found.get("queues"), found.get("lines")
    return Live(
        at=_float(found.get("at")),
        calls=found["calls"] if isinstance(found.get("calls"), int) else None,
        controller=str(found.get("controller") or ""),
        switch=str(found.get("switch") or ""),
        queues={
            str(name): _queue(queue)
            for name, queue in (queues.items() if isinstance(queues, dict) else ())
            if isinstance(queue, dict)
        },
        lines={
            str(name): line
            for name, line in (lines.items() if isinstance(lines, dict) else ())
            if isinstance(line, list)
        },
        agents={number: _agent(number, text) for number, text in sorted(agents.items())},
        redis=True,
    )


def read_agent(client: redis.Redis | None, number: str) -> AgentPresence | None:
    """One agent; None when the controller knows nothing of her or Redis doesn't answer."""
    if client is None:
        return None
    try:
        text = cast("str | None", client.hget("cc:agents", number))
    except redis.RedisError as error:
        log.warning("Redis doesn't answer: %s", error)
        return None
    return _agent(number, text) if text else None


def _queue(raw: dict[str, Any]) -> dict[str, Any]:
    """The queue as told, with the values that are counted with made certain."""
    waiting = raw.get("waiting")
    return raw | {
        "waiting": waiting if isinstance(waiting, int) else 0,
        "longest_wait": _float(raw.get("longest_wait")),
        "estimate_seconds": _float(raw.get("estimate_seconds")),
        "waiting_since": _float(raw.get("waiting_since")),
        "estimate_error": _float(raw.get("estimate_error")),
        "estimate_error_absolute": _float(raw.get("estimate_error_absolute")),
    }


def _agent(number: str, text: str) -> AgentPresence:
    return agent(number, _object(text))


def agent(number: str, raw: dict[str, Any]) -> AgentPresence:
    """One agent as told, made certain."""
    state = raw.get("state")
    registered = raw.get("registered")
    return AgentPresence(
        number=number,
        state=state if state in list(AgentState) else AgentState.LOGGED_OUT,
        reason=str(raw.get("reason") or ""),
        since=_float(raw.get("since")),
        until=_float(raw.get("until")),
        contact=str(raw["contact"]) if raw.get("contact") else None,
        queues=raw["queues"] if isinstance(raw.get("queues"), dict) else {},
        skills=raw["skills"] if isinstance(raw.get("skills"), dict) else {},
        registered=registered if isinstance(registered, bool) else None,
        next=str(raw.get("next") or ""),
        line=raw["line"] if raw.get("line") in ("calling", "off_hook") else "on_hook",
    )


def _object(text: str | None) -> dict[str, Any]:
    try:
        found = json.loads(text) if text else {}
    except ValueError:
        log.warning("not JSON in Redis: %.80r", text)
        return {}
    return found if isinstance(found, dict) else {}


def _float(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None
