"""The process that carries the journal into the database: `callcenter projector`.

Crash-only: how far a file was copied is committed together with what was copied, so it can be
killed at any moment, run twice, or find the database gone, and go on where it was.
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import StaleDataError

from callcenter.cdr import Spool
from callcenter.config_export import Exporter
from callcenter.database import create_engine, reading, writing
from callcenter.indexer import Indexer
from callcenter.models import JournalReject, JournalSegment
from callcenter.notices import Notices
from callcenter.segments import Line, SegmentWriter, read_lines, remove_old, segments
from callcenter.store import Changes, store
from callcenter.sweep import Sweep, listener

log = logging.getLogger(__name__)

BATCH = 500  # lines in one transaction
POLL_SECONDS = 0.25
SPOOL_SECONDS = 1.0
SWEEP_SECONDS = 2.0
TIDY_SECONDS = 3600.0
KEEP_DAYS = 14.0  # copied segments are kept that long
BACKOFF_SECONDS = (0.2, 5.0)
RACES = 3  # attempts before a broken rule of the database is the event's own fault
MAX_REJECT = 64 * 1024  # bytes kept of a line that was put aside
PROJECTOR_LOCK = 0x31323334_35000002


class ProjectorSettings(Protocol):
    """What is read of the settings."""

    @property
    def data_dir(self) -> Path: ...
    @property
    def database_url(self) -> str: ...
    @property
    def redis_url(self) -> str: ...


class DatabaseAway(Exception):
    """The database can't be used now; nothing was committed, and nothing is lost."""


def _is_the_events_fault(error: Exception) -> bool:
    """Whether trying the same events again would fail again."""
    if isinstance(error, sa.exc.DBAPIError):
        state = getattr(error.orig, "sqlstate", None) or ""
        wrong = isinstance(error, sa.exc.DataError | sa.exc.IntegrityError)
        return not error.connection_invalidated and (wrong or state.startswith("54"))
    if isinstance(error, sa.exc.SQLAlchemyError):
        return isinstance(error, sa.exc.StatementError | StaleDataError)
    return not isinstance(error, OSError | MemoryError)


