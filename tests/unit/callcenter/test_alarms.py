"""When it is yellow, when red, and what a wrong file is told."""

from __future__ import annotations

import math

import pytest

from callcenter import alarms
from callcenter.alarms import Kind, Level, Now, QueueNow, Thresholds, raised
from callcenter.datafile import DataFileError, parse

OURS = alarms.load(alarms.FILE)
CALM = QueueNow(
    waiting=0, longest_wait=0.0, at_work=3, unattended=0.0, answered=100, answered_in_time=95
)


def now(**values) -> Now:
    fields = {"switch_up": True, "news_age": 0.4, "journal_lag": 0.2, "queues": {"general": CALM}}
    return Now(**(fields | values))


def queue(**values) -> Now:
    fields = {name: getattr(CALM, name) for name in QueueNow.__slots__}
    return now(queues={"general": QueueNow(**(fields | values))})


def told(at: Now, thresholds: Thresholds = OURS) -> list[tuple[Kind, Level, str]]:
    return [(alarm.kind, alarm.level, alarm.queue) for alarm in raised(thresholds, at)]


def test_when_all_is_well_nothing_is_told():
    assert told(now()) == []


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (now(switch_up=False), (Kind.SWITCH_DOWN, Level.ALARM, "")),
        (now(news_age=10.0), (Kind.NEWS_LAG, Level.ALARM, "")),
        (now(news_age=None), (Kind.NEWS_LAG, Level.ALARM, "")),
        (now(journal_lag=5.0), (Kind.JOURNAL_LAG, Level.WARN, "")),
        (now(journal_lag=31.0), (Kind.JOURNAL_LAG, Level.ALARM, "")),
        (queue(waiting=1, longest_wait=30.0), (Kind.LONGEST_WAIT, Level.WARN, "general")),
        (queue(waiting=1, longest_wait=60.0), (Kind.LONGEST_WAIT, Level.ALARM, "general")),
        (queue(waiting=1, at_work=0), (Kind.NO_AGENTS, Level.ALARM, "general")),
        (queue(answered_in_time=84), (Kind.SERVICE_LEVEL, Level.WARN, "general")),
        (queue(answered_in_time=79), (Kind.SERVICE_LEVEL, Level.ALARM, "general")),
    ],
)
def test_each_thing_that_goes_wrong_is_told_with_its_colour(at, expected):
    assert told(at) == [expected]


@pytest.mark.parametrize(
    "at",
    [
        queue(waiting=0, longest_wait=99.0),  # nobody waits any more
        queue(waiting=0, at_work=0),
        queue(waiting=1, at_work=0, closed=True),
        queue(answered=19, answered_in_time=0),  # too few to say
        queue(answered_in_time=85),  # the limit itself is still good
        now(switch_up=None, journal_lag=None),  # not known is not wrong
    ],
)
def test_what_is_no_reason_raises_nothing(at):
    assert told(at) == []


def test_red_comes_before_yellow_and_the_switch_before_all():
    at = Now(
        switch_up=False,
        news_age=math.inf,
        journal_lag=6.0,
        queues={"b": CALM, "a": QueueNow(1, 70.0, 1, 0.0, 0, 0)},
    )
    kinds = [kind for kind, _level, _queue in told(at)]
    assert kinds == [Kind.SWITCH_DOWN, Kind.NEWS_LAG, Kind.LONGEST_WAIT, Kind.JOURNAL_LAG]


def test_a_queue_may_have_limits_of_its_own():
    raw = b"longest_wait: {alarm: 60}\nqueues: {emergency: {longest_wait: {alarm: 5}}}\n"
    strict = parse(raw, Thresholds, name="alarms.yaml")
    late = QueueNow(1, 6.0, 1, 0.0, 0, 0)
    at = now(queues={"emergency": late, "general": late})
    assert told(at, strict) == [(Kind.LONGEST_WAIT, Level.ALARM, "emergency")]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("longest_wait: {warn: 60, alarm: 30}", "longest_wait: expected warn to come before alarm"),
        ("service_level: {warn: 70, alarm: 80}", "service_level: expected warn to come before"),
        ("longest_wait: {warn: -1}", "alarms.yaml:1: longest_wait.warn"),
        ("\nlongest: {warn: 1}", "alarms.yaml:2: longest: there is no such key"),
    ],
)
def test_a_wrong_file_is_told_where_and_what(text, complaint):
    with pytest.raises(DataFileError, match=complaint.replace(".", r"\.")):
        parse(text.encode(), Thresholds, name="alarms.yaml")
