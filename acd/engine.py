"""The ACD engine: one input in, a list of outputs out. No I/O, no clock, no randomness.

    engine = Engine(Config(queues={"general": QueueConfig()}), new_offer_id=make_id)
    for output in engine.step(ContactQueued(at=now, contact=call, queue="general", ...)):
        ...

Time is what the inputs say. It never goes back: an input that is older than the one before counts
as happening at the same moment. Feed it from a clock that isn't set back, or deadlines stand still
until the old time is reached again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from acd import desk, door, matching, overflow
from acd import snapshot as views
from acd.config import Config
from acd.floor import Floor
from acd.messages import (
    AgentLoggedIn,
    AgentLoggedOut,
    AgentNotReady,
    AgentReady,
    AgentRestored,
    AgentState,
    CallbackAnswered,
    CallbackChosen,
    CallbackFailed,
    ContactLeft,
    ContactQueued,
    HoldEnded,
    HoldStarted,
    Input,
    OfferAnswered,
    OfferEnded,
    OfferRinging,
    Output,
    PhoneRegistered,
    PhoneUnregistered,
    QueueClosed,
    QueueOpened,
    TalkEnded,
    WrapUpEnded,
    WrapUpExtended,
)

_HANDLERS: dict[type[Input], Callable[[Floor, Any], None]] = {
    ContactQueued: door.queued,
    ContactLeft: door.left,
    AgentLoggedIn: desk.log_in,
    AgentLoggedOut: desk.log_out,
    AgentReady: desk.ready,
    AgentNotReady: desk.not_ready,
    AgentRestored: desk.restore,
    PhoneRegistered: desk.registered,
    PhoneUnregistered: desk.unregistered,
    OfferRinging: door.ringing,
    OfferAnswered: door.answered,
    OfferEnded: door.ended,
    TalkEnded: desk.talk_ended,
    HoldStarted: desk.hold_started,
    HoldEnded: desk.hold_ended,
    WrapUpEnded: desk.wrap_up_ended,
    WrapUpExtended: desk.wrap_up_extended,
    CallbackChosen: door.callback_chosen,
    CallbackAnswered: door.callback_answered,
    CallbackFailed: door.callback_failed,
    QueueClosed: door.closed,
    QueueOpened: door.opened,
}


class Engine:
    def __init__(self, config: Config, *, new_offer_id: Callable[[], str]) -> None:
        self._floor = Floor(config, new_offer_id)

    @property
    def config(self) -> Config:
        return self._floor.config

    def step(self, message: Input) -> list[Output]:
        """Take one input and return what follows from it, in order.

        What comes late, twice or for something unknown yields `Ignored`, never an error.
        """
        floor = self._floor
        self._clock(message.at)
        floor.out = []
        if not isinstance(message, OfferAnswered):
            # An answer counts even if it is heard a moment after the lease: somebody picked up.
            self._run_due()
        self._take(message)
        matching.settle(floor)
        self._run_due()
        return floor.out

    def restore(self, messages: Iterable[Input]) -> list[Output]:
        """Take in what was found after a restart as one moment.

        Contacts and agents are only brought together when all are known, so that the first
        contact in line is served first whatever the order of the messages.
        """
        floor = self._floor
        floor.out = []
        for message in messages:
            self._clock(message.at)
            self._take(message)
        matching.settle_all(floor)
        self._run_due()
        return floor.out

    def configure(self, config: Config, at: float) -> list[Output]:
        """Change the settings while people wait: nobody is lost, nobody loses the place."""
        floor = self._floor
        self._clock(at)
        floor.out = []
        waiting = floor.hall.everyone()
        for contact in waiting:
            floor.hall.remove(contact)
        old, floor.config = floor.config, config
        floor.roster.configure(config)
        floor.closed = {name: at for name, at in floor.closed.items() if name in config.queues}
        for contact in floor.contacts.values():
            if contact.queue in config.queues:
                matching.line_up(floor, contact)
        for contact in waiting:
            if contact.queue in config.queues:
                matching.seek(floor, contact)
            else:
                gone = overflow.gone(floor, old.queues[contact.queue])
                matching.overflow_to(floor, contact, gone)
        matching.settle_all(floor)
        self._run_due()
        return floor.out

    def next_deadline(self) -> float | None:
        """Return when a Tick is due (seconds, UTC), or None while nothing runs."""
        return self._floor.timers.next()

    def free_agents(self, queue: str) -> int:
        """Return how many of the queue's agents are ready now."""
        roster = self._floor.roster
        return (roster.serving.get(queue, 0) & roster.in_state[AgentState.READY]).bit_count()

    def queues(self) -> dict[str, views.QueueView]:
        """The queues of `snapshot`, without agents and contacts."""
        return views.take_queues(self._floor)

    def lines(self, count: int) -> dict[str, dict[str, views.ContactView]]:
        """By queue, the first `count` contacts that wait in it."""
        return views.take_lines(self._floor, count)

    def closed_queues(self) -> frozenset[str]:
        """Return the queues that are closed now."""
        return frozenset(self._floor.closed)

    def snapshot(self) -> views.Snapshot:
        """Return what can be seen of queues, agents and contacts now."""
        return views.take(self._floor)

    def _clock(self, at: float) -> None:
        floor = self._floor
        floor.behind = max(0.0, floor.now - at)
        floor.now = max(floor.now, at)

    def _take(self, message: Input) -> None:
        handler = _HANDLERS.get(type(message))
        if handler:
            handler(self._floor, message)

    def _run_due(self) -> None:
        """Do all that is due, as one moment: what it sets free is joined afterwards."""
        floor = self._floor
        while owner := floor.timers.pop(floor.now):
            while owner:
                self._wake(*owner)
                owner = floor.timers.pop(floor.now)
            matching.settle(floor)

    def _wake(self, kind: str, name: str) -> None:
        floor = self._floor
        if kind == "offer":
            door.lease_over(floor, floor.offers[name])
        elif kind == "agent":
            desk.time_is_up(floor, floor.roster.agents[name])
        else:
            door.time_is_up(floor, floor.contacts[name])
