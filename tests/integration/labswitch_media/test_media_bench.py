from __future__ import annotations

import pytest

from labswitch.media_bench import media_bench


@pytest.mark.parametrize("recorded", [False, True])
def test_a_small_bench_delivers_everything_and_tells_its_figures(recorded: bool) -> None:
    figures = media_bench(3, 1.0, recorded=recorded)
    assert figures["calls"] == 3
    assert figures["delivered"] > 0.9
    assert figures["ticks"] >= 50
    assert 0 < figures["lag_p50"] <= figures["lag_p99"] <= figures["lag_max"]
    assert 0 < figures["cpu_share"] < 1
