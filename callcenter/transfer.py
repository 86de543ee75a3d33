"""A conversation and what can become of it: hold, consult, transfer, three-party – one machine.

Pure: what happens is a `Step`, `TABLE` says which phase follows, `LAYOUTS` says who is together
with whom in each phase. `callcenter.call_control` brings the switch to a phase's layout, and after
a controller's death compares the layout with what it finds.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Phase(StrEnum):
    """Where a conversation stands."""

    TALKING = "talking"  # citizen and agent
    HELD = "held"  # the citizen hears music, the agent nothing
    DIALING = "dialing"  # the same, and a third party's telephone rings
    CONSULTING = "consulting"  # agent and third party; the citizen hears music
    TRANSFERRING = "transferring"  # citizen and agent talk while the third party's rings
    WAITING = "waiting"  # it rings, no agent is there; the citizen hears music
    JOINED = "joined"  # all three
    HANDED_OVER = "handed_over"  # citizen and third party
    AFTERTALK = "aftertalk"  # the citizen has left agent and third party
    BACK = "back"  # nobody was reached: the citizen waits in the queue again
    OVER = "over"


class Step(StrEnum):
    """What happens: an agent's command, or news from the switch."""

    HOLD = "hold"
    RESUME = "resume"
    CONSULT = "consult"
    TRANSFER = "transfer"
    JOIN = "join"
    LEAVE = "leave"
    DROP = "drop"
    SURVEY = "survey"
    ANSWERED = "answered"  # the third party
    FAILED = "failed"  # busy, no answer, unreachable
    AGENT_GONE = "agent_gone"
    THIRD_GONE = "third_gone"
    CITIZEN_GONE = "citizen_gone"


class Role(StrEnum):
    CITIZEN = "citizen"
    AGENT = "agent"
    THIRD = "third"


_P, _S = Phase, Step
TABLE: dict[tuple[Phase, Step], Phase] = {
    (_P.TALKING, _S.HOLD): _P.HELD,
    (_P.TALKING, _S.CONSULT): _P.DIALING,
    (_P.TALKING, _S.TRANSFER): _P.TRANSFERRING,
    (_P.TALKING, _S.SURVEY): _P.OVER,
    (_P.TALKING, _S.AGENT_GONE): _P.OVER,
    (_P.TALKING, _S.CITIZEN_GONE): _P.OVER,
    (_P.HELD, _S.RESUME): _P.TALKING,
    (_P.HELD, _S.CONSULT): _P.DIALING,
    (_P.HELD, _S.TRANSFER): _P.TRANSFERRING,
    (_P.HELD, _S.SURVEY): _P.OVER,
    (_P.HELD, _S.AGENT_GONE): _P.OVER,
    (_P.HELD, _S.CITIZEN_GONE): _P.OVER,
    (_P.DIALING, _S.ANSWERED): _P.CONSULTING,
    (_P.DIALING, _S.FAILED): _P.TALKING,
    (_P.DIALING, _S.DROP): _P.TALKING,
    (_P.DIALING, _S.LEAVE): _P.WAITING,
    (_P.DIALING, _S.AGENT_GONE): _P.WAITING,
    (_P.DIALING, _S.CITIZEN_GONE): _P.OVER,
    (_P.CONSULTING, _S.JOIN): _P.JOINED,
    (_P.CONSULTING, _S.LEAVE): _P.HANDED_OVER,
    (_P.CONSULTING, _S.DROP): _P.TALKING,
    (_P.CONSULTING, _S.THIRD_GONE): _P.TALKING,
    # Whoever hangs up after talking with the third party meant the transfer.
    (_P.CONSULTING, _S.AGENT_GONE): _P.HANDED_OVER,
    (_P.CONSULTING, _S.CITIZEN_GONE): _P.AFTERTALK,
    (_P.TRANSFERRING, _S.ANSWERED): _P.HANDED_OVER,
    (_P.TRANSFERRING, _S.FAILED): _P.TALKING,
    (_P.TRANSFERRING, _S.DROP): _P.TALKING,
    (_P.TRANSFERRING, _S.LEAVE): _P.WAITING,
    (_P.TRANSFERRING, _S.AGENT_GONE): _P.WAITING,
    (_P.TRANSFERRING, _S.CITIZEN_GONE): _P.OVER,
    (_P.WAITING, _S.ANSWERED): _P.HANDED_OVER,
    (_P.WAITING, _S.FAILED): _P.BACK,
    (_P.WAITING, _S.CITIZEN_GONE): _P.OVER,
    (_P.JOINED, _S.LEAVE): _P.HANDED_OVER,
    (_P.JOINED, _S.AGENT_GONE): _P.HANDED_OVER,
    (_P.JOINED, _S.DROP): _P.TALKING,
    (_P.JOINED, _S.THIRD_GONE): _P.TALKING,
    (_P.JOINED, _S.SURVEY): _P.OVER,
    (_P.JOINED, _S.CITIZEN_GONE): _P.AFTERTALK,
    (_P.HANDED_OVER, _S.THIRD_GONE): _P.OVER,
    (_P.HANDED_OVER, _S.CITIZEN_GONE): _P.OVER,
    (_P.AFTERTALK, _S.LEAVE): _P.OVER,
    (_P.AFTERTALK, _S.DROP): _P.OVER,
    (_P.AFTERTALK, _S.AGENT_GONE): _P.OVER,
    (_P.AFTERTALK, _S.THIRD_GONE): _P.OVER,
}
ENDS = frozenset({Phase.BACK, Phase.OVER})


