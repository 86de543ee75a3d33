"""Who may dial whom, and when: the one place that decides it. Pure.

The controller refuses by these rules; pages ask the same ones for what is to be grey. An answer is
"" when nothing speaks against it, else a code that pages put into words (`web.words`).

A page names a call, an order or a destination, never a number: numbers are those of the citizen
whom the agent served, or those of the destinations file.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from acd.messages import AgentState
from callcenter.destinations import Destination

LONGEST_NAME = 64  # characters of an id
MAY_DIAL = frozenset({AgentState.READY, AgentState.NOT_READY, AgentState.WRAP_UP})
NUMBER = re.compile(r"\+?[0-9]{3,32}")  # anything else was hidden by the network


class What(StrEnum):
    """What a wish to dial names; the key of the command's argument."""

    CALL = "call"  # its citizen is called back
    ORDER = "order"  # its citizen is called
    DESTINATION = "to"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whom an agent wants to call."""

    what: What
    name: str  # id of the call, number of the order, id of the destination


@dataclass(frozen=True, slots=True)
class Standing:
    """An agent at this moment."""

    state: str  # acd.messages.AgentState
    registered: bool  # the phone
    busy: bool = False  # in a conversation, or dialing already
    trunk: bool = True  # calls can be made at all


@dataclass(frozen=True, slots=True)
class Citizen:
    """Whom a call or an order leads to."""

    number: str
    agent: str  # who served the call, or drafted the order
    dialed: str = ""  # the hotline's number that the citizen knows
    call: str = ""  # the earlier call, when there was one
    order: str = ""
    asked: bool = False  # still waits to be called back: by whoever is free
    promised: bool = False  # by the hotline itself, which hasn't given up yet


def wanted(args: Mapping[str, Any]) -> Wanted | None:
    """What the command names; None when it doesn't name exactly one thing."""
    named = [Wanted(what, str(args[what])) for what in What if args.get(what)]
    if len(named) != 1 or len(named[0].name) > LONGEST_NAME:
        return None
    return named[0]


def when(now: Standing) -> str:
    """Why this agent can't dial at this moment."""
    if not now.trunk:
        return "no_trunk"
    if now.state == AgentState.LOGGED_OUT:
        return "logged_out"
    if now.busy or now.state not in MAY_DIAL:
        return "in_call"
    return "" if now.registered else "phone_not_registered"


def citizen(agent: str, found: Citizen | None, numbers: re.Pattern[str]) -> str:
    """Why this agent can't call this citizen; `numbers` describes those that may be dialed."""
    if found is None or not agent or (found.agent != agent and not found.asked):
        return "unknown_call"  # that somebody else has it is nobody's business
    if found.promised:
        return "being_called"
    if not NUMBER.fullmatch(found.number):
        return "number_hidden"
    return "" if numbers.fullmatch(found.number) else "not_allowed"


def destination(found: Destination | None, local: dt.datetime) -> str:
    """Why this destination can't be called at `local`, China's time."""
    if found is None:
        return "unknown_destination"
    return "" if found.is_open(local) else "out_of_hours"
