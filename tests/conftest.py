"""Fixtures that every test may use, and which tests go to one worker together."""

from __future__ import annotations

import pytest
from hotline_kit import hotline, hotlines, shared_hotline
from hypothesis import HealthCheck, settings
from switches import (
    make_switch,
    running_switches,
    shared_switch,
    stop_kept,
    switch,
    switch_kind,
    tone_sounds,
)
from system import make_system
from transfer_kit import transfers
from waiting_kit import shared_carrier, shared_waiting, waiting, waiting_systems

__all__ = [
    "hotline",
    "hotlines",
    "make_switch",
    "make_system",
    "running_switches",
    "shared_carrier",
    "shared_hotline",
    "shared_switch",
    "shared_waiting",
    "switch",
    "switch_kind",
    "tone_sounds",
    "transfers",
    "waiting",
    "waiting_systems",
]

# On a busy machine making up data takes long; that says nothing about what is tested.
settings.register_profile("busy", suppress_health_check=[HealthCheck.too_slow], deadline=None)
settings.load_profile("busy")

# Whole calls mostly wait, so they begin first and the rest fills the cores. Tests that share a
# running system go to one worker, the tests of `hotline` in two parts; others file by file.
SHARED = ("waiting", "hotline")
WAIT_LONG = ("e2e", "browser", "conformance")


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(pytest.mark.xdist_group(_group(item)))
    items.sort(key=_turn)  # stable


@pytest.hookimpl(trylast=True)  # after the fixtures of the test
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    if nextitem is None or _group(nextitem) != _group(item):
        stop_kept()


def _group(item: pytest.Item) -> str:
    path = str(item.path.relative_to(item.config.rootpath))
    fixture = next((name for name in SHARED if name in getattr(item, "fixturenames", ())), None)
    params = getattr(item, "callspec", None)
    kind = params.params.get("switch_kind") if params else None
    if fixture is None or kind is None or "/e2e/" not in path:
        return path
    part = sum(map(ord, path)) % 2 if fixture == "hotline" else 0
    return f"{fixture}-{kind}-{part}"


def _turn(item: pytest.Item) -> tuple[int, str]:
    """Groups that take long first, each of them in one piece."""
    group = _group(item)
    if not group.startswith("tests/"):
        return 0, group
    folder = item.path.relative_to(item.config.rootpath).parts[1]
    return (WAIT_LONG.index(folder) + 1 if folder in WAIT_LONG else len(WAIT_LONG) + 1), group
