"""What agents do and what happens to their phones and calls.

During an offer or a call an agent's wishes (ready, not ready, log out) are kept in `agent.wish`
and come true when it is over.
"""

from __future__ import annotations

from acd import keeping, matching
from acd.agents import ON_CALL, ON_OFFER, Agent, Step, Wish
from acd.config import QueueConfig
from acd.floor import Floor
from acd.hall import Contact, Stage
from acd.messages import (
    AgentLoggedIn,
    AgentLoggedOut,
    AgentNotReady,
    AgentReady,
    AgentRestored,
    AgentState,
    HoldEnded,
    HoldStarted,
    Input,
    NotReadyReason,
    OfferResult,
    PhoneRegistered,
    PhoneUnregistered,
    TalkEnded,
    WrapUpEnded,
    WrapUpExtended,
)

BUSY = ON_OFFER | ON_CALL


def _known(floor: Floor, message: Input, agent_id: str) -> Agent | None:
    agent = floor.roster.agents.get(agent_id)
    if agent is None or agent.state is AgentState.LOGGED_OUT:
        floor.ignore(message, agent_id, "the agent isn't logged in")
        return None
    return agent


# --- coming and going -----------------------------------------------------------------------


def log_in(floor: Floor, message: AgentLoggedIn) -> None:
    """Also for an agent who is here already: then queues and skills are brought up to date."""
    agent = floor.roster.get(message.agent)
    if agent.state is AgentState.LOGGED_OUT:
        agent.calls, agent.busy_seconds, agent.logged_in_at = 0, 0.0, floor.now
        agent.wish, agent.comes_back = None, False
        floor.change(agent, Step.LOG_IN)
    elif agent.wish and agent.wish.state is AgentState.LOGGED_OUT:
        agent.wish = None
    agent.off_hook = message.off_hook
    give(floor, agent, message.queues, message.skills)
    matching.serve(floor, agent)


def give(floor: Floor, agent: Agent, queues: dict[str, int], skills: dict[str, int]) -> None:
    """Give the agent queues and skills; levels out of range become the nearest possible."""
    affected = set(agent.queues) | set(queues)
    floor.roster.assign(agent, _levels(queues), _levels(skills))
    floor.hall.agent_changed(agent, affected)
    _watch_staff(floor, affected)
    for contact in floor.hall.holding_out_for(agent.id):
        if contact.lane and not contact.lane.mask:
            floor.hall.remove(contact)
            matching.seek(floor, contact)


def _levels(levels: dict[str, int]) -> dict[str, int]:
    return {name: min(9, max(0, int(level))) for name, level in levels.items()}


def _watch_staff(floor: Floor, queues: set[str]) -> None:
    for queue in queues:
        if floor.staffed(queue):
            floor.unstaffed.pop(queue, None)
        elif queue not in floor.unstaffed:
            floor.unstaffed[queue] = floor.now
            reschedule(floor, queue)


def reschedule(floor: Floor, queue: str) -> None:
    """A limit that counts for the whole queue has begun to run."""
    for contact in floor.hall.in_queue(queue):
        matching.schedule(floor, contact)


def log_out(floor: Floor, message: AgentLoggedOut) -> None:
    agent = _known(floor, message, message.agent)
    if agent is None:
        return
    keeping.let_go(floor, agent)
    if agent.state in ON_CALL:
        agent.wish = Wish(AgentState.LOGGED_OUT)
    elif agent.state in ON_OFFER:
        agent.wish = Wish(AgentState.LOGGED_OUT)
        _take_back(floor, agent, OfferResult.WITHDRAWN)
    else:
        _out(floor, agent)


def _out(floor: Floor, agent: Agent) -> None:
    agent.wish = None
    agent.comes_back = False
    floor.change(agent, Step.LOG_OUT)
    _watch_staff(floor, set(agent.queues))
    matching.release_hold(floor, agent)


