"""A short way to talk to an engine in tests."""

from __future__ import annotations

from itertools import count

from acd.config import Config
from acd.engine import Engine
from acd.messages import (
    AgentLoggedIn,
    AgentReady,
    AgentState,
    ContactQueued,
    Input,
    Offer,
    OfferAnswered,
    Output,
)
from acd.snapshot import AgentView


class Desk:
    def __init__(self, config: Config) -> None:
        numbers = count(1)
        self.engine = Engine(config, new_offer_id=lambda: f"o{next(numbers)}")

    def step(self, message: Input) -> list[Output]:
        return self.engine.step(message)

    def ready(self, agent, at, queues=None, skills=None, **more) -> Offer | None:
        queues = {"general": 0} if queues is None else queues
        self.step(AgentLoggedIn(at, agent, queues, skills or {}, **more))
        return self.offer(self.step(AgentReady(at, agent)))

    def call(self, contact, at, queue="general", queued_at=None, **more) -> Offer | None:
        """Queue a contact and return the offer that follows, if one does."""
        queued_at = at if queued_at is None else queued_at
        message = ContactQueued(at, contact, queue, more.pop("arrived_at", at), queued_at, **more)
        return self.offer(self.step(message))

    def talk(self, agent, contact, at, **more) -> None:
        self.ready(agent, at, **more)
        self.step(OfferAnswered(at, self.call(contact, at).offer))

    def agent(self, agent) -> AgentView:
        return self.engine.snapshot().agents[agent]

    def state(self, agent) -> AgentState:
        return self.agent(agent).state

    @staticmethod
    def offer(outputs) -> Offer | None:
        return next((output for output in outputs if isinstance(output, Offer)), None)

    @staticmethod
    def of(kind, outputs) -> list:
        return [output for output in outputs if isinstance(output, kind)]
