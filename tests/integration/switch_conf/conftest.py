from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_controller import FakeController
from sipp import Sipp, sipp_missing
from switches import RunningSwitch


@pytest.fixture
def phones(tmp_path: Path) -> Iterator[Sipp]:
    """Citizens and agents' phones."""
    reason = sipp_missing()
    if reason:
        pytest.skip(reason)
    with Sipp(tmp_path / "sipp") as sipp:
        yield sipp


@pytest.fixture
def controller(switch: RunningSwitch) -> Iterator[FakeController]:
    with FakeController(switch.settings.outbound_port) as running:
        yield running
