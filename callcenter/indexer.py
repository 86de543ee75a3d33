"""Keeps the index of recordings: a thread that reads each file once its call is over."""

from __future__ import annotations

import datetime as dt
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import sqlalchemy as sa

from callcenter.database import reading, writing
from callcenter.models import Recording
from callcenter.projection import safe_path
from callcenter.recordings import Description, State, index, locate

log = logging.getLogger(__name__)

GRACE_SECONDS = 10.0  # a file may appear, or be closed, this long after its event
SETTLE_SECONDS = 1.0  # a file just written to is left to settle
ABANDONED_SECONDS = 600.0  # an unknown file this old isn't being written by anybody
POLL_SECONDS = 2.0
BATCH = 50

Publish = Callable[[dict[str, str]], None]


class Indexer:
    """Indexes what is closed; what waits is in the database, so a restart forgets nothing."""

    def __init__(
        self,
        engine: sa.Engine,
        folder: Path,
        publish: Publish,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._engine = engine
        self._folder = folder
        self._publish = publish
        self._clock = clock
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="indexer", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        self._wake.set()

    def stop(self) -> None:
        self._stop.set()
        self._wake.set()
        self._thread.join(10)

    def _run(self) -> None:
        troubled = swept = False
        while not self._stop.is_set():
            try:
                if not swept:
                    self.sweep()
                    swept = True
                self.index_closed()
                troubled = False
            except Exception as error:  # noqa: BLE001 - the database may be away: try again
                if not troubled:
                    log.error("recordings can't be indexed now: %s", error)
                troubled = True
            self._wake.wait(POLL_SECONDS)
            self._wake.clear()

    def index_closed(self) -> int:
        """Index every recording that is closed and ready; give how many."""
        done = 0
        for path, call, closed_at in self._closed():
            if self._stop.is_set():
                break
            late = self._clock() - closed_at.timestamp() > GRACE_SECONDS
            if not late and not self._settled(path):
                continue
            found = index(self._folder, path)
            if found.state is not State.INDEXED and not late:
                continue
            if self._save(path, closed_at, found):
                done += 1
                if found.state is not State.INDEXED:
                    log.error("recording %s is %s: %s", path, found.state, found.problem)
                if call:
                    self._publish({"kind": "call", "id": call})
        return done

    def _closed(self) -> list[tuple[str, str, dt.datetime]]:
        query = (
            sa.select(Recording.path, Recording.call_id, Recording.closed_at)
            .where(Recording.state == State.OPEN.value, Recording.closed_at.is_not(None))
            .order_by(Recording.closed_at)
        )
        with reading(self._engine) as session:
            return [(path, call, at) for path, call, at in session.execute(query) if at is not None]

    def _settled(self, path: str) -> bool:
        try:
            changed = locate(self._folder, path).stat().st_mtime
        except (OSError, ValueError):
            return False
        return self._clock() - changed >= SETTLE_SECONDS

    def _save(self, path: str, closed_at: dt.datetime, found: Description) -> bool:
        """False when the recording went on in the meantime: then it comes up again."""
        change = (
            sa.update(Recording)
            .where(Recording.path == path, Recording.closed_at == closed_at)
            .values(
                state=found.state.value,
                problem=found.problem,
                sha256=found.sha256,
                seconds=found.seconds,
                channels=found.channels,
                size=found.size,
            )
        )
        with writing(self._engine) as session:
            result = session.connection().execute(change)
            return result.rowcount == 1

    def sweep(self) -> int:
        """Index files that no event speaks of, under their own name; give how many."""
        files = self._old_files()
        found = 0
        while batch := list(islice(files, BATCH)):
            with reading(self._engine) as session:
                query = sa.select(Recording.path).where(Recording.path.in_(batch))
                known = set(session.scalars(query))
            for path in batch:
                if self._stop.is_set():
                    return found
                if path not in known:
                    self._adopt(path)
                    found += 1
        return found

    def _adopt(self, path: str) -> None:
        log.warning("recording %s belongs to no event: indexed under its name", path)
        described = index(self._folder, path)
        row = Recording(
            path=path,
            call_id=Path(path).stem[:64],
            kind="message" if path.startswith("messages/") else "talk",
            state=described.state.value,
            problem=described.problem,
            sha256=described.sha256,
            seconds=described.seconds,
            channels=described.channels,
            size=described.size,
        )
        try:
            with writing(self._engine) as session:
                session.add(row)
        except sa.exc.IntegrityError:
            log.info("recording %s became known meanwhile", path)

    def _old_files(self) -> Iterator[str]:
        deadline = self._clock() - ABANDONED_SECONDS
        for folder, _, names in os.walk(self._folder):
            for name in sorted(names):
                file = Path(folder, name)
                path = safe_path(str(file.relative_to(self._folder)))
                try:
                    old = file.stat().st_mtime < deadline
                except OSError:
                    continue
                if path is not None and old and name.endswith(".wav"):
                    yield path
