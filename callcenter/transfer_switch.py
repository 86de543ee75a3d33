"""Bringing the switch to the layout of a phase (`callcenter.transfer`), and reading it from there.

What was tried on FreeSWITCH 1.11.1 decides: two talk in a bridge (`uuid_bridge`), three in a
conference, because a conference goes on whoever leaves it and whether or not a controller lives; a
bridge with `three_way` ends with the leg that it hangs on. Everything that must be known to go on
is on the channels before anything moves.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from callcenter.destinations import DestinationKind
from callcenter.esl import EslError
from callcenter.privacy import ANONYMOUS
from callcenter.transfer import LAYOUTS, Phase, Role, Step
from callcenter.transfer_talk import Talk, Third

logger = logging.getLogger(__name__)

COMMAND_LIMIT = 5.0
ANSWER_GRACE = 10.0  # seconds past the ringing for the switch to answer at all
DEAD_LINE_MS = 300_000  # without any sound from the third party
RINGBACK = "tone_stream://%(1000,4000,450);loops=-1"  # GB/T 3380 ring-back tone, for the agent
SURVEY = "survey:XML:hotline"
ASIDE = "aside:XML:hotline"


class Link(Protocol):
    def api(self, command: str, timeout: float = ...) -> str: ...


class TransferSwitch:
    """The verbs; each raises EslError when the switch refuses or doesn't answer."""

    def __init__(
        self,
        link: Link,
        gateway: str,
        release: Callable[[str, str], None],
        stays: Callable[[str], bool],
    ) -> None:
        """`release(leg, by)` ends an agent's part of a call by the agent's leg; `stays(leg)`: the
        leg itself lives on then, since its agent works off hook.
        """
        self._link = link
        self._gateway = gateway
        self.release = release
        self.stays = stays

    # --- the channels keep what a controller must know -----------------------------------------

    def keep(self, talk: Talk) -> None:
        """Write the phase on every leg that lives, with what each does when left alone."""
        third = talk.third
        told = {
            "cc_phase": talk.phase.value,
            "cc_third": third.leg if third else "",
            "cc_destination": third.destination.id if third else "",
        }
        self._set(talk.contact, **told, cc_agent_leg=talk.leg, **_citizens_way(talk))
        if talk.leg:
            self._set(talk.leg, **told, **_agents_way(talk.phase, self.stays(talk.leg)))
        if third is not None and third.answered:
            over = talk.phase is Phase.HANDED_OVER
            self._set(third.leg, park_after_bridge=_word(not over), hangup_after_bridge=_word(over))

    def _set(self, leg: str, **values: str) -> None:
        told = ";".join(f"{name}={value}" for name, value in values.items())
        self._quietly(f"uuid_setvar_multi {leg} {told}")

    # --- layouts -------------------------------------------------------------------------------

    def arrange(self, talk: Talk, before: Phase, step: Step) -> None:
        """Go from the layout of `before` to that of the talk's phase."""
        old, new = LAYOUTS[before], LAYOUTS[talk.phase]
        if new.music and not old.music:
            self._api(f"uuid_transfer {talk.contact} aside XML hotline")
        if new.together != old.together:
            self._bring_together(talk, new.together, was_room=len(old.together) == 3)
        if talk.phase is Phase.DIALING:
            self._quietly(f"uuid_broadcast {talk.leg} {RINGBACK} aleg")
        if talk.phase is Phase.OVER and _survey_is_ours(before, step):
            self.to_survey(talk.contact)
        self._dismiss(talk, before, step)
        if talk.phase is Phase.BACK:
            self._back_to_queue(talk)

    def settle(self, talk: Talk, told: Mapping[str, Mapping[str, Any]]) -> bool:
        """After a start: mend what differs from the phase's layout; True when something did."""
        layout = LAYOUTS[talk.phase]
        citizen = told.get(talk.contact, {})
        changed = False
        if layout.music and citizen and (_partner(citizen) or _room(citizen)):
            self._api(f"uuid_transfer {talk.contact} aside XML hotline")
            changed = True
        legs = [self._leg(talk, role) for role in sorted(layout.together)]
        if legs and not _are_together(legs, told):
            self._bring_together(talk, layout.together, was_room=False)
            changed = True
        return changed

    def _bring_together(self, talk: Talk, who: frozenset[Role], *, was_room: bool) -> None:
        if len(who) == 3:
            self._room(talk)
        elif len(who) == 2 and (not was_room or who == {Role.CITIZEN, Role.AGENT}):
            # Others who stay of three are in the room together already.
            first, second = (self._leg(talk, role) for role in _IN_ORDER if role in who)
            self._api(f"uuid_bridge {first} {second}")

    def _room(self, talk: Talk) -> None:
        legs = [self._leg(talk, role) for role in _IN_ORDER]
        for leg in legs:
            self._set(leg, cc_room=talk.contact)
        self._api(f"uuid_transfer {talk.contact} three_party XML hotline")
        # Both at once: the third party parks else, for a moment, and hears nothing.
        self._api(f"uuid_transfer {talk.leg} -both three_party_leg XML hotline")

    def _dismiss(self, talk: Talk, before: Phase, step: Step) -> None:
        """End the legs that have no part in the new phase."""
        old, new = LAYOUTS[before], LAYOUTS[talk.phase]
        by_switch = step is Step.CITIZEN_GONE and before in (Phase.TALKING, Phase.TRANSFERRING)
        stays = self.stays(talk.leg)
        by_switch = by_switch or (step is Step.AGENT_GONE and not stays)
        if old.agent and not new.agent and talk.leg and not by_switch:
            if stays:
                self._set_aside(talk.leg, before)
            self.release(talk.leg, "citizen" if step is Step.CITIZEN_GONE else "agent")
        gone = (Step.THIRD_GONE, Step.FAILED)
        if old.third and not new.third and talk.third is not None and step not in gone:
            self.end(talk.third.leg)

    def _set_aside(self, leg: str, before: Phase) -> None:
        """An off-hook agent's leg, silent until the next call; out of a bridge it parks itself.

        A break that finds nothing to break would swallow what is played next.
        """
        if before is Phase.DIALING:
            self._quietly(f"uuid_break {leg} all")  # the ring-back tone
        elif before in (Phase.JOINED, Phase.AFTERTALK):
            self._quietly(f"uuid_park {leg}")

    def to_survey(self, contact: str) -> None:
        """Out of a bridge; the other leg does what it does when left alone."""
        self._quietly(f"uuid_transfer {contact} survey XML hotline")

    def _back_to_queue(self, talk: Talk) -> None:
        self._set(
            talk.contact,
            cc_stage="queue",
            cc_agent="",
            cc_last_agent=talk.agent,
            cc_priority=str(talk.priority),
            cc_queued_at="0",
        )
        self._api(f"uuid_transfer {talk.contact} hotline XML hotline")

    def _leg(self, talk: Talk, role: Role) -> str:
        if role is Role.CITIZEN:
            return talk.contact
        if role is Role.AGENT:
            return talk.leg
        return talk.third.leg if talk.third else ""

    # --- single legs ---------------------------------------------------------------------------

    def aside(self, talk: Talk) -> None:
        """Music for a citizen who comes from the menu."""
        self._api(f"uuid_transfer {talk.contact} aside XML hotline")

    def dial(self, talk: Talk, third: Third) -> None:
        """Ring the third party until it answers; raise EslError with the cause otherwise."""
        where = third.destination
        shown = talk.number if where.kind is DestinationKind.EMERGENCY else talk.dialed
        shown = talk.dialed if shown == ANONYMOUS else shown
        variables = {
            "origination_uuid": third.leg,
            "origination_caller_id_number": shown,
            "origination_caller_id_name": shown,
            "originate_timeout": str(where.ring_seconds),
            "ignore_early_media": "true",
            "outbound_redirect_fatal": "true",
            "process_cdr": "false",
            "media_timeout": str(DEAD_LINE_MS),
            "park_after_bridge": "true",
            "cc_third_of": talk.contact,
            "cc_destination": where.id,
        }
        given = ",".join(f"{name}={value}" for name, value in variables.items())
        self._link.api(
            f"originate {{{given}}}sofia/trunk/{where.number}@{self._gateway} &park()",
            timeout=where.ring_seconds + ANSWER_GRACE,
        )

    def take_over(self, talk: Talk, offer: str, old: str) -> None:
        """Join the citizen to the talk's new leg, and end the old one's part."""
        self._set(talk.leg, cc_offer=offer, cc_contact=talk.contact, cc_agent=talk.agent)
        self._set(talk.contact, cc_agent=talk.agent)
        self.keep(talk)
        self._api(f"uuid_bridge {talk.contact} {talk.leg}")
        self.release(old, "switch")

    def mute(self, leg: str, *, on: bool) -> None:
        """Nobody hears this phone."""
        if on:
            self._api(f"uuid_audio {leg} start read mute 1")
        else:
            self._api(f"uuid_audio {leg} stop")

    def unmute(self, leg: str) -> None:
        """For the next citizen, on a leg that stays."""
        self._quietly(f"uuid_audio {leg} stop")

    def answer_state(self, leg: str) -> str | None:
        """`answered`, `ringing` … of a leg; None when it is gone."""
        try:
            told = json.loads(self._link.api(f"uuid_dump {leg} json", timeout=COMMAND_LIMIT))
        except (EslError, ValueError):
            return None
        return str(told.get("Answer-State", ""))

    def end(self, leg: str) -> None:
        self._quietly(f"uuid_kill {leg} NORMAL_CLEARING")

    def _api(self, command: str) -> None:
        self._link.api(command, timeout=COMMAND_LIMIT)

    def _quietly(self, command: str) -> None:
        """For a leg that may be gone: its end is news of its own."""
        try:
            self._api(command)
        except EslError as error:
            logger.info("%s: %s", command.split()[0], error)


