"""Events of calls, taken from the link instead of each call's own connection.

FreeSWITCH asks every listener that wants events whether it wants this one, with all the others
locked out (mod_event_socket.c, event_handler). With `myevents` on each call's connection the cost
of an event grows with the calls that are up: a hundred waiting calls filled a core. So a call's
connection carries commands only, and the one listener of the link hands the events on.
"""

from __future__ import annotations

from collections.abc import Callable

from callcenter.esl.event import Event

Deliver = Callable[[Event], None]

# The applications whose beginning and end are told. Each event of an execution is 5 to 9 KB of
# JSON, and set, limit, transfer, socket and their like make half of a call's events.
TOLD = ("playback", "stop_record_session")
# Started by us all the same: nothing waits for their end, and what is started after them comes
# after them.
UNTOLD = frozenset({"answer", "hangup", "record_session"})


class EventFeed:
    """Hands the link's events to the calls that they are about; nothing in it blocks."""

    # What a call's story goes by; see `OutboundCall`.
    EVENTS = (
        "CHANNEL_EXECUTE",
        "CHANNEL_EXECUTE_COMPLETE",
        "CHANNEL_HANGUP",
        "CHANNEL_HANGUP_COMPLETE",
        "DTMF",
        "RECORD_STOP",
    )
    PASSING = dict.fromkeys(
        ("CHANNEL_EXECUTE", "CHANNEL_EXECUTE_COMPLETE"),
        tuple(f"Application {application}" for application in TOLD),
    )

    def __init__(self) -> None:
        self._calls: dict[str, Deliver] = {}
        self.live = False  # whether the link is up: else calls must hear for themselves

    @property
    def calls(self) -> int:
        """How many calls' events are handed on."""
        return len(self._calls)

    def join(self, uuid: str, deliver: Deliver) -> None:
        """From now on this call's events go there; whoever had them before has them no more."""
        self._calls[uuid] = deliver

    def leave(self, uuid: str, deliver: Deliver) -> None:
        if self._calls.get(uuid) == deliver:
            del self._calls[uuid]

    def take(self, event: Event) -> None:
        deliver = self._calls.get(event.uuid)
        if deliver is not None:
            deliver(event)
