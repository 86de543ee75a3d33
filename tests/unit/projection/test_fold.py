"""A call's record follows from its events, in whatever order they came."""

from __future__ import annotations

import datetime as dt
import unicodedata
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callcenter.events import Event, Kind, Outcome, event
from callcenter.models import Call
from callcenter.projection import CallRecord, fold, safe_path

CALL = "5b1c"
T0 = 1_772_337_906.5


def at(seconds: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(T0 + seconds, dt.UTC)


def story(*steps: tuple[float, Kind, dict[str, Any]]) -> list[Event]:
    return [event(kind, CALL, at=T0 + when, **data) for when, kind, data in steps]


ARRIVED = (
    0.0,
    Kind.CALL_ARRIVED,
    {"caller": "13800135678", "name": "王\u202e女士\n", "dialed": "12345", "hotline": "12345"},
)
MENU = (0.5, Kind.MENU_ENTERED, {"menu": "main"})
KEY = (1.0, Kind.MENU_KEY, {"menu": "main", "key": "1", "choice": "agent"})
QUEUED = (2.0, Kind.QUEUE_JOINED, {"queue": "general", "priority": 0, "requirement": ""})
REFUSED = (3.0, Kind.OFFER_MADE, {"offer": "o1", "agent": "1001", "why": "longest idle"})
OFFERED = (5.0, Kind.OFFER_MADE, {"offer": "o2", "agent": "1002", "why": "longest idle"})
RECORDING = (6.0, Kind.RECORDING_STARTED, {"path": "2026/03/01/5b1c.wav"})
TALK = (7.0, Kind.TALK_STARTED, {"agent": "1002", "offer": "o2", "leg": "77"})
TALKED = (60.0, Kind.TALK_ENDED, {"agent": "1002", "by": "agent"})
SURVEY = (61.0, Kind.SURVEY_STARTED, {"agent": "1002"})
RATED = (64.0, Kind.SURVEY_RATED, {"rating": 2})
ENDED = (65.0, Kind.CALL_ENDED, {"cause": "NORMAL_CLEARING", "stage": "survey", "by": "switch"})
MESSAGE = (30.0, Kind.MESSAGE_RECORDED, {"path": "messages/5b1c.wav", "seconds": 9.0})
CALLBACK = (30.0, Kind.CALLBACK_REQUESTED, {"number": "041112345678"})

WHOLE = (
    ARRIVED,
    MENU,
    KEY,
    QUEUED,
    REFUSED,
    OFFERED,
    RECORDING,
    TALK,
    TALKED,
    SURVEY,
    RATED,
    ENDED,
)


def test_the_record_of_a_whole_call() -> None:
    record = fold(story(*WHOLE))
    assert record.columns() == {
        "id": CALL,
        "caller": "13800135678",
        "caller_name": "王女士",
        "dialed": "12345",
        "hotline": "12345",
        "menu_path": ["main:1"],
        "queue": "general",
        "agents_offered": ["1001", "1002"],
        "agent": "1002",
        "stage": "ended",
        "arrived_at": at(0),
        "queued_at": at(2),
        "queue_left_at": at(7),
        "told_at": None,
        "told_seconds": None,
        "offered_at": at(3),
        "answered_at": at(7),
        "talk_ended_at": at(60),
        "ended_at": at(65),
        "outcome": "answered",
        "rating": 2,
        "hangup_cause": "NORMAL_CLEARING",
        "hangup_by": "switch",
        "callback_number": None,
        "callback_of": None,
        "purpose": "",
    }
    (recording,) = record.recordings
    assert (recording.path, recording.kind) == ("2026/03/01/5b1c.wav", "talk")
    assert (recording.started_at, recording.closed_at) == (at(6), at(65))


def test_every_column_of_the_table_is_in_the_record() -> None:
    columns = {column.name for column in Call.__table__.columns}
    assert set(fold(story(ARRIVED)).columns()) == columns - {"order_number", "updated_at"}


@pytest.mark.parametrize(
    ("steps", "outcome"),
    [
        ((ARRIVED, MENU, KEY, QUEUED, OFFERED, TALK, MESSAGE, ENDED), Outcome.ANSWERED),
        ((ARRIVED, MENU, ENDED), Outcome.ABANDONED_IN_MENU),
        ((ARRIVED, ENDED), Outcome.ABANDONED_IN_MENU),
        ((ARRIVED, MENU, KEY, QUEUED, OFFERED, ENDED), Outcome.ABANDONED_IN_QUEUE),
        ((ARRIVED, QUEUED, MESSAGE, ENDED), Outcome.MESSAGE_LEFT),
        ((ARRIVED, QUEUED, CALLBACK, ENDED), Outcome.CALLBACK_REQUESTED),
        ((ARRIVED, (1.0, Kind.SELF_SERVED, {"service": "news"}), ENDED), Outcome.SELF_SERVED),
        (
            (ARRIVED, (1.0, Kind.SELF_SERVED, {"service": "news"}), QUEUED, ENDED),
            Outcome.ABANDONED_IN_QUEUE,
        ),
        ((ARRIVED, (1.0, Kind.TRANSFERRED, {"destination": "110"}), ENDED), Outcome.TRANSFERRED),
        ((ARRIVED, (1.0, Kind.BLOCKED, {"reason": "abuse"}), ENDED), Outcome.BLOCKED),
        ((ARRIVED, QUEUED, (9.0, Kind.FAILED, {"reason": "no media"}), ENDED), Outcome.FAILED),
        (WHOLE[:-1], None),
    ],
)
def test_how_a_call_came_out(
    steps: tuple[tuple[float, Kind, dict[str, Any]], ...], outcome: Outcome | None
) -> None:
    assert fold(story(*steps)).outcome == outcome


@pytest.mark.parametrize(
    ("steps", "stage"),
    [
        (1, "welcome"),
        (2, "menu"),
        (4, "queue"),
        (6, "queue"),
        (8, "talk"),
        (10, "survey"),
        (12, "ended"),
    ],
)
def test_the_stage_is_where_the_citizen_stands(steps: int, stage: str) -> None:
    assert fold(story(*WHOLE[:steps])).stage == stage


def test_given_nobody_saw_the_talk_end_then_it_ended_with_the_call() -> None:
    assert fold(story(ARRIVED, TALK, ENDED)).talk_ended_at == at(65)


def test_given_a_second_talk_then_the_last_agent_and_end_count_and_the_first_answer() -> None:
    again = (70.0, Kind.TALK_STARTED, {"agent": "1003", "offer": "o3", "leg": "78"})
    record = fold(story(ARRIVED, TALK, TALKED, again))
    assert (record.agent, record.answered_at, record.talk_ended_at) == ("1003", at(7), None)


def test_given_two_queues_then_the_first_wait_began_and_the_last_ended() -> None:
    left = (10.0, Kind.QUEUE_LEFT, {"reason": "overflow"})
    other = (11.0, Kind.QUEUE_JOINED, {"queue": "night"})
    assert fold(story(ARRIVED, QUEUED, left)).queue_left_at == at(10)
    record = fold(story(ARRIVED, QUEUED, left, other))
    assert (record.queue, record.queued_at, record.queue_left_at) == ("night", at(2), None)
    assert fold(story(ARRIVED, QUEUED, left, other, ENDED)).queue_left_at == at(65)


def test_given_announcements_then_the_first_time_told_in_the_last_queue_counts() -> None:
    def told(when: float, estimate: object) -> tuple[float, Kind, dict[str, Any]]:
        return (when, Kind.QUEUE_ANNOUNCED, {"position": 1, "estimate": estimate})

    elsewhere = (4.0, Kind.QUEUE_JOINED, {"queue": "tax", "rule": "waited"})
    steps = (ARRIVED, QUEUED, told(3.0, 90.0), elsewhere, told(4.5, None), told(5.5, 12),
             told(6.5, 3.0), TALK, told(8.0, 60.0))  # fmt: skip
    record = fold(story(*steps))
    assert (record.queue, record.told_at, record.told_seconds) == ("tax", at(5.5), 12.0)
    again = (62.0, Kind.QUEUE_JOINED, {"queue": "general"})
    assert fold(story(*steps, TALKED, again, told(63.0, 5.0))).told_seconds == 12.0
    for wrong in (-1, "soon", True, float("inf"), float("nan")):
        assert fold(story(ARRIVED, QUEUED, told(3.0, wrong))).told_at is None


def test_given_no_arrival_yet_then_the_first_event_tells_the_time() -> None:
    record = fold(story(TALK, QUEUED))
    assert (record.arrived_at, record.caller, record.stage) == (at(2), "", "talk")


@pytest.mark.parametrize("rating", [0, 6, -1, "2", 2.0, True, None])
def test_a_rating_that_is_none_is_not_taken(rating: object) -> None:
    assert fold(story(ARRIVED, (1.0, Kind.SURVEY_RATED, {"rating": rating}))).rating is None


def test_a_recording_closes_when_it_stops_or_the_call_ends() -> None:
    stopped = (20.0, Kind.RECORDING_STOPPED, {"path": "2026/03/01/5b1c.wav"})
    assert fold(story(ARRIVED, RECORDING)).recordings[0].closed_at is None
    assert fold(story(ARRIVED, RECORDING, stopped)).recordings[0].closed_at == at(20)
    resumed = (30.0, Kind.RECORDING_STARTED, {"path": "2026/03/01/5b1c.wav"})
    record = fold(story(ARRIVED, RECORDING, stopped, resumed, ENDED))
    assert record.recordings[0].closed_at is not None


def test_a_message_is_a_recording_of_its_own_kind() -> None:
    record = fold(story(ARRIVED, RECORDING, MESSAGE))
    kinds = {recording.path: recording.kind for recording in record.recordings}
    assert kinds == {"2026/03/01/5b1c.wav": "talk", "messages/5b1c.wav": "message"}
    assert record.message_left


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../x.wav", "a/../../x", "", ".", "a\0b", "a//b", "x" * 256, 7, None]
)
def test_paths_that_lead_elsewhere_are_not_taken(path: object) -> None:
    assert safe_path(path) is None
    assert fold(story(ARRIVED, (1.0, Kind.RECORDING_STARTED, {"path": path}))).recordings == ()


