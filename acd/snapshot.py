"""The engine seen from outside at one moment: the wallboard's source. Costs a pass over all."""

from __future__ import annotations

from dataclasses import dataclass

from acd.estimate import expected_wait
from acd.floor import Floor
from acd.hall import Contact
from acd.messages import AgentState, NotReadyReason


@dataclass(frozen=True, slots=True)
class AgentView:
    state: AgentState
    reason: NotReadyReason
    since: float
    until: float | None
    contact: str | None
    queues: dict[str, int]
    skills: dict[str, int]
    registered: bool
    off_hook: bool
    calls: int  # answered since login
    occupancy: float  # share of the time since login spent on calls, 0 to 1


@dataclass(frozen=True, slots=True)
class ContactView:
    queue: str
    position: int | None  # None: not in line at the moment
    stage: str  # waiting, offered, dialing, resting
    arrived_at: float
    queued_at: float
    priority: int
    asks: str  # "anyone" when nothing is asked for
    virtual: bool
    agent: str | None


@dataclass(frozen=True, slots=True)
class QueueView:
    waiting: int  # in line, with those who hung up and keep their place
    offered: int  # an agent's phone rings for them
    virtual: int
    longest_wait: float  # seconds; of those waiting or offered
    waiting_since: float | None  # when the longest of these waits began; None: nobody waits
    agents: dict[AgentState, int]  # without those logged out
    estimate_seconds: float | None  # for somebody who would come now
    closed: bool
    entered: int  # from here on: since the engine started
    answered: int
    answered_in_time: int  # within the queue's service level of the first queue entry
    abandoned: int
    overflowed: int
    handling_seconds: float | None
    estimates: int  # the first announced to each contact that was answered
    estimate_error: float | None  # mean of announced - real, seconds
    estimate_error_absolute: float | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    at: float
    queues: dict[str, QueueView]
    agents: dict[str, AgentView]
    contacts: dict[str, ContactView]


def take(floor: Floor) -> Snapshot:
    return Snapshot(
        at=floor.now,
        queues=take_queues(floor),
        agents={agent_id: _agent(floor, agent_id) for agent_id in floor.roster.agents},
        contacts={contact_id: _contact(floor, contact_id) for contact_id in floor.contacts},
    )


def take_queues(floor: Floor) -> dict[str, QueueView]:
    """The queues alone: cheap enough to be shown whenever something changed."""
    here: dict[str, list[Contact]] = {}
    for contact in floor.contacts.values():
        here.setdefault(contact.queue, []).append(contact)
    return {name: _queue(floor, name, here.get(name, [])) for name in floor.config.queues}


def take_lines(floor: Floor, count: int) -> dict[str, dict[str, ContactView]]:
    """By queue, the first `count` who wait in it, in their order."""
    return {
        name: {contact.id: _contact(floor, contact.id) for contact in floor.hall.first(name, count)}
        for name in floor.config.queues
    }


def _agent(floor: Floor, agent_id: str) -> AgentView:
    agent = floor.roster.agents[agent_id]
    busy = floor.now - agent.busy_since if agent.busy_since is not None else 0.0
    shift = floor.now - agent.logged_in_at
    return AgentView(
        state=agent.state,
        reason=agent.reason,
        since=agent.since,
        until=agent.until,
        contact=agent.contact,
        queues=dict(agent.queues),
        skills=dict(agent.skills),
        registered=agent.registered,
        off_hook=agent.off_hook,
        calls=agent.calls,
        occupancy=min(1.0, (agent.busy_seconds + busy) / shift) if shift > 0 else 0.0,
    )


def _contact(floor: Floor, contact_id: str) -> ContactView:
    contact = floor.contacts[contact_id]
    offer = floor.offers.get(contact.offer or "")
    return ContactView(
        queue=contact.queue,
        position=floor.hall.position(contact) if contact.lane else None,
        stage=contact.stage.value,
        arrived_at=contact.arrived_at,
        queued_at=contact.queued_at,
        priority=contact.priority,
        asks=contact.asks.text,
        virtual=contact.virtual,
        agent=offer.agent if offer else contact.agent,
    )


def _queue(floor: Floor, name: str, here: list[Contact]) -> QueueView:
    roster, stats = floor.roster, floor.stat(name)
    since = min((contact.queued_at for contact in here if not contact.virtual), default=None)
    serving = roster.serving.get(name, 0)
    agents = {state: (serving & mask).bit_count() for state, mask in roster.in_state.items()}
    del agents[AgentState.LOGGED_OUT]
    return QueueView(
        waiting=floor.hall.waiting(name),
        offered=sum(contact.offer is not None for contact in here),
        virtual=sum(contact.virtual for contact in here),
        longest_wait=0.0 if since is None else floor.now - since,
        waiting_since=since,
        agents=agents,
        estimate_seconds=_estimate(floor, name),
        closed=name in floor.closed,
        entered=stats.entered,
        answered=stats.answered,
        answered_in_time=stats.answered_in_time,
        abandoned=stats.abandoned,
        overflowed=stats.overflowed,
        handling_seconds=floor.handling(name),
        estimates=stats.estimates,
        estimate_error=stats.error / stats.estimates if stats.estimates else None,
        estimate_error_absolute=(
            stats.error_absolute / stats.estimates if stats.estimates else None
        ),
    )


def _estimate(floor: Floor, name: str) -> float | None:
    serving = floor.roster.serving.get(name, 0)
    if serving & floor.roster.in_state[AgentState.READY]:
        return 0.0
    handling = floor.handling(name)
    working = (serving & floor.working()).bit_count()
    if handling is None or not working:
        return None
    rate = floor.stat(name).abandonment_rate
    return expected_wait(floor.hall.waiting(name), working, handling, rate)
