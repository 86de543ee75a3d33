"""Agents who work off hook: one long leg stays up, and calls are joined to it at once.

The leg is told by its channel variable `cc_line`. Between two conversations it is parked; after
one the switch parks it again (`park_after_bridge`). While it takes part in an offer or a talk it
carries `cc_offer`, `cc_contact` and `cc_agent` as a leg that rang for a call does, so that
everything else treats both alike. The agent's hanging up ends it.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import gevent

from acd.messages import Offer
from callcenter.esl import CommandFailed, EslError
from callcenter.events import Event, Kind, event

logger = logging.getLogger(__name__)

RING_SECONDS = 30
ANSWER_GRACE = 10.0  # seconds past the ringing for the switch to answer at all
COMMAND_LIMIT = 5.0
FORGOTTEN = "cc_offer=;cc_contact=;cc_phase=;cc_third=;cc_destination="  # once a call is over


class Link(Protocol):
    def api(self, command: str, timeout: float = ...) -> str: ...
    def post(self, command: str) -> None: ...


class LineState(StrEnum):
    ON_HOOK = "on_hook"
    CALLING = "calling"  # the phone rings, to be taken off the hook
    OFF_HOOK = "off_hook"


# old -> the states that may follow
STEPS: dict[LineState, frozenset[LineState]] = {
    LineState.ON_HOOK: frozenset({LineState.CALLING, LineState.OFF_HOOK}),  # found after a start
    LineState.CALLING: frozenset({LineState.OFF_HOOK, LineState.ON_HOOK}),
    LineState.OFF_HOOK: frozenset({LineState.ON_HOOK}),
}


@dataclass(slots=True)
class Line:
    agent: str
    leg: str
    state: LineState
    offer: str = ""
    contact: str = ""  # whom it is reserved for, or talks with
    closing: bool = False  # on hook as soon as the present talk is over
    ended_by_agent: bool = False  # the present talk


class Lines:
    """Every long leg; belongs to the controller's hub."""

    def __init__(
        self,
        link: Link,
        domain: str,
        *,
        changed: Callable[[str], None],
        record: Callable[[Event], object],
    ) -> None:
        """`changed(agent)` runs after a line has come up or gone."""
        self._link = link
        self._domain = domain
        self._changed = changed
        self._record = record
        self._lines: dict[str, Line] = {}
        self.unbridged: Callable[[str, str], None] = lambda agent, contact: None

    # --- what is known ------------------------------------------------------------------------

    def state(self, agent: str) -> LineState:
        line = self._lines.get(agent)
        return line.state if line else LineState.ON_HOOK

    def is_up(self, agent: str) -> bool:
        return self.state(agent) is LineState.OFF_HOOK

    def owner(self, leg: str) -> str | None:
        """The agent whose long leg this is."""
        return next((line.agent for line in self._lines.values() if line.leg == leg), None)

    def contact(self, leg: str) -> str:
        """Whom this leg is kept for, or joined to; "" for nobody."""
        agent = self.owner(leg)
        return self._lines[agent].contact if agent is not None else ""

    # --- off the hook and on again ------------------------------------------------------------

    def call(self, agent: str) -> None:
        """Ring the agent's phone; once it is taken the leg stays. Nothing if it rings or is up."""
        if agent not in self._lines:
            line = self._lines[agent] = Line(agent, str(uuid.uuid4()), LineState.CALLING)
            self._note(line, LineState.ON_HOOK, "")
            gevent.spawn(self._dial, line).name = f"line of {agent}"

    def hang_up(self, agent: str) -> None:
        """End the leg, after the talk that goes on."""
        line = self._lines.get(agent)
        if line is None:
            return
        line.closing = True
        if not line.contact:
            self._kill(line)

    def found(self, agent: str, leg: str, offer: str, contact: str) -> None:
        """After a start: the switch holds this line; `contact` when it is joined to a citizen."""
        line = self._lines.get(agent)
        if line is not None and line.leg == leg:
            line.offer, line.contact = offer, contact
            return
        line = self._lines[agent] = Line(agent, leg, LineState.OFF_HOOK, offer, contact)
        self._note(line, LineState.ON_HOOK, "adopted")
        if not contact:
            self._forget_call(line)

    def keep_only(self, legs: frozenset[str]) -> None:
        """After a start: lines that the switch no longer holds are gone."""
        for line in list(self._lines.values()):
            if line.state is LineState.OFF_HOOK and line.leg not in legs:
                self.ended(line.leg, "LOST")

    # --- a call on the line -------------------------------------------------------------------

    def take(self, offer: Offer) -> str:
        """Reserve the line for an offer and give its leg; raise EslError when it isn't there."""
        line = self._lines.get(offer.agent)
        if line is None or line.state is not LineState.OFF_HOOK or line.contact:
            raise CommandFailed("-ERR NO_ROUTE_DESTINATION", "the agent's line")
        line.offer, line.contact = offer.offer, offer.contact
        # In order before the joining, which goes over the same connection.
        self._link.post(
            f"api uuid_setvar_multi {line.leg} cc_offer={offer.offer};cc_contact={offer.contact};"
            f"cc_agent={offer.agent};park_after_bridge=true;hangup_after_bridge=false"
        )
        return line.leg

    def end_talk(self, agent: str) -> None:
        """The agent is about to end the present talk, by command: there is no hanging up."""
        line = self._lines.get(agent)
        if line is not None:
            line.ended_by_agent = True

    def parked(self, leg: str, joined_to: str) -> tuple[str, str, str] | None:
        """The leg is parked: (agent, contact, who ended it) when a talk is over by that.

        `joined_to` is the channel that it was joined to last; a leg that was only just reserved
        has been joined to nobody yet.
        """
        agent = self.owner(leg)
        line = self._lines.get(agent or "")
        if line is None or not line.contact or line.contact != joined_to:
            return None
        by = "agent" if line.ended_by_agent else "citizen"
        contact = self.free(leg) or ""
        return line.agent, contact, by

    def free(self, leg: str) -> str | None:
        """Nobody was joined to the line, or no longer is; the contact that it was kept for."""
        agent = self.owner(leg)
        line = self._lines.get(agent or "")
        if line is None or not line.contact:
            return None
        contact, line.contact, line.offer = line.contact, "", ""
        line.ended_by_agent = False
        if line.closing:
            self._kill(line)
        else:
            self._forget_call(line)
        return contact

    def ended(self, leg: str, cause: str) -> None:
        """The leg is gone: the agent hung up, or the phone died."""
        agent = self.owner(leg)
        if agent is not None:
            self._gone(self._lines[agent], cause)

    # --- doing --------------------------------------------------------------------------------

    def _dial(self, line: Line) -> None:
        variables = {
            "origination_uuid": line.leg,
            "origination_caller_id_number": line.agent,
            "origination_caller_id_name": line.agent,
            "originate_timeout": str(RING_SECONDS),
            "ignore_early_media": "true",
            "hangup_after_bridge": "false",
            "park_after_bridge": "true",
            "cc_line": line.agent,
            # One leg per agent, whoever places it: the switch itself is the fence.
            "execute_on_originate": f"'limit hash agents {line.agent} 1 !USER_BUSY'",
        }
        given = ",".join(f"{name}={value}" for name, value in variables.items())
        try:
            self._link.api(
                f"originate {{{given}}}user/{line.agent}@{self._domain} &park()",
                timeout=RING_SECONDS + ANSWER_GRACE,
            )
        except EslError as error:
            logger.info("line of agent %s: %s", line.agent, error)
            self._kill(line)
            self._gone(line, _cause(error))
            return
        if self._lines.get(line.agent) is line:
            old, line.state = line.state, LineState.OFF_HOOK
            self._note(line, old, "")
        if line.closing:
            self._kill(line)

    def _gone(self, line: Line, cause: str) -> None:
        if self._lines.get(line.agent) is line:
            del self._lines[line.agent]
            old, line.state = line.state, LineState.ON_HOOK
            self._note(line, old, cause)

    def _note(self, line: Line, old: LineState, cause: str) -> None:
        if line.state not in STEPS[old]:
            raise ValueError(f"line of {line.agent}: {line.state} cannot follow {old}")
        self._record(event(Kind.AGENT_LINE, agent=line.agent, line=line.state, cause=cause))
        logger.info("line of agent %s: %s -> %s %s", line.agent, old, line.state, cause)
        self._changed(line.agent)

    def _forget_call(self, line: Line) -> None:
        try:
            self._link.post(f"api uuid_setvar_multi {line.leg} {FORGOTTEN}")
        except EslError as error:
            logger.info("line of agent %s: %s", line.agent, error)

    def _kill(self, line: Line) -> None:
        gevent.spawn(self._quietly, f"uuid_kill {line.leg} NORMAL_CLEARING")

    def _quietly(self, command: str) -> None:
        try:
            self._link.api(command, timeout=COMMAND_LIMIT)
        except EslError as error:
            logger.info("%s: %s", command.split()[0], error)


def _cause(error: EslError) -> str:
    if isinstance(error, CommandFailed):
        return error.reply.removeprefix("-ERR").strip()
    return type(error).__name__
