"""Virtual hold, citizen first: the agent who is kept for a citizen while their telephone rings.

A kept agent is RESERVED without an offer: no phone rings yet, and nobody else is served. It ends
when the citizen answers (then the agent is offered the call at once), when the citizen isn't
reached, or with the time that a call back may take. An agent who wants to go may: another free one
is kept then, if there is one.
"""

from __future__ import annotations

from acd.agents import Agent, Step
from acd.explain import explain
from acd.floor import Floor
from acd.hall import Contact, Stage
from acd.messages import AgentState

KEPT = "kept while the citizen was called back"


def is_kept(agent: Agent) -> bool:
    return agent.state is AgentState.RESERVED and agent.offer is None


def keep(floor: Floor, contact: Contact, agent: Agent, eligible: int, rule: str) -> None:
    """Reserve the agent, until `contact.resume_at` at the latest."""
    floor.out.append(explain(floor, contact, eligible, agent, rule))
    contact.agent = agent.id
    floor.change(agent, Step.KEPT, until=contact.resume_at, contact=contact.id)


def kept_for(floor: Floor, contact: Contact) -> Agent | None:
    """The agent who is kept for this contact."""
    agent = floor.roster.agents.get(contact.agent or "")
    return agent if agent is not None and is_kept(agent) else None


def let_go(floor: Floor, agent: Agent) -> None:
    """Free an agent who is about to do something else; nothing happens to one who isn't kept."""
    if not is_kept(agent):
        return
    contact = floor.contacts[agent.contact or ""]
    floor.change(agent, Step.RELEASED)
    contact.agent = None
    config = floor.queue(contact.queue)
    if config is None or contact.stage is not Stage.DIALING:
        return
    eligible = floor.roster.eligible(contact.queue, contact.asks) & ~agent.mask
    chosen = floor.roster.choose(contact.queue, config, eligible)
    if chosen:
        keep(floor, contact, chosen[0], eligible, chosen[1])
