"""The dialplan applications, by theme."""

from __future__ import annotations

import labswitch.outbound_socket  # noqa: F401 - registers `socket`
from labswitch.applications import call_control, conference, joining, sound, variables
from labswitch.applications.registry import Application, find, names

__all__ = [
    "Application",
    "call_control",
    "conference",
    "find",
    "joining",
    "names",
    "sound",
    "variables",
]
