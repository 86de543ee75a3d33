"""What the ACD engine is told and what it answers.

The engine is a state machine: one `Input` in, a list of `Output`s out. It reads no clock:
every input carries `at`, seconds since the epoch (UTC). Contacts are citizens' calls (their
channel UUID), agents are agent numbers (工号), offers are reservations of one agent for one
contact.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class AgentState(StrEnum):
    """An agent's state; see `acd.agents.TRANSITIONS` for the legal steps."""

    LOGGED_OUT = "logged_out"
    NOT_READY = "not_ready"
    READY = "ready"
    RESERVED = "reserved"  # an offer was made, or a citizen is called back: no phone rings yet
    RINGING = "ringing"
    TALKING = "talking"
    HOLDING = "holding"
    WRAP_UP = "wrap_up"


class NotReadyReason(StrEnum):
    """Why an agent isn't ready; the words agents see are in the interface."""

    NONE = ""
    BREAK = "break"  # 小休
    MEAL = "meal"  # 用餐
    TRAINING = "training"  # 培训
    MEETING = "meeting"  # 会议
    MISSED_CALL = "missed_call"  # set by the engine after an unanswered offer
    UNREACHABLE = "unreachable"  # the phone is not registered


class OfferResult(StrEnum):
    """How an offer ended."""

    ANSWERED = "answered"
    NO_ANSWER = "no_answer"
    REFUSED = "refused"  # 486, 603
    UNREACHABLE = "unreachable"  # 480, 404, not registered
    WITHDRAWN = "withdrawn"  # the citizen left, or the queue was closed
    FAILED = "failed"  # the switch could not place it


class OfferMode(StrEnum):
    """How an offer reaches the agent."""

    ON_HOOK = "on_hook"  # the phone rings for each call
    OFF_HOOK = "off_hook"  # one long leg stays up; the call is joined to it at once


class LeaveReason(StrEnum):
    """Why a contact left its queue without being answered."""

    ABANDONED = "abandoned"
    MESSAGE = "message"
    CALLBACK = "callback"
    OVERFLOW = "overflow"
    CLOSED = "closed"
    FAILED = "failed"


# --- inputs ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Input:
    at: float  # seconds since the epoch, UTC


@dataclass(frozen=True, slots=True)
class ContactQueued(Input):
    """A citizen entered a queue (or came back to it: then `queued_at` is the first time)."""

    contact: str
    queue: str
    arrived_at: float  # arrival at the switch
    queued_at: float  # first entry into any queue; kept over moves and restarts
    requirement: str = ""  # skill expression, "" asks for nothing
    priority: int = 0  # higher goes first
    last_agent: str | None = None  # preferred agent of a repeat caller
    entered_at: float | None = None  # entry into this queue when moved; None: `queued_at`
    virtual: bool = False  # the citizen hung up and keeps the place (virtual hold)


@dataclass(frozen=True, slots=True)
class ContactLeft(Input):
    contact: str
    reason: LeaveReason


@dataclass(frozen=True, slots=True)
class AgentLoggedIn(Input):
    """The agent is at the desk; `queues` maps queue name to level 0–9 (9 is best)."""

    agent: str
    queues: dict[str, int] = field(default_factory=dict)
    skills: dict[str, int] = field(default_factory=dict)
    off_hook: bool = False


@dataclass(frozen=True, slots=True)
class AgentLoggedOut(Input):
    agent: str


@dataclass(frozen=True, slots=True)
class AgentReady(Input):
    """The agent asks to be ready. During talk it is remembered for after wrap-up."""

    agent: str


@dataclass(frozen=True, slots=True)
class AgentNotReady(Input):
    """The agent asks to be not ready. During talk it is remembered for after the call."""

    agent: str
    reason: NotReadyReason = NotReadyReason.BREAK


@dataclass(frozen=True, slots=True)
class PhoneRegistered(Input):
    agent: str


@dataclass(frozen=True, slots=True)
class PhoneUnregistered(Input):
    agent: str


@dataclass(frozen=True, slots=True)
class OfferRinging(Input):
    offer: str


@dataclass(frozen=True, slots=True)
class OfferAnswered(Input):
    """The agent picked up."""

    offer: str


@dataclass(frozen=True, slots=True)
class OfferEnded(Input):
    """The offer ended without an answer; `result` is never ANSWERED."""

    offer: str
    result: OfferResult


@dataclass(frozen=True, slots=True)
class TalkEnded(Input):
    """The agent's conversation with the contact is over; wrap-up begins."""

    agent: str
    contact: str


