"""`callcenter.sipp` with the scenarios that only tests play."""

from __future__ import annotations

from pathlib import Path

from callcenter import sipp as shipped
from callcenter.sipp import (
    SippResult,
    SippRun,
    free_ports,
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


__all__ = ["Sipp", "SippResult", "SippRun", "free_ports", "sipp_missing", "write_wav_tone"]
