"""Fixtures that every test may use."""

from __future__ import annotations

from hotline_kit import hotline, shared_hotline
from hypothesis import HealthCheck, settings
from switches import make_switch, shared_switch, switch, switch_kind, tone_sounds
from system import make_system, shared_system, system

__all__ = [
    "hotline",
    "make_switch",
    "make_system",
    "shared_hotline",
    "shared_switch",
    "shared_system",
    "switch",
    "switch_kind",
    "system",
    "tone_sounds",
]

# On a busy machine making up data takes long; that says nothing about what is tested.
settings.register_profile("busy", suppress_health_check=[HealthCheck.too_slow], deadline=None)
settings.load_profile("busy")
