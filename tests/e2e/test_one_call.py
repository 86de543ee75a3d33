"""One real call, from the dial to the work order."""

from __future__ import annotations

from system import System

CITIZEN = "13812345678"


def test_a_citizen_presses_1_talks_is_recorded_rates_and_an_order_stands(system: System) -> None:
    system.agent("1001", talk=4.0)
    citizen = system.citizen(caller=CITIZEN, keys=[(1.5, "1"), (8.0, "2")])
    record = system.ended(CITIZEN)
    result = citizen.wait(30)
    assert result.exit_code == 0, result.explain()
    assert record["outcome"] == "answered"
    assert record["agent"] == "1001"
    assert record["rating"] == 2
    assert record["menu_path"] == ["main:1"]
    order = system.api(f"orders/{record['order_number']}").json()
    assert order["state"] == "draft"
    assert order["citizen_number"] == CITIZEN
