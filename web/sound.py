"""Recordings as they can be played now, and the file in pieces."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import abort, send_file
from sqlalchemy import select
from sqlalchemy.orm import Session

from callcenter.models import Recording
from callcenter.recordings import Description, State, describe, locate


@dataclass(frozen=True, slots=True)
class Sound:
    """A recording's index entry, what is true of it now, and its file if there is one."""

    recording: Recording
    found: Description
    file: Path | None

    @property
    def playable(self) -> bool:
        """A damaged recording may still be worth listening to."""
        return self.file is not None and self.found.state in (State.INDEXED, State.DAMAGED)


def examine(folder: Path, recording: Recording) -> Sound:
    return Sound(recording, describe(folder, recording), _file(folder, recording.path))


def of_call(session: Session, folder: Path, call_id: str) -> Sound | None:
    """The call's recording: the conversation, else the message, else None."""
    rows = session.scalars(select(Recording).where(Recording.call_id == call_id)).all()
    if not rows:
        return None
    return examine(folder, max(rows, key=_worth))


def of_calls(session: Session, folder: Path, call_ids: list[str]) -> dict[str, Sound]:
    """Call id → its recording, for those that have one."""
    rows = session.scalars(select(Recording).where(Recording.call_id.in_(call_ids)))
    best: dict[str, Recording] = {}
    for row in rows:
        known = best.get(row.call_id)
        if known is None or _worth(row) > _worth(known):
            best[row.call_id] = row
    return {call_id: examine(folder, row) for call_id, row in best.items()}


def answer(sound: Sound, *, download_name: str, export: bool = False) -> Any:
    """The WAV file, whole or the range asked for (RFC 9110 §14); 404 when it can't be played."""
    if not sound.playable or sound.file is None:
        abort(404, f"the recording is {sound.found.state}")
    response = send_file(
        sound.file,
        mimetype="audio/wav",
        conditional=True,
        etag=True,
        download_name=download_name,
        as_attachment=export,
    )
    response.headers["Cache-Control"] = "no-store"  # no copies of conversations on desks
    return response


def _worth(row: Recording) -> tuple[bool, float, str]:
    return row.kind == "talk", row.seconds or 0.0, row.path


def _file(folder: Path, path: str) -> Path | None:
    try:
        file = locate(folder, path)
    except (ValueError, OSError):
        return None
    return file if file.is_file() else None
