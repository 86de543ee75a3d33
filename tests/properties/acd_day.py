"""Random days for the engine, and a plain reference that judges every step of them.

A day is read from bytes: four for each event. The reference knows the rules only by their text: it
looks at every pair of agent and contact, which the engine must never do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import count

from acd.config import (
    Action,
    Config,
    OverflowRule,
    QueueConfig,
    RelaxStep,
    Strategy,
    VirtualHold,
    When,
)
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

QUEUES = ("general", "tax", "night")
AGENTS = ("1001", "1002", "1003", "1004")
SKILLS = ("tax", "cantonese")
START = 1_780_000_000.0
STEPS = (0.0, 0.0, 0.000001, 0.5, 2.0, 7.0, 13.0, 31.0, 61.0, 300.0)
# What a contact may ask for: a list of alternatives, each a list of (skill, least level).
DEMANDS: tuple[tuple[tuple[tuple[str, int], ...], ...], ...] = (
    ((),),
    ((),),
    ((("tax", 1),),),
    ((("tax", 5),),),
    ((("tax", 3), ("cantonese", 2)),),
    ((("tax", 7),), (("cantonese", 1),)),
)
RESULTS = (
    OfferResult.NO_ANSWER,
    OfferResult.REFUSED,
    OfferResult.UNREACHABLE,
    OfferResult.FAILED,
    OfferResult.WITHDRAWN,
)
OFFERED = (AgentState.RESERVED, AgentState.RINGING)
TALKING = (AgentState.TALKING, AgentState.HOLDING)
AWAY = (AgentState.LOGGED_OUT, AgentState.NOT_READY)

RELAXATION = (
    (),
    (RelaxStep(10, lower=2), RelaxStep(60, anyone=True)),
    (RelaxStep(5, drop=("cantonese",)), RelaxStep(30, lower=4), RelaxStep(100, anyone=True)),
)
OVERFLOW = (
    (),
    (OverflowRule(When.WAITED, Action.MESSAGE, seconds=120),),
    (
        OverflowRule(When.FULL, Action.CALLBACK, limit=2),
        OverflowRule(When.NO_AGENT, Action.QUEUE, target="night", seconds=20),
    ),
    (
        OverflowRule(When.CLOSED, Action.GOODBYE, seconds=30),
        OverflowRule(When.WAITED, Action.QUEUE, target="night", seconds=40),
    ),
)


def config_from(numbers: bytes) -> Config:
    """Make a configuration out of eight bytes."""
    strategies = list(Strategy)

    def queue(name: str, first: int, second: int) -> QueueConfig:
        return QueueConfig(
            strategy=strategies[first % len(strategies)],
            relaxation=RELAXATION[second % 3],
            overflow=() if name == "night" else OVERFLOW[second // 3 % 4],
            head_start_seconds=0 if second < 128 else 15,
            last_agent_seconds=0 if first < 128 else 20,
            announce_first_seconds=0 if second // 12 % 2 else 10,
            announce_every_seconds=30,
            handling_seconds=60,
            virtual_hold=VirtualHold("agent" if first // 6 % 2 else "citizen", 40, 2),
        )

    return Config(
        queues={name: queue(name, numbers[i], numbers[i + 3]) for i, name in enumerate(QUEUES)},
        lease_seconds=20,
        wrap_up_seconds=(0, 5, 30)[numbers[6] % 3],
        priority_seconds=(0, 10, 120)[numbers[7] % 3],
    )


@dataclass
class Asked:
    """What the reference remembers of a contact."""

    demand: tuple[tuple[tuple[str, int], ...], ...]
    priority: int
    last_agent: str | None
    virtual: bool
    outcomes: list[str] = field(default_factory=list)


class Day:
    def __init__(self, config: Config) -> None:
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
        message = self.message(kind, first, second)
        if message is not None:
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
            if contact.stage == "dialing" and contact.agent is not None:
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

    def check_books(self, after: Snapshot) -> None:
        """No agent and no contact has two offers; whoever isn't here has just one outcome."""
        agents = Counter(offer.agent for offer in self.offers.values())
        contacts = Counter(offer.contact for offer in self.offers.values())
        assert max(agents.values(), default=0) <= 1, "an agent has two offers"
        assert max(contacts.values(), default=0) <= 1, "a contact has two offers"
        for offer in self.offers.values():
            assert after.agents[offer.agent].state in OFFERED
            assert after.contacts[offer.contact].stage == "offered"
        for name, agent in after.agents.items():
            assert (agent.state in OFFERED) == (name in agents), f"{name} is {agent.state}"
        for name, asked in self.contacts.items():
            if name in after.contacts:
                assert asked.outcomes == [], f"{name} is here after {asked.outcomes}"
            else:
                assert len(asked.outcomes) == 1, f"{name} came out as {asked.outcomes}"

    def check_nobody_is_left(self, after: Snapshot) -> None:
        for name, contact in after.contacts.items():
            if contact.stage == "waiting":
                for agent in after.agents:
                    ready = after.agents[agent].state is AgentState.READY
                    assert not (ready and self.serves(after, agent, name)), (
                        f"{agent} is free and {name} waits"
                    )

    def check_offer(
        self, offer: Offer, message: Input | None, before: Snapshot, after: Snapshot
    ) -> None:
        if offer.contact not in after.contacts:
            return  # a lease so old that it ended in the same step
        assert self.able(after, offer.agent, offer.contact), "offered without the skill"
        for name, other in after.contacts.items():
            if other.stage == "waiting" and name in before.contacts and name != offer.contact:
                if before.contacts[name].stage != "waiting":
                    continue
                if self.serves(after, offer.agent, name):
                    passed = self.place(after, name) < self.place(after, offer.contact)
                    assert not passed, f"{offer.contact} passed {name}"
        if isinstance(message, ContactQueued):
            self.check_choice(offer, before)

    def check_choice(self, offer: Offer, before: Snapshot) -> None:
        """Judge which of the free agents got a newcomer."""
        asked = self.contacts[offer.contact]
        if offer.agent == asked.last_agent:
            return
        chosen = before.agents[offer.agent]
        strategy = self.config.queues[offer.queue].strategy
        for name, agent in before.agents.items():
            if agent.state is not AgentState.READY or name == offer.agent:
                continue
            if offer.queue not in agent.queues or not self.meets(agent.skills, asked, ()):
                continue
            mine, other = chosen.queues[offer.queue], agent.queues[offer.queue]
            assert mine >= other, "a better level was free"
            if mine == other:
                assert self.rank(strategy, offer.agent, before) <= self.rank(
                    strategy, name, before
                ), f"{strategy}: {name} should have had it"

    @staticmethod
    def rank(strategy: Strategy, name: str, view: Snapshot) -> object:
        agent = view.agents[name]
        match strategy:
            case Strategy.LONGEST_IDLE:
                return agent.since
            case Strategy.FEWEST_CALLS:
                return agent.calls
            case Strategy.FIXED_ORDER:
                return name
            case Strategy.BEST_FIT:
                return sum(agent.skills.values()) + len(agent.queues)
        return 0

    # --- the rules, plainly -------------------------------------------------------------

    def place(self, view: Snapshot, name: str) -> float:
        contact = view.contacts[name]
        start = self.config.queues[contact.queue].head_start_seconds
        return contact.queued_at - contact.priority * self.config.priority_seconds - start

    def serves(self, view: Snapshot, agent: str, name: str) -> bool:
        return self.able(view, agent, name) and self.holds_out_for(view, name) in (None, agent)

    def able(self, view: Snapshot, agent: str, name: str) -> bool:
        contact = view.contacts[name]
        if contact.queue not in self.config.queues:
            return False
        if contact.queue not in view.agents[agent].queues:
            return False
        steps = [
            step
            for step in self.config.queues[contact.queue].relaxation
            if self.now >= contact.queued_at + step.after
        ]
        return self.meets(view.agents[agent].skills, self.contacts[name], steps)

    @staticmethod
    def meets(skills, asked: Asked, steps) -> bool:
        lower, dropped = 0, set()
        for step in steps:
            if step.anyone:
                return True
            lower += step.lower
            dropped.update(step.drop)
        return any(
            all(skill in dropped or skills.get(skill, 0) >= level - lower for skill, level in part)
            for part in asked.demand
        )

    def holds_out_for(self, view: Snapshot, name: str) -> str | None:
        contact, last = view.contacts[name], self.contacts[name].last_agent
        seconds = self.config.queues[contact.queue].last_agent_seconds
        if last is None or contact.virtual or last not in view.agents:
            return None
        if self.now >= contact.queued_at + seconds or view.agents[last].state in AWAY:
            return None
        return last if self.able(view, last, name) else None

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
