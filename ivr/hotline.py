"""A hotline as data: its numbers, hours, menus and where each key leads.

One YAML file per hotline, checked against these models when the controller starts
(`callcenter.datafile` adds file, line and key to a complaint).
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from ivr import prompts

Key = Annotated[str, Field(pattern=r"^[0-9*#]$")]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
Destination = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_]{0,31}$")]
Number = Annotated[str, Field(pattern=r"^\+?[0-9]{3,15}$")]
Clock = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$")]


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


def _known_prompts(names: tuple[str, ...]) -> tuple[str, ...]:
    missing = prompts.unknown(names)
    if missing:
        raise ValueError(f"there is no prompt {', '.join(missing)}; see ivr/prompts.py")
    return names


Prompts = tuple[str, ...]
TARGETS = ("queue", "menu", "message", "transfer", "progress", "play")


class Choice(_Data):
    """Where a key leads. Exactly one of the targets is given."""

    queue: Name | None = None  # to a person, through this queue
    menu: Name | None = None
    message: bool = False
    transfer: Destination | None = None  # to another hotline: an id of the destinations file
    progress: bool = False  # how far one's own order is, asked by keypad
    play: Prompts = ()  # recorded information, then back to the same menu
    requirement: str = ""  # skills asked of the agent, with `queue`
    priority: int = Field(0, ge=0, le=9)
    classes: tuple[Name, ...] = ()  # priority classes of the queues' settings, e.g. emergency

    _prompts = field_validator("play")(_known_prompts)

    @model_validator(mode="after")
    def _one_target(self) -> Choice:
        targets = [name for name in TARGETS if getattr(self, name)]
        if len(targets) != 1:
            found = ", ".join(targets) or "none"
            raise ValueError(f"expected exactly one of {', '.join(TARGETS)}; found {found}")
        return self


class Menu(_Data):
    prompt: Prompts
    seconds: float = Field(5.0, ge=1, le=30)  # wait for a key after the prompt
    repeats: int = Field(2, ge=0, le=5)  # asked again so often, then to a person
    keys: dict[Key, Choice] = Field(min_length=1)

    _prompts = field_validator("prompt")(_known_prompts)


class Span(_Data):
    """From `start` (included) to `end` (left out), local time of the hotline."""

    start: Clock
    end: Clock

    @model_validator(mode="after")
    def _in_order(self) -> Span:
        if self.start >= self.end:
            raise ValueError(f"start {self.start} must be before end {self.end}")
        return self


Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _around_the_clock() -> dict[Weekday, tuple[Span, ...]]:
    return {day: (Span(start="00:00", end="24:00"),) for day in WEEKDAYS}


class Hours(_Data):
    """When people answer. Dates in `closed` and `open` go before the weekday."""

    week: dict[Weekday, tuple[Span, ...]] = Field(default_factory=_around_the_clock)
    closed: tuple[dt.date, ...] = ()
    open: dict[dt.date, tuple[Span, ...]] = Field(default_factory=dict)  # make-up working days

    def is_open(self, local: dt.datetime) -> bool:
        """Whether a person answers at `local`, the hotline's own time."""
        day = local.date()
        if day in self.open:
            spans: tuple[Span, ...] = self.open[day]
        elif day in self.closed:
            return False
        else:
            spans = self.week.get(WEEKDAYS[day.weekday()], ())
        clock = local.strftime("%H:%M")
        return any(span.start <= clock < span.end for span in spans)


class Hotline(_Data):
    """One published service: the numbers that reach it and what its callers meet."""

    name: Name
    title: str = Field(min_length=1, max_length=60)
    numbers: tuple[Number, ...] = Field(min_length=1)
    timezone: Literal["Asia/Shanghai"] = "Asia/Shanghai"
    welcome: Prompts = ("welcome", "recording_notice")
    goodbye: Prompts = ("goodbye",)
    queue: Name  # where 0, silence and "straight to a person" lead
    requirement: str = ""  # skills asked of the agent, beside what a key asks for
    classes: tuple[Name, ...] = ()  # priority classes of every call to this hotline
    menu: Name | None = None  # None: straight to an agent (GB/T 33358-2016 advises so)
    after_hours: Name | None = None  # menu offered when closed; None: a message
    hours: Hours = Field(default_factory=Hours)
    survey: bool = True
    message_seconds: int = Field(180, ge=10, le=600)
    menus: dict[Name, Menu] = Field(default_factory=dict)

    _prompts = field_validator("welcome", "goodbye")(_known_prompts)

    @model_validator(mode="after")
    def _menus_exist(self) -> Hotline:
        wanted = {"menu": self.menu, "after_hours": self.after_hours}
        for name, menu in self.menus.items():
            for key, choice in menu.keys.items():
                wanted[f"menus.{name}.keys.{key}.menu"] = choice.menu
        for where, target in wanted.items():
            if target is not None and target not in self.menus:
                there_are = ", ".join(sorted(self.menus)) or "none"
                raise ValueError(f"{where}: there is no menu {target}; there are: {there_are}")
        return self
