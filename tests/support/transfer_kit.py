"""Calls with a third party: an agent who commands, a carrier who plays 12330 and 110."""

from __future__ import annotations

import json
from typing import Any

import pytest
from listening import THIRD
from phone import AgentPhone, Leg
from switches import eventually
from waiting_kit import WaitingRoomUnderTest

from callcenter.presence import connect

AGENT = "1001"


class TalkUnderTest:
    """A citizen and agent 1001 in conversation, and whom the agent calls."""

    def __init__(
        self,
        room: WaitingRoomUnderTest,
        caller: str,
        dialed: str = "12345",
        *,
        line: tuple[AgentPhone, Leg] | None = None,
    ) -> None:
        """`line`: of an agent who is off the hook already."""
        self.room = room
        self.caller = caller
        self.phone: AgentPhone = line[0] if line else room.agent(AGENT)
        self.citizen: Leg = room.dial(dialed, caller)
        self.agent: Leg = line[1] if line else self.phone.rings()
        self.citizen.hears("agent", length=0.2)
        self.agent.hears("citizen", length=0.2)
        self.call = str(room.until(caller, lambda call: call["answered_at"], "answered")["id"])

    def does(self, command: str, **args: str) -> dict[str, Any]:
        """The agent's command; the controls afterwards."""
        told = self.room.command(f"call.{command}", agent=AGENT, **args)
        assert told["ok"], told
        return dict(told["result"])

    def may_not(self, command: str, **args: str) -> str:
        """Why it is refused."""
        told = self.room.command(f"call.{command}", agent=AGENT, **args)
        assert not told["ok"], told
        return str(told["error"]).partition(":")[0]

    def controls(self) -> dict[str, Any]:
        return controls(self.room, AGENT)

    def is_in(self, *phases: str, seconds: float = 10.0) -> dict[str, Any]:
        def there() -> dict[str, Any] | None:
            told = self.controls()
            return told if told.get("phase") in phases else None

        log = self.room.system.log("controller")[-2000:]
        what = f"{AGENT} is {' or '.join(phases)}, not {self.controls()}\n{log}"
        return dict(eventually(there, what, seconds))

    def consults(self, to: str = "12330", number: str = "12330", times: int = 1) -> Leg:
        self.does("consult", to=to)
        third = self.room.carrier.call_to(number, times=times)
        self.is_in("consulting")
        third.hears("agent", length=0.2)
        return third

    def phases(self) -> list[str]:
        """What the journal tells of the machine."""
        return [event["data"]["new"] for event in self.room.events("call.control", self.call)]


def hears_more(leg: Leg, tone: str, length: float = 0.3) -> None:
    """Wait until the tone is heard for so much longer than it was."""
    before = leg.heard.seconds(tone)
    eventually(
        lambda: leg.heard.seconds(tone) >= before + length,
        f"{leg.phone.name} hears {tone}; heard {leg.heard.story()}",
        15,
    )


def hears_nothing_while(leg: Leg, other: Leg, tone: str) -> None:
    """The leg is up, and silent while another one hears something."""
    before = leg.heard.sounding
    hears_more(other, tone, 0.8)
    assert leg.heard.sounding - before < 0.2, leg.heard.story()
    assert leg.state == "up"


def controls(room: WaitingRoomUnderTest, agent: str) -> dict[str, Any]:
    told: Any = connect(room.system.settings.redis_url).hget("cc:controls", agent)
    return dict(json.loads(told)) if told else {}


@pytest.fixture
def transfers(waiting: WaitingRoomUnderTest) -> WaitingRoomUnderTest:
    """The hotline of callers who wait; third parties have a voice of their own."""
    for number in ("12330", "110", "12366"):
        waiting.carrier.voices[number] = THIRD
    return waiting
