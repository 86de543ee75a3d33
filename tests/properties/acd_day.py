"""Random days for the engine, and a plain reference that judges every step of them.

A day is read from bytes: four for each event. The reference knows the rules only by their text: it
looks at every pair of agent and contact, which the engine must never do.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count

from acd_made_up import AGENTS, DEMANDS, QUEUES, SKILLS, START, STEPS, config_from
from acd_rules import TALKING, Asked, Rules

from acd.config import Config
from acd.engine import Engine
from acd.messages import (
    AgentLoggedIn,
    AgentLoggedOut,
    AgentNotReady,
    AgentReady,
    AgentRestored,
    AgentState,
    CallBack,
    CallbackAnswered,
    CallbackChosen,
    CallbackFailed,
    ContactLeft,
    ContactQueued,
    HoldEnded,
    HoldStarted,
    Input,
    LeaveReason,
    NotReadyReason,
    Offer,
    OfferAnswered,
    OfferEnded,
    OfferResult,
    OfferRinging,
    Output,
    Overflow,
    PhoneRegistered,
    PhoneUnregistered,
    QueueClosed,
    QueueOpened,
    TalkEnded,
    Tick,
    Withdraw,
    WrapUpEnded,
    WrapUpExtended,
)
from acd.snapshot import Snapshot

RESULTS = (
    OfferResult.NO_ANSWER,
    OfferResult.REFUSED,
    OfferResult.UNREACHABLE,
    OfferResult.FAILED,
    OfferResult.WITHDRAWN,
)
SET_BACK = (0.0, 0.0, 0.000001, 0.7, 3.0, 600.0, 7200.0)  # seconds


def stamped(message: Input, behind: float) -> Input:
    """The same input, as a clock tells it that is behind."""
    times = {"at": message.at - behind}
    if isinstance(message, ContactQueued):
        times["arrived_at"] = message.arrived_at - behind
        times["queued_at"] = message.queued_at - behind
    return replace(message, **times)


class Day(Rules):
    def __init__(self, config: Config, *, judging: bool = True, unsteady: bool = False) -> None:
        """`unsteady`: the clock that inputs are stamped with is set back now and then."""
        self.judging = judging
        self.unsteady = unsteady
        self.config = config
        self.now = START
        self.restarts = 0
        self.engine = self.new_engine()
        self.view = self.engine.snapshot()
        self.began_with = config  # the engine of the record, which begins with a restart
        self.inputs: list[Input | Config | list[Input]] = []
        self.times: list[float] = []  # of the changes of configuration
        self.outputs: list[list[Output]] = []
        self.contacts: dict[str, Asked] = {}
        self.offers: dict[str, Offer] = {}
        self.first_offer: dict[str, float] = {}
        self.names = count(1)

    def new_engine(self) -> Engine:
        offers = count(1)
        return Engine(self.config, new_offer_id=lambda: f"{self.restarts}-{next(offers)}")

    # --- running ------------------------------------------------------------------------

    def run(self, script: bytes) -> None:
        for place in range(0, len(script) - 3, 4):
            kind, first, second, pause = script[place : place + 4]
            self.pass_time(STEPS[pause % len(STEPS)])
            self.event(kind, first, second)

    def pass_time(self, seconds: float) -> None:
        until = round(self.now + seconds, 6)
        while True:
            due = self.engine.next_deadline()
            if due is None or due > until:
                break
            assert due >= self.now - 1e-6, "a deadline was missed"
            self.now = max(self.now, due)
            self.step(Tick(self.now))
        self.now = until

    def event(self, kind: int, first: int, second: int) -> None:
        if self.unsteady:
            self.step(Tick(self.now))  # the engine knows how late it is
        message = self.message(kind, first, second)
        if message is None:
            return
        if self.unsteady:
            message = stamped(message, SET_BACK[kind // 24 % len(SET_BACK)])
        self.step(message)

    def message(self, kind: int, first: int, second: int) -> Input | None:
        now, agent = self.now, AGENTS[first % len(AGENTS)]
        queue = QUEUES[second % len(QUEUES)]
        match kind % 24:
            case 0 | 1 | 2 | 3 | 4:
                return self.arrival(first, second)
            case 5 | 6:
                return self.log_in(agent, second)
            case 7 | 8 | 9:
                return AgentReady(now, agent)
            case 10:
                return AgentNotReady(now, agent, NotReadyReason.MEAL)
            case 11:
                return AgentLoggedOut(now, agent)
            case 12 | 13 | 14:
                return self.answer(first)
            case 15:
                offer = self.pick(self.offers, first)
                return OfferEnded(now, offer, RESULTS[second % 5]) if offer else None
            case 16:
                name = self.pick(self.view.contacts, first)
                return ContactLeft(now, name, LeaveReason.ABANDONED) if name else None
            case 17 | 18:
                return self.hang_up(first, second)
            case 19:
                return (PhoneUnregistered if second % 2 else PhoneRegistered)(now, agent)
            case 20:
                return self.virtual_hold(first, second)
            case 21:
                return (QueueClosed if first % 2 else QueueOpened)(now, queue)
            case 22:
                self.upheaval(first, second)
                return None
        return self.oddity(first, second)

    @staticmethod
    def pick(names, number: int) -> str | None:
        names = list(names)
        return names[number % len(names)] if names else None

    def arrival(self, first: int, second: int) -> ContactQueued:
        demand = DEMANDS[first % len(DEMANDS)]
        asked = Asked(
            demand,
            priority=(0, 0, 0, 1, 3)[second % 5],
            last_agent=AGENTS[second % 4] if second >= 200 else None,
            virtual=first >= 230,
        )
        name = f"c{next(self.names)}"
        self.contacts[name] = asked
        text = " or ".join(
            " and ".join(f"{skill} >= {level}" for skill, level in part) for part in demand
        )
        return ContactQueued(
            self.now,
            name,
            QUEUES[first // 6 % 3],
            self.now,
            round(self.now - (0, 0, 0.3, 45)[second // 5 % 4], 6),
            requirement=text,
            priority=asked.priority,
            last_agent=asked.last_agent,
            virtual=asked.virtual,
        )

    def log_in(self, agent: str, number: int) -> AgentLoggedIn:
        queues = {
            name: number * (place + 3) % 10
            for place, name in enumerate(QUEUES)
            if number >> place & 1 or name == "general"
        }
        skills = {
            name: number // 8 * (place + 5) % 10
            for place, name in enumerate(SKILLS)
            if number >> (place + 4) & 1
        }
        return AgentLoggedIn(self.now, agent, queues, skills)

    def answer(self, number: int) -> Input | None:
        offer = self.pick(self.offers, number)
        if offer is None:
            return None
        return (OfferRinging if number >= 160 else OfferAnswered)(self.now, offer)

    def hang_up(self, first: int, second: int) -> Input | None:
        agents = self.view.agents
        talking = [name for name, agent in agents.items() if agent.state in TALKING]
        wrapping = [name for name, agent in agents.items() if agent.state is AgentState.WRAP_UP]
        if talking and second < 200:
            name = talking[first % len(talking)]
            return TalkEnded(self.now, name, agents[name].contact or "")
        name = self.pick(wrapping, first)
        return WrapUpEnded(self.now, name) if name else None

    def virtual_hold(self, first: int, second: int) -> Input | None:
        contacts = self.view.contacts
        dialing = [name for name, contact in contacts.items() if contact.stage == "dialing"]
        if dialing:
            kind = CallbackAnswered if second % 2 else CallbackFailed
            return kind(self.now, dialing[first % len(dialing)])
        name = self.pick(contacts, first)
        return CallbackChosen(self.now, name) if name else None

    def upheaval(self, first: int, second: int) -> None:
        if first % 2:
            numbers = bytes((first * (place + 7) + second) % 256 for place in range(8))
            config = config_from(numbers)
            if second % 4 == 0:
                queues = {name: queue for name, queue in config.queues.items() if name != "tax"}
                config = replace(config, queues=queues)
            self.configure(config)
        else:
            self.restart()

    def oddity(self, first: int, second: int) -> Input | None:
        """Something late, twice or unknown."""
        agent = AGENTS[first % 4]
        match second % 6:
            case 0:
                return HoldStarted(self.now, agent)
            case 1:
                return HoldEnded(self.now, agent)
            case 2:
                return WrapUpExtended(self.now, agent, float(first))
            case 3:
                return OfferAnswered(self.now, "long ago")
            case 4:
                return ContactLeft(self.now, "unknown", LeaveReason.ABANDONED)
        old = [message for message in self.inputs if isinstance(message, OfferEnded | TalkEnded)]
        return old[first % len(old)] if old else None

    # --- steps and their judgement ------------------------------------------------------

    def step(self, message: Input) -> None:
        self.inputs.append(message)
        outputs = self.engine.step(message)
        self.judge(message, outputs)

    def configure(self, config: Config) -> None:
        self.inputs.append(config)
        self.times.append(self.now)
        self.config = config
        self.judge(None, self.engine.configure(config, self.now))

    def restart(self) -> None:
        """The process dies; the next one finds agents and contacts again."""
        before = self.view
        if any(contact.stage == "dialing" for contact in before.contacts.values()):
            return
        self.restarts += 1
        self.began_with = self.config
        for record in (self.inputs, self.outputs, self.times):
            record.clear()
        self.engine = self.new_engine()
        self.offers.clear()
        found: list[Input] = []
        for name, agent in before.agents.items():
            found.append(
                AgentRestored(
                    self.now,
                    name,
                    agent.state,
                    agent.since,
                    agent.reason,
                    agent.contact,
                    agent.queues,
                    agent.skills,
                )
            )
        for name, contact in reversed(before.contacts.items()):
            asked = self.contacts[name]
            text = " or ".join(
                " and ".join(f"{skill} >= {level}" for skill, level in part)
                for part in asked.demand
            )
            found.append(
                ContactQueued(
                    self.now,
                    name,
                    contact.queue,
                    contact.arrived_at,
                    contact.queued_at,
                    text,
                    contact.priority,
                    asked.last_agent,
                    virtual=contact.virtual,
                )
            )
        self.inputs.append(found)
        self.judge(None, self.engine.restore(found))

    def judge(self, message: Input | None, outputs: list[Output]) -> None:
        self.outputs.append(outputs)
        before, after = self.view, self.engine.snapshot()
        self.view = after
        offers = self.follow(message, before, outputs)
        if not self.judging:
            return
        self.check_books(after)
        self.check_nobody_is_left(after)
        for offer in offers:
            self.check_offer(offer, message, before, after)

    def follow(self, message: Input | None, before: Snapshot, outputs: list[Output]) -> list[Offer]:
        made = []
        if isinstance(message, OfferAnswered | OfferEnded):
            offer = self.offers.pop(message.offer, None)
            if offer and isinstance(message, OfferAnswered) and not offer.virtual:
                self.contacts[offer.contact].outcomes.append("answered")
        if isinstance(message, CallbackAnswered) and message.contact in before.contacts:
            contact = before.contacts[message.contact]
            on_the_line = contact.agent and message.contact not in self.kept(before)
            if contact.stage == "dialing" and on_the_line:
                self.contacts[message.contact].outcomes.append("answered")
        if isinstance(message, ContactLeft) and message.contact in before.contacts:
            self.contacts[message.contact].outcomes.append("left")
        for output in outputs:
            if isinstance(output, Offer):
                assert output.offer not in self.offers
                self.offers[output.offer] = output
                self.first_offer.setdefault(output.contact, self.now)
                made.append(output)
            elif isinstance(output, Withdraw):
                del self.offers[output.offer]
            elif isinstance(output, Overflow) and output.action != "queue":
                self.contacts[output.contact].outcomes.append(output.action)
            elif isinstance(output, CallBack):
                self.first_offer.setdefault(output.contact, self.now)
        return made

    # --- the end of the day -------------------------------------------------------------

    def close_up(self) -> None:
        """Let everybody be served, and see that nobody is forgotten."""
        for queue in QUEUES:
            self.step(QueueOpened(self.now, queue))
        everything = dict.fromkeys(QUEUES, 9)
        for agent in AGENTS:
            self.step(PhoneRegistered(self.now, agent))
            self.step(AgentLoggedIn(self.now, agent, everything, dict.fromkeys(SKILLS, 9)))
        for _ in range(4 * len(self.contacts) + 20):
            if not self.view.contacts:
                break
            for message in self.all_work():
                self.step(message)
            self.pass_time(45)
        assert not self.view.contacts, "somebody waits for ever"

    def all_work(self) -> Iterator[Input]:
        view = self.view
        for name, agent in view.agents.items():
            if agent.state in TALKING and agent.contact not in view.contacts:
                yield TalkEnded(self.now, name, agent.contact or "")
        for name in AGENTS:
            if view.agents[name].state is not AgentState.READY:
                yield AgentReady(self.now, name)
        for offer in list(self.offers):
            yield OfferAnswered(self.now, offer)
        for name, contact in self.view.contacts.items():
            if contact.stage == "dialing":
                yield CallbackAnswered(self.now, name)
