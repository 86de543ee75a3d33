"""`/events`: news for open pages as server-sent events (HTML Living Standard §9.2)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, cast

from flask import Blueprint, Response, current_app, request
from gevent.queue import Empty
from sqlalchemy import Engine

from callcenter import database
from web import presence
from web.auth import signed_in, valid_user
from web.board import Board
from web.hub import Hub, Message, Wanted
from web.i18n import language
from web.rights import READS_CALLS, WATCHES, Role
from web.storage import redis_client
from workorder.models import User

blueprint = Blueprint("stream", __name__)

HEARTBEAT_SECONDS = 10.0
RECONNECT_MILLISECONDS = 2000
KINDS = {"call", "agent", "order", "controls", "message", "board"}
ALWAYS = {"stale", "fresh"}


@blueprint.get("/events")
def events() -> Response:
    """News of the kinds in `kinds` (comma-separated) that the user may have."""
    user = signed_in()
    hub = cast(Hub, current_app.extensions["callcenter.hub"])
    asked = set(request.args.get("kinds", "call").split(",")) & KINDS
    allowed = _allowed(user, asked)
    wanted = _wanted(user, allowed)
    if "own" in request.args and user.agent_number:
        wanted = _only_own_calls(wanted, user.agent_number)
    lines = _lines(
        hub,
        request.headers.get("Last-Event-ID") or request.args.get("last_id", ""),
        wanted,
        current_app.extensions["callcenter.engine"],
        (user.id, user.session_epoch),
        current_app.extensions["callcenter.board"] if "board" in allowed else None,
        language(),
    )
    return Response(
        lines,
        mimetype="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


def _allowed(user: User, asked: set[str]) -> set[str]:
    role, allowed = Role(user.role), set(asked)
    if role not in READS_CALLS:
        allowed -= {"call", "order"}
    if role not in WATCHES:
        allowed.discard("board")
        if not user.agent_number:
            allowed.discard("agent")
    return allowed


def _wanted(user: User, allowed: set[str]) -> Wanted:
    only_own, number, spoken = Role(user.role) not in WATCHES, user.agent_number, language()

    def wanted(message: Message) -> bool:
        if message.kind in ALWAYS:
            return True
        if message.kind == "words":
            return "board" in allowed and message.data["language"] == spoken
        if message.kind not in allowed:
            return False
        if message.kind == "message":
            return message.data.get("to") in ("all", number)
        own = message.kind in ("agent", "controls") and (only_own or message.kind == "controls")
        return not own or message.data.get("agent") == number

    return wanted


def _only_own_calls(wanted: Wanted, number: str) -> Wanted:
    """Of calls, only what happens to the one at this agent's phone: 500 desks can't all hear of
    every step of every call.
    """
    me = presence.read_agent(redis_client(), number)
    contact = me.contact if me else None

    def wanted_here(message: Message) -> bool:
        nonlocal contact
        if message.kind == "agent" and message.data.get("agent") == number:
            contact = message.data.get("contact") or contact
        if message.kind == "call" and message.data.get("id") != contact:
            return False
        return wanted(message)

    return wanted_here


def _lines(
    hub: Hub,
    last_id: str,
    wanted: Wanted,
    engine: Engine,
    session: tuple[int, int],
    board: Board | None,
    spoken: str,
) -> Iterator[str]:
    """The stream, until the page goes, lags too far behind, or its session ends."""
    # Subscribed here, not in the view: a generator that was never begun is never closed either.
    subscription = hub.subscribe(wanted)
    missed = hub.missed(last_id, wanted) if last_id else []
    watching = False
    try:
        if board is not None:
            watching = True
            board.open(spoken)
        yield f"retry: {RECONNECT_MILLISECONDS}\n\n"
        if board is not None:
            yield _event("board", board.whole())
            yield _event("words", board.words(spoken))
        yield _event("fresh" if hub.up else "stale", {})
        if missed is None:
            yield _event("reset", {})
        for message in missed or []:
            yield _line(hub, message)
        while not subscription.cut_off:
            try:
                yield _line(hub, subscription.queue.get(timeout=HEARTBEAT_SECONDS))
            except Empty:
                if not _still_valid(engine, session):
                    return
                yield ": still here\n" + _event("beat", {})
    finally:
        hub.unsubscribe(subscription)
        if board is not None and watching:
            board.close(spoken)


def _line(hub: Hub, message: Message) -> str:
    return f"id: {hub.id_of(message)}\n" + message.text()


def _event(kind: str, data: dict[str, Any]) -> str:
    return f"event: {kind}\ndata: {json.dumps(data)}\n\n"


def _still_valid(engine: Engine, session: tuple[int, int]) -> bool:
    with database.reading(engine) as reading:
        return valid_user(reading, *session) is not None
