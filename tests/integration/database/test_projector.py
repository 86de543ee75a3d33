"""From the journal's files to rows, whatever gets in the way."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from callcenter import database, projector
from callcenter.events import Event, Kind, event
from callcenter.models import Call, JournalEvent, JournalReject, JournalSegment, Recording
from callcenter.projector import DatabaseAway, Projector, backlog
from callcenter.segments import SegmentWriter, segments
from workorder.models import Order, OrderEvent

T0 = 1_772_337_906.5


def whole_call(call: str, start: float = T0) -> list[Event]:
    steps: list[tuple[float, Kind, dict[str, Any]]] = [
        (0, Kind.CALL_ARRIVED, {"caller": "13800135678", "name": "张三", "dialed": "12345"}),
        (1, Kind.MENU_KEY, {"menu": "main", "key": "1"}),
        (2, Kind.QUEUE_JOINED, {"queue": "general"}),
        (3, Kind.OFFER_MADE, {"offer": f"o{call}", "agent": "1001"}),
        (4, Kind.RECORDING_STARTED, {"path": f"2026/03/01/{call}.wav"}),
        (5, Kind.TALK_STARTED, {"agent": "1001"}),
        (50, Kind.TALK_ENDED, {"agent": "1001", "by": "citizen"}),
        (51, Kind.CALL_ENDED, {"cause": "NORMAL_CLEARING", "by": "citizen"}),
    ]
    return [event(kind, call, at=start + when, **data) for when, kind, data in steps]


class Desk:
    """A journal, a projector on it, and what it told the screens."""

    def __init__(self, engine: sa.Engine, folder: Path) -> None:
        self.engine = engine
        self.folder = folder
        self.notices: list[dict[str, str]] = []
        self.indexable = 0
        self.writer = SegmentWriter(folder, "brain")
        self.projector = self.another()

    def another(self) -> Projector:
        return Projector(
            self.engine, self.folder, self.notices.append, on_recordings=self._recordings
        )

    def _recordings(self) -> None:
        self.indexable += 1

    def write(self, events: list[Event]) -> None:
        self.writer.append([one.to_json() for one in events])

    def all(self, model: Any) -> list[Any]:
        with database.reading(self.engine) as session:
            return list(session.scalars(sa.select(model)).all())

    def has_more_than(self, events: int) -> bool:
        return self.count(JournalEvent) > events

    def calls_told_and_derived(self) -> tuple[int, int]:
        """In one statement: a killed projector's last commit may still be under way."""
        told = sa.select(sa.func.count(JournalEvent.call_id.distinct())).scalar_subquery()
        derived = sa.select(sa.func.count(Call.id)).scalar_subquery()
        with database.reading(self.engine) as session:
            row = session.execute(sa.select(told, derived)).one()
            return row[0], row[1]

    def count(self, model: Any) -> int:
        return len(self.all(model))


@pytest.fixture
def desk(engine: sa.Engine, tmp_path: Path) -> Desk:
    return Desk(engine, tmp_path / "journal")


def test_a_whole_call_becomes_rows(desk: Desk) -> None:
    desk.write(whole_call("c1"))
    assert desk.projector.step() == 8
    (call,) = desk.all(Call)
    (order,) = desk.all(Order)
    (recording,) = desk.all(Recording)
    (drafted,) = desk.all(OrderEvent)
    assert (call.outcome, call.agent, call.order_number) == ("answered", "1001", order.number)
    assert call.ended_at == dt.datetime.fromtimestamp(T0 + 51, dt.UTC)
    assert (order.number, order.state, order.category) == ("20260301000001", "draft", None)
    assert (order.citizen_number, order.citizen_name) == ("13800135678", "张三")
    assert (recording.state, recording.call_id, recording.closed_at) == (
        "open",
        "c1",
        call.ended_at,
    )
    assert (drafted.order_id, drafted.to_state, drafted.key) == (order.id, "draft", "c1:drafted")
    assert {"kind": "call", "id": "c1"} in desk.notices
    assert {"kind": "order", "number": order.number} in desk.notices
    assert desk.indexable == 1


def test_supervisors_hear_of_a_nuisance_mark_and_of_what_was_decided_once(desk: Desk) -> None:
    desk.write(whole_call("c1"))
    desk.projector.step()
    told = {"kind": "nuisance", "id": "c1"}
    assert told not in desk.notices
    marked = event(Kind.NUISANCE, "c1", at=T0 + 20, agent="1001", note="")
    desk.write([marked])
    desk.projector.step()
    assert desk.notices.count(told) == 1
    desk.write([event(Kind.NUISANCE_DECIDED, "c1", at=T0 + 90, confirmed=True), marked])
    desk.projector.step()
    assert desk.notices.count(told) == 2


