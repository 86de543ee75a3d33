"""Where a citizen may be transferred to or joined with: other hotlines as data.

One YAML file, checked when the controller starts; a fault is named with file, line, key and what
was expected. Emergency lines are told or transferred to directly (Anshan 2014 No. 29; Dalian 2015
No. 30 §17); a question of intellectual property is joined with 12330 in a three-party call (Jinan).
"""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from callcenter import datafile
from ivr.hotline import Hours

Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_]{0,31}$")]
Dialed = Annotated[str, Field(pattern=r"^\+?[0-9]{3,15}$")]


class DestinationKind(StrEnum):
    """What a destination is; it decides whose number is shown there and what becomes of the call.

    An emergency line is shown the citizen's number, and a call that went there is over for us:
    no survey, the order's category is guidance. Who is joined with a joint line has an order that
    is dispatched to that line too.
    """

    EMERGENCY = "emergency"  # 110, 119, 120, 122
    JOINT = "joint"  # 12330: answers together with us
    DISCIPLINE = "discipline"  # 12388
    DESK = "desk"  # a bureau's desk


class Destination(BaseModel):
    """One line of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    number: Dialed
    title: str = Field(min_length=1, max_length=60)
    kind: DestinationKind
    hours: Hours = Field(default_factory=Hours)
    ring_seconds: int = Field(30, ge=3, le=120)
    id: str = ""  # its key in the file

    def is_open(self, local: dt.datetime) -> bool:
        """Whether somebody answers there at `local`, the hotline's own time."""
        return self.hours.is_open(local)


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    destinations: dict[Id, Destination]


Destinations = dict[str, Destination]


def load(path: Path) -> Destinations:
    """Every destination by its id; raise DataFileError."""
    found = datafile.load(path, _File).destinations
    return {name: each.model_copy(update={"id": name}) for name, each in found.items()}
