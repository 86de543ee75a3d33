"""Playing sound on a channel: files, lists of files, silence, tones and music."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from labswitch.events import Headers
from labswitch.g711 import RATE
from labswitch.media import Playback
from labswitch.sources import LocalStream, Sequence, Silence, Source, Tone, UnknownStream, WavFile
from labswitch.states import Wake
from labswitch.tones import BadTone
from labswitch.wav import BadWav

if TYPE_CHECKING:
    from labswitch.channel import Channel

log = logging.getLogger(__name__)


class SoundMissing(LookupError):
    """There is no such file or stream, or it can't be read."""


class Playing:
    """A playback under way. A command that runs in between suspends it, then it goes on."""

    def __init__(self, channel: Channel, source: Source) -> None:
        self.channel = channel
        self.source = source
        self.over = False
        self.samples = 0
        self._playback: Playback | None = None

    def begin(self) -> None:
        self.channel.playing.append(self)
        self.resume()

    def suspend(self) -> None:
        playback, self._playback = self._playback, None
        if playback is not None:
            self.samples += playback.samples
            playback.stop()

    def resume(self) -> None:
        port = self.channel.leg.port
        if port is None or self.over or self._playback is not None:
            return
        playback = self._playback = port.play(
            self.source, lambda completed, _: self._ended(playback, completed)
        )

    def end(self) -> None:
        self.suspend()
        self.over = True
        self.channel.playing.remove(self)

    def _ended(self, playback: Playback, completed: bool) -> None:
        if playback is self._playback and completed:
            self.over = True
            self.channel.wake()


def open_source(channel: Channel, name: str) -> Source:
    """The sound called `name`, as `playback` understands it. Raises SoundMissing."""
    if name.startswith("{"):
        name = name.partition("}")[2]
    scheme, separator, rest = name.partition("://")
    try:
        if separator and scheme in _SCHEMES:
            return _SCHEMES[scheme](channel, rest)
        return WavFile(_path(channel, name))
    except (OSError, ValueError, BadWav, BadTone, UnknownStream) as error:
        raise SoundMissing(f"{name}: {error}") from error


def _path(channel: Channel, name: str) -> Path:
    path = Path(name)
    prefix = channel.get("sound_prefix")
    return path if path.is_absolute() or not prefix else Path(prefix) / path


def _file_string(channel: Channel, rest: str) -> Source:
    sources: list[Source] = []
    for part in rest.split("!"):
        try:
            sources.append(open_source(channel, part))
        except SoundMissing as error:
            log.warning("%s: left out of a list: %s", channel.uuid, error)
    if not sources:
        raise FileNotFoundError(rest)
    return Sequence(sources)


def _silence(_: Channel, rest: str) -> Source:
    milliseconds = int(rest.partition(",")[0])
    return Silence(None if milliseconds < 0 else milliseconds)


_SCHEMES: dict[str, Callable[[Channel, str], Source]] = {
    "file_string": _file_string,
    "silence_stream": _silence,
    "tone_stream": lambda _, rest: Tone(rest),
    "local_stream": lambda _, rest: LocalStream(rest.split("/")[0]),
}


def _describe(path: str) -> Headers:
    headers: Headers = {}
    for scheme in ("local_stream", "tone_stream"):
        if path.startswith(scheme + ":"):
            headers["Playback-File-Type"] = scheme
    headers["Playback-File-Path"] = path
    return headers


def terminators(channel: Channel) -> str:
    """The keys that end a playback: `*` unless `playback_terminators` says otherwise."""
    keys = channel.get("playback_terminators")
    if keys is None:
        return "*"
    return {"any": "1234567890*#", "none": ""}.get(keys.lower(), keys)


def play(
    channel: Channel,
    path: str,
    on_digit: Callable[[str], bool] | None = None,
    *,
    told: bool = True,
) -> Wake:
    """Play one sound to its end; raises SoundMissing.

    Without `on_digit`, the playback's terminators end it and set `playback_terminator_used`.
    Events and variables tell of it if it is to be `told`.
    """
    playing = Playing(channel, open_source(channel, path))
    about = _describe(path)
    if told:
        channel.fire("PLAYBACK_START", about)
    playing.begin()
    try:
        ended = channel.idle(lambda: playing.over, on_digit=on_digit or terminator(channel))
    finally:
        playing.end()
    if not told:
        return ended
    channel.set("playback_seconds", str(playing.samples // RATE))
    channel.set("playback_ms", str(playing.samples * 1000 // RATE))
    channel.set("playback_samples", str(playing.samples))
    broken = ended in (Wake.BROKEN, Wake.DIGIT)
    channel.fire("PLAYBACK_STOP", {**about, "Playback-Status": "break" if broken else "done"})
    return ended


def terminator(channel: Channel) -> Callable[[str], bool]:
    """A key handler that ends what runs at one of the channel's terminators."""

    def pressed(digit: str) -> bool:
        if digit not in terminators(channel):
            return False
        channel.set("playback_terminator_used", digit)
        return True

    return pressed
