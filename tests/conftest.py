"""Fixtures that every test may use."""

from __future__ import annotations

from hotline_kit import hotline, hotlines, shared_hotline
from hypothesis import HealthCheck, settings
from switches import (
    make_switch,
    running_switches,
    shared_switch,
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