def test_the_order_is_there_as_soon_as_the_agent_answers(desk: Desk) -> None:
    desk.write(whole_call("c1")[:6])
    desk.projector.step()
    (call,) = desk.all(Call)
    assert (call.stage, call.outcome) == ("talk", None)
    assert desk.all(Order)[0].agent_number == "1001"


@pytest.mark.parametrize("size", [1, 3, 8])
def test_rows_are_the_same_however_the_events_come_in(desk: Desk, size: int) -> None:
    events = whole_call("c1")[::-1]
    for start in range(0, len(events), size):
        desk.write(events[start : start + size])
        desk.projector.step()
    (call,) = desk.all(Call)
    assert (call.outcome, call.stage, call.menu_path) == ("answered", "ended", ["main:1"])
    assert desk.count(Order) == 1


def test_the_same_events_in_two_segments_change_nothing(desk: Desk) -> None:
    desk.write(whole_call("c1"))
    desk.projector.step()
    before = desk.all(Call)[0].updated_at
    desk.notices.clear()
    SegmentWriter(desk.folder, "other").append([one.to_json() for one in whole_call("c1")][:1])
    assert desk.projector.step() == 1
    assert desk.notices == []
    assert desk.all(Call)[0].updated_at == before


def test_copying_everything_anew_changes_nothing(desk: Desk) -> None:
    desk.write(whole_call("c1"))
    desk.projector.step()
    with database.writing(desk.engine) as session:
        session.execute(sa.delete(JournalSegment))
    assert desk.another().step() == 8
    assert [desk.count(model) for model in (Call, Order, OrderEvent, JournalEvent)] == [1, 1, 1, 8]


def test_two_projectors_at_once_do_no_harm(desk: Desk) -> None:
    calls = [f"c{n}" for n in range(60)]
    for call in calls:
        desk.write(whole_call(call))
    failures: list[BaseException] = []

    def work() -> None:
        try:
            desk.another().step()
        except BaseException as error:  # noqa: BLE001 - told below
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert desk.count(JournalEvent) == 8 * len(calls)
    numbers = sorted(order.number for order in desk.all(Order))
    assert numbers == [f"20260301{serial:06}" for serial in range(1, len(calls) + 1)]


def test_a_person_s_edit_survives_later_events(desk: Desk) -> None:
    events = whole_call("c1")
    desk.write(events[:6])
    desk.projector.step()
    with database.writing(desk.engine) as session:
        order = session.scalars(sa.select(Order)).one()
        order.title, order.category = "路灯不亮", "help"
    again = event(Kind.TALK_STARTED, "c1", at=T0 + 20, agent="1002")
    desk.write([*events[6:], again])
    desk.projector.step()
    (order,) = desk.all(Order)
    assert (order.title, order.category, order.agent_number) == ("路灯不亮", "help", "1002")


def bad(call: str = "c1") -> Event:
    """An event that is well-formed and that no table can hold."""
    return event(Kind.MENU_KEY, call, at=1e300, menu="main", key="9")


@pytest.mark.parametrize("position", [0, 7, 500, 650])
def test_a_poison_event_is_put_aside_and_holds_nothing_up(
    desk: Desk, position: int, caplog: pytest.LogCaptureFixture
) -> None:
    events = [one for n in range(100) for one in whole_call(f"c{n}")]
    events.insert(position, bad())
    desk.write(events)
    assert desk.projector.step() == 801
    assert desk.count(JournalEvent) == 800
    (reject,) = desk.all(JournalReject)
    assert "1e+300" in reject.reason
    assert reject.line == events[position].to_json() + b"\n"
    assert "put aside" in caplog.text


def test_a_damaged_line_is_put_aside(desk: Desk) -> None:
    good = whole_call("c1")
    desk.writer.append([good[0].to_json(), b"{rubbish", good[1].to_json()])
    assert desk.projector.step() == 3
    assert desk.count(JournalEvent) == 2
    assert desk.all(JournalReject)[0].line == b"{rubbish\n"


def test_text_that_postgresql_cannot_hold_is_mended(desk: Desk) -> None:
    desk.write([event(Kind.CALL_ARRIVED, "c1", at=T0, caller="1\0", name="\0", dialed="12345")])
    desk.projector.step()
    assert desk.count(JournalReject) == 0
    assert desk.all(Call)[0].caller == "1\ufffd"


def test_given_a_newer_version_then_what_was_put_aside_is_tried_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.write([*whole_call("c1"), bad()])
    desk.projector.step()
    assert desk.projector.retry_rejects() == 0
    monkeypatch.setattr("callcenter.store.LATEST", 1e301)
    monkeypatch.setattr(
        "callcenter.projection._when",
        lambda one: dt.datetime.fromtimestamp(min(one.at, 4e9), dt.UTC),
    )
    assert desk.projector.retry_rejects() == 1
    assert desk.count(JournalReject) == 0
    assert desk.count(JournalEvent) == 9


