"""The API commands, by theme."""

from __future__ import annotations

from labswitch.commands import channels, conference, general, show, sofia, stats
from labswitch.commands.registry import names, run

__all__ = ["channels", "conference", "general", "names", "run", "show", "sofia", "stats"]
