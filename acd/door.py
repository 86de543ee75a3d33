"""What citizens do, what becomes of offers to serve them, and closing time."""

from __future__ import annotations

from acd import desk, keeping, matching, overflow
from acd.agents import Step
from acd.floor import Floor, Reservation
from acd.hall import Contact, Stage
from acd.messages import (
    CallbackAnswered,
    CallbackChosen,
    CallbackFailed,
    ContactLeft,
    ContactQueued,
    LeaveReason,
    OfferAnswered,
    OfferEnded,
    OfferResult,
    OfferRinging,
    Overflow,
    QueueClosed,
    QueueOpened,
)
from acd.skills import NO_DEMAND, Demand, ExpressionError, parse


def queued(floor: Floor, message: ContactQueued) -> None:
    known = floor.contacts.get(message.contact)
    if known and known.queue == message.queue:
        floor.ignore(message, message.contact, "the contact is in this queue already")
        return
    if message.queue not in floor.config.queues:
        floor.ignore(message, message.contact, f"there is no queue {message.queue!r}")
        if known is None:
            action = floor.config.default_overflow.value
            floor.out.append(
                Overflow(message.contact, message.queue, "unknown queue", action, None)
            )
        return
    contact = _contact(floor, message)
    if known:
        contact.queued_at = min(contact.queued_at, known.queued_at)
        contact.entered_at, contact.left = floor.now, known.left
        _take_away(floor, known)
    matching.enter(floor, contact)


def _contact(floor: Floor, message: ContactQueued) -> Contact:
    shift = 0.0
    if message.queued_at >= message.at - overflow.BACK_AGAIN_SECONDS:
        # While the clock is behind, a newcomer must not pass those who came before it was set.
        shift = floor.behind if floor.behind > overflow.BACK_AGAIN_SECONDS else 0.0
    queued_at = min(message.queued_at + shift, floor.now)
    entered_at = queued_at if message.entered_at is None else message.entered_at
    floor.serial += 1
    return Contact(
        id=message.contact,
        queue=message.queue,
        arrived_at=message.arrived_at + shift,
        queued_at=queued_at,
        entered_at=min(entered_at, floor.now),
        priority=message.priority,
        wants=_demand(floor, message),
        last_agent=message.last_agent,
        virtual=message.virtual,
        serial=floor.serial,
    )


def _demand(floor: Floor, message: ContactQueued) -> Demand:
    try:
        return parse(message.requirement)
    except ExpressionError as error:
        # The citizen must not pay for a mistake in the settings.
        floor.ignore(message, message.contact, f"asks for nothing: {error}")
        return NO_DEMAND


def left(floor: Floor, message: ContactLeft) -> None:
    contact = floor.contacts.get(message.contact)
    if contact is None:
        floor.ignore(message, message.contact, "the contact isn't waiting")
        return
    if message.reason is LeaveReason.ABANDONED:
        floor.stat(contact.queue).abandoned += 1
    _take_away(floor, contact)


def _take_away(floor: Floor, contact: Contact) -> None:
    """End the contact's stay; a ringing agent stops at once and keeps the place in line."""
    offer = floor.offers.get(contact.offer or "")
    waiting_agent = floor.roster.agents.get(contact.agent or "")
    agent = None
    if offer:
        agent, _ = matching.withdraw(floor, offer, OfferResult.WITHDRAWN)
        desk.end_offer(floor, agent, OfferResult.WITHDRAWN)
    matching.forget(floor, contact)
    if agent:
        matching.serve(floor, agent)
    if waiting_agent and waiting_agent.contact == contact.id:
        desk.void_call(floor, waiting_agent)


# --- offers ---------------------------------------------------------------------------------


def ringing(floor: Floor, message: OfferRinging) -> None:
    offer = floor.offers.get(message.offer)
    if offer is None:
        floor.ignore(message, message.offer, "the offer is over")
        return
    agent = floor.roster.agents[offer.agent]
    if agent.may(Step.RANG):
        floor.change(agent, Step.RANG, until=agent.until, contact=agent.contact)