def test_given_no_tables_then_nothing_is_put_aside_and_nothing_lost(
    empty_url: str, tmp_path: Path
) -> None:
    engine = database.create_engine(empty_url)
    desk = Desk(engine, tmp_path / "journal")
    desk.write(whole_call("c1"))
    with pytest.raises(DatabaseAway):
        desk.projector.step()
    database.upgrade(empty_url)
    assert desk.projector.step() == 8
    assert desk.count(JournalReject) == 0
    engine.dispose()


def test_a_torn_end_is_waited_for(desk: Desk) -> None:
    first, second = (one.to_json() for one in whole_call("c1")[:2])
    desk.writer.append([first])
    path = segments(desk.folder)[0]
    with path.open("ab") as file:
        file.write(second[:20])
    assert desk.projector.step() == 1
    assert desk.projector.step() == 0
    with path.open("ab") as file:
        file.write(second[20:] + b"\n")
    assert desk.projector.step() == 1
    assert desk.count(JournalEvent) == 2


def test_the_backlog_is_what_is_not_copied_yet(desk: Desk) -> None:
    desk.write(whole_call("c1"))
    size = segments(desk.folder)[0].stat().st_size
    found = backlog(desk.engine, desk.folder, now=T0 + 60)
    assert (found.bytes, found.seconds) == (size, 60.0)
    desk.projector.step()
    assert backlog(desk.engine, desk.folder).bytes == 0


def test_old_segments_are_removed_once_they_are_copied(desk: Desk) -> None:
    for call in ("c1", "c2"):
        writer = SegmentWriter(desk.folder, "brain")
        writer.append([one.to_json() for one in whole_call(call)])
        writer.close()
    desk.projector.tidy(keep_days=-1)
    assert len(segments(desk.folder)) == 2
    desk.projector.step()
    desk.projector.tidy(keep_days=-1)
    assert len(segments(desk.folder)) == 1


# --- the process -----------------------------------------------------------------------------


def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)


class Process:
    """`projector.run` in a thread."""

    def __init__(self, data_dir: Path, url: str, redis_url: str = "") -> None:
        self.settings = SimpleNamespace(data_dir=data_dir, database_url=url, redis_url=redis_url)
        self.stop = threading.Event()
        self.thread = threading.Thread(target=projector.run, args=(self.settings, self.stop))
        self.thread.start()

    def end(self) -> None:
        self.stop.set()
        self.thread.join(20)
        assert not self.thread.is_alive()


def test_the_process_carries_a_call_without_redis(
    url: str, engine: sa.Engine, tmp_path: Path
) -> None:
    desk = Desk(engine, tmp_path / "journal")
    process = Process(tmp_path, url)
    try:
        desk.write(whole_call("c1"))
        until(lambda: desk.count(Call) == 1 and desk.all(Call)[0].stage == "ended")
        until(lambda: desk.all(Recording)[0].state == "missing")
    finally:
        process.end()


RUNNER = """
import sys, threading
from pathlib import Path
from types import SimpleNamespace
from callcenter import projector
settings = SimpleNamespace(data_dir=Path(sys.argv[1]), database_url=sys.argv[2], redis_url="")
print("up", flush=True)
projector.run(settings, threading.Event())
"""


def test_given_it_is_killed_again_and_again_then_every_event_is_stored_once(
    url: str, engine: sa.Engine, tmp_path: Path
) -> None:
    desk = Desk(engine, tmp_path / "journal")
    calls = 160
    for n in range(calls):
        desk.write(whole_call(f"c{n}"))
    for stored in (0, 300, 600):
        process = subprocess.Popen(
            [sys.executable, "-c", RUNNER, str(tmp_path), url], stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        process.stdout.readline()
        until(partial(desk.has_more_than, stored))
        process.kill()
        process.wait(10)
        process.stdout.close()
        told, derived = desk.calls_told_and_derived()
        assert told == derived  # never events without what follows from them
    desk.projector.step()
    assert desk.count(JournalEvent) == calls * 8
    numbers = sorted(order.number for order in desk.all(Order))
    assert numbers == [f"20260301{serial:06}" for serial in range(1, calls + 1)]


def test_given_the_database_goes_away_when_it_is_back_then_nothing_is_lost(
    cluster: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url = cluster.new_database()
    database.upgrade(url)
    engine = database.create_engine(url)
    desk = Desk(engine, tmp_path / "journal")
    process = Process(tmp_path, url)
    try:
        desk.write(whole_call("c1"))
        until(lambda: desk.count(Call) == 1)
        cluster.stop()
        for n in range(2, 30):
            desk.write(whole_call(f"c{n}"))
        until(lambda: "database can't be used" in caplog.text)
        cluster.start()
        until(lambda: desk.count(Call) == 29)
        until(lambda: "database is back" in caplog.text)
        assert desk.count(JournalEvent) == 29 * 8
        assert desk.count(JournalReject) == 0
        assert caplog.text.count("database can't be used") == 1
    finally:
        process.end()
        engine.dispose()
