"""The clock of deadlines goes on while the machine's is set back."""

from __future__ import annotations

import time

import pytest

from callcenter.clock import SteadyClock


@pytest.mark.parametrize("jump", [-3600.0, 3600.0])
def test_a_wall_clock_that_is_set_moves_no_deadline(
    monkeypatch: pytest.MonkeyPatch, jump: float
) -> None:
    clock = SteadyClock()
    before, wall = clock(), time.time()
    assert abs(before - wall) < 1
    monkeypatch.setattr(time, "time", lambda: wall + jump)
    assert before <= clock() < before + 60
