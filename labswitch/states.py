"""The states of a channel, with FreeSWITCH's names and numbers."""

from __future__ import annotations

from enum import IntEnum, StrEnum


class State(IntEnum):
    """Where a channel is in its life (switch_types.h, `switch_channel_state_t`)."""

    NEW = 0
    INIT = 1
    ROUTING = 2  # looks for an extension in the dialplan
    SOFT_EXECUTE = 3  # begins a bridge that was asked for from outside
    EXECUTE = 4  # runs the extension's applications
    EXCHANGE_MEDIA = 5  # the called side of a bridge
    PARK = 6
    CONSUME_MEDIA = 7  # called, not yet answered or not yet used
    HIBERNATE = 8
    RESET = 9
    HANGUP = 10
    REPORTING = 11
    DESTROY = 12
    NONE = 13

    @property
    def label(self) -> str:
        return f"CS_{self.name}"


class CallState(StrEnum):
    """What a user would say about the call."""

    DOWN = "DOWN"
    RINGING = "RINGING"
    EARLY = "EARLY"
    ACTIVE = "ACTIVE"
    HELD = "HELD"
    UNHELD = "UNHELD"
    HANGUP = "HANGUP"

    @property
    def number(self) -> int:
        """As in switch_types.h, `switch_channel_callstate_t`."""
        return _CALL_STATE_NUMBERS[self]


_CALL_STATE_NUMBERS = {
    CallState.DOWN: 0,
    CallState.RINGING: 2,
    CallState.EARLY: 3,
    CallState.ACTIVE: 4,
    CallState.HELD: 5,
    CallState.HANGUP: 7,
    CallState.UNHELD: 8,
}


class Wake(StrEnum):
    """Why waiting inside an application ended."""

    DONE = "done"  # what it waited for happened
    TIMEOUT = "timeout"
    DIGIT = "digit"  # a key that the application listens to
    BROKEN = "broken"  # uuid_break
    GONE = "gone"  # hung up, transferred or bridged away
