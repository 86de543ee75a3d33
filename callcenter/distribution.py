"""The ACD engine at work: it is told what happens, and what it decides is done here.

`Engine.step` never yields, so inputs take effect one after another without a lock; everything
slow (ringing a phone, writing to Redis) happens in greenlets that this module starts.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import gevent
from gevent.event import Event as Flag

from acd import messages as acd
from acd.config import Config
from acd.engine import Engine
from callcenter.call_state import CallState
from callcenter.callbacks import Callbacks, WaitingAgent
from callcenter.events import Event, Kind, event
from callcenter.offers import OfferTask, PhoneBook

logger = logging.getLogger(__name__)

LONGEST_SLEEP = 5.0  # seconds; the engine is woken at least this often


@dataclass(frozen=True, slots=True)
class Connected:
    """An agent picked up; `leg` is the agent's channel."""

    agent: str
    offer: str
    leg: str
    at: float  # seconds since the epoch


@dataclass(frozen=True, slots=True)
class Announced:
    position: int
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Overflowed:
    action: str  # message, callback, goodbye
    rule: str


@dataclass(frozen=True, slots=True)
class Moved:
    """A rule, or a supervisor, has moved the citizen; the wait goes on."""

    queue: str
    priority: int | None = None  # None: as before


News = Connected | Announced | Overflowed | Moved


class Waiting:
    """A citizen's place in the queue, as the call's story sees it."""

    def __init__(self, interrupt: Flag, counts_from: float = 0.0) -> None:
        self.news = interrupt
        self.counts_from = counts_from
        self.agent: Connected | None = None  # who picked up
        self.asked: acd.ContactQueued | None = None  # the place as it was taken last
        self._items: deque[News] = deque()

    def next(self) -> News | None:
        """The oldest piece of news; None when there is none."""
        item = self._items.popleft() if self._items else None
        if not self._items:
            self.news.clear()
        return item

    def post(self, item: News) -> None:
        if isinstance(item, Connected):
            self._items.clear()  # nothing else matters any more
            self.agent = item
        self._items.append(item)
        self.news.set()


