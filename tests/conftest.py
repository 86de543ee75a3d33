"""Fixtures that every test may use."""

from __future__ import annotations

from hotline_kit import hotline, shared_hotline
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
