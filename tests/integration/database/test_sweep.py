"""Calls that the switch lost get an end, and only those."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from callcenter.database import reading
from callcenter.events import Kind, event, talk_started
from callcenter.models import Call
from callcenter.projector import Projector
from callcenter.segments import SegmentWriter
from callcenter.sweep import Living, Sweep

NOW = 1_800_000_000.0
GRACE = 10.0


class Rig:
    """A projector and a sweep over one journal."""

    def __init__(self, engine: sa.Engine, folder: Path) -> None:
        self.engine = engine
        self.spool = folder / "cdr"
        self.spool.mkdir()
        self.writer = SegmentWriter(folder / "journal", "test")
        self.projector = Projector(engine, folder / "journal", lambda notice: None)
        self.shown: Living | None = None
        self.sweep = Sweep(
            engine,
            SegmentWriter(folder / "journal", "sweep"),
            self.spool,
            lambda: self.shown,
            grace=GRACE,
        )

    def happens(self, call: str, *kinds: Kind) -> None:
        for n, kind in enumerate(kinds):
            self.writer.append([event(kind, call, at=NOW + n, queue="general").to_json()])
        self.projector.step()

    def shows(self, seconds: float, *channels: str) -> int:
        """The controller shows these channels; how many calls are ended for it."""
        self.shown = Living(NOW + seconds, frozenset(channels))
        ended = self.sweep.poll()
        self.projector.step()
        return ended

    def call(self, call: str) -> Call:
        with reading(self.engine) as session:
            return session.get_one(Call, call)


@pytest.fixture
def rig(engine: sa.Engine, tmp_path: Path) -> Rig:
    return Rig(engine, tmp_path)


def test_given_a_call_that_the_switch_lost_when_the_grace_is_over_then_it_has_failed(
    rig: Rig,
) -> None:
    rig.happens("lost", Kind.CALL_ARRIVED, Kind.QUEUE_JOINED)
    rig.happens("alive", Kind.CALL_ARRIVED)
    assert rig.shows(20, "lost", "alive") == 0
    assert rig.shows(25, "alive") == 0
    assert rig.shows(25 + GRACE - 1, "alive") == 0
    assert rig.shows(25 + GRACE, "alive") == 1
    lost = rig.call("lost")
    assert (lost.outcome, lost.hangup_cause, lost.hangup_by) == ("failed", "CRASH", "switch")
    assert lost.ended_at is not None
    assert lost.ended_at.timestamp() == NOW + 20, "when it was last seen"
    assert rig.call("alive").ended_at is None
    assert rig.shows(100, "alive") == 0, "it is ended once"


def test_given_a_conversation_that_the_switch_lost_then_it_was_answered(rig: Rig) -> None:
    rig.happens("talk", Kind.CALL_ARRIVED, Kind.QUEUE_JOINED)
    talk = talk_started("talk", agent="1001", offer="o", leg="l", at=NOW + 5)
    rig.writer.append([talk.to_json()])
    rig.projector.step()
    rig.shows(20)
    assert rig.shows(20 + GRACE) == 1
    call = rig.call("talk")
    assert (call.outcome, call.ended_at) == ("answered", call.talk_ended_at)
    assert call.ended_at is not None
    assert call.ended_at.timestamp() == NOW + 5, "the last that is known of it"


def test_given_no_news_of_the_switch_then_nothing_is_ended(rig: Rig) -> None:
    rig.happens("call", Kind.CALL_ARRIVED)
    rig.shows(20)
    rig.shown = None
    assert rig.sweep.poll() == 0
    assert rig.shows(100) == 0, "the grace begins anew when there are news again"
    assert rig.shows(100 + GRACE) == 1


def test_given_a_call_that_comes_back_to_the_list_then_it_lives(rig: Rig) -> None:
    rig.happens("call", Kind.CALL_ARRIVED)
    rig.shows(20)
    rig.shows(25, "call")
    assert rig.shows(20 + GRACE) == 0


def test_given_a_record_of_the_switch_that_waits_in_the_spool_then_it_has_the_word(
    rig: Rig,
) -> None:
    rig.happens("call", Kind.CALL_ARRIVED)
    (rig.spool / "call.cdr.json").write_text("{}")
    rig.shows(20)
    assert rig.shows(20 + GRACE) == 0


def test_given_a_list_older_than_the_call_then_it_says_nothing_of_it(rig: Rig) -> None:
    rig.happens("call", Kind.CALL_ARRIVED)
    assert rig.shows(-5) == 0
    assert rig.shows(-5 + GRACE) == 0
    assert rig.shows(-4 + 2 * GRACE) == 1
