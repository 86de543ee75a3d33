"""Fixtures that every test may use."""

from __future__ import annotations

from switches import make_switch, shared_switch, switch, switch_kind, tone_sounds
from system import make_system, shared_system, system

__all__ = [
    "make_switch",
    "make_system",
    "shared_switch",
    "shared_system",
    "switch",
    "switch_kind",
    "system",
    "tone_sounds",
]
