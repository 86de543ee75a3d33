"""Recordings are indexed once they are closed, whatever was missed before."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

import pytest
import sqlalchemy as sa

from callcenter import database
from callcenter.events import Kind, event
from callcenter.indexer import Indexer
from callcenter.models import Recording
from callcenter.store import store

NOW = 1_772_337_906.0
WAV = (
    b"RIFF\x24\x3e\0\0WAVEfmt \x10\0\0\0\1\0\1\0\x40\x1f\0\0\x80\x3e\0\0\2\0\x10\0data\x80\x3e\0\0"
    + bytes(16000)
)
PATH = "2026/03/01/c1.wav"


class Library:
    def __init__(self, engine: sa.Engine, folder: Path) -> None:
        self.engine = engine
        self.folder = folder
        self.now = NOW
        self.notices: list[dict[str, str]] = []
        self.indexer = Indexer(engine, folder, self.notices.append, clock=lambda: self.now)

    def put(self, content: bytes = WAV, path: str = PATH, age: float = 5.0) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        os.utime(file, (self.now - age, self.now - age))

    def tell(self, *kinds: Kind, at: float = NOW) -> None:
        events = [event(kind, "c1", at=at + n, path=PATH) for n, kind in enumerate(kinds)]
        with database.writing(self.engine) as session:
            store(session, events, dt.datetime.fromtimestamp(self.now, dt.UTC))

    def row(self, path: str = PATH) -> Recording:
        with database.reading(self.engine) as session:
            return session.get_one(Recording, path)


@pytest.fixture
def library(engine: sa.Engine, tmp_path: Path) -> Library:
    return Library(engine, tmp_path / "recordings")


def test_a_recording_is_left_alone_until_it_is_closed(library: Library) -> None:
    library.put()
    library.tell(Kind.RECORDING_STARTED)
    assert library.indexer.index_closed() == 0
    assert library.row().state == "open"
    library.tell(Kind.CALL_ENDED, at=NOW + 1)
    assert library.indexer.index_closed() == 1
    row = library.row()
    assert (row.state, row.seconds, row.channels, row.size) == ("indexed", 1.0, 1, len(WAV))
    assert len(row.sha256 or "") == 64
    assert library.notices == [{"kind": "call", "id": "c1"}]
    assert library.indexer.index_closed() == 0


def test_a_file_just_written_to_is_left_to_settle(library: Library) -> None:
    library.tell(Kind.RECORDING_STARTED, Kind.RECORDING_STOPPED)
    library.put(age=0.1)
    assert library.indexer.index_closed() == 0
    library.now += 2
    assert library.indexer.index_closed() == 1


@pytest.mark.parametrize(
    ("content", "state"), [(None, "missing"), (WAV[:5000], "damaged"), (b"", "damaged")]
)
def test_a_bad_file_gets_some_time_before_it_is_called_so(
    library: Library, content: bytes | None, state: str, caplog: pytest.LogCaptureFixture
) -> None:
    library.tell(Kind.RECORDING_STARTED, Kind.RECORDING_STOPPED)
    if content is not None:
        library.put(content)
    library.now += 5
    assert library.indexer.index_closed() == 0
    assert library.row().state == "open"
    library.now += 10
    assert library.indexer.index_closed() == 1
    assert library.row().state == state
    assert library.row().problem
    assert f"is {state}" in caplog.text


def test_a_recording_that_went_on_is_indexed_anew(library: Library) -> None:
    library.put()
    library.tell(Kind.RECORDING_STARTED, Kind.RECORDING_STOPPED)
    library.now += 20
    library.indexer.index_closed()
    first = library.row().sha256
    library.put(WAV[:-1] + b"x")
    library.tell(Kind.RECORDING_STARTED, Kind.RECORDING_STOPPED, at=NOW + 10)
    assert library.row().state == "open"
    assert library.indexer.index_closed() == 1
    assert library.row().sha256 != first


def test_files_without_an_event_are_found_by_the_sweep(
    library: Library, caplog: pytest.LogCaptureFixture
) -> None:
    library.put(path="2026/03/01/lost.wav", age=3600)
    library.put(path="messages/m1.wav", age=3600)
    library.put(path="2026/03/01/running.wav", age=30)
    library.put(path="2026/03/01/note.txt", age=3600)
    library.tell(Kind.RECORDING_STARTED)
    library.put(age=3600)
    assert library.indexer.sweep() == 2
    lost, message = library.row("2026/03/01/lost.wav"), library.row("messages/m1.wav")
    assert (lost.call_id, lost.kind, lost.state) == ("lost", "talk", "indexed")
    assert (message.call_id, message.kind) == ("m1", "message")
    assert "belongs to no event" in caplog.text
    assert library.row().state == "open"
    assert library.indexer.sweep() == 0


def test_given_a_swept_file_when_its_event_comes_then_it_is_the_call_s(library: Library) -> None:
    library.put(age=3600)
    library.indexer.sweep()
    library.tell(Kind.RECORDING_STARTED, Kind.RECORDING_STOPPED)
    library.now += 20
    assert library.indexer.index_closed() == 1
    row = library.row()
    assert (row.call_id, row.state) == ("c1", "indexed")
    assert row.started_at is not None
