"""Measure the engine: cost of a decision and memory, for many agents, contacts and skills.

Pure measuring functions; each returns a list of `Figure`. A decision is one `Engine.step` that
joins an agent and a contact, or finds that nobody is free. Times are the thread's CPU time: the
engine never waits for anything, and wall time would measure the machine's other tenants too.
"""

from __future__ import annotations

import random
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

from acd.config import Action, Config, OverflowRule, QueueConfig, RelaxStep, When
from acd.engine import Engine
from acd.messages import (
    AgentLoggedIn,
    AgentReady,
    ContactLeft,
    ContactQueued,
    Decision,
    Input,
    LeaveReason,
    Offer,
    OfferAnswered,
    TalkEnded,
    Tick,
)

SKILL_LIMIT_MS = 1.0  # p99 of one decision
MEMORY_LIMIT_MB = 500.0


@dataclass(frozen=True, slots=True)
class Figure:
    name: str
    value: float
    unit: str
    limit: float | None = None  # the figure must not be above it


class _Scene:
    """A big floor: agents with a few skills each, contacts that ask for one or two."""

    def __init__(self, agents: int, queues: int, skills: int, seed: int) -> None:
        self.random = random.Random(seed)
        self.skills = [f"skill.s{number}" for number in range(skills)]
        self.queues = [f"q{number}" for number in range(queues)]
        self.agents = [f"{10000 + number}" for number in range(agents)]
        self.ids = count(1)
        self.now = 1_780_000_000.0
        self.times: list[int] = []  # ns of each decision
        offers = count(1)
        settings = QueueConfig(
            relaxation=(RelaxStep(60, lower=2), RelaxStep(180, anyone=True)),
            overflow=(OverflowRule(When.WAITED, Action.CALLBACK, seconds=86400),),
            wrap_up_seconds=0,
            handling_seconds=180,
        )
        config = Config(queues=dict.fromkeys(self.queues, settings), lease_seconds=86400)
        self.engine = Engine(config, new_offer_id=lambda: f"o{next(offers)}")

    def step(self, message: Input) -> list[Offer]:
        begin = time.thread_time_ns()
        outputs = self.engine.step(message)
        spent = time.thread_time_ns() - begin
        if any(isinstance(output, Decision) for output in outputs):
            self.times.append(spent)
        return [output for output in outputs if isinstance(output, Offer)]

    def log_in(self) -> None:
        for agent in self.agents:
            queues = self.random.sample(self.queues, min(3, len(self.queues)))
            skills = self.random.sample(self.skills, min(8, len(self.skills)))
            self.step(
                AgentLoggedIn(
                    self.now,
                    agent,
                    {name: self.random.randrange(10) for name in queues},
                    {name: self.random.randint(1, 9) for name in skills},
                )
            )

    def make_ready(self) -> None:
        for agent in self.agents:
            self.now += 0.0001
            self.step(AgentReady(self.now, agent))

    def requirement(self) -> str:
        wanted = self.random.choice(self.skills)
        if self.random.random() < 0.5:
            return f"{wanted} >= {self.random.randint(1, 5)}"
        return f"{wanted} or {self.random.choice(self.skills)} >= 3"

    def arrival(self) -> list[Offer]:
        self.now += 0.0001
        name = f"c{next(self.ids)}"
        queue = self.random.choice(self.queues)
        return self.step(
            ContactQueued(
                self.now,
                name,
                queue,
                self.now,
                self.now,
                requirement=self.requirement() if self.skills else "",
                priority=self.random.choice((0, 0, 0, 0, 3)),
            )
        )

    def finish(self, offer: Offer) -> list[Offer]:
        """The offered agent talks and comes free again, which gives the next offer."""
        self.now += 0.0001
        self.step(OfferAnswered(self.now, offer.offer))
        return self.step(TalkEnded(self.now, offer.agent, offer.contact))


