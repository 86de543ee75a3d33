"""Every call of `tests/scenarios`, by SIPp, on every switch present: its record is the expected."""

from __future__ import annotations

from pathlib import Path

import pytest
import scenario_kit
from hotline_kit import HotlineUnderTest
from scenario_kit import Stage


@pytest.mark.parametrize("folder", scenario_kit.FOLDERS, ids=lambda folder: folder.name)
def test_a_scenario_leaves_the_expected_call_record(
    hotline: HotlineUnderTest, folder: Path, tmp_path: Path
) -> None:
    stage = Stage(hotline, folder, tmp_path)
    with stage.played():
        for number, part in stage.scenario.citizens.items():
            hotline.until(number, part.left, "the record is as expected")
