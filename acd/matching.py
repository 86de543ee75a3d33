"""Bringing contacts and agents together.

After every step no free agent and waiting contact are left who could be joined. So at the end of a
step only those look around who are new: contacts for a free agent, agents for a waiting contact.
"""

from __future__ import annotations

import heapq
import math

from acd import keeping, overflow
from acd.agents import WORKING, Agent, Step
from acd.explain import explain
from acd.floor import Floor, Reservation
from acd.hall import Contact, Key, Lane, Stage
from acd.messages import (
    AgentState,
    Announce,
    CallBack,
    Offer,
    OfferMode,
    OfferResult,
    Withdraw,
)
from acd.skills import both, eased, parse

DIALING_SECONDS = 60.0  # a call back that nobody reports on has failed by then


def enter(floor: Floor, contact: Contact) -> None:
    """Let a contact into its queue: it is offered, overflows at once, or waits."""
    contact.announce_at = None
    line_up(floor, contact)
    contact.told = None
    floor.contacts[contact.id] = contact
    floor.stat(contact.queue).entered += 1
    if not floor.staffed(contact.queue):
        floor.unstaffed.setdefault(contact.queue, floor.now)
    rule = overflow.closed(floor, contact)
    if rule:
        overflow_to(floor, contact, overflow.ending(rule))
    else:
        seek(floor, contact, fresh=True)


def line_up(floor: Floor, contact: Contact) -> None:
    """Set the contact's place and its next announcement as the configuration has them."""
    config = floor.config.queues[contact.queue]
    head_start = contact.priority * floor.config.priority_seconds + config.head_start_seconds
    contact.key = Key(
        round(contact.queued_at * 1e6) - round(head_start * 1e6),
        -contact.priority,
        round(contact.arrived_at * 1e6),
        contact.serial,
        contact.id,
    )
    first = config.announce_first_seconds
    if not first:
        contact.announce_at = None
    elif contact.announce_at is None:
        contact.announce_at = contact.entered_at + first
        late = floor.now - contact.announce_at
        if late > 0:
            # After a restart everybody keeps the rhythm, or all would be told at once.
            every = config.announce_every_seconds
            contact.announce_at += math.ceil(late / every) * every


def seek(floor: Floor, contact: Contact, *, fresh: bool = False) -> None:
    """The contact looks for an agent; it finds one, waits or goes at the end of the step."""
    contact.stage = Stage.WAITING
    contact.resume_at = contact.agent = None
    if contact.queue in floor.config.queues:
        floor.seeking[contact.id] = fresh
    else:
        overflow_to(floor, contact, overflow.gone(floor, None))


def serve(floor: Floor, agent: Agent) -> None:
    """The agent came free, or can do more than before."""
    floor.freed.append(agent)


def settle(floor: Floor) -> None:
    """Join all who came to look for each other in this step.

    They are joined only now, so that an agent and a contact who come free together (an offer that
    failed) don't find each other past somebody who has waited for longer.
    """
    while floor.seeking or floor.freed:
        seeking, floor.seeking = floor.seeking, {}
        freed, floor.freed = floor.freed, []
        contacts = [floor.contacts[name] for name in seeking]
        if freed:
            for contact in contacts:
                wait(floor, contact)
            for agent in freed:
                _serve_next(floor, agent)
        contacts.sort(key=lambda contact: contact.key)
        for contact in contacts:
            if contact.stage is Stage.WAITING and contact.id in floor.contacts:
                floor.hall.remove(contact)
                _place(floor, contact, fresh=seeking[contact.id])


def settle_all(floor: Floor) -> None:
    """Join all who can be joined, the contacts in their order; after a restart or a change."""
    for name in floor.seeking:
        wait(floor, floor.contacts[name])
    floor.seeking, floor.freed = {}, []
    lanes: list[tuple[Key, Lane]] = [(lane.head, lane) for lane in floor.hall.lanes()]
    heapq.heapify(lanes)
    while lanes:
        _, lane = heapq.heappop(lanes)
        contact = floor.hall.head(lane)
        if _offer_to_somebody(floor, contact, lane.mask) and lane.keys:
            heapq.heappush(lanes, (lane.head, lane))


def wait(floor: Floor, contact: Contact) -> None:
    """Let the contact stand in line."""
    ask(floor, contact)
    floor.hall.add(contact, who(floor, contact))
    schedule(floor, contact)


