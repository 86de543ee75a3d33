"""An agent who is in no call dials out: the agent's phone first, then the other one.

Whom and when is decided by `callcenter.dial_rules`. A citizen who picks up is in a call like any
other, with a record of its own that names the earlier call or the order; a destination is joined
to the agent without greeting and survey.
"""

from __future__ import annotations

import datetime as dt
import logging
import re
import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Any, Protocol

import gevent

from acd.messages import AgentState, Offer
from callcenter import dial_rules
from callcenter.call_control import CallControl, refuse
from callcenter.call_wish import Purpose
from callcenter.destinations import Destinations
from callcenter.dial_rules import Citizen, Standing, Wanted, What
from callcenter.esl import CommandFailed, EslError
from callcenter.events import Event, Kind, event
from callcenter.presence import Presence
from callcenter.privacy import mask
from callcenter.queries import Unavailable
from callcenter.transfer_switch import RINGBACK
from workorder.worktime import CHINA

logger = logging.getLogger(__name__)

RING_SECONDS = 30
ANSWER_GRACE = 10.0
COMMAND_LIMIT = 5.0


class Link(Protocol):
    def api(self, command: str, timeout: float = ...) -> str: ...


class Lines(Protocol):
    """The legs of agents who work off hook."""

    def is_up(self, agent: str) -> bool: ...
    def take(self, offer: Offer) -> str: ...


class Phones(Protocol):
    @property
    def lines(self) -> Lines: ...
    def ring(self, offer: Offer, leg: str, seconds: int) -> None: ...
    def release(self, leg: str, cause: str = ...) -> None: ...


class Desk(Protocol):
    def registered(self) -> frozenset[str]: ...
    def state(self, agent: str) -> str: ...
    def reason(self, agent: str) -> str: ...
    def took_over(self, agent: str, contact: str) -> None: ...
    def command(self, name: str, args: dict[str, Any]) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Party:
    """Who is dialed."""

    number: str
    shown: str  # how pages name it when it wasn't reached
    dialed: str = ""  # the hotline's number that the citizen knows
    call: str = ""  # an earlier one
    order: str = ""
    office: str = ""  # id of a destination
    ring_seconds: int = RING_SECONDS

    @property
    def purpose(self) -> str:
        """ "" for a citizen who is called back."""
        if self.office:
            return Purpose.OFFICE
        return "" if self.call else Purpose.ORDER


