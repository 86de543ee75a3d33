"""The carrier's side of the trunk: where calls to citizens arrive, and how each takes them."""

from __future__ import annotations

import re
import time
from typing import Literal

from listening import CITIZEN, tone_alaw
from phone import AgentPhone, Leg, Message

Way = Literal["answer", "busy", "ring", "redirect"]


class Carrier(AgentPhone):
    """Answers calls to every number unless told otherwise; needs no registration."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 9), "carrier", "", "", speech=CITIZEN)
        self.ways: dict[str, Way] = {}
        self.asked: list[str] = []  # numbers, in the order of the calls
        self.voices: dict[str, int] = {}  # hertz; whoever isn't named speaks as a citizen

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def forget(self) -> None:
        """For the next test: nobody was called, everybody answers."""
        with self.lock:
            for leg in self.calls:
                if leg.state != "ended":
                    leg.hang_up()
                leg.media.close()
            del self.legs[1:]
        self.ways.clear()
        self.voices.clear()
        self.asked.clear()

    def invited(self, asked: Message, peer: tuple[str, int]) -> None:
        found = re.match(r"INVITE sip:([^@;]+)@", asked.start)
        number = found[1] if found else asked.start
        self.asked.append(number)
        way = self.ways.get(number, "answer")
        if way == "redirect":
            self.reply(None, asked, "302 Moved Temporarily", peer)
            return
        self.refusal = "486 Busy Here" if way == "busy" else ""
        self.ring = 0.05 if way == "answer" else None
        super().invited(asked, peer)
        if number in self.voices:
            self.legs[-1].tone = tone_alaw(self.voices[number])

    def call_to(self, number: str, seconds: float = 30.0, *, times: int = 1) -> Leg:
        """Wait for the `times`-th call to this number."""
        deadline = time.monotonic() + seconds
        while True:
            found = [leg for leg in self.calls if leg.invite and f":{number}@" in leg.invite.start]
            if len(found) >= times:
                return found[times - 1]
            assert time.monotonic() < deadline, (
                f"no call to {number} within {seconds:g} s; asked {self.asked}"
            )
            time.sleep(0.01)