def _place(floor: Floor, contact: Contact, *, fresh: bool) -> None:
    ask(floor, contact)
    eligible = who(floor, contact)
    if _offer_to_somebody(floor, contact, eligible):
        return
    rule = overflow.due(floor, contact, fresh=fresh)
    if rule:
        overflow_to(floor, contact, overflow.ending(rule))
        return
    floor.out.append(explain(floor, contact, eligible, None, _why_nobody(contact)))
    floor.hall.add(contact, eligible)
    schedule(floor, contact)


def ask(floor: Floor, contact: Contact) -> None:
    """Set what the contact asks for at this moment: eased by time, bound to the last agent."""
    config = floor.config.queues[contact.queue]
    demand = both(parse(config.requirement), contact.wants)
    contact.eased = 0
    for step in config.relaxation:
        if floor.now < contact.queued_at + step.after:
            break
        demand = eased(demand, step.easing)
        contact.eased += 1
    contact.asks = demand
    contact.only = contact.last_agent if _holds_out(floor, contact) else None


def _holds_out(floor: Floor, contact: Contact) -> bool:
    config = floor.config.queues[contact.queue]
    if contact.last_agent is None or contact.virtual:
        return False
    if floor.now >= contact.queued_at + config.last_agent_seconds:
        return False
    agent = floor.roster.agents.get(contact.last_agent)
    if agent is None or agent.state not in WORKING:
        return False
    return contact.queue in agent.queues and contact.asks.met_by(agent.skills)


def who(floor: Floor, contact: Contact) -> int:
    """Return the agents who can serve the contact, in any state."""
    eligible = floor.roster.eligible(contact.queue, contact.asks)
    if contact.only is not None:
        eligible &= floor.roster.agents[contact.only].mask
    return eligible


def _why_nobody(contact: Contact) -> str:
    if contact.only:
        return "waits for the last agent"
    return f"nobody free, demand eased {contact.eased} times" if contact.eased else "nobody free"


def _offer_to_somebody(floor: Floor, contact: Contact, eligible: int) -> bool:
    free = eligible & floor.roster.in_state[AgentState.READY]
    if not free:
        return False
    last = floor.roster.agents.get(contact.last_agent or "")
    if last and last.mask & free:
        connect(floor, contact, last, eligible, "last agent")
        return True
    config = floor.config.queues[contact.queue]
    chosen = floor.roster.choose(contact.queue, config, eligible)
    if chosen is None:
        return False
    connect(floor, contact, chosen[0], eligible, chosen[1])
    return True


def _serve_next(floor: Floor, agent: Agent) -> None:
    while agent.state is AgentState.READY:
        contact = floor.hall.first_for(agent)
        if contact is None or contact.lane is None:
            return
        connect(floor, contact, agent, contact.lane.mask, "next in line")


def connect(floor: Floor, contact: Contact, agent: Agent, eligible: int, rule: str) -> None:
    """It is the contact's turn: reserve the agent, or call the citizen back first."""
    hold = floor.config.queues[contact.queue].virtual_hold
    floor.hall.remove(contact)
    floor.timers.cancel(("contact", contact.id))
    if contact.virtual and hold.first == "citizen":
        _dialing(floor, contact)
        keeping.keep(floor, contact, agent, eligible, rule)
        floor.out.append(_call_back(contact, "citizen"))
    else:
        _reserve(floor, contact, agent, eligible, rule)


def dial_for(floor: Floor, contact: Contact, agent: Agent) -> None:
    """The agent is on the line: call the citizen back."""
    _dialing(floor, contact)
    contact.agent = agent.id
    floor.out.append(_call_back(contact, "agent"))


def _dialing(floor: Floor, contact: Contact) -> None:
    contact.attempts += 1
    contact.stage = Stage.DIALING
    contact.resume_at = floor.now + DIALING_SECONDS
    floor.timers.set(("contact", contact.id), contact.resume_at)


def _call_back(contact: Contact, first: str) -> CallBack:
    return CallBack(contact.id, contact.queue, first, contact.attempts, contact.agent)


def citizen_came(floor: Floor, contact: Contact) -> bool:
    """Offer a citizen who was called back to the agent who was kept; False when nobody is."""
    agent = keeping.kept_for(floor, contact)
    contact.resume_at = contact.agent = None
    if agent is None:
        return False
    if contact.queue in floor.config.queues:
        ask(floor, contact)
        contact.only = None  # whoever is kept is here at once
        eligible = who(floor, contact)
        if eligible & agent.mask:
            _reserve(floor, contact, agent, eligible, keeping.KEPT)
            return True
    floor.change(agent, Step.RELEASED)  # queues or skills are others by now
    serve(floor, agent)
    return False