@dataclass(frozen=True, slots=True)
class HoldStarted(Input):
    agent: str


@dataclass(frozen=True, slots=True)
class HoldEnded(Input):
    agent: str


@dataclass(frozen=True, slots=True)
class WrapUpEnded(Input):
    """The agent finished the after-call work before its time was up."""

    agent: str


@dataclass(frozen=True, slots=True)
class WrapUpExtended(Input):
    """The agent needs longer for the after-call work; the configuration sets the most."""

    agent: str
    seconds: float


@dataclass(frozen=True, slots=True)
class QueueClosed(Input):
    """Closing time: nobody new is taken; those who wait go by the queue's rule."""

    queue: str


@dataclass(frozen=True, slots=True)
class QueueOpened(Input):
    queue: str


@dataclass(frozen=True, slots=True)
class CallbackChosen(Input):
    """A waiting citizen hangs up and keeps the place (virtual hold)."""

    contact: str


@dataclass(frozen=True, slots=True)
class CallbackAnswered(Input):
    """The citizen took the call back that a `CallBack` asked for."""

    contact: str


@dataclass(frozen=True, slots=True)
class CallbackFailed(Input):
    """Busy, no answer or unreachable: the place is kept for the next attempt."""

    contact: str


@dataclass(frozen=True, slots=True)
class AgentRestored(Input):
    """After a restart: the agent's state as last known (and seen on the switch)."""

    agent: str
    state: AgentState
    since: float
    reason: NotReadyReason = NotReadyReason.NONE
    contact: str | None = None
    queues: dict[str, int] = field(default_factory=dict)
    skills: dict[str, int] = field(default_factory=dict)
    off_hook: bool = False


@dataclass(frozen=True, slots=True)
class Tick(Input):
    """Time passed; the engine ends what has run out. See `Engine.next_deadline`."""


# --- outputs --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Output:
    pass


@dataclass(frozen=True, slots=True)
class Offer(Output):
    """Ring this agent for this contact until `expires_at` (the lease)."""

    offer: str
    contact: str
    agent: str
    queue: str
    expires_at: float
    why: str  # one English sentence; the full account is in the Decision
    mode: OfferMode = OfferMode.ON_HOOK
    virtual: bool = False  # the citizen isn't on the line: a `CallBack` follows the answer


@dataclass(frozen=True, slots=True)
class Withdraw(Output):
    """Stop ringing at once: the offer is over."""

    offer: str
    contact: str
    agent: str
    result: OfferResult


@dataclass(frozen=True, slots=True)
class Announce(Output):
    """Tell a waiting citizen the place in the queue (1 is next) and the expected wait."""

    contact: str
    queue: str
    position: int
    estimate_seconds: float | None  # None: not enough known to be honest


@dataclass(frozen=True, slots=True)
class Overflow(Output):
    """The contact's stay in its queue is over by rule.

    `action` is one of "queue" (`target` names it), "message", "callback", "goodbye".
    The contact has left the queue when this is given; for "queue" it already stands in `target`.
    """

    contact: str
    queue: str
    rule: str
    action: str
    target: str | None = None


@dataclass(frozen=True, slots=True)
class AgentStateChanged(Output):
    agent: str
    old: AgentState
    new: AgentState
    reason: NotReadyReason
    since: float
    until: float | None = None  # end of wrap-up or lease
    contact: str | None = None


@dataclass(frozen=True, slots=True)
class Decision(Output):
    """Why a contact went to an agent, or to nobody yet. Kept with the call."""

    contact: str
    agent: str | None
    rule: str  # which rule chose, e.g. "longest idle"
    considered: tuple[tuple[str, str], ...]  # (agent, reason it was chosen or passed over)
    counts: tuple[tuple[str, int], ...] = ()  # (reason, agents): all of the queue's agents


@dataclass(frozen=True, slots=True)
class CallBack(Output):
    """It is the turn of a citizen who hung up: dial now.

    `first` is "agent" (`agent` is on the line already) or "citizen" (`agent` is kept, and offered
    the call once the citizen has answered). Answer with `CallbackAnswered` or `CallbackFailed`.
    """

    contact: str
    queue: str
    first: str
    attempt: int  # 1 is the first
    agent: str | None = None


@dataclass(frozen=True, slots=True)
class Ignored(Output):
    """An input that came late, twice or for something unknown; nothing changed but as said."""

    input: str  # the input's type
    subject: str  # the contact, agent, offer or queue it named
    why: str