def restore(floor: Floor, message: AgentRestored) -> None:
    """Set an agent's state as it was before a restart, when an offer of that time is void."""
    agent = floor.roster.get(message.agent)
    if agent.offer is not None:
        floor.ignore(message, agent.id, "the agent has an offer")
        return
    keeping.let_go(floor, agent)
    give(floor, agent, message.queues, message.skills)
    agent.off_hook = message.off_hook
    agent.wish = None
    since = min(message.since, floor.now)
    state = message.state
    if state in ON_OFFER:
        state = AgentState.READY
    floor.roster.now_idle(agent, since)
    agent.since, agent.reason = since, message.reason
    agent.logged_in_at = min(agent.logged_in_at or since, since)
    agent.busy_since = since if state in ON_CALL or state is AgentState.WRAP_UP else None
    agent.contact = message.contact if state in ON_CALL else None
    agent.until = None
    if state is AgentState.NOT_READY and message.reason is NotReadyReason.UNREACHABLE:
        agent.registered, agent.comes_back = False, True
    floor.timers.cancel(("agent", agent.id))
    floor.roster.move(agent, state)
    if state is AgentState.WRAP_UP:
        agent.until = since + floor.config.wrap_up_seconds
        floor.timers.set(("agent", agent.id), agent.until)
    _watch_staff(floor, set(agent.queues))
    matching.serve(floor, agent)


# --- ready or not ---------------------------------------------------------------------------


def ready(floor: Floor, message: AgentReady) -> None:
    agent = _known(floor, message, message.agent)
    if agent is None:
        return
    if agent.state in BUSY:
        agent.wish = None
    elif agent.state is AgentState.READY:
        floor.ignore(message, agent.id, "the agent is ready already")
    else:
        get_ready(floor, agent)


def get_ready(floor: Floor, agent: Agent) -> None:
    if not agent.registered:
        agent.comes_back = True
        _not_ready(floor, agent, NotReadyReason.UNREACHABLE)
        return
    agent.comes_back = False
    floor.change(agent, Step.GET_READY)
    matching.serve(floor, agent)


def not_ready(floor: Floor, message: AgentNotReady) -> None:
    agent = _known(floor, message, message.agent)
    if agent is None:
        return
    agent.comes_back = False
    keeping.let_go(floor, agent)
    if agent.state in BUSY:
        agent.wish = Wish(AgentState.NOT_READY, message.reason)
    else:
        _not_ready(floor, agent, message.reason)


def _not_ready(
    floor: Floor, agent: Agent, reason: NotReadyReason, until: float | None = None
) -> None:
    floor.change(agent, Step.GET_NOT_READY, reason=reason, until=until)
    matching.release_hold(floor, agent)


def registered(floor: Floor, message: PhoneRegistered) -> None:
    agent = floor.roster.get(message.agent)
    agent.registered = True
    if agent.comes_back and agent.state is AgentState.NOT_READY:
        get_ready(floor, agent)


def unregistered(floor: Floor, message: PhoneUnregistered) -> None:
    """A call goes on without a registration; anything else stops at once."""
    agent = floor.roster.get(message.agent)
    agent.registered = False
    keeping.let_go(floor, agent)
    if agent.state in ON_OFFER:
        _take_back(floor, agent, OfferResult.UNREACHABLE)
    elif agent.state is AgentState.READY:
        agent.comes_back = True
        _not_ready(floor, agent, NotReadyReason.UNREACHABLE)


# --- offers ---------------------------------------------------------------------------------


def _take_back(floor: Floor, agent: Agent, result: OfferResult) -> None:
    """Withdraw the agent's offer; the contact goes to the next agent at once."""
    offer = floor.offers[agent.offer or ""]
    _, contact = matching.withdraw(floor, offer, result)
    end_offer(floor, agent, result)
    matching.seek(floor, contact)


def end_offer(floor: Floor, agent: Agent, result: OfferResult) -> None:
    """Move the agent on from an offer that is over without an answer."""
    wish, agent.wish = agent.wish, None
    if wish and wish.state is AgentState.LOGGED_OUT:
        floor.change(agent, Step.MISSED)
        _out(floor, agent)
    elif result in (OfferResult.NO_ANSWER, OfferResult.REFUSED):
        _miss(floor, agent, NotReadyReason.MISSED_CALL)
    elif wish:
        _miss(floor, agent, wish.reason)
    elif result is OfferResult.UNREACHABLE or not agent.registered:
        agent.comes_back = True
        _miss(floor, agent, NotReadyReason.UNREACHABLE)
    elif result is OfferResult.FAILED:
        # Not the agent's fault, but offering again at once would only fail again.
        until = floor.now + floor.config.failed_pause_seconds
        _miss(floor, agent, NotReadyReason.UNREACHABLE, until)
    else:
        floor.change(agent, Step.RELEASED)


def _miss(floor: Floor, agent: Agent, reason: NotReadyReason, until: float | None = None) -> None:
    floor.change(agent, Step.MISSED, reason=reason, until=until)
    matching.release_hold(floor, agent)