@dataclass(frozen=True, slots=True)
class Attempt:
    agent: str
    party: Party
    contact: str  # the channel of the new call
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
        ask: Callable[[Wanted], Citizen | None],
        destinations: Destinations,
        gateway: str,
        numbers: str,
        published: Collection[str],
        shown: dict[str, str],
        ended: Callable[[str, str], None],
        record: Callable[[Event], object],
    ) -> None:
        """`ask` gives the citizen of a call or an order, or raises `Unavailable`.

        `shown`: call → number on agents' phones; `ended(agent, call)`: it came to nothing.
        """
        self._control = control
        self._desk = desk
        self._phones = phones
        self._link = link
        self._ask = ask
        self._destinations = destinations
        self._gateway = gateway
        self._numbers = re.compile(numbers)
        self._published = sorted(published)
        self._shown = shown
        self._ended = ended
        self._record = record
        self._open: dict[str, Attempt] = {}  # by the agent's leg
        presence.handle("call.dial", self._command)

    # --- the decision --------------------------------------------------------------------------

    def _command(self, args: dict[str, Any]) -> dict[str, Any]:
        agent, wanted = str(args.get("agent", "")), dial_rules.wanted(args)
        self._check(dial_rules.when(self._standing(agent)))
        if wanted is None:
            raise refuse("bad_argument")
        party = self._party(agent, wanted)
        self._check(dial_rules.when(self._standing(agent)))  # asking took a moment
        return self._begin(agent, party)

    def _check(self, why: str) -> None:
        if why:
            raise refuse(why)

    def _standing(self, agent: str) -> Standing:
        dialing = any(attempt.agent == agent for attempt in self._open.values())
        return Standing(
            state=self._desk.state(agent),
            registered=agent in self._desk.registered(),
            busy=dialing or self._control.talk_of(agent) is not None,
            trunk=bool(self._gateway and self._published),
        )

    def _party(self, agent: str, wanted: Wanted) -> Party:
        if wanted.what is What.DESTINATION:
            place = self._destinations.get(wanted.name)
            self._check(dial_rules.destination(place, dt.datetime.now(CHINA)))
            assert place is not None
            return Party(
                place.number, place.title, office=place.id, ring_seconds=place.ring_seconds
            )
        try:
            found = self._ask(wanted)
        except Unavailable as error:
            logger.warning("agent %s dials: the citizen can't be looked up: %s", agent, error)
            raise refuse("unavailable") from error
        self._check(dial_rules.citizen(agent, found, self._numbers))
        assert found is not None
        return Party(
            found.number,
            mask(found.number),
            found.dialed if found.dialed in self._published else "",
            found.call,
            found.order if wanted.what is What.ORDER else "",
        )

    # --- the calls -----------------------------------------------------------------------------

    def _begin(self, agent: str, party: Party) -> dict[str, Any]:
        attempt = Attempt(
            agent,
            replace(party, dialed=party.dialed or self._published[0]),
            contact=str(uuid.uuid4()),
            leg=str(uuid.uuid4()),
            offer=uuid.uuid4().hex,
        )
        lines = self._phones().lines
        off_hook = lines.is_up(agent)
        if off_hook:
            try:
                attempt = replace(attempt, leg=lines.take(_offer(attempt)))
            except EslError as error:
                raise refuse("switch_failed") from error
        self._open[attempt.leg] = attempt
        before, reason = self._desk.state(agent), self._desk.reason(agent)
        self._desk.took_over(agent, attempt.contact)  # no other call for this agent now
        if before == AgentState.NOT_READY:
            self._desk.command("agent.not_ready", {"agent": agent, "reason": reason})  # afterwards
        gevent.spawn(self._run, attempt, ring=not off_hook).name = f"{agent} dials out"
        return {"agent": agent, "call": attempt.contact}

    def _run(self, attempt: Attempt, *, ring: bool) -> None:
        self._note_dialed(attempt)
        self._shown[attempt.contact] = attempt.party.number
        cause = ""
        try:
            if ring:
                self._phones().ring(_offer(attempt), attempt.leg, RING_SECONDS)
            self._quietly(f"uuid_broadcast {attempt.leg} {RINGBACK} aleg")
            self._call(attempt)
        except CommandFailed as error:
            cause = error.reply.removeprefix("-ERR").strip() or "FAILED"
        except EslError as error:
            logger.warning("call %s: nobody was reached: %s", attempt.contact, error)
            self._quietly(f"uuid_kill {attempt.contact} ORIGINATOR_CANCEL")
            cause = "TIMEOUT"
        self._open.pop(attempt.leg, None)
        self._shown.pop(attempt.contact, None)
        if cause:
            self._note_failed(attempt, cause)
            self._control.came_to_nothing(attempt.agent, attempt.party.shown, cause)
            if not ring:
                self._quietly(f"uuid_break {attempt.leg} all")  # the ring-back tone
            self._phones().release(attempt.leg)
            self._ended(attempt.agent, attempt.contact)
        elif attempt.party.call:
            self._note(Kind.CALLBACK_ANSWERED, attempt)

    def _call(self, attempt: Attempt) -> None:
        party = attempt.party
        variables = {
            "origination_uuid": attempt.contact,
            "origination_caller_id_number": party.dialed,
            "origination_caller_id_name": party.dialed,
            "originate_timeout": str(party.ring_seconds),
            "ignore_early_media": "true",
            "outbound_redirect_fatal": "true",
            "media_timeout": "300000",
            "cc_callback_dialed": party.dialed,
            "cc_callback_of": party.call,
            "cc_number": party.number,
            "cc_purpose": party.purpose,
            "cc_order": party.order,
            "cc_stage": "dialed_out",
            "cc_agent": attempt.agent,
            "cc_out_leg": attempt.leg,
            "cc_out_offer": attempt.offer,
        }
        given = ",".join(f"{name}={value}" for name, value in variables.items() if value)
        target = f"sofia/trunk/{party.number}@{self._gateway}"
        self._link.api(
            f"originate {{{given}}}{target} callback XML hotline",
            timeout=party.ring_seconds + ANSWER_GRACE,
        )

    def cancel(self, contact: str) -> bool:
        """Stop an attempt that rings, for an agent who can't hang up; False when there is none."""
        rings = any(attempt.contact == contact for attempt in self._open.values())
        if rings:
            gevent.spawn(self._quietly, f"uuid_kill {contact} ORIGINATOR_CANCEL")
        return rings

    def leg_ended(self, leg: str) -> None:
        """The agent hung up before the citizen answered: that telephone must not ring on."""
        attempt = self._open.get(leg)
        if attempt is not None:
            gevent.spawn(self._quietly, f"uuid_kill {attempt.contact} ORIGINATOR_CANCEL")

    # --- what is written down ------------------------------------------------------------------

    def _note_dialed(self, made: Attempt) -> None:
        if made.party.call:
            self._note(Kind.CALLBACK_DIALED, made, attempt=1, first="agent", agent=made.agent)
        else:
            self._note_outbound(Kind.OUTBOUND_DIALED, made)

    def _note_failed(self, made: Attempt, cause: str) -> None:
        if made.party.call:
            self._note(Kind.CALLBACK_FAILED, made, attempt=1, cause=cause, again=None, then="agent")
        else:
            self._note_outbound(Kind.OUTBOUND_FAILED, made, cause=cause)

    def _note(self, kind: Kind, made: Attempt, **more: Any) -> None:
        """In the story of the earlier call."""
        self._record(event(kind, made.party.call, callback=made.contact, **more))

    def _note_outbound(self, kind: Kind, made: Attempt, **more: Any) -> None:
        """Of no call, as nobody has picked up."""
        party = made.party
        told = {"wish": made.contact, "purpose": party.purpose, "order": party.order, **more}
        self._record(event(kind, agent=made.agent, destination=party.office, **told))

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
