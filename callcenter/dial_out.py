"""An agent calls a citizen back: the agent's phone first, then the citizen's.

Nothing but the number of an earlier call's citizen is ever dialed, and only as far as
`callback_numbers` allows it. Whoever picks up is a citizen's call like any other, with a record of
its own that names the first one.
"""

from __future__ import annotations

import logging
import re
import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, Protocol

import gevent

from acd.messages import AgentState, Offer
from callcenter.call_control import CallControl, refuse
from callcenter.esl import CommandFailed, EslError
from callcenter.events import Event, Kind, event
from callcenter.presence import CommandError, Presence
from callcenter.transfer_switch import RINGBACK

logger = logging.getLogger(__name__)

RING_SECONDS = 30
ANSWER_GRACE = 10.0
COMMAND_LIMIT = 5.0
MAY_DIAL = frozenset({AgentState.READY, AgentState.NOT_READY, AgentState.WRAP_UP})


class Link(Protocol):
    def api(self, command: str, timeout: float = ...) -> str: ...


class Phones(Protocol):
    def ring(self, offer: Offer, leg: str, seconds: int) -> None: ...
    def release(self, leg: str, cause: str = ...) -> None: ...


class Desk(Protocol):
    def registered(self) -> frozenset[str]: ...
    def state(self, agent: str) -> str: ...
    def took_over(self, agent: str, contact: str) -> None: ...
    def command(self, name: str, args: dict[str, Any]) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Attempt:
    agent: str
    number: str
    dialed: str  # the hotline's number, which the citizen sees
    call: str  # the earlier one
    contact: str  # the channel of the new one
    leg: str
    offer: str


class DialOut:
    """The command `call.dial`; belongs to the controller."""

    def __init__(
        self,
        control: CallControl,
        desk: Desk,
        phones: Callable[[], Phones],
        link: Link,
        presence: Presence,
        *,
        gateway: str,
        numbers: str,
        published: Collection[str],
        shown: dict[str, str],
        ended: Callable[[str, str], None],
        record: Callable[[Event], object],
    ) -> None:
        """`shown`: call → number on agents' phones; `ended(agent, call)`: it came to nothing."""
        self._control = control
        self._desk = desk
        self._phones = phones
        self._link = link
        self._gateway = gateway
        self._numbers = re.compile(numbers)
        self._published = sorted(published)
        self._shown = shown
        self._ended = ended
        self._record = record
        self._open: dict[str, Attempt] = {}  # by the agent's leg
        presence.handle("call.dial", self._command)

    def _command(self, args: dict[str, Any]) -> dict[str, Any]:
        agent, number = str(args.get("agent", "")), str(args.get("number", ""))
        call, dialed = str(args.get("call") or ""), str(args.get("dialed") or "")
        if not self._gateway:
            raise refuse("no_trunk")
        if not 0 < len(call) <= 64:
            raise refuse("unknown_call")
        if not self._numbers.fullmatch(number):
            raise refuse("not_allowed")
        if agent not in self._desk.registered():
            raise refuse("phone_not_registered")
        busy = any(attempt.agent == agent for attempt in self._open.values())
        if busy or self._control.talk_of(agent) or self._desk.state(agent) not in MAY_DIAL:
            raise refuse("in_call")
        if not self._published:
            raise CommandError("not_allowed: no number is published")
        attempt = Attempt(
            agent,
            number,
            dialed if dialed in self._published else self._published[0],
            call,
            contact=str(uuid.uuid4()),
            leg=str(uuid.uuid4()),
            offer=uuid.uuid4().hex,
        )
        self._open[attempt.leg] = attempt
        before = self._desk.state(agent)
        self._desk.took_over(agent, attempt.contact)  # no other call for this agent now
        if before == AgentState.NOT_READY:
            self._desk.command("agent.not_ready", {"agent": agent})  # afterwards, too
        gevent.spawn(self._run, attempt).name = f"{agent} dials out"
        return {"agent": agent, "call": attempt.contact}

    def _run(self, attempt: Attempt) -> None:
        self._note(Kind.CALLBACK_DIALED, attempt, attempt=1, first="agent", agent=attempt.agent)
        self._shown[attempt.contact] = attempt.number
        cause = ""
        try:
            self._phones().ring(_offer(attempt), attempt.leg, RING_SECONDS)
            self._quietly(f"uuid_broadcast {attempt.leg} {RINGBACK} aleg")
            self._call(attempt)
        except CommandFailed as error:
            cause = error.reply.removeprefix("-ERR").strip() or "FAILED"
        except EslError as error:
            logger.warning("call %s: not called back: %s", attempt.call, error)
            self._quietly(f"uuid_kill {attempt.contact} ORIGINATOR_CANCEL")
            cause = "TIMEOUT"
        self._open.pop(attempt.leg, None)
        self._shown.pop(attempt.contact, None)
        if cause:
            self._note(
                Kind.CALLBACK_FAILED, attempt, attempt=1, cause=cause, again=None, then="agent"
            )
            self._control.came_to_nothing(attempt.agent, attempt.number, cause)
            self._phones().release(attempt.leg)
            self._ended(attempt.agent, attempt.contact)
        else:
            self._note(Kind.CALLBACK_ANSWERED, attempt)

    def _call(self, attempt: Attempt) -> None:
        variables = {
            "origination_uuid": attempt.contact,
            "origination_caller_id_number": attempt.dialed,
            "origination_caller_id_name": attempt.dialed,
            "originate_timeout": str(RING_SECONDS),
            "ignore_early_media": "true",
            "outbound_redirect_fatal": "true",
            "media_timeout": "300000",
            "cc_callback_dialed": attempt.dialed,
            "cc_callback_of": attempt.call,
            "cc_number": attempt.number,
            "cc_stage": "dialed_out",
            "cc_agent": attempt.agent,
            "cc_out_leg": attempt.leg,
            "cc_out_offer": attempt.offer,
        }
        given = ",".join(f"{name}={value}" for name, value in variables.items())
        target = f"sofia/trunk/{attempt.number}@{self._gateway}"
        self._link.api(
            f"originate {{{given}}}{target} callback XML hotline",
            timeout=RING_SECONDS + ANSWER_GRACE,
        )

    def leg_ended(self, leg: str) -> None:
        """The agent hung up before the citizen answered: that telephone must not ring on."""
        attempt = self._open.get(leg)
        if attempt is not None:
            gevent.spawn(self._quietly, f"uuid_kill {attempt.contact} ORIGINATOR_CANCEL")

    def _note(self, kind: Kind, made: Attempt, **more: Any) -> None:
        self._record(event(kind, made.call, callback=made.contact, **more))

    def _quietly(self, command: str) -> None:
        try:
            self._link.api(command, timeout=COMMAND_LIMIT)
        except EslError as error:
            logger.info("%s: %s", command.split()[0], error)


def _offer(attempt: Attempt) -> Offer:
    return Offer(
        offer=attempt.offer,
        contact=attempt.contact,
        agent=attempt.agent,
        queue="",
        expires_at=0.0,
        why="dials out",
        virtual=True,  # the leg waits while the citizen's telephone rings
    )
