"""The conference application."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labswitch.applications.registry import application

if TYPE_CHECKING:
    from labswitch.channel import Channel


@application("conference", media=True)
def conference(channel: Channel, argument: str) -> None:
    """`name[@profile][+flags{mute|deaf|endconf|moderator}]`: until kicked or called away."""
    if not channel.answered:
        channel.leg.answer()
    text, _, flags_text = argument.partition("+flags{")
    flags = {flag.strip() for flag in flags_text.rstrip("}").split("|") if flag.strip()}
    name = text.split("+")[0].partition("@")[0].strip()
    rooms = channel.switch.rooms
    member = rooms.join(name, channel, flags)
    try:
        channel.idle(lambda: member.kicked)
    finally:
        rooms.leave(member)