class Distributor:
    """Owns the engine, the waiting calls and the offers that ring."""

    def __init__(
        self,
        engine: Engine,
        phones: PhoneBook,
        callbacks: Callbacks,
        record: Callable[[Event], None],
        show_agent: Callable[[acd.AgentStateChanged], None],
        clock: Callable[[], float],
    ) -> None:
        self.engine = engine
        self.phones = phones
        self.callbacks = callbacks
        self._record = record
        self._show_agent = show_agent
        self._clock = clock
        self._waiting: dict[str, Waiting] = {}
        self._offers: dict[str, OfferTask] = {}
        self._changed = Flag()
        self.on_change: Callable[[], None] = lambda: None  # something was decided
        self._ticker: gevent.Greenlet | None = None

    def start(self) -> None:
        self._ticker = gevent.spawn(self._tick)

    def stop(self) -> None:
        if self._ticker is not None:
            self._ticker.kill()

    # --- what calls ask -----------------------------------------------------------------------

    def join(
        self, contact: str, state: CallState, interrupt: Flag, last_agent: str | None = None
    ) -> Waiting:
        """Take a place; `state.queued_at` decides which."""
        head_start = state.priority * self.engine.config.priority_seconds
        waiting = Waiting(interrupt, state.queued_at - head_start)
        self._waiting[contact] = waiting
        known, agent = self.callbacks.answered(contact)
        if known:
            self.tell(acd.CallbackAnswered(self._clock(), contact))
        else:
            waiting.asked = acd.ContactQueued(
                at=self._clock(),
                contact=contact,
                queue=state.queue,
                arrived_at=state.arrived_at,
                queued_at=state.queued_at,
                requirement=state.requirement,
                priority=state.priority,
                last_agent=last_agent,
            )
            self.tell(waiting.asked)
        if known and agent is not None:
            self._waiting.pop(contact, None)
            waiting.post(Connected(agent.agent, agent.offer, agent.leg, agent.at))
        return waiting

    def leave(self, contact: str, reason: acd.LeaveReason) -> bool:
        """The citizen gave up the place; a phone that rings for them stops at once.

        False when there is no place any more: an agent has answered, or a rule ended the wait.
        """
        if self._waiting.pop(contact, None) is None:
            return False
        self.tell(acd.ContactLeft(self._clock(), contact, reason))
        return True

    def move(self, contact: str, *, queue: str | None, priority: int | None) -> str:
        """Give a waiting citizen another queue or priority; the time waited counts on.

        Why it can't be done, as a code, or "".
        """
        waiting = self._waiting.get(contact)
        if waiting is None or waiting.asked is None:
            return "not_waiting"
        if queue is not None and queue not in self.engine.config.queues:
            return "unknown_queue"
        asked = waiting.asked
        waiting.asked = replace(
            asked,
            at=self._clock(),
            queue=queue or asked.queue,
            priority=asked.priority if priority is None else priority,
        )
        if waiting.asked.queue == asked.queue:
            self.tell(acd.ContactLeft(self._clock(), contact, acd.LeaveReason.OVERFLOW))
        self._record(
            event(
                Kind.QUEUE_JOINED,
                contact,
                queue=waiting.asked.queue,
                priority=waiting.asked.priority,
                rule="supervisor",
            )
        )
        waiting.post(Moved(waiting.asked.queue, waiting.asked.priority))
        self.tell(waiting.asked)
        return ""

    def now(self) -> float:
        """The time that places are kept by: the machine's clock may be set back meanwhile."""
        return self._clock()

    def priority(self, present: int, reason: str) -> int:
        """A call's priority when there is one more reason to serve it early."""
        return max(present, self.engine.config.priority([reason]))

    def alert(self, agent: Connected) -> None:
        """A short tone in the agent's ear: a citizen is about to be there."""
        self.phones.alert(agent.leg)

    def lost(self, agent: Connected) -> None:
        """The agent's leg went away before the two were joined."""
        self.phones.release(agent.leg)

    # --- what the switch tells ----------------------------------------------------------------

    def ringing(self, offer: str) -> None:
        task = self._offers.get(offer)
        if task is not None and not task.rang:
            task.rang = True
            self._record(
                event(
                    Kind.OFFER_RINGING,
                    self.callbacks.story(task.offer.contact),
                    offer=offer,
                    agent=task.offer.agent,
                )
            )
            self.tell(acd.OfferRinging(self._clock(), offer))

    def leg_ended(self, agent: str, contact: str) -> None:
        """The agent's leg is gone after a conversation."""
        self.callbacks.served(contact)
        if self.callbacks.agent_left(contact):
            return
        self.tell(acd.TalkEnded(self._clock(), agent, contact))

    def hold(self, agent: str, *, started: bool) -> None:
        kind = acd.HoldStarted if started else acd.HoldEnded
        self.tell(kind(self._clock(), agent))

    def tell(self, message: acd.Input) -> None:
        """Give the engine an input and do what it answers."""
        self._perform(self.engine.step(message))

    def configure(self, config: Config) -> None:
        """Change the queues while people wait; nobody is lost, nobody loses the place."""
        self._perform(self.engine.configure(config, self._clock()))

    def restore(self, messages: Iterable[acd.Input]) -> None:
        """Take in what was found after a start as one moment."""
        self._perform(self.engine.restore(messages))

    # --- performing ---------------------------------------------------------------------------

    def _perform(self, outputs: Iterable[acd.Output]) -> None:
        for output in outputs:
            match output:
                case acd.Offer():
                    self._begin_offer(output)
                case acd.Withdraw():
                    self._withdraw(output)
                case acd.Announce():
                    self._announce(output)
                case acd.Overflow():
                    self._overflow(output)
                case acd.CallBack():
                    self.callbacks.call_back(output)
                case acd.AgentStateChanged():
                    self._agent_changed(output)
                case acd.Decision():
                    self._record(
                        event(
                            Kind.DECISION,
                            self.callbacks.story(output.contact),
                            agent=output.agent,
                            rule=output.rule,
                            considered=[list(pair) for pair in output.considered],
                            counts=[list(pair) for pair in output.counts],
                        )
                    )
                case _:
                    logger.info("engine: %s", output)
        self._changed.set()
        self.on_change()

    def _begin_offer(self, offer: acd.Offer) -> None:
        self._record(
            event(
                Kind.OFFER_MADE,
                self.callbacks.story(offer.contact),
                offer=offer.offer,
                agent=offer.agent,
                why=offer.why,
            )
        )
        task = self._offers[offer.offer] = OfferTask(
            offer,
            offer.expires_at - self._clock(),
            self.phones,
            on_answer=self._answered,
            on_end=self._offer_ended,
        )
        task.start()

    def _answered(self, task: OfferTask) -> bool:
        """The agent picked up; False when the citizen is no longer there for them."""
        offer = task.offer
        if self._offers.pop(offer.offer, None) is None:
            return False
        if offer.virtual:
            # The engine answers with a CallBack: the agent waits on the line for the citizen.
            agent = WaitingAgent(offer.agent, offer.offer, task.leg, self._clock())
            self.callbacks.agent_waits(offer.contact, agent)
            self.tell(acd.OfferAnswered(self._clock(), offer.offer))
            self._note_offer_end(offer, acd.OfferResult.ANSWERED, "")
            return True
        waiting = self._waiting.pop(offer.contact, None)
        self.tell(acd.OfferAnswered(self._clock(), offer.offer))
        self._note_offer_end(offer, acd.OfferResult.ANSWERED, "")
        if waiting is None:
            self.tell(acd.TalkEnded(self._clock(), offer.agent, offer.contact))
            return False
        waiting.post(Connected(offer.agent, offer.offer, task.leg, self._clock()))
        return True

    def _offer_ended(self, task: OfferTask, result: acd.OfferResult, cause: str) -> None:
        offer = task.offer
        if self._offers.pop(offer.offer, None) is not None:
            self._note_offer_end(offer, result, cause)
            self.tell(acd.OfferEnded(self._clock(), offer.offer, result))

    def _withdraw(self, output: acd.Withdraw) -> None:
        task = self._offers.pop(output.offer, None)
        if task is not None:
            self._note_offer_end(task.offer, output.result, "")
            task.cancel()

    def _note_offer_end(self, offer: acd.Offer, result: acd.OfferResult, cause: str) -> None:
        self._record(
            event(
                Kind.OFFER_ENDED,
                self.callbacks.story(offer.contact),
                offer=offer.offer,
                agent=offer.agent,
                result=result,
                cause=cause,
            )
        )

    def _announce(self, output: acd.Announce) -> None:
        waiting = self._waiting.get(output.contact)
        if waiting is None:
            return
        # Those who hung up and aren't in line at this moment are served first all the same.
        position = output.position + self.callbacks.ahead(output.queue, waiting.counts_from)
        seconds = output.estimate_seconds
        if seconds is not None:
            seconds *= position / output.position
        self._record(
            event(Kind.QUEUE_ANNOUNCED, output.contact, position=position, estimate=seconds)
        )
        waiting.post(Announced(position, seconds))

    def _overflow(self, output: acd.Overflow) -> None:
        if self.callbacks.ended(output):
            return
        if output.action == "queue":
            self._record(
                event(Kind.QUEUE_JOINED, output.contact, queue=output.target, rule=output.rule)
            )
            waiting = self._waiting.get(output.contact)
            if waiting is not None and output.target:
                if waiting.asked is not None:
                    waiting.asked = replace(waiting.asked, queue=output.target)
                waiting.post(Moved(output.target))
            return
        waiting = self._waiting.pop(output.contact, None)
        if waiting is not None:
            waiting.post(Overflowed(output.action, output.rule))

    def _agent_changed(self, output: acd.AgentStateChanged) -> None:
        self._record(
            event(
                Kind.AGENT_STATE,
                at=output.since,
                agent=output.agent,
                old=output.old,
                new=output.new,
                reason=output.reason,
                until=output.until,
                contact=output.contact,
            )
        )
        self._show_agent(output)
        self.callbacks.look()

    def _tick(self) -> None:
        while True:
            self._changed.clear()
            due = self.engine.next_deadline()
            sleep = LONGEST_SLEEP if due is None else due - self._clock()
            if sleep > 0:
                self._changed.wait(min(sleep, LONGEST_SLEEP))
            due = self.engine.next_deadline()
            if due is not None and due <= self._clock():
                self.tell(acd.Tick(self._clock()))
