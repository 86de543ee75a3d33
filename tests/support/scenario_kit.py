"""Calls as data: `tests/scenarios/<what_happens>/scenario.yaml`, played by SIPp.

    title: who does what, in a sentence
    blocked: ["13700001010"]              numbers that the hotline turns away
    agents:
      "1001": {plays: answer_hangup, ring: 0.2, talk: 2}
    citizens:
      "13700001001":
        dials: "12345"
        keys: [[1.5, "1"], [4, "2"]]      seconds after the one before, and the key
        dtmf: info                        or rfc4733
        hang_up_after: 2                  seconds after the last key; without it the hotline ends
        expects: {outcome: answered, "recording.kind": talk, order_number: present}

`plays` names a SIPp file: `agent_<plays>.xml` of the scenario's own folder, or of
`callcenter/scenarios`. `expects` is a part of the call's record as the API gives it; `present`
stands for anything but null.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import yaml
from hotline_kit import HotlineUnderTest
from pydantic import BaseModel, ConfigDict, Field
from sipp import SCENARIOS, Sipp, SippRun
from switches import eventually

PRESENT = "present"
FOLDERS = sorted(file.parent for file in SCENARIOS.glob("*/scenario.yaml"))
LONGEST = 40.0  # seconds that a call of a scenario may take


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class AgentPlays(_Strict):
    plays: str
    ring: float = 0.2
    talk: float = 2.0


class CitizenPlays(_Strict):
    dials: str
    keys: list[tuple[float, str]] = []
    dtmf: Literal["info", "rfc4733"] = "info"
    hang_up_after: float | None = None
    expects: dict[str, Any] = Field(min_length=1)

    def left(self, record: dict[str, Any]) -> bool:
        """Whether the call's record is what was expected."""
        return not differences(self.expects, record)


class Scenario(_Strict):
    title: str
    blocked: list[str] = []
    agents: dict[str, AgentPlays] = {}
    citizens: dict[str, CitizenPlays] = Field(min_length=1)


def load(folder: Path) -> Scenario:
    return Scenario.model_validate(yaml.safe_load((folder / "scenario.yaml").read_text("utf-8")))


class Stage:
    """One scenario on a running hotline."""

    def __init__(self, hotline: HotlineUnderTest, folder: Path, workspace: Path) -> None:
        self.hotline = hotline
        self.scenario = load(folder)
        self.sipp = Sipp(workspace)
        self.sipp.scenario_folders = (folder, *Sipp.scenario_folders)

    @contextmanager
    def played(self) -> Iterator[None]:
        """All of it; the agents' phones are there until what it left has been looked at."""
        hotline, scenario = self.hotline, self.scenario
        for number in scenario.blocked:
            self._block(number)
        phones = {number: self._phone(number, part) for number, part in scenario.agents.items()}
        try:
            for number in phones:
                hotline.ready(number)
            self._calls()
            yield
        finally:
            for number, phone in phones.items():
                self._register(number, phone, expires=0)
            for number in scenario.blocked:
                hotline.post(f"/admin/blocked/{number}/remove", "/admin/blocked")
            self.sipp.close()

    def _calls(self) -> None:
        runs: dict[str, SippRun] = {}
        for number, part in self.scenario.citizens.items():
            self.hotline.begins(number)
            runs[number] = self.sipp.citizen(
                self.hotline.system.switch.trunk,
                part.dials,
                caller=number,
                keys=part.keys,
                dtmf=part.dtmf,
                hang_up_after=part.hang_up_after,
            )
        for run in runs.values():
            result = run.wait(LONGEST)
            assert result.exit_code == 0, result.explain()

    def _phone(self, number: str, part: AgentPlays) -> SippRun:
        phone = self.sipp.phone(part.plays, ring=part.ring, talk=part.talk)
        self._register(number, phone)
        return phone

    def _register(self, number: str, phone: SippRun, expires: int = 3600) -> None:
        switch = self.hotline.system.switch
        credentials = {number: switch.agents[number]}
        domain = self.hotline.system.settings.domain
        result = self.sipp.register(
            switch.registrar, credentials, domain, phone.port, expires=expires
        ).wait(20)
        assert result.exit_code == 0, result.explain()

    def _block(self, number: str) -> None:
        def told() -> int:
            return self.hotline.system.log("controller").count("blocked numbers are in force")

        before = told()
        form = {"number": number, "reason": "test", "until": ""}
        self.hotline.post("/admin/blocked", "/admin/blocked", **form)
        eventually(lambda: told() > before, f"the controller knows that {number} is blocked")


def differences(expected: dict[str, Any], record: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Name -> (expected, found) of what isn't as expected; a name may lead inside a value."""
    found = {}
    for name, wanted in expected.items():
        value: Any = record
        for part in name.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        if not (value is not None if wanted == PRESENT else value == wanted):
            found[name] = (wanted, value)
    return found
