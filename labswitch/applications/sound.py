"""Applications that play, record, listen to keys and press them."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from labswitch import recording
from labswitch.applications.registry import application
from labswitch.conf import is_true
from labswitch.dialplan import search
from labswitch.playing import SoundMissing, play, terminator
from labswitch.states import Wake
from labswitch.text import integer, words

if TYPE_CHECKING:
    from labswitch.channel import Channel

log = logging.getLogger(__name__)


@application("playback", media=True)
def playback(channel: Channel, argument: str) -> None:
    _play(channel, argument)


@application("endless_playback", media=True)
def endless_playback(channel: Channel, argument: str) -> None:
    while _play(channel, argument) is Wake.DONE:
        pass


def _play(channel: Channel, argument: str) -> Wake | None:
    channel.set("playback_terminator_used", None)
    if not argument.strip() or not channel.ready:
        channel.set("current_application_response", "PLAYBACK ERROR")
        return None
    try:
        ended = play(channel, argument.partition("@@")[0])
    except SoundMissing as error:
        log.warning("%s: %s", channel.uuid, error)
        channel.set("current_application_response", "FILE NOT FOUND")
        return None
    moved = ended is Wake.GONE and channel.up
    channel.set("current_application_response", "PLAYBACK ERROR" if moved else "FILE PLAYED")
    return ended


@application("gentones", media=True)
def generate_tones(channel: Channel, argument: str) -> None:
    """`tones[|loops]`: played like a file, but nothing is told of it."""
    tones, _, loops = argument.partition("|")
    times = integer(loops)
    if times:
        tones = f"{tones};loops={times}"
    channel.set("playback_terminator_used", "")
    try:
        play(channel, f"tone_stream://{tones}", told=False)
    except SoundMissing as error:
        log.warning("%s: %s", channel.uuid, error)


@application("record", media=True)
def record(channel: Channel, argument: str) -> None:
    """`path [seconds [threshold [silence hits]]]`: a message, until a terminator or silence."""
    path, limit, threshold, hits = [*words(argument), "", "", "", ""][:4]
    port = channel.leg.port
    if not path or port is None:
        return
    channel.set("playback_terminator_used", None)
    silence = integer(hits) if integer(threshold) > 0 else 0
    try:
        message = port.record_message(
            path,
            max_seconds=float(integer(limit) or 3600),
            silence_seconds=float(silence) if silence else None,
            append=is_true(channel.get("RECORD_APPEND")),
            on_done=lambda _: channel.wake(),
        )
    except OSError as error:
        log.error("%s: can't record: %s", channel.uuid, error)
        channel.hangup("DESTINATION_OUT_OF_ORDER")
        return
    channel.fire("RECORD_START", {"Record-File-Path": path})
    port.send_silence = True
    channel.idle(lambda: not message.active, on_digit=terminator(channel))
    port.send_silence = False
    message.stop()
    message.wait(recording.WRITE_SECONDS)
    recording.note(channel, message)
    channel.fire("RECORD_STOP", {"Record-File-Path": path})


@application("record_session", media=True)
def record_session(channel: Channel, argument: str) -> None:
    path, _, limit = argument.partition(" +")
    recording.start_session(channel, path.strip(), float(integer(limit)) or None)


@application("stop_record_session")
def stop_record_session(channel: Channel, argument: str) -> None:
    recording.stop_session(channel, argument.strip())


@application("echo", media=True)
def echo(channel: Channel, argument: str) -> None:
    port = channel.leg.port
    if port is None:
        return
    port.echo = True
    try:
        channel.idle(breakable=False)
    finally:
        port.echo = False


@application("send_dtmf")
def send_dtmf(channel: Channel, argument: str) -> None:
    """`digits[@milliseconds]` towards this channel's far end."""
    digits, _, milliseconds = argument.partition("@")
    channel.leg.send_dtmf(digits.strip(), integer(milliseconds, 250))


@application("start_dtmf", "stop_dtmf", media=True)
def start_dtmf(channel: Channel, argument: str) -> None:
    """Keys heard as tones aren't detected here; RFC 4733 and INFO need no application."""


@application("flush_dtmf")
def flush_dtmf(channel: Channel, argument: str) -> None:
    channel.digits.clear()


class _Keys:
    """Gathers keys for one try of play_and_get_digits."""

    def __init__(self, most: int, terminators: str) -> None:
        self.most = most
        self.terminators = terminators
        self.text = ""
        self.terminator = ""

    def press(self, digit: str) -> bool:
        """True ends what waits: the prompt at the first key, the wait at the last."""
        if digit in self.terminators:
            self.terminator = digit
            return True
        self.text += digit
        return True

    @property
    def complete(self) -> bool:
        return bool(self.terminator) or len(self.text) >= self.most


@application("play_and_get_digits", media=True)
def play_and_get_digits(channel: Channel, argument: str) -> None:
    """`min max tries timeout terminators file invalid_file variable regexp [digit_timeout]`."""
    parts = [*words(argument), *[""] * 10][:10]
    least, most, tries, timeout = (integer(part) for part in parts[:4])
    terminators = "" if parts[4] == "none" else parts[4]
    prompt, invalid, variable, expression = parts[5:9]
    digit_timeout = integer(parts[9]) or timeout
    for _ in range(max(1, tries)):
        keys = _Keys(max(1, most), terminators)
        _gather(channel, keys, prompt, timeout / 1000, digit_timeout / 1000)
        channel.set("read_terminator_used", keys.terminator)
        if not channel.ready:
            return
        valid = len(keys.text) >= least and (not expression or _matches(expression, keys.text))
        if valid and keys.text:
            channel.set(variable, keys.text)
            channel.set("read_result", "success")
            return
        if keys.text and variable:
            channel.set(variable, None)
            channel.set(f"{variable}_invalid", keys.text)
        channel.set("read_result", "failure" if keys.text else "timeout")
        _prompt(channel, invalid, None)
    channel.set("read_result", "failure")


def _matches(expression: str, text: str) -> bool:
    return search(expression, text) is not None


def _gather(
    channel: Channel, keys: _Keys, prompt: str, timeout: float, digit_timeout: float
) -> None:
    _prompt(channel, prompt, keys)
    deadline = time.monotonic() + timeout
    while not keys.complete:
        left = digit_timeout if keys.text else deadline - time.monotonic()
        if channel.idle(timeout=max(0.0, left), on_digit=keys.press) is not Wake.DIGIT:
            return


def _prompt(channel: Channel, path: str, keys: _Keys | None) -> None:
    if not path or not channel.ready:
        return
    try:
        play(channel, path, keys.press if keys else lambda _: False)
    except SoundMissing as error:
        log.warning("%s: %s", channel.uuid, error)
