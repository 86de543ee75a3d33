"""What an agent can do with the call right now, as the controller last told it through Redis."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from typing import Any, cast

import redis

log = logging.getLogger(__name__)

KEY = "cc:controls"  # agent -> JSON
DESTINATIONS_KEY = "cc:destinations"
IDLE = "idle"
NO_CALL = "no_call"


@dataclass(frozen=True, slots=True)
class Third:
    """The third party that is dialed or talks."""

    id: str
    title: str
    number: str


@dataclass(frozen=True, slots=True)
class Controls:
    """One field of `cc:controls`. `can` maps a command to "" or the code of why not."""

    contact: str = ""
    phase: str = IDLE
    since: float | None = None
    muted: bool = False
    third: Third | None = None
    failed: str = ""  # title or id of a destination that couldn't be reached
    cause: str = ""  # Q.850 name of why
    can: dict[str, str] = field(default_factory=dict)

    def why_not(self, command: str) -> str:
        """The code of the reason; empty when the command can be given."""
        return self.can.get(command, NO_CALL)


@dataclass(frozen=True, slots=True)
class Place:
    """A destination that may be dialed."""

    id: str
    number: str
    title: str
    kind: str
    open: bool


def read(client: redis.Redis | None, agent: str) -> Controls:
    """The agent's controls; nothing can be done when none are told."""
    raw = _json(client, "hget", KEY, agent)
    if not isinstance(raw, dict):
        return Controls()
    third, failed, can = raw.get("third"), raw.get("failed"), raw.get("can")
    since = raw.get("since")
    return Controls(
        contact=_text(raw.get("contact")),
        phase=_text(raw.get("phase")) or IDLE,
        since=float(since) if isinstance(since, int | float) else None,
        muted=raw.get("muted") is True,
        third=_third(third) if isinstance(third, dict) else None,
        failed=_text(failed.get("title") or failed.get("id")) if isinstance(failed, dict) else "",
        cause=_text(failed.get("cause")) if isinstance(failed, dict) else "",
        can={str(name): _text(why) for name, why in can.items()} if isinstance(can, dict) else {},
    )


def destinations(client: redis.Redis | None) -> list[Place]:
    """Whom a call can be given to; empty when the controller doesn't say."""
    raw = _json(client, "get", DESTINATIONS_KEY)
    return [
        Place(
            id=_text(each.get("id")),
            number=_text(each.get("number")),
            title=_text(each.get("title")),
            kind=_text(each.get("kind")),
            open=each.get("open") is not False,
        )
        for each in (raw if isinstance(raw, list) else [])
        if isinstance(each, dict) and each.get("id")
    ]


def _third(raw: dict[str, Any]) -> Third:
    number = _text(raw.get("number"))
    return Third(_text(raw.get("id")), _text(raw.get("title")) or number, number)


def _text(value: Any) -> str:
    return str(value)[:200] if isinstance(value, str | int) else ""


def _json(client: redis.Redis | None, command: str, *args: str) -> Any:
    if client is None:
        return None
    try:
        text = cast("str | None", getattr(client, command)(*args))
        return json.loads(text) if text else None
    except redis.RedisError as error:
        log.warning("Redis doesn't answer: %s", error)
    except ValueError:
        log.warning("not JSON in Redis at %s", args[0])
    return None