# --- calls ----------------------------------------------------------------------------------


def talk_ended(floor: Floor, message: TalkEnded) -> None:
    agent = _known(floor, message, message.agent)
    if agent is None:
        return
    if agent.state not in ON_CALL or agent.contact != message.contact:
        floor.ignore(message, agent.id, "the agent isn't in this call")
        return
    contact = floor.contacts.get(message.contact)
    end_call(floor, agent)
    if contact and contact.stage is Stage.DIALING and contact.agent == agent.id:
        rest(floor, contact)


def end_call(floor: Floor, agent: Agent) -> None:
    queue = floor.queue(agent.queue or "")
    until = floor.now + _wrap_up(floor, queue)
    floor.change(agent, Step.CALL_OVER, until=until, contact=agent.contact)
    if agent.wish and agent.wish.state is AgentState.LOGGED_OUT:
        _out(floor, agent)
    elif until <= floor.now:
        finish(floor, agent)


def _wrap_up(floor: Floor, queue: QueueConfig | None) -> float:
    if queue is None or queue.wrap_up_seconds is None:
        return floor.config.wrap_up_seconds
    return queue.wrap_up_seconds


def void_call(floor: Floor, agent: Agent) -> None:
    """The citizen didn't take the call back: the agent is free again and keeps the place."""
    if keeping.is_kept(agent):
        floor.change(agent, Step.RELEASED)
        matching.serve(floor, agent)
    elif agent.wish or not agent.registered:
        floor.change(agent, Step.CALL_OVER, until=floor.now)
        finish(floor, agent)
    else:
        floor.change(agent, Step.CALL_VOID)
        matching.serve(floor, agent)


def rest(floor: Floor, contact: Contact) -> None:
    """Wait for the next attempt to call back; after the last one the contact goes by rule."""
    config = floor.queue(contact.queue)
    contact.agent = None
    if config is None or contact.attempts < config.virtual_hold.attempts:
        pause = config.virtual_hold.retry_seconds if config else 0.0
        contact.stage = Stage.RESTING
        contact.resume_at = floor.now + pause
        floor.timers.set(("contact", contact.id), contact.resume_at)
    else:
        ending = matching.overflow.Ending("callback attempts", config.virtual_hold.then)
        matching.overflow_to(floor, contact, ending)


def hold_started(floor: Floor, message: HoldStarted) -> None:
    _hold(floor, message, message.agent, Step.HELD)


def hold_ended(floor: Floor, message: HoldEnded) -> None:
    _hold(floor, message, message.agent, Step.RETRIEVED)


def _hold(floor: Floor, message: Input, agent_id: str, step: Step) -> None:
    agent = _known(floor, message, agent_id)
    if agent is None:
        return
    if agent.may(step):
        floor.change(agent, step, contact=agent.contact)
    else:
        floor.ignore(message, agent_id, f"the agent is {agent.state}")


# --- wrap-up --------------------------------------------------------------------------------


def wrap_up_ended(floor: Floor, message: WrapUpEnded) -> None:
    agent = _known(floor, message, message.agent)
    if agent is None:
        return
    if agent.state is AgentState.WRAP_UP:
        finish(floor, agent)
    else:
        floor.ignore(message, agent.id, f"the agent is {agent.state}")


def wrap_up_extended(floor: Floor, message: WrapUpExtended) -> None:
    agent = _known(floor, message, message.agent)
    if agent is None:
        return
    if agent.state is not AgentState.WRAP_UP or agent.until is None or message.seconds <= 0:
        floor.ignore(message, agent.id, f"the agent is {agent.state}")
        return
    most = agent.since + floor.config.wrap_up_most_seconds
    floor.extend(agent, max(agent.until, min(agent.until + message.seconds, most)))


def finish(floor: Floor, agent: Agent) -> None:
    """After-call work is over: what the agent wished for comes true, else the agent is ready."""
    wish, agent.wish = agent.wish, None
    if wish and wish.state is AgentState.LOGGED_OUT:
        _out(floor, agent)
    elif wish:
        _not_ready(floor, agent, wish.reason)
    else:
        get_ready(floor, agent)


def time_is_up(floor: Floor, agent: Agent) -> None:
    """Wrap-up or a pause has run out."""
    if agent.state is AgentState.WRAP_UP:
        finish(floor, agent)
    elif agent.state is AgentState.NOT_READY:
        get_ready(floor, agent)
