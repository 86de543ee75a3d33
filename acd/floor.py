"""The engine's whole state, and the small things every part of it does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from acd.agents import ON_OFFER, STAFFED, TRANSITIONS, WORKING, Agent, Step
from acd.config import Config, QueueConfig
from acd.estimate import ENOUGH_CALLS, QueueStats, expected_wait
from acd.hall import Contact, Hall
from acd.messages import AgentState, AgentStateChanged, Ignored, Input, NotReadyReason, Output
from acd.roster import Roster
from acd.timers import Timers

MOST_LANES = 64  # looked at for one wait estimate


@dataclass(slots=True)
class Reservation:
    """An offer that is open: one agent kept for one contact."""

    id: str
    contact: str
    agent: str
    queue: str


class Floor:
    def __init__(self, config: Config, new_offer_id: Callable[[], str]) -> None:
        self.config = config
        self.new_offer_id = new_offer_id
        self.now = 0.0
        self.behind = 0.0  # how far the clock of the present input is behind `now`
        self.roster = Roster(config)
        self.hall = Hall(self.roster)
        self.contacts: dict[str, Contact] = {}
        self.offers: dict[str, Reservation] = {}
        self.timers = Timers()
        self.stats: dict[str, QueueStats] = {}
        self.closed: dict[str, float] = {}  # queue -> since
        self.unstaffed: dict[str, float] = {}  # queue -> since
        self.seeking: dict[str, bool] = {}  # contacts to place in this step; True: newly come
        self.freed: list[Agent] = []  # agents who came free in this step
        self.serial = 0
        self.out: list[Output] = []

    def queue(self, name: str) -> QueueConfig | None:
        return self.config.queues.get(name)

    def stat(self, queue: str) -> QueueStats:
        return self.stats.setdefault(queue, QueueStats())

    def ignore(self, message: Input, subject: str, why: str) -> None:
        self.out.append(Ignored(type(message).__name__, subject, why))

    def staffed(self, queue: str) -> bool:
        """Say whether anybody of the queue is logged in."""
        serving = self.roster.serving.get(queue, 0)
        return bool(serving & ~self.roster.in_state[AgentState.LOGGED_OUT])

    def change(
        self,
        agent: Agent,
        step: Step,
        *,
        reason: NotReadyReason = NotReadyReason.NONE,
        until: float | None = None,
        contact: str | None = None,
    ) -> None:
        """Move the agent along the transition table, and say so."""
        old, new = agent.state, TRANSITIONS[agent.state][step]
        came_free = new is AgentState.READY and step not in (Step.RELEASED, Step.CALL_VOID)
        if came_free:
            self.roster.now_idle(agent, self.now)
        self._keep_time(agent, new)
        agent.reason, agent.until, agent.contact = reason, until, contact
        agent.since = agent.idle_since if new is AgentState.READY else self.now
        if new in STAFFED - WORKING or new is AgentState.READY or new is AgentState.LOGGED_OUT:
            agent.offer = agent.queue = None
        self.roster.move(agent, new)
        if until is None or new in ON_OFFER:
            self.timers.cancel(("agent", agent.id))  # an offer has its own deadline
        else:
            self.timers.set(("agent", agent.id), until)
        self.out.append(AgentStateChanged(agent.id, old, new, reason, agent.since, until, contact))

    def extend(self, agent: Agent, until: float) -> None:
        """Set a later end for the agent's present state, and say so."""
        agent.until = until
        self.timers.set(("agent", agent.id), until)
        state = agent.state
        self.out.append(
            AgentStateChanged(
                agent.id, state, state, agent.reason, agent.since, until, agent.contact
            )
        )

    def _keep_time(self, agent: Agent, new: AgentState) -> None:
        busy = new in WORKING and new is not AgentState.READY
        if busy and agent.busy_since is None:
            agent.busy_since = self.now
        elif not busy and agent.busy_since is not None:
            spent = self.now - agent.busy_since
            agent.busy_since = None
            agent.busy_seconds += spent
            if agent.state is AgentState.WRAP_UP and agent.queue is not None:
                self.stat(agent.queue).add_handled(spent)

    def estimate(self, contact: Contact) -> float | None:
        """Return the expected seconds until a waiting contact's turn; None: can't say."""
        if contact.lane is None:
            return None
        working = self.working()
        ours = contact.lane.mask & working
        handling = self.handling(contact.queue)
        if not ours or handling is None:
            return None
        ahead = self._ahead(contact, ours, working)
        rate = self.stat(contact.queue).abandonment_rate
        return expected_wait(ahead, ours.bit_count(), handling, rate)

    def working(self) -> int:
        """Return the agents who are free, or will be before long."""
        return self.roster.in_states(WORKING)

    def handling(self, queue: str) -> float | None:
        """Return the queue's mean seconds from offer to the end of wrap-up; None: unknown."""
        stats = self.stat(queue)
        if stats.handled >= ENOUGH_CALLS:
            return stats.handling
        config = self.queue(queue)
        return config.handling_seconds if config else None

    def _ahead(self, contact: Contact, ours: int, working: int) -> float:
        ahead = 0.0
        for seen, lane in enumerate(self.hall.lanes()):
            if lane.head > contact.key:
                break
            if seen == MOST_LANES:
                return max(ahead, self.hall.position(contact) - 1)
            theirs = lane.mask & working
            shared = theirs & ours
            if shared:
                share = shared.bit_count() / theirs.bit_count()
                ahead += share * lane.keys.bisect_left(contact.key)
        return ahead
