"""An agent (坐席) as the engine knows one, and the one table of legal steps."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from acd.messages import AgentState, NotReadyReason


class Step(StrEnum):
    """What moves an agent from one state to another."""

    LOG_IN = "log_in"
    LOG_OUT = "log_out"
    GET_READY = "get_ready"
    GET_NOT_READY = "get_not_ready"
    OFFERED = "offered"
    KEPT = "kept"  # for a citizen who is being called back
    CITIZEN_CAME = "citizen_came"  # the one it was kept for: an offer was made
    RANG = "rang"
    ANSWERED = "answered"
    MISSED = "missed"  # no answer, refused, or the phone is gone
    RELEASED = "released"  # the offer was withdrawn, through no fault of the agent
    HELD = "held"
    RETRIEVED = "retrieved"
    CALL_OVER = "call_over"
    CALL_VOID = "call_void"  # the citizen to be called back didn't answer: there was no call


_OUT, _NOT, _READY = AgentState.LOGGED_OUT, AgentState.NOT_READY, AgentState.READY
_RESERVED, _RINGING = AgentState.RESERVED, AgentState.RINGING
_TALKING, _HOLDING, _WRAP_UP = AgentState.TALKING, AgentState.HOLDING, AgentState.WRAP_UP

# A step that isn't here for a state is not legal in it. During an offer or a call the wishes of
# the agent (LOG_OUT, GET_READY, GET_NOT_READY) are remembered for afterwards; see `acd.desk`.
TRANSITIONS: dict[AgentState, dict[Step, AgentState]] = {
    _OUT: {Step.LOG_IN: _NOT},
    _NOT: {Step.GET_READY: _READY, Step.GET_NOT_READY: _NOT, Step.LOG_OUT: _OUT},
    _READY: {
        Step.OFFERED: _RESERVED,
        Step.KEPT: _RESERVED,
        Step.GET_NOT_READY: _NOT,
        Step.LOG_OUT: _OUT,
    },
    _RESERVED: {
        Step.CITIZEN_CAME: _RESERVED,
        Step.RANG: _RINGING,
        Step.ANSWERED: _TALKING,
        Step.MISSED: _NOT,
        Step.RELEASED: _READY,
    },
    _RINGING: {Step.ANSWERED: _TALKING, Step.MISSED: _NOT, Step.RELEASED: _READY},
    _TALKING: {Step.HELD: _HOLDING, Step.CALL_OVER: _WRAP_UP, Step.CALL_VOID: _READY},
    _HOLDING: {Step.RETRIEVED: _TALKING, Step.CALL_OVER: _WRAP_UP, Step.CALL_VOID: _READY},
    _WRAP_UP: {Step.GET_READY: _READY, Step.GET_NOT_READY: _NOT, Step.LOG_OUT: _OUT},
}

ON_OFFER = frozenset({_RESERVED, _RINGING})
ON_CALL = frozenset({_TALKING, _HOLDING})
STAFFED = frozenset(AgentState) - {_OUT}
# Somebody in one of these states will be free before long; so a repeat caller may wait for them
# and a wait estimate may count on them.
WORKING = STAFFED - {_NOT}


class Wish(NamedTuple):
    """What the agent wants to be once the present offer or call is over."""

    state: AgentState
    reason: NotReadyReason = NotReadyReason.NONE


@dataclass(slots=True)
class Agent:
    id: str
    index: int  # place in the bit sets
    mask: int  # 1 << index
    number: tuple[int, str]  # orders "999" before "1001"
    state: AgentState = AgentState.LOGGED_OUT
    reason: NotReadyReason = NotReadyReason.NONE
    since: float = 0.0
    until: float | None = None  # end of wrap-up, of the lease or of a pause
    contact: str | None = None
    queue: str | None = None  # of the present contact
    offer: str | None = None
    queues: dict[str, int] = field(default_factory=dict)
    skills: dict[str, int] = field(default_factory=dict)
    off_hook: bool = False
    registered: bool = True  # until we are told otherwise
    comes_back: bool = False  # ready again as soon as the phone is registered
    wish: Wish | None = None
    # What the strategies go by:
    idle_since: float = 0.0  # a withdrawn offer doesn't change it
    idle_turn: int = 0  # orders agents who got ready in the same microsecond
    calls: int = 0  # answered since login
    busy_seconds: float = 0.0  # from offer to the end of wrap-up, since login
    busy_since: float | None = None
    logged_in_at: float = 0.0
    points: int = 0  # sum of skill levels and queues

    def may(self, step: Step) -> bool:
        return step in TRANSITIONS[self.state]

    def occupancy(self, now: float) -> float:
        """Return the share of the shift spent on calls, 0 to 1."""
        shift = now - self.logged_in_at
        return min(1.0, self.busy_seconds / shift) if shift > 0 else 0.0
