"""The calls list and the page of one call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, abort, redirect, render_template, request, url_for
from flask_babel import LazyString
from sqlalchemy import select

from callcenter.models import Call, JournalEvent, Recording
from callcenter.privacy import clean_text
from web import paging, presence, sound, words
from web.audit import Action, has_said_why, record, record_listening
from web.audit import say_why as write_why
from web.auth import signed_in
from web.call_list import IN_PROGRESS, CallFilter, find_calls
from web.days import calls_of_today
from web.figures import Tile, tiles
from web.localtime import now, today
from web.people import agent_label, agent_names
from web.phases import PHASES, phases
from web.rights import Field, Role, Sight, sight
from web.scope import reveals_numbers, visible_calls
from web.storage import db, redis_client, saving, settings
from web.timeline import describe

blueprint = Blueprint("calls", __name__, url_prefix="/calls")

MAX_LIVE_ROWS = 50  # calls that may be asked for again at once


@blueprint.get("")
def index() -> Any:
    wanted = CallFilter.from_args(request.args)
    after = cursor_argument()
    user = signed_in()
    found, more = find_calls(db(), _conditions(wanted), after)
    newest = after is None and (wanted.until is None or wanted.until >= today())
    return render_template(
        "calls.html",
        calls=found,
        recorded=recorded(found),
        wanted=wanted,
        live=newest,
        next_cursor=paging.encode(more) if more else None,
        tiles=_tiles(),
        outcomes={IN_PROGRESS: words.IN_PROGRESS, **words.OUTCOMES},
        agents=agent_names() if not user.agent_number else {},
        queues=_queue_names(wanted.queue),
    )


@blueprint.get("/rows")
def rows() -> str:
    """The rows of the calls in `ids` that match the filter, for the page to put in place."""
    ids = [each for each in request.args.get("ids", "").split(",") if each][:MAX_LIVE_ROWS]
    wanted = CallFilter.from_args(request.args)
    found, _more = find_calls(db(), [Call.id.in_(ids), *_conditions(wanted)], limit=MAX_LIVE_ROWS)
    return render_template("_call_rows.html", calls=found, recorded=recorded(found))


@blueprint.get("/figures")
def figures() -> str:
    return render_template("_figures.html", tiles=_tiles())


@blueprint.get("/<call_id>")
def show(call_id: str) -> str:
    return render_template("call.html", **_call_page(call_id))


@blueprint.get("/<call_id>/body")
def body(call_id: str) -> str:
    return render_template("_call.html", **_call_page(call_id))


@blueprint.get("/<call_id>/recording")
def recording(call_id: str) -> Any:
    call = visible_call(call_id)
    found = sound.of_call(db(), settings().recordings_dir, call.id)
    if found is None or not found.playable:
        abort(404)
    user, path = signed_in(), found.recording.path
    export = request.args.get("export") == "1"
    if asks_why(export=export) and not has_said_why(path, user):
        abort(428)
    if not export:
        record_listening(path, call.id, user)
        return sound.answer(found, download_name=f"{call.id}.wav")
    with saving() as session:
        record(session, Action.RECORDING_EXPORTED, path, user, call=call.id)
    return sound.answer(found, download_name=f"{call.id}.wav", export=True)


@blueprint.post("/<call_id>/recording")
def say_why(call_id: str) -> Any:
    """Why the recording is to be played or taken; then it may be, for a while."""
    call = visible_call(call_id)
    found = sound.of_call(db(), settings().recordings_dir, call.id)
    why = clean_text(request.form.get("why", ""), 200)
    if found is None or not why:
        abort(404 if found is None else 400)
    write_why(found.recording.path, call.id, signed_in(), why)
    return redirect(url_for("calls.show", call_id=call.id))


def asks_why(*, export: bool) -> bool:
    """Whether the policy wants a reason for playing, or for taking away, a recording."""
    policy = settings().recording_reason
    return policy == "always" or (policy == "export" and export)


@blueprint.post("/<call_id>/number")
def show_number(call_id: str) -> str:
    """The whole number, once; that it was looked at is kept."""
    call = visible_call(call_id)
    with saving() as session:
        record(session, Action.NUMBER_SHOWN, call.id, signed_in())
    hidden = sight(Role(signed_in().role), Field.NAME) is Sight.ON_REQUEST
    return render_template(
        "_number.html", shown=call.caller, name=call.caller_name if hidden else ""
    )


# --- parts ---------------------------------------------------------------------------------------


def visible_call(call_id: str) -> Call:
    """The call, or 404 also when it is somebody else's: its existence is nobody's business."""
    call = db().scalar(select(Call).where(Call.id == call_id, visible_calls(signed_in())))
    return call or abort(404)


def recorded(calls: list[Call]) -> dict[str, str]:
    """Call id → what its recording holds (talk or message), for those that have one."""
    ids = [call.id for call in calls]
    rows = db().scalars(select(Recording).where(Recording.call_id.in_(ids)))
    return {row.call_id: row.kind for row in rows}


def cursor_argument() -> paging.Position | None:
    cursor = request.args.get("after", "")
    try:
        return paging.decode(cursor) if cursor else None
    except paging.BadCursor:
        abort(400)


def _conditions(wanted: CallFilter) -> list[Any]:
    user = signed_in()
    return [
        visible_calls(user),
        *wanted.conditions(part_of_number=reveals_numbers(user)),
    ]


def _tiles() -> list[Tile]:
    return tiles(calls_of_today(db(), signed_in()))


def _queue_names(chosen: str) -> list[str]:
    """Queues that exist now, and the one that is looked for."""
    names = {*presence.read(redis_client()).queues, *words.QUEUES}
    return sorted(names | {chosen} - {""})


@dataclass(frozen=True, slots=True)
class Bar:
    """One phase as a piece of the bar; x and width in percent."""

    name: str
    label: LazyString
    seconds: float
    x: float
    width: float


def _bars(events: list[JournalEvent], end: float) -> list[Bar]:
    spent = phases(events, end)
    total = sum(phase.seconds for phase in spent)
    bars, x = [], 0.0
    for phase in spent:
        width = 100 * phase.seconds / total
        bars.append(Bar(phase.name, PHASES[phase.name], phase.seconds, x, width))
        x += width
    return bars


def _call_page(call_id: str) -> dict[str, Any]:
    call = visible_call(call_id)
    events = list(
        db().scalars(
            select(JournalEvent)
            .where(JournalEvent.call_id == call.id)
            .order_by(JournalEvent.at, JournalEvent.seq)
        )
    )
    lines = [describe(event, agent_label) for event in events]
    end = (call.ended_at or now()).timestamp()
    found = sound.of_call(db(), settings().recordings_dir, call.id)
    said_why = found is not None and has_said_why(found.recording.path, signed_in())
    bars = _bars(events, end)
    return {
        "call": call,
        "lines": lines,
        "bars": bars,
        "totals": {
            name: sum(bar.seconds for bar in bars if bar.name == name)
            for name in dict.fromkeys(bar.name for bar in bars)
        },
        "PHASES": PHASES,
        "sound": found,
        "may_play": said_why or not asks_why(export=False),
        "may_export": said_why or not asks_why(export=True),
    }
