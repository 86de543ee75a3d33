"""After a start: what the switch holds already is taken over, what hangs is mended.

Calls in the menu, in a queue or in the survey come by themselves, through the dialplan.
Conversations don't: their two legs talk on in the switch, and the agents must be known as
talking. An agent's leg that is joined to nobody is what an offer left behind; it is ended.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from callcenter.esl import EslError, SwitchLink
from callcenter.transfer import LAYOUTS, Role

logger = logging.getLogger(__name__)

COMMAND_LIMIT = 5.0
SNAPSHOT_LIMIT = 20.0
APART = frozenset(  # phases in which an agent needn't be joined to the citizen alone
    phase.value
    for phase, layout in LAYOUTS.items()
    if layout.agent and layout.together != {Role.CITIZEN, Role.AGENT}
)
UNJOINED = ("CS_EXECUTE", "CS_PARK")  # states of a channel that is in no bridge


@dataclass(frozen=True, slots=True)
class Conversation:
    """An agent's leg that the switch holds joined to a citizen."""

    agent: str
    offer: str
    contact: str
    leg: str
    since: float  # seconds since the epoch


@dataclass(frozen=True, slots=True)
class Snapshot:
    conversations: tuple[Conversation, ...]
    orphans: tuple[Conversation, ...]  # agents' legs without a citizen
    citizens: frozenset[str]  # citizens' channels
    calling_back: frozenset[str]  # channels that ring at a citizen's who wanted to be called
    calling_out: frozenset[str]  # that ring at somebody's whom we call of our own accord
    registered: frozenset[str]  # agents whose phones are registered
    let_go: frozenset[str]  # citizens who are parked, or whose joining was not finished
    lines: tuple[Conversation, ...]  # off-hook agents' legs; `contact` where joined to one
    applications: Mapping[str, str]  # channel -> what it runs
    told: dict[str, dict[str, Any]] = field(default_factory=dict)  # every channel's dump


def take(link: SwitchLink) -> Snapshot:
    """Ask the switch what it holds; raise EslError when it doesn't say."""
    conversations: list[Conversation] = []
    orphans: list[Conversation] = []
    citizens: set[str] = set()
    calling_back: set[str] = set()
    lines: list[Conversation] = []
    calling_out: set[str] = set()
    rows = _rows(link)
    told = {str(row["uuid"]): _variables(link, str(row["uuid"])) for row in rows}
    for channel, variables in told.items():
        if variables.get("variable_cc_line"):
            line = _line(channel, variables)
            if line is not None:
                lines.append(line)
                conversations.extend([line] if line.contact else [])
        elif variables.get("variable_cc_dialed") and not variables.get("variable_cc_offer"):
            citizens.add(channel)
        elif variables.get("variable_cc_callback"):
            calling_back.add(channel)
        elif variables.get("variable_cc_wish"):
            calling_out.add(channel)
        elif variables.get("variable_cc_offer"):
            leg = Conversation(
                agent=variables.get("variable_cc_agent", ""),
                offer=variables["variable_cc_offer"],
                contact=variables.get("variable_cc_contact", ""),
                leg=channel,
                since=_answered_at(variables),
            )
            joined = variables.get("Other-Leg-Unique-ID") or variables.get("variable_bridge_uuid")
            # On hold, or with a third party: the phase says what is to become of it.
            at_work = joined == leg.contact or variables.get("variable_cc_phase")
            (conversations if at_work else orphans).append(leg)
    return Snapshot(
        tuple(conversations),
        tuple(orphans),
        frozenset(citizens),
        frozenset(calling_back),
        frozenset(calling_out),
        registered(link),
        frozenset(citizen for citizen in citizens if _let_go(told[citizen])),
        tuple(lines),
        {str(row["uuid"]): str(row.get("application") or "") for row in rows},
        {channel: variables for channel, variables in told.items() if variables},
    )


