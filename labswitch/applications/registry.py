"""The table of dialplan applications."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labswitch.channel import Channel

Run = Callable[["Channel", str], None]


@dataclass(frozen=True, slots=True)
class Application:
    """`run(channel, argument)` works in the channel's greenlet; `needs_media` answers early."""

    name: str
    run: Run
    needs_media: bool


_applications: dict[str, Application] = {}


def application(*names: str, media: bool = False) -> Callable[[Run], Run]:
    """Register a function under these names."""

    def register(run: Run) -> Run:
        for name in names:
            _applications[name] = Application(name, run, media)
        return run

    return register


def find(name: str) -> Application | None:
    return _applications.get(name)


def names() -> list[str]:
    return sorted(_applications)
