"""What the switch says of every channel, whoever's call it is.

The story of a call ends where its socket ends; what happens to a conversation afterwards (and
to calls that an earlier controller began) is heard here, from the switch's own events.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from callcenter.distribution import Distributor
from callcenter.esl import Event
from callcenter.events import Event as JournalEvent
from callcenter.events import Kind, event

logger = logging.getLogger(__name__)

EVENTS = [
    "CHANNEL_PROGRESS",
    "CHANNEL_PROGRESS_MEDIA",
    "CHANNEL_HOLD",
    "CHANNEL_UNHOLD",
    "CHANNEL_HANGUP_COMPLETE",
    "CHANNEL_PARK",
    "RECORD_STOP",
    "CUSTOM sofia::register sofia::unregister sofia::expire",
]
# Everybody parks, and only an off-hook agent's leg means something by it.
PASSING = {"CHANNEL_PARK": ("variable_cc_line /./",)}


class Watcher:
    """Turns the switch's events into journal events and inputs of the engine."""

    def __init__(
        self,
        distributor: Distributor,
        record: Callable[[JournalEvent], None],
        recordings: Path,
        phone_changed: Callable[[str, bool], None],
        call_over: Callable[[str, str], None],
        leg_ended: Callable[[str, str, str], None] = lambda leg, contact, cause: None,
        moving: Callable[[str], bool] = lambda contact: False,
    ) -> None:
        """`leg_ended(leg, citizen, cause)` is told of every leg of a citizen's conversation.

        `moving(citizen)`: the legs of this conversation are being joined otherwise (hold, consult,
        three): an agent's leg that is alone for it has not lost its call.
        """
        self._distributor = distributor
        self._record = record
        self._recordings = recordings
        self._phone_changed = phone_changed
        self._leg_ended = leg_ended
        self._moving = moving
        self._call_over = call_over
        self._handlers: dict[str, Callable[[Event], None]] = {
            "CHANNEL_PROGRESS": self._ringing,
            "CHANNEL_PROGRESS_MEDIA": self._ringing,
            "CHANNEL_HOLD": self._hold,
            "CHANNEL_UNHOLD": self._hold,
            "CHANNEL_HANGUP_COMPLETE": self._ended,
            "CHANNEL_PARK": self._parked,
            "RECORD_STOP": self._recorded,
            "CUSTOM": self._registration,
        }

    def on_event(self, happened: Event) -> None:
        handler = self._handlers.get(happened.name)
        if handler is not None:
            handler(happened)

    def _ringing(self, happened: Event) -> None:
        offer = happened.variable("cc_offer")
        if offer:
            self._distributor.ringing(offer)

    def _hold(self, happened: Event) -> None:
        agent = happened.variable("cc_agent")
        if agent and happened.variable("cc_offer"):
            self._distributor.hold(agent, started=happened.name == "CHANNEL_HOLD")

    def _ended(self, happened: Event) -> None:
        if happened.variable("cc_offer"):
            self._agent_leg_ended(happened)
        elif happened.variable("cc_dialed"):
            self._record(
                event(
                    Kind.CALL_ENDED,
                    happened.uuid,
                    cause=happened.get("Hangup-Cause", ""),
                    stage=happened.variable("cc_stage") or "",
                    by=_who_hung_up(happened),
                    source="esl",
                )
            )
        contact = happened.variable("cc_contact") or happened.variable("cc_third_of")
        self._leg_ended(happened.uuid, contact or happened.uuid, happened.get("Hangup-Cause", ""))
        self._call_over(happened.uuid, happened.get("Hangup-Cause", ""))
        self._distributor.callbacks.call_over(
            happened.uuid, happened.get("Hangup-Cause", ""), happened.variable("cc_stage") or ""
        )
        if happened.variable("cc_line"):
            self._distributor.phones.lines.ended(happened.uuid, happened.get("Hangup-Cause", ""))

    def _parked(self, happened: Event) -> None:
        """An off-hook agent's leg is alone again."""
        joined_to = happened.variable("last_bridge_to")
        if not happened.variable("cc_line") or self._moving(joined_to):
            return
        over = self._distributor.phones.lines.parked(happened.uuid, joined_to)
        if over is not None:
            agent, contact, by = over
            self._leg_ended(happened.uuid, contact, "NORMAL_CLEARING")
            self._record(event(Kind.TALK_ENDED, contact, agent=agent, by=by))
            self._distributor.leg_ended(agent, contact)

    def _agent_leg_ended(self, happened: Event) -> None:
        if happened.get("Caller-Channel-Answered-Time", "0") == "0":
            return  # it only rang: the offer's own end tells
        agent = happened.variable("cc_agent")
        contact = happened.variable("cc_contact")
        if happened.get("Other-Leg-Unique-ID") or happened.variable("bridge_uuid"):
            by = _who_ended(happened)
            self._record(event(Kind.TALK_ENDED, contact, agent=agent, by=by))
        self._distributor.leg_ended(agent, contact)

    def _recorded(self, happened: Event) -> None:
        path = Path(happened.get("Record-File-Path", ""))
        if path.is_relative_to(self._recordings):
            relative = str(path.relative_to(self._recordings))
            self._record(event(Kind.RECORDING_STOPPED, happened.uuid, path=relative))

    def _registration(self, happened: Event) -> None:
        agent = happened.get("from-user") or happened.get("user") or ""
        if agent:
            self._phone_changed(agent, happened.subclass == "sofia::register")


def _who_ended(agent_leg: Event) -> str:
    """Who ended a conversation, seen from the agent's leg."""
    if _who_hung_up(agent_leg) == "citizen":
        return "agent"  # the far end of this leg is the agent
    return "citizen" if agent_leg.get("Hangup-Cause") == "NORMAL_CLEARING" else "switch"


def _who_hung_up(happened: Event) -> str:
    """`citizen` when the far end of this channel hung up, else `switch`."""
    disposition = happened.variable("sip_hangup_disposition") or ""
    return "citizen" if disposition.startswith("recv_") else "switch"
