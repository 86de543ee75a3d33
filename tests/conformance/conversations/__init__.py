"""What is said to a switch, one function for each conversation.

    @conversation
    def citizen_hangs_up(scene: Scene) -> None: …

The name of the function is the name of its transcript.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

Conversation = Callable[[Any], None]

_ALL: dict[str, Conversation] = {}
SETTINGS: dict[str, dict[str, Any]] = {}  # conversations that need a switch of their own


def conversation(function: Conversation) -> Conversation:
    """Add a conversation with the shared switch."""
    name = function.__name__
    assert name not in _ALL, f"two conversations are called {name}"
    _ALL[name] = function
    return function


def conversation_with(**settings: Any) -> Callable[[Conversation], Conversation]:
    """Add a conversation with a switch that is started with these settings."""

    def add(function: Conversation) -> Conversation:
        SETTINGS[function.__name__] = settings
        return conversation(function)

    return add


def all_conversations() -> dict[str, Conversation]:
    """Every conversation by name, in the order of the files."""
    for path in sorted(Path(__file__).parent.glob("[a-z]*.py")):
        importlib.import_module(f"{__name__}.{path.stem}")
    return dict(_ALL)
