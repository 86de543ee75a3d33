"""What is known of one conversation while it goes on."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from gevent.lock import RLock

from callcenter.destinations import Destination, DestinationKind
from callcenter.transfer import COMMANDS, LAYOUTS, Phase, refusal

# Commands that depend on more than the phase.
MUTE, UNMUTE, MARK, NUISANCE = "call.mute", "call.unmute", "call.mark", "call.nuisance"


@dataclass(slots=True)
class Third:
    """The third party's leg."""

    leg: str
    destination: Destination
    since: float = field(default_factory=time.time)
    answered: bool = False
    gone: bool = False

    def shown(self) -> dict[str, Any]:
        where = self.destination
        told = {"id": where.id, "number": where.number, "title": where.title, "kind": where.kind}
        return {**told, "since": self.since}


@dataclass(slots=True)
class Talk:
    """One citizen's conversation. Times are seconds since the epoch."""

    contact: str  # the citizen's channel
    number: str  # the citizen's
    dialed: str
    agent: str = ""
    leg: str = ""  # the agent's channel; "" when there is none
    recorded_at: float = 0.0  # when the recording began
    priority: int = 0
    office: bool = False  # a destination that the agent called: nobody to be asked afterwards
    phase: Phase = Phase.TALKING
    third: Third | None = None
    muted: bool = False
    failed: dict[str, Any] | None = None  # the last third party that wasn't reached
    since: float = field(default_factory=time.time)
    lock: RLock = field(default_factory=RLock)

    @property
    def emergency(self) -> bool:
        third = self.third
        return third is not None and third.destination.kind is DestinationKind.EMERGENCY

    def offset(self, at: float) -> float:
        """Seconds into the recording."""
        return round(max(0.0, at - self.recorded_at), 2) if self.recorded_at else 0.0

    def can(self, *, trunk: bool) -> dict[str, str]:
        """For each command "" or the code of the reason why it can't be given now."""
        told = {name: refusal(self.phase, step) for name, step in COMMANDS.items()}
        if not trunk:
            for name in ("call.consult", "call.transfer"):
                told[name] = told[name] or "no_trunk"
        here = "" if LAYOUTS[self.phase].agent else "no_call"
        told[MUTE] = here or ("already_muted" if self.muted else "")
        told[UNMUTE] = here or ("" if self.muted else "not_muted")
        told[MARK] = told[NUISANCE] = here
        return told

    def shown(self, *, trunk: bool) -> dict[str, Any]:
        """The agent's controls, as screens get them."""
        return {
            "agent": self.agent,
            "contact": self.contact,
            "phase": self.phase.value,
            "since": self.since,
            "muted": self.muted,
            "third": self.third.shown() if self.third else None,
            "failed": self.failed,
            "can": self.can(trunk=trunk),
        }


def idle(agent: str) -> dict[str, Any]:
    """The controls of an agent without a call; of dialing out see `callcenter.dial_rules`."""
    can = dict.fromkeys([*COMMANDS, MUTE, UNMUTE, MARK, NUISANCE], "no_call")
    return {"agent": agent, "phase": "idle", "can": can}
