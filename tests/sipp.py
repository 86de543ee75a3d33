"""`callcenter.sipp` with the scenarios that only tests play."""

from __future__ import annotations

import re
import socket
import uuid
from pathlib import Path

from callcenter import sipp as shipped
from callcenter.free_ports import free_ports
from callcenter.sipp import (
    Address,
    SippResult,
    SippRun,
    sipp_missing,
    write_wav_tone,
)

SCENARIOS = Path(__file__).resolve().parent / "scenarios"


_PRESSED = """
  <pause milliseconds="{pause}"/>
  <send retrans="500">
    <![CDATA[

INFO [next_url] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
Max-Forwards: 70
From:[$2];tag=[pid]citizen[call_number]
To:[$1]
Call-ID: [call_id]
CSeq: {serial} INFO
Content-Type: application/dtmf-relay
Content-Length: [len]

Signal=[field{place}]
Duration=160

    ]]>
  </send>
  <recv response="200"/>
"""


class Sipp(shipped.Sipp):
    scenario_folders = (*shipped.Sipp.scenario_folders, SCENARIOS)

    def called(self, *calls: str, pause: float = 2.0, limit: float = 240.0) -> SippRun:
        """A citizen's telephone on the run's `.port`: three keys for each call in turn."""
        pressed = [
            _PRESSED.format(pause=round(1000 * pause), serial=place + 1, place=place)
            for place in range(3)
        ]
        return self.start(
            "citizen_answers",
            None,
            rows=[tuple(keys) for keys in calls],
            values={"keys": "".join(pressed), "speech": str(self.tone())},
            calls=len(calls),
            limit=limit,
        )

    def citizen_on_cue(self, trunk: Address, dialed: str, caller: str, key: str) -> SippRun:
        """A citizen who calls, speaks, and presses the key at the `cue`."""
        pressed = '<recv request="MESSAGE"/>' + shipped.key_step(0.2, key, "info")
        return self.start(
            "citizen_keys",
            trunk,
            rows=[(caller, dialed, "")],
            values={
                "keys": pressed,
                **shipped.voice_values("info", self.tone()),
                "ptime": "",
                "answer_within": "20000",
                "hangup_within": "60000",
            },
            limit=240,
        )

    def third_on_cue(self, hertz: float) -> SippRun:
        """Another hotline on the run's `.port`: answers, speaks, hangs up at the `cue`."""
        speech = self.tone(hertz=hertz)
        return self.start("third_on_cue", None, values={"speech": str(speech)}, limit=240)


def cue(run: SippRun) -> None:
    """Let the run's call go on: SIPp takes a message for the call whose Call-ID it bears."""
    call = re.search(r"^Call-ID: *(\S+)", run.messages(), re.MULTILINE)
    assert call, f"no call yet\n{run.messages()}"
    message = (
        "MESSAGE sip:cue@127.0.0.1 SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK{uuid.uuid4().hex}\r\n"
        "From: <sip:test@127.0.0.1>;tag=test\r\nTo: <sip:cue@127.0.0.1>\r\n"
        f"Call-ID: {call.group(1)}\r\nCSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n"
    )
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
        wire.sendto(message.encode(), (shipped.HOST, run.port))


__all__ = ["Sipp", "SippResult", "SippRun", "cue", "free_ports", "sipp_missing", "write_wav_tone"]
