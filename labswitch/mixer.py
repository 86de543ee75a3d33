"""Conferences: everyone hears everyone else (mix-minus), nobody hears themselves."""

from __future__ import annotations

import audioop
from pathlib import Path
from typing import TYPE_CHECKING

from labswitch.g711 import SILENT_FRAME
from labswitch.playback import Done, Playback
from labswitch.recorder import Done as RecordingDone
from labswitch.recorder import Recording
from labswitch.sources import Source

if TYPE_CHECKING:
    from labswitch.port import MediaPort


def add(first: bytes | None, second: bytes | None) -> bytes | None:
    """The sum of two frames, held at full scale; None is silence."""
    if first is None:
        return second
    return first if second is None else audioop.add(first, second, 2)


def mix_minus(frames: list[bytes | None], extra: bytes | None = None) -> list[bytes | None]:
    """For each frame the sum of all the others (and of `extra`), in time linear in their number."""
    following: list[bytes | None] = [None]
    for frame in reversed(frames[1:]):
        following.append(add(frame, following[-1]))
    before = extra
    mixed = []
    for frame, after in zip(frames, reversed(following), strict=False):
        mixed.append(add(before, after))
        before = add(before, frame)
    return mixed


class Member:
    """A port in a conference. `mute`: not heard by the others; `deaf`: doesn't hear them."""

    def __init__(self, port: MediaPort, deaf: bool, mute: bool) -> None:
        self.port = port
        self.deaf = deaf
        self.mute = mute
        self.mix: bytes | None = None


class Conference:
    """A room of any number of ports. It mixes when the first of them asks on a tick."""

    def __init__(self, name: str = "") -> None:
        self.name = name
        self._members: dict[MediaPort, Member] = {}
        self._tick = -1
        self._announcement: Playback | None = None
        self._recordings: list[Recording] = []

    @property
    def members(self) -> list[Member]:
        return list(self._members.values())

    def join(self, port: MediaPort, *, deaf: bool = False, mute: bool = False) -> Member:
        """Let a port in; it leaves its bridge or other conference. Joining twice sets the flags."""
        member = Member(port, deaf, mute)
        port.enter_conference(self)
        if not port.closed:
            self._members[port] = member
        return member

    def leave(self, port: MediaPort) -> None:
        if self._members.pop(port, None):
            port.exit_conference(self)

    def play(self, source: Source, on_done: Done | None = None) -> Playback:
        """Play to the whole room over the conversation; replaces what plays there."""
        if self._announcement:
            self._announcement.stop()
        self._announcement = Playback(source, on_done)
        return self._announcement

    def record(self, path: str | Path, on_done: RecordingDone | None = None) -> Recording:
        """Record the whole room, mono. It runs while members are there. Raises OSError.

        Raises LookupError when the room is empty.
        """
        port = next(iter(self._members), None)
        if port is None:
            raise LookupError(f"conference {self.name!r} is empty")
        recording = port.new_recording(path, on_done)
        self._recordings.append(recording)
        return recording

    def close(self) -> None:
        """Send everyone out and end what plays and records."""
        for port in list(self._members):
            self.leave(port)
        if self._announcement:
            self._announcement.stop()
        for recording in self._recordings:
            recording.close()

    def heard_by(self, port: MediaPort, tick: int) -> bytes | None:
        """What a member hears on this tick (linear); None is silence."""
        if tick != self._tick:
            self._tick = tick
            self._mix()
        member = self._members.get(port)
        return None if member is None or member.deaf else member.mix or SILENT_FRAME

    def _mix(self) -> None:
        members = self.members
        said = [None if member.mute else member.port.said_aloud() for member in members]
        announced = self._announced()
        for member, mix in zip(members, mix_minus(said, announced), strict=True):
            member.mix = mix
        if self._recordings:
            everyone = announced
            for frame in said:
                everyone = add(everyone, frame)
            self._record(everyone)

    def _announced(self) -> bytes | None:
        playing = self._announcement
        if playing is None or not playing.active:
            return None
        return playing.frame()

    def _record(self, everyone: bytes | None) -> None:
        for recording in self._recordings:
            recording.add(everyone, None)
        self._recordings = [recording for recording in self._recordings if recording.active]
