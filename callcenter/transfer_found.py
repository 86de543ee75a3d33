"""After a start: the conversations as the channels' variables tell them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from callcenter.adoption import Snapshot
from callcenter.call_wish import Purpose
from callcenter.destinations import Destinations
from callcenter.privacy import clean_number
from callcenter.transfer import ENDS, LAYOUTS, Phase
from callcenter.transfer_talk import Talk, Third


def talks_found(snapshot: Snapshot, destinations: Destinations) -> list[Talk]:
    """The conversations as the channels' variables tell them."""
    found: dict[str, Talk] = {}
    legs = {leg.contact: leg for leg in snapshot.conversations}
    for contact in {*legs, *(c for c in snapshot.citizens if _phase(snapshot.told[c]))}:
        leg = legs.get(contact)
        told = snapshot.told.get(contact) or (snapshot.told.get(leg.leg, {}) if leg else {})
        phase = _phase(told) or Phase.TALKING
        if phase in ENDS or (leg is None and LAYOUTS[phase].agent and not told):
            continue
        talk = Talk(
            contact,
            number=clean_number(
                _text(told, "cc_number") or _header(told, "Caller-Caller-ID-Number")
            ),
            dialed=_text(told, "cc_dialed"),
            agent=leg.agent if leg else _text(told, "cc_agent"),
            leg=leg.leg if leg else "",
            recorded_at=_number(told, "cc_recorded_at"),
            priority=int(_number(told, "cc_priority")),
            office=_text(told, "cc_purpose") == Purpose.OFFICE,
            phase=phase,
        )
        destination = destinations.get(_text(told, "cc_destination"))
        if _text(told, "cc_third") and destination is not None and LAYOUTS[phase].third:
            answered = not LAYOUTS[phase].rings
            talk.third = Third(_text(told, "cc_third"), destination, answered=answered)
        found[contact] = talk
    return list(found.values())


def _phase(told: Mapping[str, Any]) -> Phase | None:
    try:
        return Phase(_text(told, "cc_phase"))
    except ValueError:
        return None


def _text(told: Mapping[str, Any], name: str) -> str:
    return str(told.get(f"variable_{name}") or "")


def _number(told: Mapping[str, Any], name: str) -> float:
    try:
        return float(_text(told, name) or 0)
    except ValueError:
        return 0.0


def _header(told: Mapping[str, Any], name: str) -> str:
    return str(told.get(name) or "")


def stray_thirds(snapshot: Snapshot, talks: Mapping[str, Talk]) -> list[str]:
    """Third parties' legs that no conversation knows: their dialing died half-way."""
    known = {talk.third.leg for talk in talks.values() if talk.third is not None}
    return [
        leg
        for leg, told in snapshot.told.items()
        if _text(told, "cc_third_of") and leg not in known
    ]
