"""Ringing one agent's phone for one citizen, and knowing how it ended."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from typing import Protocol

import gevent

from acd.messages import Offer, OfferMode, OfferResult
from callcenter.esl import CommandFailed, EslError, SwitchGone
from callcenter.lines import Lines

logger = logging.getLogger(__name__)

ORIGINATE_GRACE = 10.0  # seconds past the lease for the switch to answer at all
COMMAND_LIMIT = 5.0
PARK_LIMIT = 30  # seconds an agent's leg waits for its citizen before the switch ends it
PARK_LIMIT_CALLBACK = 90  # and for one whose telephone rings first
DEAD_PHONE = 20  # seconds without any sound from the agent's phone
LONGEST_HOLD = 1800  # seconds
ALERT = "%(150,0,1000)"

# How the switch's hang-up causes (Q.850 names) end an offer.
RESULTS = {
    "NO_ANSWER": OfferResult.NO_ANSWER,
    "ALLOTTED_TIMEOUT": OfferResult.NO_ANSWER,
    "PROGRESS_TIMEOUT": OfferResult.NO_ANSWER,
    "USER_BUSY": OfferResult.REFUSED,
    "CALL_REJECTED": OfferResult.REFUSED,
    "USER_NOT_REGISTERED": OfferResult.UNREACHABLE,
    "SUBSCRIBER_ABSENT": OfferResult.UNREACHABLE,
    "NO_USER_RESPONSE": OfferResult.UNREACHABLE,
    "RECOVERY_ON_TIMER_EXPIRE": OfferResult.UNREACHABLE,
    "UNALLOCATED_NUMBER": OfferResult.UNREACHABLE,
    "NO_ROUTE_DESTINATION": OfferResult.UNREACHABLE,
    "DESTINATION_OUT_OF_ORDER": OfferResult.UNREACHABLE,
    "ORIGINATOR_CANCEL": OfferResult.WITHDRAWN,
}


class Link(Protocol):
    def api(self, command: str, timeout: float = ...) -> str: ...
    def post(self, command: str) -> None: ...


class PhoneBook:
    """Agents' phones as the switch reaches them."""

    def __init__(
        self, link: Link, domain: str, caller_id: Callable[[str], str], lines: Lines
    ) -> None:
        self._link = link
        self.lines = lines
        self._domain = domain
        self._caller_id = caller_id

    def ring(self, offer: Offer, leg: str, seconds: int) -> None:
        """Ring until the agent answers; raise EslError with the cause otherwise."""
        park = PARK_LIMIT_CALLBACK if offer.virtual else PARK_LIMIT
        variables = {
            "origination_uuid": leg,
            "origination_caller_id_number": self._caller_id(offer.contact),
            "origination_caller_id_name": self._caller_id(offer.contact),
            # The engine ends the lease; the switch counts whole seconds and may be one early.
            "originate_timeout": str(seconds + 1),
            "ignore_early_media": "true",
            "hangup_after_bridge": "true",
            "park_timeout": f"{park}:NORMAL_CLEARING",
            # A phone that lost its network says nothing, not even goodbye; on hold it may be mute.
            "media_timeout": str(DEAD_PHONE * 1000),
            "media_hold_timeout": str(LONGEST_HOLD * 1000),
            "cc_offer": offer.offer,
            "cc_contact": offer.contact,
            "cc_agent": offer.agent,
            # One leg per agent, whoever places it: the switch itself is the fence.
            "execute_on_originate": f"'limit hash agents {offer.agent} 1 !USER_BUSY'",
        }
        given = ",".join(f"{name}={value}" for name, value in variables.items())
        self._link.api(
            f"originate {{{given}}}user/{offer.agent}@{self._domain} &park()",
            timeout=seconds + ORIGINATE_GRACE,
        )

    def release(self, leg: str, cause: str = "ORIGINATOR_CANCEL") -> None:
        """End a leg that may ring, talk or be gone already; an off-hook agent's leg stays up."""
        owner = self.lines.owner(leg)
        if owner is not None:
            contact = self.lines.free(leg)
            if contact:
                gevent.spawn(self.lines.unbridged, owner, contact)
            return
        gevent.spawn(self._quietly, f"uuid_kill {leg} {cause}")

    def alert(self, leg: str) -> None:
        # Nothing waits for it, and of `gentones` the switch tells nobody, unlike of a playback.
        try:
            self._link.post(f"api uuid_broadcast {leg} gentones::{ALERT} aleg")
        except EslError as error:
            logger.info("no alert: %s", error)

    def _quietly(self, command: str) -> None:
        try:
            self._link.api(command, timeout=COMMAND_LIMIT)
        except EslError as error:
            logger.info("%s: %s", command.split()[0], error)


class OfferTask:
    """One reservation: it rings, and ends answered, otherwise, or cancelled."""

    def __init__(
        self,
        offer: Offer,
        seconds: float,
        phones: PhoneBook,
        *,
        on_answer: Callable[[OfferTask], bool],
        on_end: Callable[[OfferTask, OfferResult, str], None],
    ) -> None:
        self.offer = offer
        self.leg = str(uuid.uuid4())  # chosen here, so that it can be cancelled while it rings
        self.rang = False
        self._seconds = max(1, round(seconds))
        self._phones = phones
        self._on_answer = on_answer
        self._on_end = on_end
        self._cancelled = False

    def start(self) -> None:
        gevent.spawn(self._run).name = f"offer {self.offer.offer}"

    def cancel(self) -> None:
        """Stop ringing; if the agent picks up at this very moment the leg is ended too."""
        self._cancelled = True
        self._phones.release(self.leg)

    def _run(self) -> None:
        try:
            if self.offer.mode is OfferMode.OFF_HOOK:
                self.leg = self._phones.lines.take(self.offer)
            else:
                self._phones.ring(self.offer, self.leg, self._seconds)
        except CommandFailed as error:
            cause = error.reply.removeprefix("-ERR").strip()
            self._on_end(self, RESULTS.get(cause, OfferResult.FAILED), cause)
            return
        except SwitchGone:
            self._on_end(self, OfferResult.FAILED, "SWITCH_GONE")
            return
        except EslError as error:
            logger.error("offer %s: no word from the switch: %s", self.offer.offer, error)
            self._phones.release(self.leg)
            self._on_end(self, OfferResult.FAILED, "TIMEOUT")
            return
        if self._cancelled or not self._on_answer(self):
            self._phones.release(self.leg, "NORMAL_CLEARING")
