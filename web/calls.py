"""The calls list and the page of one call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from flask import Blueprint, abort, current_app, render_template, request
from flask_babel import LazyString
from sqlalchemy import select

from callcenter.models import Call, JournalEvent, Recording
from web import paging, presence, sound, words
from web.audit import Action, record, record_listening
from web.auth import signed_in
from web.call_list import IN_PROGRESS, CallFilter, find_calls
from web.figures import DayCountsCache, tiles
from web.localtime import now, today
from web.people import agent_label, agent_names
from web.phases import PHASES, phases
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
        tiles=tiles(_counts()),
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
    return render_template("_figures.html", tiles=tiles(_counts()))


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
    record_listening(found.recording.path, call.id, signed_in())
    return sound.answer(found, download_name=f"{call.id}.wav")


@blueprint.post("/<call_id>/number")
def show_number(call_id: str) -> str:
    """The whole number, once; that it was looked at is kept."""
    call = visible_call(call_id)
    with saving() as session:
        record(session, Action.NUMBER_SHOWN, call.id, signed_in())
    return render_template("_number.html", shown=call.caller)


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


def _counts() -> Any:
    user = signed_in()
    cache = cast(DayCountsCache, current_app.extensions["callcenter.day_counts"])
    return cache.get(db(), f"{user.role}:{user.agent_number}", visible_calls(user))


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
        "sound": sound.of_call(db(), settings().recordings_dir, call.id),
    }
