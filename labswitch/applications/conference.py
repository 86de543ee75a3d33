"""The conference application."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labswitch.applications.registry import application

if TYPE_CHECKING:
    from labswitch.channel import Channel

FALSE = ("false", "no", "off", "disabled", "inactive", "disallow", "0")


@application("conference", media=True)
def conference(channel: Channel, argument: str) -> None:
    """`name[@profile][+flags{mute|deaf|endconf|moderator|mintwo}]`: until kicked or called away.

    Who is left when the room ends hangs up, unless `hangup_after_conference` is false.
    """
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
    wish = (channel.get("hangup_after_conference") or "").lower()
    if member.ended and channel.ready and wish not in FALSE:
        channel.hangup("NORMAL_CLEARING")
