"""Calls and their recordings."""

from __future__ import annotations

from typing import Any

from flask import Response, abort, url_for
from werkzeug.exceptions import PreconditionRequired

from callcenter.models import Call
from web import paging, sound
from web.api.blueprint import answer, blueprint, read_cursor, read_query
from web.api.document import operation
from web.api.schemas import CallOut, CallPage, CallQuery, RecordingOut, WhyQuery
from web.audit import record_listening
from web.call_list import CallFilter, find_calls
from web.storage import db, settings


@blueprint.get("/calls")
@operation("Calls, newest first", response=CallPage, query=CallQuery, errors=(400,))
def calls() -> Response:
    asked = read_query(CallQuery)
    wanted = CallFilter(
        asked.since, asked.until, asked.outcome, asked.agent, asked.queue, asked.number
    )
    found, more = find_calls(
        db(), wanted.conditions(part_of_number=True), read_cursor(asked.cursor), asked.limit
    )
    sounds = sound.of_calls(db(), settings().recordings_dir, [each.id for each in found])
    return answer(
        CallPage(
            calls=[_call(each, sounds.get(each.id)) for each in found],
            next_cursor=paging.encode(more) if more else None,
        )
    )


@blueprint.get("/calls/<call_id>")
@operation("One call", response=CallOut, errors=(404,))
def call(call_id: str) -> Response:
    row = _existing(call_id)
    return answer(_call(row, sound.of_call(db(), settings().recordings_dir, row.id)))


@blueprint.get("/calls/<call_id>/recording")
@operation(
    "The call's recording; Range requests are answered",
    query=WhyQuery,
    errors=(404, 416, 428),
    media_type="audio/wav",
)
def call_recording(call_id: str) -> Any:
    found = sound.of_call(db(), settings().recordings_dir, _existing(call_id).id)
    if found is None:
        abort(404, "this call has no recording")
    if not found.playable:
        abort(404, f"the recording is {found.found.state}")
    why = read_query(WhyQuery).reason
    if settings().recording_reason == "always" and not why:
        raise PreconditionRequired("reason: say why the recording is wanted")
    record_listening(found.recording.path, call_id, None, **({"why": why} if why else {}))
    return sound.answer(found, download_name=f"{call_id}.wav")


def _existing(call_id: str) -> Call:
    return db().get(Call, call_id) or abort(404, "there is no such call")


def _call(row: Call, found: sound.Sound | None) -> CallOut:
    told = CallOut.model_validate(row)
    if found is not None:
        told.recording = _recording(row.id, found)
    return told


def _recording(call_id: str, found: sound.Sound) -> RecordingOut:
    now = found.found
    return RecordingOut(
        path=found.recording.path,
        url=url_for("api.call_recording", call_id=call_id),
        kind=found.recording.kind,
        state=now.state,
        problem=now.problem,
        seconds=now.seconds,
        channels=now.channels,
        size=now.size,
        sha256=now.sha256,
    )
