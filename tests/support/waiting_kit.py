"""A hotline whose callers wait: queues with short times, and a carrier who is dialed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from carrier import Carrier
from hotline_kit import HotlineUnderTest, write_voices
from phone import AgentPhone
from switches import Kept, Kind, eventually, kept_running
from system import System, environ, started

from callcenter import database
from callcenter.models import Agent

HOTLINES = {
    "12345": "general",
    "12346": "quiet",
    "12347": "message_only",
    "12348": "agent_first",
    "12349": "hasty",
    "12350": "general",
    "12351": "general",
    "12352": "calm",
}
_MENU = """
menu: main
menus:
  main: {prompt: [menu_main], seconds: 2, keys: {"1": {queue: general}, "9": {transfer: "110"}}}
"""
SPECIAL = {"12350": 'requirement: "tax >= 3"\nclasses: [emergency]\n', "12351": _MENU}
DESTINATIONS = """
destinations:
  "110": {number: "110", title: Police, kind: emergency, ring_seconds: 4}
  "12330": {number: "12330", title: Intellectual property, kind: joint, ring_seconds: 60}
  tax: {number: "12366", title: Tax, kind: desk, ring_seconds: 3}
  closed: {number: "12388", title: Closed, kind: discipline, hours: {week: {}}}
"""
QUEUES = """
lease_seconds: 5
wrap_up_seconds: 2
wrap_up_most_seconds: 30
failed_pause_seconds: 1
queues:
  general:
    announce_first_seconds: 1.5
    announce_every_seconds: 6
    comfort_every_seconds: 0
    call_back_cut_off: true
    last_agent_seconds: 20
    virtual_hold: {first: citizen, retry_seconds: 3, attempts: 2}
  quiet:
    announce_first_seconds: 0
    comfort: [please_hold, all_busy]
    comfort_every_seconds: 5
    choices: []
  message_only:
    history: [{queue: quiet, days: 1, requirement: tax >= 3}]
    relaxation: [{after: 4, anyone: true}]
    announce_first_seconds: 1.5
    announce_every_seconds: 6
    choices: [message]
  agent_first:
    announce_first_seconds: 1.5
    announce_every_seconds: 6
    virtual_hold: {first: agent, retry_seconds: 2, attempts: 2}
  calm:
    announce_first_seconds: 1.5
    announce_every_seconds: 20
    virtual_hold: {first: citizen, retry_seconds: 3, attempts: 2}
  hasty:
    announce_first_seconds: 0
    overflow: [{when: waited, seconds: 1, then: callback}]
    virtual_hold: {first: citizen, retry_seconds: 3, attempts: 2}
"""
AGENTS = {
    "1001": {"general": 5, "hasty": 5},
    "1002": {"agent_first": 5},
    "1003": {"quiet": 5, "message_only": 5, "calm": 5},
    "1004": {"general": 5},
}
SKILLS = {"1004": {"tax": 4}}


def write_rules(folder: Path) -> dict[str, Any]:
    """Hotlines and queues as settings; each number goes straight to its queue."""
    hotlines = folder / "hotlines"
    hotlines.mkdir(parents=True)
    for number, queue in HOTLINES.items():
        text = f'name: h{number}\ntitle: {queue}\nnumbers: ["{number}"]\nqueue: {queue}\n'
        (hotlines / f"h{number}.yaml").write_text(
            text + "welcome: [welcome]\n" + SPECIAL.get(number, ""), "utf-8"
        )
    queues = folder / "queues.yaml"
    queues.write_text(QUEUES, "utf-8")
    destinations = folder / "destinations.yaml"
    destinations.write_text(DESTINATIONS, "utf-8")
    return {
        "hotlines_dir": hotlines,
        "queues_file": queues,
        "destinations_file": destinations,
    }


class WaitingRoomUnderTest(HotlineUnderTest):
    """As `hotline`, with a carrier."""

    def __init__(self, system: System, carrier: Carrier) -> None:
        super().__init__(system)
        self.carrier = carrier

    def agent(self, number: str, **options: Any) -> AgentPhone:
        phone = super().agent(number, **options)

        def serves() -> bool:
            told = self.system.api("agents").json()["agents"]
            return any(a["number"] == number and a["queues"] == AGENTS[number] for a in told)

        eventually(serves, f"agent {number} serves {AGENTS[number]}", 15)
        return phone

    def comes(self, number: str, **options: Any) -> AgentPhone:
        """An agent gets ready while citizens wait, and so isn't for long."""
        phone = self.phone(number, **options)
        eventually(
            lambda: self.system.set_state(number, "ready").status_code == 200,
            f"{number} can get ready",
        )
        return phone

    def callcenter(self, *words: str) -> subprocess.CompletedProcess[str]:
        """The command line, with this system's settings."""
        return subprocess.run(
            [sys.executable, "-m", "callcenter", *words],
            env=environ(self.system.settings),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def story(self, call: str, *kinds: str) -> list[dict[str, Any]]:
        return [event for event in self.events(call=call) if event["kind"] in kinds]


def assign_queues(system: System) -> None:
    engine = database.create_engine(system.settings.database_url)
    with database.writing(engine) as session:
        for number, queues in AGENTS.items():
            agent = session.get_one(Agent, number)
            agent.queues, agent.skills = queues, SKILLS.get(number, {})
    engine.dispose()
    file = system.settings.data_dir / "config.json"

    def exported() -> bool:
        told = json.loads(file.read_text("utf-8"))["agents"]
        return all(told[number]["queues"] == queues for number, queues in AGENTS.items())

    eventually(exported, "the agents' queues are exported", 15)


@pytest.fixture(scope="session")
def shared_carrier() -> Iterator[Carrier]:
    carrier = Carrier()
    yield carrier
    carrier.close()


@pytest.fixture(scope="session")
def waiting_systems(
    shared_carrier: Carrier, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Kept[System]]:
    """One system per kind of switch."""

    def start(kind: Kind) -> System:
        folder = tmp_path_factory.mktemp(f"waiting-{kind}")
        sounds = write_voices(folder / "voices")
        rules = write_rules(folder / "rules")
        system = started(
            kind, folder / "data", sounds, trunk_gateway=shared_carrier.address, **rules
        )
        try:
            assign_queues(system)
        except BaseException:
            system.stop()
            raise
        return system

    with kept_running(start) as running:
        yield running


@pytest.fixture
def shared_waiting(switch_kind: Kind, waiting_systems: Kept[System]) -> System:
    return waiting_systems(switch_kind)


@pytest.fixture
def waiting(shared_waiting: System, shared_carrier: Carrier) -> Iterator[WaitingRoomUnderTest]:
    """The shared hotline of callers who wait, idle before and after."""
    kit = WaitingRoomUnderTest(shared_waiting, shared_carrier)
    kit.idle()
    shared_carrier.forget()
    yield kit
    kit.close()