def _line(channel: str, variables: dict[str, Any]) -> Conversation | None:
    """An off-hook agent's leg; None while it only rings."""
    answered = _answered_at(variables)
    contact = str(variables.get("variable_cc_contact") or "")
    joined = variables.get("Other-Leg-Unique-ID") or variables.get("variable_bridge_uuid")
    if not answered:
        return None
    with_citizen = joined == contact and variables.get("Channel-State") not in UNJOINED
    # On hold, or with a third party: the phase says what is to become of it.
    talks = bool(contact) and (with_citizen or variables.get("variable_cc_phase") in APART)
    return Conversation(
        agent=str(variables["variable_cc_line"]),
        offer=str(variables.get("variable_cc_offer") or "") if talks else "",
        contact=contact if talks else "",
        leg=channel,
        since=0.0,  # when the talk began isn't told: the leg is older
    )


def channels(link: SwitchLink) -> dict[str, str]:
    """Every channel of the switch by its UUID, and its state (`CS_EXECUTE`, …)."""
    return {str(row["uuid"]): str(row.get("state") or "") for row in _rows(link)}


def _rows(link: SwitchLink) -> list[dict[str, Any]]:
    listed = orjson.loads(link.api("show channels as json", timeout=SNAPSHOT_LIMIT))
    return list(listed.get("rows", []))


def registered(link: SwitchLink) -> frozenset[str]:
    """Users with a registered phone."""
    listed = orjson.loads(link.api("show registrations as json", timeout=SNAPSHOT_LIMIT))
    return frozenset(str(row["reg_user"]) for row in listed.get("rows", []))


def end_orphans(
    link: SwitchLink, snapshot: Snapshot, repaired: Callable[[str, str, str], None]
) -> None:
    """End what an offer left behind; `repaired(contact, found, done)` writes it down."""
    for leg in snapshot.orphans:
        try:
            link.api(f"uuid_kill {leg.leg} ORIGINATOR_CANCEL", timeout=COMMAND_LIMIT)
        except EslError as error:
            logger.info("orphaned leg %s: %s", leg.leg, error)
        repaired(leg.contact, f"leg of agent {leg.agent} joined to nobody", "ended it")


def stranded(link: SwitchLink, channels: Mapping[str, str]) -> set[str]:
    """Citizens that the switch keeps though no controller knows them.

    They were parked, or their controller died between letting go of them and joining them to an
    agent: `socket_resume` is off, so they don't come back by themselves. `channels` as the
    function of that name tells them: only the variables of those that are in no bridge are asked
    for, which costs the switch 2 ms each.
    """
    found = set()
    for channel in (channel for channel, state in channels.items() if state in UNJOINED):
        told = _variables(link, channel)
        if told.get("variable_cc_dialed") and _let_go(told):
            found.add(channel)
    return found


def _let_go(citizen: Mapping[str, Any]) -> bool:
    if citizen.get("variable_cc_phase") not in (None, "", "talking", "over", "back"):
        return False  # hears music, or somebody else: `callcenter.call_control` cares for it
    return (
        citizen.get("variable_socket_resume") == "false"
        and citizen.get("Channel-State") in UNJOINED
    )


def bring_back(link: SwitchLink, citizen: str) -> None:
    """Send a citizen through the dialplan again, to whichever controller is there.

    Whoever was parked has a transfer scheduled: it would break into what the story does next.
    """
    try:
        link.api(f"sched_del {citizen}", timeout=COMMAND_LIMIT)
        link.api(f"uuid_transfer {citizen} hotline XML hotline", timeout=COMMAND_LIMIT)
    except EslError as error:
        logger.info("stranded call %s: %s", citizen, error)


def _variables(link: SwitchLink, channel: str) -> dict[str, Any]:
    try:
        return dict(orjson.loads(link.api(f"uuid_dump {channel} json", timeout=COMMAND_LIMIT)))
    except (EslError, ValueError):
        return {}  # it ended meanwhile


def _answered_at(variables: dict[str, Any]) -> float:
    try:
        return int(variables["Caller-Channel-Answered-Time"]) / 1e6
    except (KeyError, ValueError):
        return 0.0
