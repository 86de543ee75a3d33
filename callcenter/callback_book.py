"""Callbacks that were promised and not yet kept: one small file for each, on the disk.

A promise must outlive the controller, Redis and the database, and it must be on the disk before
the citizen hears of it. So it isn't kept in Redis (may lose its last second), nor in the database
(may be away while calls go on), nor read back from the journal (the whole history, when only what
is open is wanted). The journal has every step all the same, so that the call's record and its
draft order tell of the promise even if this folder were lost.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from callcenter.promise_book import PromiseBook

FOLDER = "callbacks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Callback:
    """A promise to call. Times are seconds since the epoch, UTC."""

    id: str  # the contact in the queue, and the UUID of the channel that calls the citizen
    call: str  # the call in which it was promised
    number: str
    dialed: str  # the published number, shown to the citizen
    hotline: str
    queue: str
    reason: str  # asked, overflow or cut_off
    requirement: str = ""
    priority: int = 0
    arrived_at: float = 0.0
    queued_at: float = 0.0  # keeps the place
    requested_at: float = 0.0
    last_agent: str = ""
    attempts: int = 0
    not_before: float = 0.0  # of the next attempt

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> Callback:
        """From JSON; ValueError when something is missing or of another type."""
        kinds = {item.name: {"str": str, "int": int, "float": float}[str(item.type)]
                 for item in fields(cls)}  # fmt: skip
        try:
            return cls(**{name: kinds[name](value) for name, value in data.items()})
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a callback: {error}") from error


class CallbackBook(PromiseBook[Callback]):
    """The folder of callbacks."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, Callback.from_data)
