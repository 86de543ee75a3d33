"""The fixtures of these tests."""

from __future__ import annotations

from lab_rig import rig

__all__ = ["rig"]
