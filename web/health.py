"""`/healthz` for whoever watches the service, `/metrics` for Prometheus."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from flask import Blueprint, Flask, Response, current_app, jsonify
from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector
from sqlalchemy import func, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from callcenter.daybook import ALL
from callcenter.events import Event
from callcenter.models import Call, JournalSegment
from callcenter.segments import MAX_LINE
from web import presence
from web.days import all_of_today
from web.hub import Hub
from web.localtime import day_start, today
from web.storage import db, redis_client, settings

blueprint = Blueprint("health", __name__)

LAG_ALLOWED = 30.0  # seconds that the database may be behind the journal


@dataclass(frozen=True, slots=True)
class JournalLag:
    """What the database hasn't got yet."""

    bytes: int
    seconds: float  # age of the oldest event of it


@blueprint.get("/healthz")
def healthz() -> tuple[Response, int]:
    """200 when all is well, 503 with the reason otherwise."""
    live = presence.read(redis_client())
    database_up, lag = _database()
    switch = live.switch or ("unknown" if live.stale else "up")
    parts: dict[str, Any] = {
        "switch": {"ok": switch == "up", "state": switch, "controller": live.controller or None},
        "database": {"ok": database_up},
        "redis": {"ok": live.redis},
        "journal": {
            "ok": lag is not None and lag.seconds <= LAG_ALLOWED,
            "lag_bytes": lag.bytes if lag else None,
            "lag_seconds": round(lag.seconds, 3) if lag else None,
        },
    }
    well = all(part["ok"] for part in parts.values())
    return jsonify({"status": "ok" if well else "failing", **parts}), 200 if well else 503


@blueprint.get("/metrics")
def metrics() -> Response:
    registry = cast(CollectorRegistry, current_app.extensions["callcenter.metrics"])
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def init_app(app: Flask) -> None:
    registry = CollectorRegistry()
    registry.register(_Now())
    app.extensions["callcenter.metrics"] = registry
    app.extensions["callcenter.request_seconds"] = Histogram(
        "callcenter_web_request_seconds",
        "Time to answer a request, by endpoint and status",
        ["endpoint", "status"],
        registry=registry,
    )
    app.register_blueprint(blueprint)


def _database() -> tuple[bool, JournalLag | None]:
    try:
        db().execute(text("SELECT 1"))
        return True, journal_lag(db(), settings().journal_dir)
    except SQLAlchemyError:
        current_app.logger.exception("the database doesn't answer")
        return False, None


def journal_lag(session: Session, folder: Path) -> JournalLag:
    """Compare the journal's files with how far each has been copied."""
    copied = {
        segment.name: segment.offset for segment in session.scalars(select(JournalSegment)).all()
    }
    unread, oldest = 0, None
    for path in folder.glob("*.jsonl"):
        offset = copied.get(path.name, 0)
        behind = path.stat().st_size - offset
        line = _line_at(path, offset) if behind > 0 else b""
        # A writer that died within a line leaves half of it, and nobody will ever read that.
        if line.endswith(b"\n") or len(line) == MAX_LINE:
            unread += behind
            written = _written_at(path, line)
            oldest = written if oldest is None else min(oldest, written)
    return JournalLag(unread, max(0.0, time.time() - oldest) if oldest else 0.0)


def _line_at(path: Path, offset: int) -> bytes:
    with path.open("rb") as file:
        file.seek(offset)
        return file.readline(MAX_LINE)


def _written_at(path: Path, line: bytes) -> float:
    """When this event happened; the file's own time when it cannot be read."""
    try:
        return Event.from_json(line).at
    except ValueError:
        return path.stat().st_mtime


class _Now(Collector):
    """Figures that are looked up when they are asked for; no personal data."""

    def collect(self) -> Iterable[GaugeMetricFamily]:
        live = presence.read(redis_client())
        yield _gauge("callcenter_redis_up", "Redis answers", float(live.redis))
        yield _gauge(
            "callcenter_controller_up",
            "The controller told its state lately",
            float(not live.stale),
        )
        yield from _live_figures(live)
        hub = cast(Hub, current_app.extensions["callcenter.hub"])
        yield _gauge("callcenter_web_streams", "Open pages with live news", float(hub.clients))
        try:
            yield from _database_figures()
            yield _gauge("callcenter_database_up", "The database answers", 1.0)
        except SQLAlchemyError:
            yield _gauge("callcenter_database_up", "The database answers", 0.0)


def _live_figures(live: presence.Live) -> Iterable[GaugeMetricFamily]:
    waiting = GaugeMetricFamily(
        "callcenter_queue_waiting", "Citizens waiting now", labels=["queue"]
    )
    longest = GaugeMetricFamily(
        "callcenter_queue_longest_wait_seconds", "Longest wait now", labels=["queue"]
    )
    error = GaugeMetricFamily(
        "callcenter_queue_wait_estimate_error_seconds",
        "Announced less real wait, of those answered: mean, and mean of the amount",
        labels=["queue", "kind"],
    )
    for name, queue in live.queues.items():
        for kind, key in (("mean", "estimate_error"), ("absolute", "estimate_error_absolute")):
            if queue[key] is not None:
                error.add_metric([name, kind], queue[key])
        waiting.add_metric([name], float(queue["waiting"]))
        longest.add_metric([name], queue["longest_wait"] or 0.0)
    agents = GaugeMetricFamily("callcenter_agents", "Agents by state", labels=["state"])
    for state, count in sorted(Counter(each.state for each in live.agents.values()).items()):
        agents.add_metric([state], float(count))
    return [waiting, longest, error, agents]


def _database_figures() -> Iterable[GaugeMetricFamily]:
    book = all_of_today(db()).calls
    counts = book.totals[ALL]
    lag = journal_lag(db(), settings().journal_dir)
    today_by_outcome = GaugeMetricFamily(
        "callcenter_calls_today", "Calls since midnight in China, by outcome", labels=["outcome"]
    )
    rows = db().execute(
        select(Call.outcome, func.count())
        .where(Call.arrived_at >= day_start(today()))
        .group_by(Call.outcome)
    )
    for outcome, count in rows:
        today_by_outcome.add_metric([outcome or "in_progress"], float(count))
    return [
        _gauge("callcenter_calls_in_progress", "Calls not over yet", float(len(book.going_on))),
        today_by_outcome,
        _gauge("callcenter_queued_today", "Calls that entered a queue today", float(counts.queued)),
        _gauge("callcenter_answered_today", "Of those, answered", float(counts.answered)),
        _gauge(
            "callcenter_answered_in_15s_today",
            "Of those, within 15 s of entering the queue",
            float(counts.answered_in_time),
        ),
        _gauge("callcenter_journal_lag_bytes", "Journal not yet in the database", float(lag.bytes)),
        _gauge("callcenter_journal_lag_seconds", "Age of that", lag.seconds),
    ]


def _gauge(name: str, words: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, words, value=value)
