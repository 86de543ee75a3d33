"""One end of one call's sound: a UDP socket, and what goes through it on every tick."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import gevent

from labswitch import mixer
from labswitch import playback as play
from labswitch import recorder as rec
from labswitch.playback import Playback
from labswitch.recorder import Recording
from labswitch.sources import Source
from labswitch.stream import RtpStream

if TYPE_CHECKING:
    from labswitch.media import MediaEngine

Mode = Literal["listen", "whisper", "barge"]


class MediaPort(RtpStream):
    """What the far end says comes in here, what it hears goes out.

    It hears, in this order: a playback, its bridged peer, its conference, the call it eavesdrops
    on, its own echo, silence (`send_silence`), nothing. Supervisors who whisper or barge are
    added. Everything is paced by the engine's tick; no method blocks.
    """

    def __init__(self, engine: MediaEngine, sock: socket.socket) -> None:
        super().__init__(sock)
        self.on_dtmf: Callable[[str, int], None] | None = None
        self.echo = False
        self.relay_dtmf = True  # keys cross a bridge
        self.closed = False
        self._engine = engine
        self._mute_read = self._mute_write = False
        self._said_payload: bytes | None = None
        self._said: bytes | None = None
        self._playback: Playback | None = None
        self._peer: MediaPort | None = None
        self._conference: mixer.Conference | None = None
        self._target: MediaPort | None = None
        self._mode: Mode = "listen"
        self._listeners: list[MediaPort] = []
        self._heard: bytes | None = None  # before supervisors are added; kept for listeners
        self._recordings: list[Recording] = []

    def pressed(self, digit: str, ms: int) -> None:
        if self.on_dtmf:
            gevent.spawn(self.on_dtmf, digit, ms)
        if self._peer and self.relay_dtmf:
            self._peer.send_dtmf(digit, ms)

    # --- what it hears ---------------------------------------------------------------------

    def play(self, source: Source, on_done: play.Done | None = None) -> Playback:
        """Play to the far end, instead of what it heard until now; replaces a running playback.

        `on_done(completed, samples)` is called exactly once, in its own greenlet.
        """
        if self._playback:
            self._playback.stop()
        self._playback = Playback(source, on_done)
        if self.closed:
            self._playback.stop()
        return self._playback

    def bridge(self, other: MediaPort) -> None:
        """Join two far ends; each leaves what it was joined to before.

        Nothing is joined if one of them has closed meanwhile.
        """
        if other is self:
            raise ValueError("a port can't be bridged to itself")
        for port in (self, other):
            port.leave_all()
        if not (self.closed or other.closed):
            self._peer, other._peer = other, self

    def unbridge(self) -> None:
        if self._peer:
            self._peer._peer = None
            self._peer = None

    @property
    def peer(self) -> MediaPort | None:
        return self._peer

    def eavesdrop(self, target: MediaPort, mode: Mode = "listen") -> None:
        """Hear both sides of another port's call; call again to change the mode.

        Whisper: the target's far end hears us too. Barge: so does whom it talks to.
        """
        if target is self:
            raise ValueError("a port can't eavesdrop on itself")
        if mode not in ("listen", "whisper", "barge"):
            raise ValueError(f"not a mode: {mode!r}")
        if self._target is not target:
            self.leave_all()
            if self.closed or target.closed:
                return
            self._target = target
            target._listeners.append(self)
        self._mode = mode

    def stop_eavesdrop(self) -> None:
        if self._target:
            self._target._listeners.remove(self)
            self._target = None

    @property
    def eavesdropping(self) -> bool:
        return self._target is not None

    def enter_conference(self, conference: mixer.Conference) -> None:
        """Called by `Conference.join`."""
        if self._conference is not conference:
            self.leave_all()
            self._conference = conference

    def exit_conference(self, conference: mixer.Conference) -> None:
        """Called by `Conference.leave`."""
        if self._conference is conference:
            self._conference = None

    @property
    def conference(self) -> mixer.Conference | None:
        return self._conference

    def leave_all(self) -> None:
        """Leave bridge, conference and eavesdropping; playbacks and recordings go on."""
        self.unbridge()
        self.stop_eavesdrop()
        if self._conference:
            self._conference.leave(self)

    def mute(self, read: bool, write: bool) -> None:
        """`read`: nobody hears the far end; `write`: the far end hears silence."""
        self._mute_read, self._mute_write = read, write

    # --- recording -------------------------------------------------------------------------

    def record(
        self,
        path: str | Path,
        *,
        stereo: bool = True,
        on_done: rec.Done | None = None,
        max_seconds: float | None = None,
        silence_seconds: float | None = None,
        read_only: bool = False,
        append: bool = False,
    ) -> Recording:
        """Record the call: left what the far end says, right what it hears; else mixed.

        `on_done(recording)` is called once, when the file is complete. Raises OSError.
        """
        recording = Recording(
            path,
            self._engine.writer,
            on_done,
            stereo=stereo,
            max_seconds=max_seconds,
            silence_seconds=silence_seconds,
            read_only=read_only,
            append=append,
        )
        return self._add_recording(recording)

    def record_message(
        self,
        path: str | Path,
        *,
        max_seconds: float,
        silence_seconds: float | None = None,
        append: bool = False,
        on_done: rec.Done | None = None,
    ) -> Recording:
        """Record what the far end says, until `silence_seconds` of silence or `max_seconds`."""
        recording = Recording(
            path,
            self._engine.writer,
            on_done,
            read_only=True,
            max_seconds=max_seconds,
            silence_seconds=silence_seconds,
            append=append,
        )
        return self._add_recording(recording)

    def _add_recording(self, recording: Recording) -> Recording:
        self._engine.writer.add(recording)
        if self.closed:
            recording.close()
        else:
            self._recordings.append(recording)
        return recording

    def new_recording(self, path: str | Path, on_done: rec.Done | None) -> Recording:
        """A mono recording that somebody else feeds (a conference)."""
        recording = Recording(path, self._engine.writer, on_done)
        self._engine.writer.add(recording)
        return recording

    def close(self) -> None:
        """End it all: playback, recordings, joins and the socket. Safe to call twice."""
        if self.closed:
            return
        self.closed = True
        self.leave_all()
        for listener in list(self._listeners):
            listener.stop_eavesdrop()
        if self._playback:
            self._playback.stop()
        for recording in self._recordings:
            recording.close()
        self._engine.forget(self)
        self._sock.close()

    # --- the engine's side: the tick ----------------------------------------------------------

    def tick_in(self, now: float) -> None:
        """Take this tick's frame from the far end."""
        payload = self.frame_in(now)
        self._said_payload = None if self._mute_read else payload
        self._said = None

    def said(self) -> bytes | None:
        """This tick's frame from the far end (linear); None is silence."""
        if self._said is None and self._said_payload is not None:
            self._said = self._codec.decode(self._said_payload)
        return self._said

    def said_aloud(self) -> bytes | None:
        """The same, with the supervisors who barge in on this port."""
        frame = self.said()
        for listener in self._listeners:
            if listener._mode == "barge":
                frame = mixer.add(frame, listener.said())
        return frame

    def tick_out(self, tick: int) -> None:
        """Make and send this tick's frame to the far end."""
        payload, linear = self._output(tick)
        if self._listeners:
            linear = self._coached(linear if payload is None else self._codec.decode(payload))
            payload = None
        if self._recordings:
            self._record(linear if payload is None else self._codec.decode(payload))
        if payload is None and linear is not None:
            payload = self._codec.encode(linear)
        self.frame_out(tick, payload)

    def _output(self, tick: int) -> tuple[bytes | None, bytes | None]:
        """What the far end is to hear: (encoded, None), (None, linear) or (None, None)."""
        payload = linear = None
        if self._playback:
            linear = self._playback.frame() if self._playback.active else None
            if not self._playback.active:
                self._playback = None
        if linear is None:
            peer = self._peer
            if peer is not None:
                if peer._codec is self._codec and not peer._listeners:
                    payload = peer._said_payload
                else:
                    linear = peer.said_aloud()
            elif self._conference is not None:
                linear = self._conference.heard_by(self, tick)
            elif self._target is not None:
                linear = mixer.add(self._target.said(), self._target._heard)
            elif self.echo:
                payload = self._said_payload
        if self._mute_write and (payload or linear):
            return self._codec.silence, None
        return payload, linear

    def _coached(self, linear: bytes | None) -> bytes | None:
        """Add the supervisors who speak to this port's far end."""
        self._heard = linear
        for listener in self._listeners:
            if listener._mode != "listen":
                linear = mixer.add(linear, listener.said())
        return linear

    def _record(self, heard: bytes | None) -> None:
        said = self.said()
        for recording in self._recordings:
            recording.add(said, heard)
        if not all(recording.active for recording in self._recordings):
            self._recordings = [each for each in self._recordings if each.active]
