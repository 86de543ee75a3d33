"""The account of a decision: who was chosen, who was passed over, and for which reason.

Its size is bounded: a few agents are named, all others are counted.
"""

from __future__ import annotations

from acd.agents import Agent
from acd.floor import Floor
from acd.hall import Contact
from acd.messages import AgentState, Decision
from acd.roster import bits

NAMED = 4  # agents passed over that are named, of those free and of those busy


def explain(
    floor: Floor, contact: Contact, eligible: int, chosen: Agent | None, rule: str
) -> Decision:
    """Account for a decision just before it takes effect."""
    roster = floor.roster
    serving = roster.serving.get(contact.queue, 0)
    chosen_mask = chosen.mask if chosen else 0
    free = eligible & roster.in_state[AgentState.READY] & ~chosen_mask
    considered: list[tuple[str, str]] = []
    if chosen:
        considered.append((chosen.id, f"chosen: {rule}, {_free(floor, chosen, contact.queue)}"))
    considered.extend(_named(floor, free, contact.queue))
    busy = eligible & ~roster.in_state[AgentState.READY] & ~chosen_mask
    busy &= ~roster.in_state[AgentState.LOGGED_OUT]
    considered.extend(_named(floor, busy, contact.queue))
    counts = [("free", free.bit_count())]
    for state, mask in roster.in_state.items():
        if state is not AgentState.READY:
            counts.append(
                (state.value.replace("_", " "), (eligible & mask & ~chosen_mask).bit_count())
            )
    unfit = "is not the last agent" if contact.only else "lacks the skill"
    counts.append((unfit, (serving & ~eligible).bit_count()))
    told = tuple((reason, count) for reason, count in counts if count)
    return Decision(contact.id, chosen.id if chosen else None, rule, tuple(considered), told)


def _named(floor: Floor, mask: int, queue: str) -> list[tuple[str, str]]:
    named: list[tuple[str, str]] = []
    for place in bits(mask):
        if len(named) == NAMED:
            break
        agent = floor.roster.by_index[place]
        if agent.state is AgentState.READY:
            named.append((agent.id, _free(floor, agent, queue)))
        else:
            named.append((agent.id, _busy(agent)))
    return named


def _free(floor: Floor, agent: Agent, queue: str) -> str:
    idle = max(0.0, floor.now - agent.idle_since)
    return f"free for {idle:.0f} s, level {agent.queues.get(queue, 0)}, {agent.calls} calls"


def _busy(agent: Agent) -> str:
    state = agent.state.value.replace("_", " ")
    return f"{state} ({agent.reason.value.replace('_', ' ')})" if agent.reason else state
