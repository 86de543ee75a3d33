"""Fixtures that every test may use."""

from __future__ import annotations

from switches import make_switch, shared_switch, switch, switch_kind, tone_sounds

__all__ = ["make_switch", "shared_switch", "switch", "switch_kind", "tone_sounds"]
