"""The controller's side: events are safe soon, and the hub never waits for the disk."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import gevent
import pytest

from callcenter.events import Event, Kind, event
from callcenter.journal import Journal, read_segment
from callcenter.segments import SegmentWriter, segments


def make(count: int) -> list[Event]:
    return [event(Kind.MENU_KEY, "c1", at=float(n), menu="main", key=str(n)) for n in range(count)]


def until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    with gevent.Timeout(seconds):
        while not condition():
            gevent.sleep(0.005)


def on_disk(folder: Path) -> list[str]:
    return [one.id for path in segments(folder) for one, _ in read_segment(path)]


class Disk:
    """A disk that can be slow, full, and counted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.syncs = 0
        self.full = False
        self.gate = threading.Event()
        self.gate.set()
        real = SegmentWriter.append

        def append(writer: SegmentWriter, lines: list[bytes]) -> None:
            self.gate.wait(5)
            self.syncs += 1
            if self.full:
                raise OSError(errno.ENOSPC, "No space left on device")
            real(writer, lines)

        monkeypatch.setattr(SegmentWriter, "append", append)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    disk = Disk(monkeypatch)
    yield disk
    disk.full = False
    disk.gate.set()


@pytest.fixture
def journal(tmp_path: Path, disk: Disk) -> Iterator[Journal]:
    journal = Journal(tmp_path, "brain")
    yield journal
    disk.full = False
    disk.gate.set()
    journal.close()


def test_when_append_and_wait_returns_then_the_event_is_on_the_disk(
    journal: Journal, tmp_path: Path
) -> None:
    one = make(1)[0]
    assert journal.append_and_wait(one)
    assert on_disk(tmp_path) == [one.id]
    assert journal.lag == 0.0


def test_what_gathers_during_one_fsync_goes_with_the_next(journal: Journal, disk: Disk) -> None:
    disk.gate.clear()
    for one in make(1000):
        journal.append(one)
        gevent.sleep(0)
    disk.gate.set()
    assert journal.flush()
    assert disk.syncs <= 2


def test_given_a_slow_disk_then_other_greenlets_go_on(journal: Journal, disk: Disk) -> None:
    disk.gate.clear()
    waiting = gevent.spawn(journal.append_and_wait, make(1)[0])
    turns = 0
    for _ in range(20):
        gevent.sleep(0.001)
        turns += 1
    assert turns == 20
    assert not waiting.ready()
    assert journal.lag > 0
    disk.gate.set()
    assert waiting.get(timeout=5)


def test_given_a_slow_disk_then_waiting_ends_in_time(journal: Journal, disk: Disk) -> None:
    disk.gate.clear()
    assert journal.append_and_wait(make(1)[0], timeout=0.05) is False


def test_given_a_full_disk_then_events_wait_and_are_written_later(
    journal: Journal, disk: Disk, tmp_path: Path
) -> None:
    disk.full = True
    events = make(3)
    for one in events:
        journal.append(one)
    until(lambda: journal.problem is not None)
    assert "No space left" in str(journal.problem)
    disk.full = False
    assert journal.flush(5)
    assert journal.problem is None
    assert on_disk(tmp_path) == [one.id for one in events]


def test_given_a_full_queue_then_the_loss_is_counted_and_said_loudly(
    tmp_path: Path, disk: Disk, caplog: pytest.LogCaptureFixture
) -> None:
    disk.full = True
    journal = Journal(tmp_path, "brain", max_queued=2)
    events = make(3)
    for one in events[:2]:
        journal.append(one)
    assert journal.append_and_wait(events[2], timeout=0.01) is False
    assert journal.dropped == 1
    assert "LOST" in caplog.text
    disk.full = False
    assert journal.flush(5)
    assert on_disk(tmp_path) == [one.id for one in events[:2]]
    journal.close()


def test_the_projector_is_woken_after_events_reached_the_disk(tmp_path: Path) -> None:
    seen: list[list[str]] = []
    journal = Journal(tmp_path, "brain", wake=lambda: seen.append(on_disk(tmp_path)))
    one = make(1)[0]
    journal.append(one)
    until(lambda: bool(seen))
    assert seen[0] == [one.id]
    journal.close()


def test_given_nobody_can_be_woken_then_writing_goes_on(tmp_path: Path) -> None:
    def refuse() -> None:
        raise ConnectionError("Redis is away")

    journal = Journal(tmp_path, "brain", wake=refuse)
    for one in make(3):
        assert journal.append_and_wait(one)
    assert len(on_disk(tmp_path)) == 3
    journal.close()


def test_a_sleeping_waker_does_not_hold_the_disk_up(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "brain", wake=lambda: gevent.sleep(60))
    for one in make(3):
        assert journal.append_and_wait(one)
    journal.close(timeout=0.1)


def test_data_that_is_not_json_is_refused_at_once(journal: Journal) -> None:
    with pytest.raises(TypeError):
        journal.append(event(Kind.MENU_KEY, "c1", menu=object()))
    assert journal.flush()


def test_closing_writes_what_is_queued(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "brain")
    for one in make(100):
        journal.append(one)
    assert journal.close()
    assert len(on_disk(tmp_path)) == 100


WRITER = """
import sys
from pathlib import Path
from callcenter.events import Kind, event
from callcenter.journal import Journal
journal = Journal(Path(sys.argv[1]), "brain")
while True:
    one = event(Kind.MENU_KEY, "c1", menu="main")
    assert journal.append_and_wait(one)
    print(one.id, flush=True)
"""


def test_given_a_killed_writer_then_what_it_vouched_for_is_there(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    vouched = [process.stdout.readline().strip() for _ in range(20)]
    os.kill(process.pid, signal.SIGKILL)
    vouched += [line.strip() for line in process.stdout if line.endswith("\n")]
    process.wait(10)
    process.stdout.close()
    assert len(vouched) >= 20
    assert set(vouched) <= set(on_disk(tmp_path))


def test_appending_is_cheap(journal: Journal) -> None:
    one = make(1)[0]
    began = time.perf_counter()
    for _ in range(1000):
        journal.append(one)
    assert time.perf_counter() - began < 1.0
