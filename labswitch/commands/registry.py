"""The table of API commands."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labswitch.channel import Channel
    from labswitch.switch import Switch

log = logging.getLogger(__name__)

Run = Callable[["Switch", str], str]
OnChannel = Callable[["Channel", str], str]

_commands: dict[str, Run] = {}

NO_CHANNEL = "-ERR No such channel!\n"


def command(*names: str) -> Callable[[Run], Run]:
    """Register `run(switch, argument) -> answer`."""

    def register(run: Run) -> Run:
        for name in names:
            _commands[name] = run
        return run

    return register


def channel_command(
    name: str, usage: str, missing: str = NO_CHANNEL, *, least: int = 1
) -> Callable[[OnChannel], OnChannel]:
    """Register a command whose first word is a channel's UUID.

    It is run as `run(channel, rest)`; with fewer than `least` words it answers its usage.
    """

    def register(run: OnChannel) -> OnChannel:
        def find_and_run(switch: Switch, argument: str) -> str:
            if len(argument.split()) < least:
                return f"-USAGE: {usage}\n"
            uuid, _, rest = argument.strip().partition(" ")
            channel = switch.locate(uuid)
            return missing if channel is None else run(channel, rest.strip())

        _commands[name] = find_and_run
        return run

    return register


def run(switch: Switch, name: str, argument: str) -> str:
    """Run a command; its failure is an answer too."""
    found = _commands.get(name)
    if found is None:
        return f"-ERR {name} Command not found!\n"
    try:
        return found(switch, argument)
    except Exception:
        log.exception("command %s failed", name)
        return "-ERR internal error\n"


def names() -> list[str]:
    return sorted(_commands)
