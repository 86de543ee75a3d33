"""The engine's rules, said plainly: every pair of agent and contact is looked at."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from acd.config import Config, Strategy
from acd.messages import AgentState, ContactQueued, Input, Offer
from acd.snapshot import Snapshot

OFFERED = (AgentState.RESERVED, AgentState.RINGING)
TALKING = (AgentState.TALKING, AgentState.HOLDING)
AWAY = (AgentState.LOGGED_OUT, AgentState.NOT_READY)


@dataclass
class Asked:
    """What the reference remembers of a contact."""

    demand: tuple[tuple[tuple[str, int], ...], ...]
    priority: int
    last_agent: str | None
    virtual: bool
    outcomes: list[str] = field(default_factory=list)


class Rules:
    """Judges what the engine did; `Day` keeps the record that this is judged by."""

    config: Config
    now: float
    contacts: dict[str, Asked]
    offers: dict[str, Offer]

    def check_books(self, after: Snapshot) -> None:
        """No agent and no contact has two offers; whoever isn't here has just one outcome."""
        agents = Counter(offer.agent for offer in self.offers.values())
        kept = Counter(agent for agent in self.kept(after).values())
        contacts = Counter(offer.contact for offer in self.offers.values())
        assert max((agents + kept).values(), default=0) <= 1, "an agent has two offers"
        assert max(contacts.values(), default=0) <= 1, "a contact has two offers"
        for offer in self.offers.values():
            assert after.agents[offer.agent].state in OFFERED
            assert after.contacts[offer.contact].stage == "offered"
        for name, agent in after.agents.items():
            taken = name in agents or name in kept
            assert (agent.state in OFFERED) == taken, f"{name} is {agent.state}"
            if name in kept:
                assert agent.until is not None, f"{name} is kept for ever"
                assert self.kept(after)[agent.contact or ""] == name
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
                if self.kept(before).get(offer.contact) == offer.agent:
                    continue  # it was this contact's turn when the citizen was dialed
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

    @staticmethod
    def kept(view: Snapshot) -> dict[str, str]:
        """Contacts who are called back first, and the agents who are kept for them."""
        return {
            name: contact.agent
            for name, contact in view.contacts.items()
            if contact.stage == "dialing"
            and contact.agent is not None
            and view.agents[contact.agent].state not in TALKING
        }

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
