"""The waiting contacts: lanes of contacts that ask for the same, in one order by arrival."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from sortedcontainers import SortedList

from acd.agents import Agent
from acd.order import MaskedOrder
from acd.roster import Roster
from acd.skills import NO_DEMAND, Demand


class Key(NamedTuple):
    """The order of service; lower goes first. Whole microseconds, so that it is exact."""

    counts_from: int  # queued_at less the head start of priority and queue
    rank: int  # -priority
    arrived: int
    serial: int  # order in which the engine heard of the contacts
    contact: str


NO_KEY = Key(0, 0, 0, 0, "")


class Stage(StrEnum):
    WAITING = "waiting"
    OFFERED = "offered"
    DIALING = "dialing"  # virtual hold: being called back
    RESTING = "resting"  # virtual hold: until the next attempt


@dataclass(slots=True)
class Contact:
    id: str
    queue: str
    arrived_at: float
    queued_at: float
    entered_at: float  # into the present queue
    priority: int
    wants: Demand  # the contact's own requirement
    last_agent: str | None
    virtual: bool
    serial: int
    key: Key = NO_KEY
    stage: Stage = Stage.WAITING
    asks: Demand = NO_DEMAND  # with the queue's requirement, eased as far as time allows
    eased: int = 0  # relaxation steps taken
    only: str | None = None  # the last agent, while the contact holds out for them
    lane: Lane | None = None
    offer: str | None = None
    agent: str | None = None  # virtual hold, agent first: who waits on the line
    attempts: int = 0  # calls back
    announce_at: float | None = None
    resume_at: float | None = None  # end of RESTING or DIALING
    told: tuple[float, float] | None = None  # (when, seconds): the first estimate given
    left: frozenset[str] = frozenset()  # queues it overflowed from: it never goes back


LaneName = tuple[str, Demand, str | None]


@dataclass(slots=True, eq=False)
class Lane:
    """Contacts of one queue that ask for the same, so that the same agents can serve them."""

    name: LaneName
    mask: int  # the agents who can, in any state
    keys: SortedList = field(default_factory=SortedList)

    @property
    def head(self) -> Key:
        head: Key = self.keys[0]
        return head


class Hall:
    def __init__(self, roster: Roster) -> None:
        self._roster = roster
        self._lanes: dict[LaneName, Lane] = {}
        self._by_queue: dict[str, dict[LaneName, Lane]] = {}
        self._holding: dict[str, dict[LaneName, Lane]] = {}  # last agent -> lanes
        self._order: MaskedOrder[Lane] = MaskedOrder()  # by head
        self._places: dict[str, SortedList] = {}
        self._waiting: dict[str, Contact] = {}

    def add(self, contact: Contact, mask: int) -> None:
        """Let the contact wait for one of the agents in `mask`."""
        name = (contact.queue, contact.asks, contact.only)
        lane = self._lanes.get(name) or self._open(name, mask)
        self._places.setdefault(contact.queue, SortedList()).add(contact.key)
        self._waiting[contact.id] = contact
        contact.lane = lane
        if not lane.keys:
            lane.keys.add(contact.key)
            self._order.add(contact.key, lane)
        elif contact.key < lane.head:
            self._order.remove(lane.head)
            lane.keys.add(contact.key)
            self._order.add(contact.key, lane)
        else:
            lane.keys.add(contact.key)

    def remove(self, contact: Contact) -> None:
        """Take the contact out; nothing happens when it isn't in."""
        lane = contact.lane
        if lane is None:
            return
        contact.lane = None
        del self._waiting[contact.id]
        self._places[contact.queue].remove(contact.key)
        head = lane.head
        lane.keys.remove(contact.key)
        if head != contact.key:
            return
        self._order.remove(head)
        if lane.keys:
            self._order.add(lane.head, lane)
        else:
            self._close(lane)

    def first_for(self, agent: Agent) -> Contact | None:
        """Return who is served next when this agent is free."""
        lane = self._order.first(agent.mask)
        return self._waiting[lane.head.contact] if lane else None

    def lanes(self) -> Iterator[Lane]:
        """Yield the lanes, the one whose head came first in front."""
        return iter(self._order)

    def head(self, lane: Lane) -> Contact:
        return self._waiting[lane.head.contact]

    def position(self, contact: Contact) -> int:
        """Return the contact's place among all who wait in its queue; 1 is next."""
        return int(self._places[contact.queue].bisect_left(contact.key)) + 1

    def waiting(self, queue: str) -> int:
        places = self._places.get(queue)
        return len(places) if places else 0

    def in_queue(self, queue: str) -> list[Contact]:
        """Return the waiting contacts of a queue in their order."""
        return [self._waiting[key.contact] for key in self._places.get(queue, ())]

    def first(self, queue: str, count: int) -> list[Contact]:
        """Return those of a queue who are served next, at most so many."""
        places = self._places.get(queue)
        return [self._waiting[key.contact] for key in places[:count]] if places else []

    def everyone(self) -> list[Contact]:
        return sorted(self._waiting.values(), key=lambda contact: contact.key)

    def holding_out_for(self, agent: str) -> list[Contact]:
        """Return the contacts who wait for this agent alone."""
        lanes = self._holding.get(agent, {}).values()
        return [self._waiting[key.contact] for lane in lanes for key in lane.keys]

    def agent_changed(self, agent: Agent, queues: set[str]) -> None:
        """Work out anew which lanes of these queues the agent can serve."""
        for queue in queues:
            for (_, demand, only), lane in self._by_queue.get(queue, {}).items():
                able = queue in agent.queues and only in (None, agent.id)
                if able and demand.met_by(agent.skills):
                    lane.mask |= agent.mask
                    self._order.widen(lane.head)
                else:
                    lane.mask &= ~agent.mask

    def _open(self, name: LaneName, mask: int) -> Lane:
        lane = self._lanes[name] = Lane(name, mask)
        self._by_queue.setdefault(name[0], {})[name] = lane
        if name[2] is not None:
            self._holding.setdefault(name[2], {})[name] = lane
        return lane

    def _close(self, lane: Lane) -> None:
        queue, _, only = lane.name
        del self._lanes[lane.name]
        del self._by_queue[queue][lane.name]
        if only is not None:
            del self._holding[only][lane.name]
            if not self._holding[only]:
                del self._holding[only]