@dataclass(frozen=True, slots=True)
class Layout:
    """Who hears whom. Who isn't in `together` hears music (the citizen) or nothing."""

    together: frozenset[Role] = frozenset()
    music: bool = False  # for the citizen
    rings: bool = False  # the third party's telephone
    agent: bool = True  # an agent's leg is there
    third: bool = False  # a third party's leg is there, ringing or up


_C, _A, _T = Role.CITIZEN, Role.AGENT, Role.THIRD
LAYOUTS: dict[Phase, Layout] = {
    _P.TALKING: Layout(frozenset({_C, _A})),
    _P.HELD: Layout(music=True),
    _P.DIALING: Layout(music=True, rings=True, third=True),
    _P.CONSULTING: Layout(frozenset({_A, _T}), music=True, third=True),
    _P.TRANSFERRING: Layout(frozenset({_C, _A}), rings=True, third=True),
    _P.WAITING: Layout(music=True, rings=True, agent=False, third=True),
    _P.JOINED: Layout(frozenset({_C, _A, _T}), third=True),
    _P.HANDED_OVER: Layout(frozenset({_C, _T}), agent=False, third=True),
    _P.AFTERTALK: Layout(frozenset({_A, _T}), third=True),
    _P.BACK: Layout(agent=False),
    _P.OVER: Layout(agent=False),
}


def follows(phase: Phase, step: Step) -> Phase | None:
    """The next phase; None when the step means nothing in this one."""
    return TABLE.get((phase, step))


# The agent's commands, and why one of them can't be given: a code that pages put into words.
COMMANDS: dict[str, Step] = {
    "call.hold": Step.HOLD,
    "call.resume": Step.RESUME,
    "call.consult": Step.CONSULT,
    "call.transfer": Step.TRANSFER,
    "call.join": Step.JOIN,
    "call.leave": Step.LEAVE,
    "call.drop": Step.DROP,
    "call.survey": Step.SURVEY,
}
NO_CALL = "no_call"
_BUSY_WITH = {
    Phase.HELD: "on_hold",
    Phase.DIALING: "dialing",
    Phase.CONSULTING: "consulting",
    Phase.TRANSFERRING: "transferring",
    Phase.JOINED: "joined",
    Phase.AFTERTALK: "citizen_gone",
}
_LACKS = {
    Step.RESUME: "not_held",
    Step.JOIN: "not_consulting",
    Step.LEAVE: "no_third",
    Step.DROP: "no_third",
}


def refusal(phase: Phase | None, step: Step) -> str:
    """Why an agent can't do this now, as a code; "" when it can be done. None: there is no call."""
    if phase is None or not LAYOUTS[phase].agent:
        return NO_CALL
    if follows(phase, step) is not None:
        return ""
    if phase in (Phase.TALKING, Phase.HELD):
        return _LACKS.get(step) or _BUSY_WITH.get(phase, NO_CALL)
    return _BUSY_WITH[phase]