def _reserve(floor: Floor, contact: Contact, agent: Agent, eligible: int, rule: str) -> None:
    floor.out.append(explain(floor, contact, eligible, agent, rule))
    free = (eligible & floor.roster.in_state[AgentState.READY]).bit_count()
    among = f" among {free} free" if free else ""
    step = Step.CITIZEN_CAME if keeping.is_kept(agent) else Step.OFFERED
    offer = Reservation(floor.new_offer_id(), contact.id, agent.id, contact.queue)
    floor.offers[offer.id] = offer
    contact.stage, contact.offer = Stage.OFFERED, offer.id
    expires_at = floor.now + floor.config.lease_seconds
    floor.timers.set(("offer", offer.id), expires_at)
    floor.change(agent, step, until=expires_at, contact=contact.id)
    agent.offer, agent.queue = offer.id, contact.queue
    floor.out.append(
        Offer(
            offer=offer.id,
            contact=contact.id,
            agent=agent.id,
            queue=contact.queue,
            expires_at=expires_at,
            why=f"{rule.capitalize()}{among} for queue {contact.queue}.",
            mode=OfferMode.OFF_HOOK if agent.off_hook else OfferMode.ON_HOOK,
            virtual=contact.virtual,
        )
    )


def close_offer(floor: Floor, offer: Reservation) -> tuple[Agent, Contact]:
    """Take the offer off the books."""
    del floor.offers[offer.id]
    floor.timers.cancel(("offer", offer.id))
    contact = floor.contacts[offer.contact]
    agent = floor.roster.agents[offer.agent]
    contact.offer = agent.offer = None
    return agent, contact


def withdraw(floor: Floor, offer: Reservation, result: OfferResult) -> tuple[Agent, Contact]:
    """Close the offer and tell the switch to stop ringing."""
    floor.out.append(Withdraw(offer.id, offer.contact, offer.agent, result))
    return close_offer(floor, offer)


def forget(floor: Floor, contact: Contact) -> None:
    """The contact's stay is over, however it ended."""
    floor.hall.remove(contact)
    floor.timers.cancel(("contact", contact.id))
    floor.contacts.pop(contact.id, None)
    floor.seeking.pop(contact.id, None)
    floor.stat(contact.queue).waited += max(0.0, floor.now - contact.entered_at)


def overflow_to(floor: Floor, contact: Contact, ending: overflow.Ending) -> None:
    """End the contact's stay in its queue by rule; for another queue, let it in there."""
    forget(floor, contact)
    floor.stat(contact.queue).overflowed += 1
    floor.out.append(ending.output(contact))
    if ending.target is None:
        return
    contact.left |= {contact.queue}
    contact.queue = ending.target
    contact.entered_at = floor.now
    enter(floor, contact)


def schedule(floor: Floor, contact: Contact) -> None:
    """Set the next moment at which something happens to a waiting contact by itself."""
    config = floor.config.queues[contact.queue]
    due = overflow.due_times(floor, contact)
    if contact.eased < len(config.relaxation):
        due.append(contact.queued_at + config.relaxation[contact.eased].after)
    if contact.only is not None:
        due.append(contact.queued_at + config.last_agent_seconds)
    if contact.announce_at is not None and not contact.virtual:
        due.append(contact.announce_at)
    if due:
        floor.timers.set(("contact", contact.id), min(due))
    else:
        floor.timers.cancel(("contact", contact.id))


def wake(floor: Floor, contact: Contact) -> None:
    """A waiting contact's moment has come: it overflows, asks for less, or hears its place."""
    rule = overflow.due(floor, contact)
    if rule:
        overflow_to(floor, contact, overflow.ending(rule))
        return
    if contact.announce_at is not None and floor.now >= contact.announce_at:
        announce(floor, contact)
    asked, only = contact.asks, contact.only
    ask(floor, contact)
    if (asked, only) == (contact.asks, contact.only):
        schedule(floor, contact)
        return
    floor.hall.remove(contact)
    seek(floor, contact)


def announce(floor: Floor, contact: Contact) -> None:
    config = floor.config.queues[contact.queue]
    contact.announce_at = floor.now + config.announce_every_seconds
    if contact.virtual:
        return
    seconds = floor.estimate(contact)
    if contact.told is None and seconds is not None:
        contact.told = (floor.now, seconds)
    place = floor.hall.position(contact)
    floor.out.append(Announce(contact.id, contact.queue, place, seconds))


def release_hold(floor: Floor, agent: Agent) -> None:
    """The agent won't be free soon: contacts who waited for this one take anybody."""
    for contact in floor.hall.holding_out_for(agent.id):
        floor.hall.remove(contact)
        seek(floor, contact)