def test_no_event_or_two_calls_are_refused() -> None:
    with pytest.raises(ValueError):
        fold([])
    with pytest.raises(ValueError):
        fold([*story(ARRIVED), event(Kind.MENU_ENTERED, "other", menu="main")])


# --- properties ------------------------------------------------------------------------------

words = st.sampled_from(["1001", "1002", "general", "night", "main", "1", "2", "a.wav", "m/b.wav"])
data = st.dictionaries(
    st.sampled_from(["agent", "queue", "menu", "key", "path", "number", "rating", "cause", "by"]),
    words | st.integers(0, 6),
)


@st.composite
def tales(draw: st.DrawFn) -> list[Event]:
    """Events of one call, some at the same moment, some told twice or by two sources."""
    told = draw(
        st.lists(st.tuples(st.sampled_from(Kind), st.integers(0, 8), data), min_size=1, max_size=20)
    )
    return [event(kind, CALL, at=T0 + when, **values) for kind, when, values in told]


@given(st.data(), tales())
def test_order_and_doubles_do_not_matter(choice: st.DataObject, events: list[Event]) -> None:
    doubles = choice.draw(st.lists(st.sampled_from(events), max_size=5))
    shuffled = choice.draw(st.permutations(events + doubles))
    assert fold(shuffled) == fold(events)


odd = st.none() | st.booleans() | st.integers() | st.text() | st.text("长", min_size=300)
json_values = odd | st.lists(odd, max_size=2) | st.dictionaries(st.text(), odd, max_size=2)
keys = ["caller", "name", "dialed", "queue", "agent", "menu", "key", "path", "rating", "number"]


@settings(suppress_health_check=[HealthCheck.too_slow])  # the first draw builds its alphabet
@given(
    st.lists(
        st.tuples(st.sampled_from(Kind), st.dictionaries(st.sampled_from(keys), json_values)),
        min_size=1,
        max_size=8,
    )
)
def test_whatever_the_data_the_record_fits_its_columns(
    told: list[tuple[Kind, dict[str, Any]]],
) -> None:
    events = [Event(str(n), T0 + n, kind, CALL, values) for n, (kind, values) in enumerate(told)]
    record: CallRecord = fold(events)
    for column in Call.__table__.columns:
        value = record.columns().get(column.name)
        length = getattr(column.type, "length", None)
        if isinstance(value, str) and length is not None:
            assert len(value) <= length
            assert not any(unicodedata.category(char)[0] == "C" for char in value)