class Projector:
    """Copies segments batch by batch; for one thread."""

    def __init__(
        self,
        engine: sa.Engine,
        folder: Path,
        publish: Callable[[dict[str, str]], None],
        *,
        on_recordings: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`on_recordings` is called when files may be ready to be indexed."""
        self._engine = engine
        self._folder = folder
        self._publish = publish
        self._on_recordings = on_recordings
        self._clock = clock
        self._seen: dict[str, int] = {}  # segment -> size at which it was found wholly copied

    def step(self) -> int:
        """Copy everything there is; give the number of lines. Raise DatabaseAway."""
        copied = 0
        for path in segments(self._folder):
            try:
                size = path.stat().st_size
                if self._seen.get(path.name) == size:
                    continue
                copied += self._copy_segment(path)
            except OSError as error:
                log.error("%s can't be read: %s", path.name, error)
                continue
            self._seen[path.name] = size
        return copied

    def _copy_segment(self, path: Path) -> int:
        """Copy the lines; where a batch fails, in ever smaller ones until the bad line is alone."""
        copied, count, races = 0, BATCH, 0
        while True:
            try:
                done = self._copy(path, count)
            except Exception as error:
                if not _is_the_events_fault(error):
                    if isinstance(error, OSError):
                        raise
                    raise DatabaseAway(str(error).split("\n", 1)[0]) from error
                if isinstance(error, sa.exc.IntegrityError | StaleDataError) and races < RACES:
                    races += 1  # somebody else wrote the same row: look again
                    continue
                if count > 1:
                    count //= 2
                    continue
                self._reject(path, error)
                done = 1
            if done == 0:
                return copied
            copied, count, races = copied + done, min(count * 2, BATCH), 0

    def _copy(self, path: Path, count: int) -> int:
        """Copy up to `count` lines in one transaction."""
        with writing(self._engine) as session:
            segment = self._segment(session, path)
            lines = list(islice(read_lines(path, segment.offset), count))
            if not lines:
                return 0
            for line in lines:
                if line.event is None:
                    self._put_aside(session, path, line, line.problem)
            events = [line.event for line in lines if line.event is not None]
            changes = store(session, events, self._now())
            segment.offset = lines[-1].next_offset
        self._announce(changes)
        return len(lines)

    def _segment(self, session: Session, path: Path) -> JournalSegment:
        """How far the segment was copied, locked against other projectors."""
        if session.get_bind().dialect.name == "postgresql":
            session.execute(sa.text("SET LOCAL statement_timeout = '30s'"))
            session.execute(sa.text(f"SELECT pg_advisory_xact_lock({PROJECTOR_LOCK})"))
        segment = session.get(JournalSegment, path.name)
        if segment is None:
            segment = JournalSegment(name=path.name, offset=0)
            session.add(segment)
        return segment

    def _reject(self, path: Path, error: Exception) -> None:
        """Put one line aside that can't be stored, and go on behind it."""
        with writing(self._engine) as session:
            segment = self._segment(session, path)
            line = next(read_lines(path, segment.offset), None)
            if line is None:
                return
            self._put_aside(session, path, line, f"{type(error).__name__}: {error}")
            segment.offset = line.next_offset

    def _put_aside(self, session: Session, path: Path, line: Line, reason: str) -> None:
        log.critical("%s: line at byte %d put aside: %s", path.name, line.offset, reason)
        session.add(
            JournalReject(
                segment=path.name,
                offset=line.offset,
                line=line.raw[:MAX_REJECT],
                reason=reason.replace("\0", "\ufffd"),
                created_at=self._now(),
            )
        )

    def retry_rejects(self) -> int:
        """Try the lines that were put aside once more (a newer version may take them)."""
        with reading(self._engine) as session:
            waiting = list(session.scalars(sa.select(JournalReject).order_by(JournalReject.id)))
        stored = 0
        for reject in waiting:
            path = self._folder / reject.segment
            try:
                line = next(read_lines(path, reject.offset), None)
                if line is None or line.event is None or line.raw[:MAX_REJECT] != reject.line:
                    continue
                with writing(self._engine) as session:
                    self._segment(session, path)
                    changes = store(session, [line.event], self._now())
                    session.delete(session.get_one(JournalReject, reject.id))
            except Exception as error:  # noqa: BLE001 - it was put aside for a reason
                log.debug("%s at byte %d still fails: %s", reject.segment, reject.offset, error)
                continue
            self._announce(changes)
            stored += 1
        return stored

    def tidy(self, keep_days: float = KEEP_DAYS) -> None:
        """Remove old segments that are wholly in the database."""
        with reading(self._engine) as session:
            rows = session.scalars(sa.select(JournalSegment)).all()
            offsets = {row.name: row.offset for row in rows}
        for name in remove_old(self._folder, offsets, keep_days=keep_days, now=self._clock()):
            self._seen.pop(name, None)

    def _announce(self, changes: Changes) -> None:
        for call in changes.calls:
            self._publish({"kind": "call", "id": call})
        for number in changes.orders:
            self._publish({"kind": "order", "number": number})
        for call in changes.nuisances:
            self._publish({"kind": "nuisance", "id": call})
        if changes.recordings:
            self._on_recordings()

    def _now(self) -> dt.datetime:
        return dt.datetime.fromtimestamp(self._clock(), dt.UTC)


@dataclass(frozen=True, slots=True)
class Backlog:
    """What is in the journal and not yet in the database."""

    bytes: int
    seconds: float  # age of the oldest event; 0 when there is none


def backlog(engine: sa.Engine, folder: Path, now: float | None = None) -> Backlog:
    """Measure how far the database is behind the journal; raise SQLAlchemyError, OSError."""
    with reading(engine) as session:
        rows = session.scalars(sa.select(JournalSegment)).all()
        offsets = {row.name: row.offset for row in rows}
    behind, oldest = 0, None
    for path in segments(folder):
        offset = offsets.get(path.name, 0)
        line = next(read_lines(path, offset), None)
        if line is None:
            continue
        behind += path.stat().st_size - offset
        if line.event is not None:
            oldest = min(line.event.at, oldest or line.event.at)
    now = time.time() if now is None else now
    return Backlog(behind, max(0.0, now - oldest) if oldest is not None else 0.0)


def run(settings: ProjectorSettings, stop_event: threading.Event) -> None:
    """Project until `stop_event` is set. Any number may run; one at a time writes."""
    journal, cdr = settings.data_dir / "journal", settings.data_dir / "cdr"
    recordings = settings.data_dir / "recordings"
    engine = create_engine(settings.database_url)
    wake = threading.Event()
    notices = Notices(settings.redis_url, wake)
    indexer = Indexer(engine, recordings, notices.publish)
    projector = Projector(engine, journal, notices.publish, on_recordings=indexer.wake)
    spool = Spool(cdr, recordings, SegmentWriter(journal, "projector"))
    exporter = Exporter(engine, settings.data_dir)
    swept = SegmentWriter(journal, "sweep")
    sweep = Sweep(engine, swept, cdr, listener(settings.redis_url))
    notices.start()
    indexer.start()
    try:
        _project(projector, spool, sweep, exporter, wake, stop_event)
    finally:
        indexer.stop()
        notices.stop()
        spool.close()
        swept.close()
        engine.dispose()


def _project(
    projector: Projector,
    spool: Spool,
    sweep: Sweep,
    exporter: Exporter,
    wake: threading.Event,
    stop_event: threading.Event,
) -> None:
    pause = BACKOFF_SECONDS[0]
    away_since: float | None = None
    next_spool = next_sweep = next_tidy = 0.0
    retried = False
    while not stop_event.is_set():
        if time.monotonic() >= next_spool:
            spool.poll()
            next_spool = time.monotonic() + SPOOL_SECONDS
        try:
            if not retried:
                projector.retry_rejects()
                retried = True
            projector.step()
            exporter.poll()
            if time.monotonic() >= next_sweep:
                sweep.poll()
                next_sweep = time.monotonic() + SWEEP_SECONDS
            if time.monotonic() >= next_tidy:
                projector.tidy()
                next_tidy = time.monotonic() + TIDY_SECONDS
        except Exception as error:  # noqa: BLE001 - whatever it is, the journal keeps all
            if away_since is None:
                away_since = time.monotonic()
                log.error("database can't be used, events wait in the journal: %s", error)
            stop_event.wait(pause)
            pause = min(pause * 2, BACKOFF_SECONDS[1])
            continue
        if away_since is not None:
            log.warning("database is back after %.1f s", time.monotonic() - away_since)
            away_since, pause = None, BACKOFF_SECONDS[0]
        wake.wait(POLL_SECONDS)
        wake.clear()
