"""Applications that set variables, or only tell something."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from labswitch.applications.registry import application
from labswitch.text import pairs

if TYPE_CHECKING:
    from labswitch.channel import Channel

log = logging.getLogger(__name__)


@application("set")
def set_variable(channel: Channel, argument: str) -> None:
    name, _, value = argument.partition("=")
    if name.strip():
        channel.set(name.strip(), _unquote(value))


def _unquote(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] == "'":
        return value[1:-1]
    return value


@application("multiset")
def multiset(channel: Channel, argument: str) -> None:
    """`a=1 b=2`, or `^^:a=1:b=2` with a separator of one's choice."""
    channel.update(pairs(argument, " "))


@application("unset")
def unset(channel: Channel, argument: str) -> None:
    channel.set(argument.strip(), None)


@application("multiunset")
def multiunset(channel: Channel, argument: str) -> None:
    separator, argument = (argument[2], argument[3:]) if argument[:2] == "^^" else (" ", argument)
    for name in argument.split(separator):
        channel.set(name.strip(), None)


@application("export")
def export(channel: Channel, argument: str) -> None:
    """Set a variable here and on legs that a later bridge calls (`nolocal:` only there)."""
    name, _, value = argument.partition("=")
    name = name.strip()
    if not name:
        return
    channel.set(name, value.strip())
    exported = channel.get("export_vars")
    channel.set("export_vars", f"{exported},{name}" if exported else name)


@application("log")
def write_log(channel: Channel, argument: str) -> None:
    level, _, message = argument.partition(" ")
    log.info("%s [%s] %s", channel.uuid, level, message)


@application("info")
def info(channel: Channel, argument: str) -> None:
    log.info("%s has %d variables", channel.uuid, len(channel.variables))
