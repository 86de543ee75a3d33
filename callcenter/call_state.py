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
    CALLBACK = "callback"  # the citizen wants to be called back
    CALLED_BACK = "called_back"  # and took the call
    DIALED_OUT = "dialed_out"  # an agent called, and waits on the line
    PROGRESS = "progress"  # the citizen asks how far an order is
    FOLLOW_UP = "follow_up"  # we called to ask about an order
    NOTICE = "notice"  # we called to tell somebody of an order
    TALK = "talk"
    TRANSFER = "transfer"  # to another hotline, straight from a menu
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
    recorded_at: float = 0.0  # when the recording began
    destination: str = ""  # that a menu leads to
    out_leg: str = ""  # of an agent who called this citizen, and the offer that stands for it
    out_offer: str = ""
    last_agent: str = ""  # who had this call, before it came back to the queue
    number: str = ""  # of a citizen who is called back
    callback_of: str = ""  # the call that was promised this one
    purpose: str = ""  # of a call that we made of our own accord (call_wish.Purpose)
    order: str = ""  # and the number of the order that it is about
    prompts: str = ""  # of a notice, with + between
    answers: str = ""  # of a follow-up so far (ivr.followup.write)

    @classmethod
    def read(cls, variables: dict[str, str]) -> CallState:
        """From `cc_` variables; what is missing or unreadable keeps its default."""
        state = cls()
        with contextlib.suppress(ValueError):
            state.stage = Stage(variables.get("cc_stage", ""))
        for name in _TEXTS:
            setattr(state, name, variables.get(f"cc_{name}", ""))
        state.priority = int(_number(variables.get("cc_priority")))
        state.arrived_at = _number(variables.get("cc_arrived_at"))
        state.queued_at = _number(variables.get("cc_queued_at"))
        state.recorded_at = _number(variables.get("cc_recorded_at"))
        return state

    def write(self) -> dict[str, str]:
        """As `cc_` variables."""
        return {
            "cc_stage": self.stage.value,
            "cc_hotline": self.hotline,
            "cc_menu": self.menu,
            "cc_queue": self.queue,
            "cc_requirement": self.requirement,
            "cc_priority": str(self.priority or ""),
            "cc_arrived_at": _time(self.arrived_at),
            "cc_queued_at": _time(self.queued_at),
            "cc_agent": self.agent,
            "cc_recording": self.recording,
            "cc_recorded_at": f"{self.recorded_at:.3f}",
            "cc_destination": self.destination,
            "cc_out_leg": self.out_leg,
            "cc_out_offer": self.out_offer,
            "cc_last_agent": self.last_agent,
            "cc_number": self.number,
            "cc_callback_of": self.callback_of,
            "cc_purpose": self.purpose,
            "cc_order": self.order,
            "cc_prompts": self.prompts,
            "cc_answers": self.answers,
        }


_TEXTS = (
    *("hotline", "menu", "queue", "requirement", "agent", "recording"),
    *("number", "callback_of", "destination", "out_leg", "out_offer", "last_agent"),
    *("purpose", "order", "prompts", "answers"),
)


def _time(seconds: float) -> str:
    return f"{seconds:.6f}" if seconds else ""


def _number(text: str | None) -> float:
    try:
        return float(text or 0)
    except ValueError:
        return 0.0
