"""Where a call stands, kept on the call itself: channel variables outlive any controller."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from enum import StrEnum


class Stage(StrEnum):
    """The chapters of a call; `callcenter.hotline` tells them in this order."""

    WELCOME = "welcome"
    MENU = "menu"
    QUEUE = "queue"
    TALK = "talk"
    MESSAGE = "message"
    SURVEY = "survey"
    GOODBYE = "goodbye"
    DONE = "done"


@dataclass(slots=True)
class CallState:
    """What a controller must know to go on with a call that it has never seen.

    Times are seconds since the epoch, UTC. The channel variables are `cc_<field>`.
    """

    stage: Stage = Stage.WELCOME
    hotline: str = ""
    menu: str = ""
    queue: str = ""
    requirement: str = ""
    priority: int = 0
    arrived_at: float = 0.0
    queued_at: float = 0.0
    agent: str = ""
    recording: str = ""

    @classmethod
    def read(cls, variables: dict[str, str]) -> CallState:
        """From `cc_` variables; what is missing or unreadable keeps its default."""
        state = cls()
        with contextlib.suppress(ValueError):
            state.stage = Stage(variables.get("cc_stage", ""))
        for name in ("hotline", "menu", "queue", "requirement", "agent", "recording"):
            setattr(state, name, variables.get(f"cc_{name}", ""))
        state.priority = int(_number(variables.get("cc_priority")))
        state.arrived_at = _number(variables.get("cc_arrived_at"))
        state.queued_at = _number(variables.get("cc_queued_at"))
        return state

    def write(self) -> dict[str, str]:
        """As `cc_` variables."""
        return {
            "cc_stage": self.stage.value,
            "cc_hotline": self.hotline,
            "cc_menu": self.menu,
            "cc_queue": self.queue,
            "cc_requirement": self.requirement,
            "cc_priority": str(self.priority),
            "cc_arrived_at": f"{self.arrived_at:.6f}",
            "cc_queued_at": f"{self.queued_at:.6f}",
            "cc_agent": self.agent,
            "cc_recording": self.recording,
        }


def _number(text: str | None) -> float:
    try:
        return float(text or 0)
    except ValueError:
        return 0.0
