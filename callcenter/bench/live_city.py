"""A controller without a switch, for the bench of the live page: engine, desk, presence, journal.

Everything that a page hears of is made and told as the controller does it; only phones and
citizens are timers. Run as a process of its own: `python -m callcenter.bench.live_city JSON`.
"""

from __future__ import annotations

if __name__ == "__main__":
    from gevent import monkey

    monkey.patch_all()

import json
import random
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import gevent
from gevent.event import Event as Flag

from acd import messages as acd
from acd.config import Config
from acd.engine import Engine
from callcenter.agents import AgentDesk
from callcenter.clock import SteadyClock
from callcenter.controller import SHOW_AT_MOST_EVERY, SHOW_EVERY
from callcenter.esl import EslError
from callcenter.events import Kind, event, talk_started
from callcenter.journal import Journal
from callcenter.lines import Lines
from callcenter.live_config import AgentConfig, LiveConfig
from callcenter.presence import EVENTS, LIVE, Presence

RING = (0.6, 1.4)  # seconds
TALK = (5.0, 25.0)
WRAP_UP = 3.0
QUEUES = ("general", "tax", "enterprise", "traffic", "health", "housing")


class _NoSwitch:
    """Nobody is off hook here."""

    def api(self, command: str, timeout: float = 0.0) -> str:
        raise EslError(f"there is no switch for {command.split()[0]}")

    def post(self, command: str) -> None:
        self.api(command)


class City:
    def __init__(self, redis_url: str, journal: Path, agents: list[str], rate: float) -> None:
        self.rate = rate
        self.clock = SteadyClock()
        self.chance = random.Random(1)
        self.presence = Presence(redis_url)
        self.journal = Journal(journal, "bench", wake=self.presence.wake_journal)
        config = Config.from_data(
            {"wrap_up_seconds": WRAP_UP, "queues": {name: {} for name in QUEUES}}
        )
        self.engine = Engine(config, new_offer_id=lambda: uuid.uuid4().hex)
        self.numbers = {
            number: AgentConfig(
                number=number,
                name=number,
                queues={QUEUES[place % 6]: 5, QUEUES[(place + 1) % 6]: 3},
                skills={},
            )
            for place, number in enumerate(agents)
        }
        self.desk = AgentDesk(
            self.presence,
            LiveConfig(agents=self.numbers),
            self.tell,
            self.clock,
            lines=Lines(_NoSwitch(), "", changed=lambda agent: None, record=lambda event: None),
            end_talk=lambda contact, agent: None,
        )
        self.to_show = Flag()

    def run(self) -> None:
        self.presence.start()
        for number, configured in self.numbers.items():
            self.tell(
                acd.AgentLoggedIn(
                    self.clock(), number, dict(configured.queues), dict(configured.skills)
                )
            )
            self.tell(acd.AgentReady(self.clock(), number))
        gevent.spawn(self._show)
        gevent.spawn(self._tick)
        while True:
            gevent.sleep(self.chance.expovariate(self.rate))
            self._arrive()

    def _arrive(self) -> None:
        call, now = str(uuid.uuid4()), self.clock()
        queue = self.chance.choice(QUEUES)
        number = f"1390000{self.chance.randrange(10_000):04}"
        self._note(Kind.CALL_ARRIVED, call, caller=number, dialed="12345", hotline="bench")
        self._note(Kind.QUEUE_JOINED, call, queue=queue, priority=0, requirement="")
        self.tell(
            acd.ContactQueued(
                at=now, contact=call, queue=queue, arrived_at=now, queued_at=now,
                requirement="", priority=0, last_agent=None,
            )
        )  # fmt: skip

    def _note(self, kind: Kind, call: str | None, **data: Any) -> None:
        self.journal.append(event(kind, call, **data))

    def tell(self, message: acd.Input) -> None:
        for output in self.engine.step(message):
            match output:
                case acd.Offer():
                    self._note(Kind.OFFER_MADE, output.contact, offer=output.offer,
                               agent=output.agent, why=output.why)  # fmt: skip
                    gevent.spawn(self._answer, output)
                case acd.AgentStateChanged():
                    self._note(
                        Kind.AGENT_STATE, None, agent=output.agent, old=output.old,
                        new=output.new, reason=output.reason, until=output.until,
                        contact=output.contact,
                    )  # fmt: skip
                    self.desk.changed(output)
        self.to_show.set()

    def _answer(self, offer: acd.Offer) -> None:
        self.tell(acd.OfferRinging(self.clock(), offer.offer))
        gevent.sleep(self.chance.uniform(*RING))
        self.tell(acd.OfferAnswered(self.clock(), offer.offer))
        call, agent = offer.contact, offer.agent
        self.journal.append(talk_started(call, agent=agent, offer=offer.offer, leg="bench"))
        gevent.sleep(self.chance.uniform(*TALK))
        self._note(Kind.TALK_ENDED, call, agent=agent, by="agent")
        self._note(Kind.CALL_ENDED, call, cause="NORMAL_CLEARING", by="citizen", stage="talk")
        self.tell(acd.TalkEnded(self.clock(), agent, call))

    def _show(self) -> None:
        while True:
            self.to_show.clear()
            picture = {
                "at": time.time(), "controller": "bench", "switch": "up", "calls": 0,
                **self.desk.picture(self.engine),
            }  # fmt: skip
            self.presence.show(LIVE, picture)
            self.presence.publish(EVENTS, {"kind": "live", **picture})
            gevent.sleep(SHOW_AT_MOST_EVERY)
            self.to_show.wait(SHOW_EVERY - SHOW_AT_MOST_EVERY)

    def _tick(self) -> None:
        while True:
            gevent.sleep(0.02)
            due = self.engine.next_deadline()
            if due is not None and due <= self.clock():
                self.tell(acd.Tick(self.clock()))


if __name__ == "__main__":
    told = json.loads(sys.argv[1])
    City(told["redis_url"], Path(told["journal"]), told["agents"], told["rate"]).run()
