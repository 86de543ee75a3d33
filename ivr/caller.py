"""What a flow needs of the citizen's call: a telephone's worth of verbs.

The live implementation is `callcenter.caller`; tests play the citizen with a list of keys.
Every verb may raise `HungUp`, which a flow never catches: hanging up anywhere is an outcome.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class HungUp(Exception):
    """The citizen hung up."""


class Caller(Protocol):
    def play(self, prompts: Sequence[str]) -> None:
        """Play the prompts one after another. A key cuts them short and is kept for `ask`."""

    def ask(self, prompts: Sequence[str], *, seconds: float) -> str | None:
        """Play, and return the first key: it cuts the prompt short.

        None when no key came within `seconds` after the prompts ended.
        """

    def note(self, step: str, **facts: object) -> None:
        """Write a step of the story to the journal; `step` is a `callcenter.events.Kind`."""
