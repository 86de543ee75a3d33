"""`pytest tests/conformance --record` writes the transcripts anew, from a real FreeSWITCH."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from switches import Kept, Kind, RunningSwitch, kept_running

from conformance.wire import Connection, Event


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--record", action="store_true", help="write the transcripts from a real FreeSWITCH"
    )


@pytest.fixture(scope="session")
def recording(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--record", default=False))


class Heartbeats:
    """Every HEARTBEAT of a switch: there is one in 20 s."""

    def __init__(self, switch: RunningSwitch) -> None:
        self.heard: list[Event] = []
        settings = switch.settings
        self._connection = Connection.dial(settings.esl_host, settings.esl_port, self.heard.append)
        self._connection.ask(f"auth {settings.esl_password}")
        self._connection.ask("event json HEARTBEAT")

    def stop(self) -> None:
        self._connection.close()


@pytest.fixture(scope="session")
def listeners(running_switches: Kept[RunningSwitch]) -> Iterator[Kept[Heartbeats]]:
    with kept_running(lambda kind: Heartbeats(running_switches(kind))) as running:
        yield running


@pytest.fixture
def heartbeats(switch_kind: Kind, listeners: Kept[Heartbeats]) -> list[Event]:
    """Those of the shared switch so far; the list grows."""
    return listeners(switch_kind).heard
