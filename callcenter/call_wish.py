"""A wish to call somebody, on its way from the database's side to the controller.

The projector's process writes it, the controller dials it once and tells the journal what came of
it. One file is one attempt: whether there is another is decided where the wish came from.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

from callcenter.promise_book import PromiseBook

FOLDER = "outbound"


class Purpose(StrEnum):
    """Why we call, and so the chapter that whoever picks up hears first."""

    FOLLOW_UP = "follow_up"
    NOTICE = "notice"
    # An agent dials (`callcenter.dial_out`); nobody can wish for these.
    ORDER = "order"  # the citizen of an order that no call led to
    OFFICE = "office"  # a destination: no citizen, so no greeting, survey or draft


WISHED = frozenset({Purpose.FOLLOW_UP, Purpose.NOTICE})


@dataclass(frozen=True, slots=True, kw_only=True)
class CallWish:
    """Times are seconds since the epoch, UTC."""

    id: str  # also the UUID of the channel
    purpose: str
    number: str
    dialed: str = ""  # the published number to be shown; "": the first one
    order: str = ""
    prompts: str = ""  # of a notice, with + between
    not_after: float = 0.0  # it is too late to call then
    dialed_at: float = 0.0  # written before the switch is asked: never twice

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> CallWish:
        """From JSON; ValueError when something is missing or of another type."""
        kinds = {item.name: {"str": str, "float": float}[str(item.type)] for item in fields(cls)}
        try:
            wish = cls(**{name: kinds[name](value) for name, value in data.items()})
            if Purpose(wish.purpose) not in WISHED:
                raise ValueError(f"nobody wishes for {wish.purpose}")
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a wish to call: {error}") from error
        return wish


class WishBook(PromiseBook[CallWish]):
    """The folder of wishes."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, CallWish.from_data)
