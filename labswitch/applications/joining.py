"""Applications that join a call to another: bridge and eavesdrop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from labswitch import bridging, originate
from labswitch.applications.registry import application
from labswitch.causes import CAUSE_NUMBERS
from labswitch.conf import is_true
from labswitch.media import MediaPort
from labswitch.text import integer

if TYPE_CHECKING:
    from labswitch.channel import Channel
    from labswitch.port import Mode


@application("bridge")
def bridge(channel: Channel, argument: str) -> None:
    """Call the dial string and join who answers; without success hang up with the cause."""
    seconds = integer(channel.get("call_timeout") or channel.get("originate_timeout"), 60)
    result = originate.originate(channel.switch, argument, caller=channel, timeout=seconds)
    channel.set("originate_disposition", result.cause)
    channel.set("DIALSTATUS", _DIAL_STATUS.get(result.cause, result.cause))
    if result.channel is not None:
        if result.channel.answered:
            channel.leg.answer()
        originate.introduce(result.channel, channel)
        bridging.bridge(channel, result.channel)
        return
    if channel.ready and not _goes_on(channel, result.cause):
        channel.hangup(result.cause)


_DIAL_STATUS = {"SUCCESS": "SUCCESS", "USER_BUSY": "BUSY", "NO_ANSWER": "NOANSWER"}


def _goes_on(channel: Channel, cause: str) -> bool:
    """`continue_on_fail`: true, or a list of causes by name or number."""
    wish = channel.get("continue_on_fail") or ""
    causes = [part.strip().upper() for part in wish.split(",")]
    return is_true(wish) or cause in causes or str(CAUSE_NUMBERS.get(cause)) in causes


@application("eavesdrop", media=True)
def eavesdrop(channel: Channel, argument: str) -> None:
    """Listen to a channel and whom it talks to: until it ends, or we are to leave.

    Keys: 2 speak to the channel, 1 to its partner, 3 to both, 0 only listen. The variables
    eavesdrop_whisper_aleg and eavesdrop_whisper_bleg begin so.
    """
    target = channel.switch.locate(argument.strip())
    port = channel.leg.port
    if target is None or target.leg.port is None or port is None:
        return
    _speak(channel, target, port, _first_key(channel))

    def pressed(digit: str) -> bool:
        if digit in "0123":
            _speak(channel, target, port, digit)
        return digit == "*"

    target.watchers.append(channel.nudge)
    try:
        channel.idle(lambda: not target.up, on_digit=pressed)
    finally:
        target.watchers.remove(channel.nudge)
        port.stop_eavesdrop()


def _first_key(channel: Channel) -> str:
    to_target = is_true(channel.get("eavesdrop_whisper_aleg"))
    to_partner = is_true(channel.get("eavesdrop_whisper_bleg"))
    return {(True, True): "3", (True, False): "2", (False, True): "1"}.get(
        (to_target, to_partner), "0"
    )


def _speak(channel: Channel, target: Channel, port: MediaPort, key: str) -> None:
    modes: dict[str, Mode] = {"0": "listen", "1": "whisper", "2": "whisper", "3": "barge"}
    to = target
    if key == "1" and target.link is not None:
        to = target.link.partner(target)
    if to.leg.port is not None and not to.leg.port.closed:
        port.eavesdrop(to.leg.port, modes[key])