_IN_ORDER = (Role.CITIZEN, Role.AGENT, Role.THIRD)


def _word(value: bool) -> str:
    return "true" if value else "false"


def _citizens_way(talk: Talk) -> dict[str, str]:
    """Where the switch brings the citizen when the other side hangs up."""
    if talk.phase is Phase.OVER:
        return {}  # the switch may be about to act on what was said before
    if talk.phase in (Phase.TRANSFERRING, Phase.WAITING):
        # The agent may leave before the answer, and the switch be still about to act on it.
        return {"transfer_after_bridge": ASIDE}
    given_away = talk.phase is Phase.HANDED_OVER and (talk.emergency or not talk.agent)
    if talk.office or given_away:
        return {"transfer_after_bridge": "", "hangup_after_bridge": "true"}
    return {"transfer_after_bridge": SURVEY, "hangup_after_bridge": "false"}


def _agents_way(phase: Phase, stays: bool) -> dict[str, str]:
    """An agent who is left alone waits, but for one who has only this citizen and no long leg."""
    alone = phase in (Phase.TALKING, Phase.TRANSFERRING) and not stays
    return {"park_after_bridge": _word(not alone), "hangup_after_bridge": _word(alone)}


def _survey_is_ours(before: Phase, step: Step) -> bool:
    """Whether the citizen must be sent to the survey; out of a bridge the switch does it."""
    return step is Step.SURVEY or (step is Step.AGENT_GONE and before is Phase.HELD)


def _partner(told: Mapping[str, Any]) -> str:
    """Whom a leg is bridged with at this moment."""
    return str(told.get("variable_bridge_to") or "")


def _room(told: Mapping[str, Any]) -> str:
    """The conference that a leg is in at this moment."""
    in_one = told.get("variable_current_application") == "conference" and not _partner(told)
    return str(told.get("variable_conference_name") or "") if in_one else ""


def _are_together(legs: list[str], told: Mapping[str, Mapping[str, Any]]) -> bool:
    first = told.get(legs[0], {})
    if len(legs) == 2 and _partner(first) == legs[1]:
        return True
    room = _room(first)
    return bool(room) and all(_room(told.get(leg, {})) == room for leg in legs)
