"""All agents: sets of them by state, queue, level and skill, and the order of the free ones.

Sets are ints with one bit for each agent, so that questions about 10,000 agents cost a few
hundred nanoseconds and nobody has to be looked at one by one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from acd.agents import Agent
from acd.config import Config, QueueConfig, Strategy
from acd.messages import AgentState
from acd.order import MaskedOrder
from acd.skills import Demand, SkillIndex

RULES = {
    Strategy.LONGEST_IDLE: "longest idle",
    Strategy.LEAST_OCCUPIED: "least occupied",
    Strategy.FEWEST_CALLS: "fewest calls",
    Strategy.ROUND_ROBIN: "round robin",
    Strategy.FIXED_ORDER: "fixed order",
    Strategy.BEST_FIT: "best fit",
}


def bits(mask: int) -> Iterator[int]:
    """Yield the places of the bits that are set, lowest first."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


class Roster:
    def __init__(self, config: Config) -> None:
        self.agents: dict[str, Agent] = {}
        self.by_index: list[Agent] = []
        self.everyone = 0
        self.in_state: dict[AgentState, int] = dict.fromkeys(AgentState, 0)
        self.serving: dict[str, int] = {}  # queue -> agents
        self._levels: dict[str, list[int]] = {}  # queue -> agents for each level 0-9
        self._skills = SkillIndex()
        self._idle_turns = 0
        self._last_chosen: dict[str, int] = {}  # round robin: queue -> index
        self.configure(config)

    def configure(self, config: Config) -> None:
        """Take over the queues' strategies; free agents are put into the new orders."""
        self._queues = config.queues
        used = {queue.strategy for queue in config.queues.values()}
        own_order = {Strategy.FIXED_ORDER, Strategy.ROUND_ROBIN}
        self._orders: dict[Strategy | str, MaskedOrder[Agent]] = {
            strategy: MaskedOrder() for strategy in sorted(used - own_order)
        }
        self._ranks: dict[str, dict[str, int]] = {}
        for name, queue in config.queues.items():
            if queue.strategy is Strategy.FIXED_ORDER:
                self._orders["queue " + name] = MaskedOrder()
                self._ranks[name] = {agent: place for place, agent in enumerate(queue.order)}
        self._keys: dict[str, list[tuple[Strategy | str, Any]]] = {}
        for place in bits(self.in_state[AgentState.READY]):
            self._line_up(self.by_index[place])

    def get(self, agent_id: str) -> Agent:
        """Return the agent, newly entered when unknown."""
        agent = self.agents.get(agent_id)
        if agent is None:
            index = len(self.by_index)
            agent = Agent(agent_id, index, 1 << index, (len(agent_id), agent_id))
            self.agents[agent_id] = agent
            self.by_index.append(agent)
            self.everyone |= agent.mask
            self.in_state[agent.state] |= agent.mask
        return agent

    def assign(self, agent: Agent, queues: dict[str, int], skills: dict[str, int]) -> None:
        """Give the agent these queues and skills in place of the old ones."""
        ready = agent.state is AgentState.READY
        if ready:
            self._step_out(agent)
        for queue, level in agent.queues.items():
            self.serving[queue] &= ~agent.mask
            self._levels[queue][level] &= ~agent.mask
        self._skills.remove(agent.mask, agent.skills)
        agent.queues, agent.skills = dict(queues), dict(skills)
        agent.points = sum(skills.values()) + len(queues)
        for queue, level in queues.items():
            self.serving[queue] = self.serving.get(queue, 0) | agent.mask
            levels = self._levels.setdefault(queue, [0] * 10)
            levels[level] |= agent.mask
        self._skills.add(agent.mask, skills)
        if ready:
            self._line_up(agent)

    def move(self, agent: Agent, state: AgentState) -> None:
        """Put the agent into another state's set, and into or out of the order of the free."""
        if agent.state is AgentState.READY:
            self._step_out(agent)
        self.in_state[agent.state] &= ~agent.mask
        agent.state = state
        self.in_state[state] |= agent.mask
        if state is AgentState.READY:
            self._line_up(agent)

    def now_idle(self, agent: Agent, at: float) -> None:
        """Start a new time of idleness: the agent goes to the end of the line."""
        self._idle_turns += 1
        agent.idle_since = at
        agent.idle_turn = self._idle_turns

    def eligible(self, queue: str, demand: Demand) -> int:
        """Return the set of agents who serve the queue and meet the demand, in any state."""
        return self._skills.who(demand, self.serving.get(queue, 0))

    def in_states(self, states: frozenset[AgentState]) -> int:
        mask = 0
        for state in states:
            mask |= self.in_state[state]
        return mask

    def choose(self, queue: str, config: QueueConfig, eligible: int) -> tuple[Agent, str] | None:
        """Pick a free agent out of a set: the best level first, then by the strategy."""
        free = eligible & self.in_state[AgentState.READY]
        if not free:
            return None
        for tier in reversed(self._levels[queue]):
            if tier & free:
                agent = self._pick(queue, config.strategy, tier & free)
                return agent, RULES[config.strategy]
        return None

    def _pick(self, queue: str, strategy: Strategy, free: int) -> Agent:
        if strategy is Strategy.ROUND_ROBIN:
            return self._next_in_turn(queue, free)
        name = "queue " + queue if strategy is Strategy.FIXED_ORDER else strategy
        agent = self._orders[name].first(free)
        if agent is None:
            raise LookupError(f"free agents are missing in the order {name!r}")
        return agent

    def _next_in_turn(self, queue: str, free: int) -> Agent:
        last = self._last_chosen.get(queue, -1)
        after = free >> (last + 1) << (last + 1)
        place = next(bits(after or free))
        self._last_chosen[queue] = place
        return self.by_index[place]

    def _line_up(self, agent: Agent) -> None:
        keys: list[tuple[Strategy | str, Any]] = []
        turn = (agent.idle_since, agent.idle_turn)
        for name in self._orders:
            if name is Strategy.LONGEST_IDLE:
                key: Any = turn
            elif name is Strategy.FEWEST_CALLS:
                key = (agent.calls, *turn)
            elif name is Strategy.LEAST_OCCUPIED:
                key = (agent.occupancy(agent.idle_since), *turn)
            elif name is Strategy.BEST_FIT:
                key = (agent.points, *turn)
            else:
                continue
            keys.append((name, key))
        for queue in agent.queues:
            if queue in self._ranks:
                ranks = self._ranks[queue]
                keys.append(("queue " + queue, (ranks.get(agent.id, len(ranks)), agent.number)))
        for name, key in keys:
            self._orders[name].add(key, agent)
        self._keys[agent.id] = keys

    def _step_out(self, agent: Agent) -> None:
        for name, key in self._keys.pop(agent.id):
            self._orders[name].remove(key)
