"""Where a call's signalling can stand, and the steps between."""

from __future__ import annotations

from enum import Enum


class CallState(Enum):
    """Where a call stands; see `TRANSITIONS` for the legal steps."""

    INVITED = "invited"  # inbound, nothing but 100 was said
    CALLING = "calling"  # outbound, nothing but 100 was heard
    RINGING = "ringing"  # 180
    EARLY = "early"  # 183, or another provisional answer with media
    ANSWERED = "answered"  # inbound: 200 was sent, its ACK hasn't come
    UP = "up"
    CANCELLING = "cancelling"  # outbound: given up, the far end hasn't confirmed
    ENDED = "ended"


TRANSITIONS: dict[CallState, frozenset[CallState]] = {
    CallState.INVITED: frozenset(
        {CallState.RINGING, CallState.EARLY, CallState.ANSWERED, CallState.ENDED}
    ),
    CallState.CALLING: frozenset(
        {
            CallState.RINGING,
            CallState.EARLY,
            CallState.UP,
            CallState.CANCELLING,
            CallState.ENDED,
        }
    ),
    CallState.RINGING: frozenset(
        {
            CallState.EARLY,
            CallState.ANSWERED,
            CallState.UP,
            CallState.CANCELLING,
            CallState.ENDED,
        }
    ),
    CallState.EARLY: frozenset(
        {CallState.ANSWERED, CallState.UP, CallState.CANCELLING, CallState.ENDED}
    ),
    CallState.ANSWERED: frozenset({CallState.UP, CallState.ENDED}),
    CallState.UP: frozenset({CallState.ENDED}),
    CallState.CANCELLING: frozenset({CallState.ENDED}),
    CallState.ENDED: frozenset(),
}
