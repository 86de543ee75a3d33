"""`pytest tests/conformance --record` writes the transcripts anew, from a real FreeSWITCH."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from switches import RunningSwitch

from conformance.wire import Connection, Event


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--record", action="store_true", help="write the transcripts from a real FreeSWITCH"
    )


@pytest.fixture(scope="session")
def recording(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--record", default=False))


@pytest.fixture(scope="session")
def heartbeats(shared_switch: RunningSwitch) -> Iterator[list[Event]]:
    """Every HEARTBEAT of the shared switch: there is one in 20 s."""
    heard: list[Event] = []
    settings = shared_switch.settings
    connection = Connection.dial(settings.esl_host, settings.esl_port, heard.append)
    connection.ask(f"auth {settings.esl_password}")
    connection.ask("event json HEARTBEAT")
    yield heard
    connection.close()
