"""Applications that answer, refuse, move, park and end a call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labswitch.applications.registry import application
from labswitch.causes import CAUSE_NUMBERS
from labswitch.dialplan import hunt
from labswitch.text import integer, words

if TYPE_CHECKING:
    from labswitch.channel import Channel

_CAUSE_NAMES = {number: name for name, number in CAUSE_NUMBERS.items()}


def cause_named(text: str, default: str = "NORMAL_CLEARING") -> str:
    """A hang-up cause by its name or number; an unknown one is `default`."""
    text = text.strip().upper()
    if text.isascii() and text.isdigit():
        return _CAUSE_NAMES.get(int(text[:6]), default)
    return text if text in CAUSE_NUMBERS else default


@application("answer")
def answer(channel: Channel, argument: str) -> None:
    channel.leg.answer()


@application("pre_answer")
def pre_answer(channel: Channel, argument: str) -> None:
    channel.leg.pre_answer()


@application("ring_ready")
def ring_ready(channel: Channel, argument: str) -> None:
    channel.leg.ring()


@application("hangup")
def hangup(channel: Channel, argument: str) -> None:
    channel.hangup(cause_named(argument) if argument.strip() else "NORMAL_CLEARING")


@application("respond")
def respond(channel: Channel, argument: str) -> None:
    status, _, reason = argument.partition(" ")
    channel.leg.respond(integer(status, 488), reason or None)


@application("park")
def park(channel: Channel, argument: str) -> None:
    channel.park()


@application("sleep")
def sleep(channel: Channel, argument: str) -> None:
    """Milliseconds."""
    channel.idle(timeout=max(0, integer(argument)) / 1000)


@application("wait_for_answer")
def wait_for_answer(channel: Channel, argument: str) -> None:
    channel.idle(lambda: channel.answered)


@application("transfer")
def transfer(channel: Channel, argument: str) -> None:
    """`[-bleg|-both] extension [dialplan [context]]`."""
    parts = words(argument)
    which = parts.pop(0) if parts and parts[0] in ("-bleg", "-both") else ""
    if not parts:
        return
    extension, dialplan, context = [*parts, "", ""][:3]
    partner = channel.link.partner(channel) if channel.link else None
    if which and partner is not None:
        partner.transfer(extension, dialplan, context)
    if which != "-bleg":
        channel.transfer(extension, dialplan, context)


@application("execute_extension")
def execute_extension(channel: Channel, argument: str) -> None:
    """Run another extension's actions and come back."""
    extension, _, context = [*words(argument), "", "", ""][:3]
    profile = channel.profile
    before = profile.destination_number, profile.context
    profile.destination_number, profile.context = extension, context or profile.context
    found = hunt(channel.switch.configuration.contexts.get(profile.context), channel)
    profile.destination_number, profile.context = before
    while found is not None and channel.ready:
        action = found.next_action()
        if action is None or not channel.execute(action.application, action.argument):
            return


@application("break")
def break_(channel: Channel, argument: str) -> None:
    if "all" in argument:
        channel.flush_commands()
    channel.interrupt()


@application("limit")
def limit(channel: Channel, argument: str) -> None:
    """`hash realm id max[/seconds] [extension [dialplan [context]] | !CAUSE]`.

    Without a max it only counts; with seconds it limits a rate, else channels at once.
    """
    parts = words(argument)
    if len(parts) < 3:
        return
    most, _, interval = (parts[3] if len(parts) > 3 else "-1").partition("/")
    limits = channel.switch.limits
    if interval:
        taken = limits.take_rate(parts[1], parts[2], integer(most), integer(interval, 1))
    else:
        taken = limits.take(channel, parts[1], parts[2], integer(most, -1))
    if taken:
        return
    target = parts[4] if len(parts) > 4 else "limit_exceeded"
    if target.startswith("!"):
        channel.hangup(cause_named(target[1:]))
        return
    dialplan, context = [*parts[5:], "", ""][:2]
    channel.transfer(target, dialplan, context)
