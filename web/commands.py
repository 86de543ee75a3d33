"""Commands to the controller through Redis, and its answers."""

from __future__ import annotations

import json
import logging
import time
import uuid
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import redis

log = logging.getLogger(__name__)

ANSWER_SECONDS = 2.5  # below the client's own limit for one Redis answer


class Command(StrEnum):
    LOGIN = "agent.login"
    LOGOUT = "agent.logout"
    READY = "agent.ready"
    NOT_READY = "agent.not_ready"
    END_WRAP_UP = "agent.wrapup_end"
    EXTEND_WRAP_UP = "agent.wrapup_extend"
    OFF_HOOK = "agent.off_hook"
    ON_HOOK = "agent.on_hook"
    HOLD = "call.hold"
    RESUME = "call.resume"
    MUTE = "call.mute"
    UNMUTE = "call.unmute"
    CONSULT = "call.consult"
    TRANSFER = "call.transfer"
    JOIN = "call.join"
    LEAVE = "call.leave"
    DROP = "call.drop"
    SURVEY = "call.survey"
    DIAL = "call.dial"
    MARK = "call.mark"
    NUISANCE = "call.nuisance"
    RELOAD_PHONES = "phones.reload"


class NoAnswer(Exception):
    """The controller, or Redis, didn't answer in time: nobody knows whether it was done."""


@dataclass(frozen=True, slots=True)
class Answer:
    ok: bool
    error: str = ""
    result: Any = None


def send(client: redis.Redis | None, command: Command | str, **args: Any) -> Answer:
    """Send and wait for the answer; raise NoAnswer after `ANSWER_SECONDS`.

    `expires_at` (seconds since the epoch) lets the controller drop what nobody waits for any more.
    """
    if client is None:
        raise NoAnswer("no Redis is configured")
    command_id = uuid.uuid4().hex
    message = {
        "id": command_id,
        "name": command,
        "args": args,
        "expires_at": time.time() + ANSWER_SECONDS,
    }
    try:
        client.rpush("cc:commands", json.dumps(message))
        popped: Any = client.blpop([f"cc:reply:{command_id}"], timeout=ANSWER_SECONDS)
    except redis.RedisError as error:
        raise NoAnswer(str(error)) from error
    if popped is None:
        raise NoAnswer(f"{command}: no answer within {ANSWER_SECONDS} s")
    return _answer(popped[1])


def _answer(text: str) -> Answer:
    try:
        raw = json.loads(text)
        return Answer(bool(raw["ok"]), str(raw.get("error") or ""), raw.get("result"))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        log.error("the controller answered %.80r", text)
        raise NoAnswer("the controller's answer can't be read") from error
