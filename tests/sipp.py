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


class Sipp(shipped.Sipp):
    scenario_folders = (*shipped.Sipp.scenario_folders, SCENARIOS)


__all__ = ["Sipp", "SippResult", "SippRun", "free_ports", "sipp_missing", "write_wav_tone"]
