"""Recording channels: whole calls (`record_session`) and messages (`record`)."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from labswitch.conf import is_true
from labswitch.events import Headers
from labswitch.media import Recording
from labswitch.text import integer

if TYPE_CHECKING:
    from labswitch.channel import Channel

log = logging.getLogger(__name__)

WRITE_SECONDS = 5.0  # how long a file may take to be completed


def start_session(channel: Channel, path: str, limit: float | None = None) -> bool:
    """Record both sides into `path` until stopped; False when it can't be begun."""
    if path in channel.recordings:
        return True
    port = channel.leg.port
    if port is None:
        return False

    def done(recording: Recording) -> None:
        if channel.recordings.get(path) is recording:
            _stopped(channel, path, recording)

    try:
        recording = port.record(
            path,
            stereo=is_true(channel.get("RECORD_STEREO")),
            read_only=is_true(channel.get("RECORD_READ_ONLY")),
            max_seconds=limit,
            silence_seconds=integer(channel.get("RECORD_FINAL_TIMEOUT_MS") or "") / 1000 or None,
            append=is_true(channel.get("RECORD_APPEND")),
            on_done=done,
        )
    except OSError as error:
        log.error("%s: can't record: %s", channel.uuid, error)
        return False
    channel.recordings[path] = recording
    channel.fire("RECORD_START", {"Record-File-Path": path})
    channel.fire("MEDIA_BUG_START", _bug(path))
    return True


def stop_session(channel: Channel, path: str) -> bool:
    """Stop the recording into `path`, or all of them (`all`); False when there is none."""
    paths = list(channel.recordings) if path == "all" else [path]
    stopped = False
    for one in paths:
        recording = channel.recordings.get(one)
        if recording is not None:
            recording.stop()
            recording.wait(WRITE_SECONDS)
            _stopped(channel, one, recording)
            stopped = True
    return stopped


def _stopped(channel: Channel, path: str, recording: Recording) -> None:
    if channel.recordings.pop(path, None) is None:
        return
    note(channel, recording)
    reason = "success-maxlen" if recording.reason == "limit" else "success-silence"
    channel.set("record_completion_cause", reason)
    channel.fire("RECORD_STOP", {"Record-File-Path": path, "Record-Completion-Cause": reason})
    channel.fire("MEDIA_BUG_STOP", _bug(path))


def _bug(path: str) -> Headers:
    return {"Media-Bug-Function": "session_record", "Media-Bug-Target": path}


def note(channel: Channel, recording: Recording) -> None:
    channel.set("record_samples", str(recording.samples))
    channel.set("record_seconds", str(int(recording.seconds)))
    channel.set("record_ms", str(int(recording.seconds * 1000)))