def decisions(
    agents: int = 10_000,
    waiting: int = 10_000,
    skills: int = 200,
    rounds: int = 3_000,
    seed: int = 1,
) -> list[Figure]:
    """Time decisions with all agents free, and with all busy while contacts wait."""
    scene = _Scene(agents, 20, skills, seed)
    scene.log_in()
    scene.make_ready()
    scene.times.clear()
    offers = [offer for _ in range(min(rounds, agents // 2)) for offer in scene.arrival()]
    free = scene.times
    scene.times = []
    while len(offers) < agents * 0.98:  # the last few have skills that nobody asks for
        offers.extend(scene.arrival())
    for _ in range(waiting):
        offers.extend(scene.arrival())
    scene.times = []
    for offer in offers[:rounds]:
        scene.finish(offer)
        scene.arrival()
    return [*_spread("decision, agents free", free), *_spread("decision, all busy", scene.times)]


def memory(agents: int = 10_000, waiting: int = 10_000, skills: int = 200) -> list[Figure]:
    """Measure what the engine's objects take with so many agents and waiting contacts."""
    tracemalloc.start()
    try:
        scene = _Scene(agents, 20, skills, 1)
        scene.log_in()
        for _ in range(waiting):
            scene.arrival()
        used = tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()
    return [Figure("memory, peak", used, "MB", MEMORY_LIMIT_MB)]


def growth(
    sizes: tuple[int, ...] = (100, 1_000, 10_000, 100_000), rounds: int = 1_000
) -> list[Figure]:
    """Time decisions in one queue with more and more contacts waiting."""
    figures = []
    for size in sizes:
        scene = _Scene(50, 1, 0, 1)
        scene.log_in()
        scene.make_ready()
        offers = [offer for _ in range(50) for offer in scene.arrival()]
        for _ in range(size):
            scene.arrival()
        scene.times.clear()
        for _ in range(rounds):
            offers.extend(scene.finish(offers.pop(0)))
            scene.arrival()
        figures.append(
            Figure(f"decision, {size} waiting in one queue, mean", _mean(scene.times), "ms")
        )
    return figures


def announcements(waiting: int = 10_000, rounds: int = 2_000) -> list[Figure]:
    """Time single announcements of place and expected wait."""
    scene = _Scene(50, 1, 0, 1)
    scene.log_in()
    for _ in range(waiting):
        scene.arrival()
    times = []
    for _ in range(rounds):
        due = scene.engine.next_deadline()
        if due is None:
            break
        begin = time.thread_time_ns()
        scene.engine.step(Tick(due))
        times.append(time.thread_time_ns() - begin)
    return _spread(f"announcement, {waiting} waiting", times)


def abandonment(waiting: int = 10_000) -> list[Figure]:
    """Time citizens giving up, in random order."""
    scene = _Scene(50, 1, 0, 1)
    scene.log_in()
    for _ in range(waiting):
        scene.arrival()
    names = list(scene.engine.snapshot().contacts)
    scene.random.shuffle(names)
    times = []
    for name in names:
        begin = time.thread_time_ns()
        scene.engine.step(ContactLeft(scene.now, name, LeaveReason.ABANDONED))
        times.append(time.thread_time_ns() - begin)
    return _spread(f"giving up, {waiting} waiting", times)


BENCHES: dict[str, Callable[[], list[Figure]]] = {
    "decisions": decisions,
    "growth": growth,
    "announcements": announcements,
    "abandonment": abandonment,
    "memory": memory,
}


def run() -> list[Figure]:
    """Run all benches; about a minute."""
    return [figure for bench in BENCHES.values() for figure in bench()]


def _mean(times: list[int]) -> float:
    return sum(times) / len(times) / 1e6 if times else 0.0


def _spread(name: str, times: list[int]) -> list[Figure]:
    ordered = sorted(times)
    if not ordered:
        return []
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))] / 1e6
    return [
        Figure(f"{name}, p50", ordered[len(ordered) // 2] / 1e6, "ms"),
        Figure(f"{name}, p99", p99, "ms", SKILL_LIMIT_MS),
    ]
