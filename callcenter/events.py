"""The journal's events: everything that call records, screens and reports are derived from.

An event never changes. Its `id` makes replaying harmless: a step that can happen only once in a
call's life has the id `<call>:<kind>`, any other gets a random one. `data` holds only JSON types.
Times are seconds since the epoch, UTC, as float.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import orjson


class Kind(StrEnum):
    """What happened. The comment names the keys of `data`."""

    # caller, name, dialed, hotline, callback_of, purpose, order; at = at the switch
    CALL_ARRIVED = "call.arrived"
    CALL_RESUMED = "call.resumed"  # stage, controller
    CALL_ENDED = "call.ended"  # cause (Q.850 name), stage, by, source: esl | cdr | sweep
    MENU_ENTERED = "menu.entered"  # menu
    MENU_KEY = "menu.key"  # menu, key, choice
    MENU_SILENCE = "menu.silence"  # menu, attempt
    MENU_WRONG_KEY = "menu.wrong_key"  # menu, key, attempt
    QUEUE_JOINED = "queue.joined"  # queue, priority, requirement, history
    QUEUE_ANNOUNCED = "queue.announced"  # position, estimate (s, None: not known)
    QUEUE_LEFT = "queue.left"  # reason (acd.LeaveReason)
    DECISION = "acd.decision"  # agent, rule, considered
    OFFER_MADE = "offer.made"  # offer, agent, why
    OFFER_RINGING = "offer.ringing"  # offer, agent
    OFFER_ENDED = "offer.ended"  # offer, agent, result (acd.OfferResult), cause
    TALK_STARTED = "talk.started"  # agent, offer, leg (agent's channel UUID)
    TALK_ENDED = "talk.ended"  # agent, by: citizen | agent | switch
    RECORDING_STARTED = "recording.started"  # path (relative to the recordings folder)
    RECORDING_STOPPED = "recording.stopped"  # path
    SURVEY_STARTED = "survey.started"  # agent
    SURVEY_RATED = "survey.rated"  # rating 1 (非常满意) … 5 (非常不满意)
    SURVEY_SILENT = "survey.silent"  # attempts
    MESSAGE_RECORDED = "message.recorded"  # path, seconds, reason
    # callback: id of the wish and of the call that fulfils it; reason: asked | overflow | cut_off
    CALLBACK_REQUESTED = "callback.requested"  # number, callback, queue, reason
    CALLBACK_DIALED = "callback.dialed"  # callback, attempt, first, agent
    CALLBACK_FAILED = "callback.failed"  # callback, attempt, cause, again (s, UTC; None: the last)
    CALLBACK_ANSWERED = "callback.answered"  # callback
    # A third party; destination: its id in the destinations file, leg: its channel
    CONTROL = "call.control"  # agent, command, old, new (callcenter.transfer.Phase), third, by
    THIRD_DIALED = "third.dialed"  # destination, leg, agent, number, title, kind
    THIRD_ANSWERED = "third.answered"  # destination, leg, agent
    THIRD_ENDED = "third.ended"  # destination, leg, agent, cause
    JOINED = "call.joined"  # destination, leg, agent, number, title, kind
    TRANSFERRED = "call.transferred"  # destination, leg, agent, number, title, kind, by
    RECORDING_MARK = "recording.mark"  # agent, offset (s into the recording), label, note
    MUTED = "call.muted"  # agent, muted
    NUISANCE = "call.nuisance"  # agent, note
    NUISANCE_DECIDED = "call.nuisance_decided"  # by, why, confirmed
    SUPERVISION = "supervisor.action"  # by, why, action, and what it was about
    # Calls of our own accord. wish: id of the wish and of the call; no call until it is answered
    # purpose: call_wish.Purpose; agent and destination where an agent dials
    OUTBOUND_DIALED = "outbound.dialed"  # wish, purpose, order, agent, destination
    OUTBOUND_FAILED = "outbound.failed"  # wish, purpose, order, cause, agent, destination
    FOLLOW_UP_ANSWER = "follow_up.answer"  # question (true, solved, satisfied), answer (the key)
    FOLLOW_UP_SILENT = "follow_up.silent"  # question
    FOLLOW_UP_PERSON = "follow_up.person"  # question; a person is wanted
    NOTICE_HEARD = "notice.heard"
    PROGRESS_ASKED = "progress.asked"  # order (as typed), result: found or why not
    SELF_SERVED = "call.self_served"  # service
    BLOCKED = "call.blocked"  # reason
    FAILED = "call.failed"  # reason
    AGENT_STATE = "agent.state"  # agent, old, new, reason, until, contact; no call
    AGENT_LINE = "agent.line"  # agent, line: on_hook | calling | off_hook, cause; no call
    CONTROLLER_STARTED = "controller.started"  # controller, adopted; no call
    REPAIRED = "reconciler.repaired"  # found, done


ONCE = frozenset({Kind.CALL_ARRIVED, Kind.CALL_ENDED, Kind.SURVEY_RATED, Kind.BLOCKED})


class Outcome(StrEnum):
    """How a call came out, for the record and the API."""

    ANSWERED = "answered"
    ABANDONED_IN_MENU = "abandoned_in_menu"
    ABANDONED_IN_QUEUE = "abandoned_in_queue"
    MESSAGE_LEFT = "message_left"
    CALLBACK_REQUESTED = "callback_requested"
    TRANSFERRED = "transferred"
    SELF_SERVED = "self_served"
    BLOCKED = "blocked"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Event:
    id: str
    at: float
    kind: Kind
    call: str | None  # the citizen's channel UUID
    data: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> bytes:
        """One line of the journal, without the line end."""
        return orjson.dumps(
            {"id": self.id, "at": self.at, "kind": self.kind, "call": self.call, "data": self.data}
        )

    @classmethod
    def from_json(cls, line: bytes) -> Event:
        """Raise ValueError when `line` isn't an event."""
        raw = orjson.loads(line)
        try:
            return cls(raw["id"], float(raw["at"]), Kind(raw["kind"]), raw["call"], raw["data"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a journal event: {error!r}") from error


def event(
    kind: Kind,
    call: str | None = None,
    *,
    at: float | None = None,
    clock: Callable[[], float] = time.time,
    **data: Any,
) -> Event:
    """Make an event that happens now, or `at`."""
    event_id = f"{call}:{kind}" if kind in ONCE and call else uuid.uuid4().hex
    return Event(event_id, clock() if at is None else at, kind, call, data)


def talk_started(call: str, *, agent: str, offer: str, leg: str, at: float | None = None) -> Event:
    """One conversation begins once, whoever tells of it: its id follows from the offer."""
    at = time.time() if at is None else at
    data = {"agent": agent, "offer": offer, "leg": leg}
    return Event(f"{offer}:{Kind.TALK_STARTED}", at, Kind.TALK_STARTED, call, data)


def message_recorded(
    call: str, path: str, seconds: float, *, at: float | None = None, reason: str = ""
) -> Event:
    """A message in the recordings folder, told once by the controller or the switch's record."""
    at = time.time() if at is None else at
    data = {"path": path, "seconds": seconds, "reason": reason}
    return Event(f"{call}:{Kind.MESSAGE_RECORDED}", at, Kind.MESSAGE_RECORDED, call, data)