def answered(floor: Floor, message: OfferAnswered) -> None:
    offer = floor.offers.get(message.offer)
    if offer is None:
        floor.ignore(message, message.offer, "the offer is over")
        return
    agent, contact = matching.close_offer(floor, offer)
    agent.calls += 1
    floor.change(agent, Step.ANSWERED, contact=contact.id)
    if contact.virtual:
        matching.dial_for(floor, contact, agent)
    else:
        _served(floor, contact)


def _served(floor: Floor, contact: Contact) -> None:
    stats = floor.stat(contact.queue)
    config = floor.queue(contact.queue)
    stats.answered += 1
    if config and floor.now - contact.queued_at <= config.service_level_seconds:
        stats.answered_in_time += 1
    if contact.told:
        told_at, seconds = contact.told
        stats.add_estimate(seconds, floor.now - told_at)
    matching.forget(floor, contact)


def ended(floor: Floor, message: OfferEnded) -> None:
    offer = floor.offers.get(message.offer)
    if offer is None:
        floor.ignore(message, message.offer, "the offer is over")
        return
    result = message.result
    if result is OfferResult.ANSWERED:
        floor.ignore(message, message.offer, "an answer comes as OfferAnswered")
        return
    agent, contact = matching.close_offer(floor, offer)
    desk.end_offer(floor, agent, result)
    matching.seek(floor, contact)
    matching.serve(floor, agent)


def lease_over(floor: Floor, offer: Reservation) -> None:
    """Nobody answered within the lease."""
    agent, contact = matching.withdraw(floor, offer, OfferResult.NO_ANSWER)
    desk.end_offer(floor, agent, OfferResult.NO_ANSWER)
    matching.seek(floor, contact)


# --- virtual hold ---------------------------------------------------------------------------


def callback_chosen(floor: Floor, message: CallbackChosen) -> None:
    contact = floor.contacts.get(message.contact)
    if contact is None or contact.virtual:
        floor.ignore(message, message.contact, "the contact isn't waiting on the line")
        return
    contact.virtual = True
    offer = floor.offers.get(contact.offer or "")
    if offer:
        agent, _ = matching.withdraw(floor, offer, OfferResult.WITHDRAWN)
        desk.end_offer(floor, agent, OfferResult.WITHDRAWN)
        matching.seek(floor, contact)
        matching.serve(floor, agent)
    else:
        floor.hall.remove(contact)
        matching.seek(floor, contact)


def callback_answered(floor: Floor, message: CallbackAnswered) -> None:
    contact = floor.contacts.get(message.contact)
    if contact is None or contact.stage is not Stage.DIALING:
        floor.ignore(message, message.contact, "the contact isn't being called back")
        return
    if contact.agent is not None and keeping.kept_for(floor, contact) is None:
        _served(floor, contact)
        return
    contact.virtual = False  # the citizen is on the line now, in the old place
    contact.entered_at = floor.now
    floor.timers.cancel(("contact", contact.id))
    if not matching.citizen_came(floor, contact):
        matching.seek(floor, contact)


def callback_failed(floor: Floor, message: CallbackFailed) -> None:
    contact = floor.contacts.get(message.contact)
    if contact is None or contact.stage is not Stage.DIALING:
        floor.ignore(message, message.contact, "the contact isn't being called back")
        return
    not_reached(floor, contact)


def not_reached(floor: Floor, contact: Contact) -> None:
    agent = floor.roster.agents.get(contact.agent or "")
    desk.rest(floor, contact)
    if agent and agent.contact == contact.id:
        desk.void_call(floor, agent)


def time_is_up(floor: Floor, contact: Contact) -> None:
    """The moment set for this contact has come."""
    if contact.stage is Stage.DIALING:
        not_reached(floor, contact)
    elif contact.stage is Stage.RESTING:
        matching.seek(floor, contact)
    elif contact.stage is Stage.WAITING:
        matching.wake(floor, contact)


# --- closing time ---------------------------------------------------------------------------


def closed(floor: Floor, message: QueueClosed) -> None:
    if message.queue in floor.closed or message.queue not in floor.config.queues:
        floor.ignore(message, message.queue, "closed already, or not set up")
        return
    floor.closed[message.queue] = floor.now
    desk.reschedule(floor, message.queue)


def opened(floor: Floor, message: QueueOpened) -> None:
    if floor.closed.pop(message.queue, None) is None:
        floor.ignore(message, message.queue, "not closed")
