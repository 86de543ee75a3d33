"""Time that passes on working days alone."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st
from order_kit import calendar, china, local, policy

from workorder import clocks
from workorder.clocks import Clock, Entering, Entry
from workorder.worktime import Calendar, Duration, days, earlier, later, passed

DAY = 86_400
BASE = china("2025-02-01 00:00")
moments = st.integers(0, 570 * 24 * 60).map(lambda n: BASE + dt.timedelta(minutes=n))


@given(moments, st.integers(0, 40 * DAY))
def test_as_much_working_time_passes_as_was_added(at: dt.datetime, seconds: int) -> None:
    end = later(calendar(), at, seconds, working=True)
    assert passed(calendar(), at, end, working=True) == pytest.approx(seconds)


@given(moments, st.integers(1, 40 * DAY))
def test_what_was_taken_off_can_be_added_again(at: dt.datetime, seconds: int) -> None:
    end = later(calendar(), at, seconds, working=True)
    start = earlier(calendar(), end, seconds, working=True)
    assert later(calendar(), start, seconds, working=True) == end
    assert start >= at  # the latest of the moments that lead there


@given(moments, st.integers(1, 30))
def test_more_time_never_ends_earlier(at: dt.datetime, amount: int) -> None:
    ends = [later(calendar(), at, n * DAY, working=True) for n in (amount, amount + 1)]
    assert at < ends[0] < ends[1]


@pytest.mark.parametrize(
    ("text", "at", "end"),
    [
        ("2 workdays", "2026-03-06 10:00", "2026-03-10 10:00"),  # over a weekend
        ("2 workdays", "2026-03-07 10:00", "2026-03-11 00:00"),  # from a Saturday
        ("24 working hours", "2026-03-06 10:00", "2026-03-09 10:00"),
        ("3 days", "2026-03-06 10:00", "2026-03-09 10:00"),
        ("2 hours", "2026-03-06 23:30", "2026-03-07 01:30"),
        ("5 minutes", "2026-03-06 23:58", "2026-03-07 00:03"),
        ("same day", "2026-03-06 00:00", "2026-03-07 00:00"),
    ],
)
def test_lengths_of_time(text: str, at: str, end: str) -> None:
    length = Duration.parse(text)
    assert local(clocks.add(calendar(), china(at), length)) == end
    assert str(length) == text


@pytest.mark.parametrize(
    "text", ["", "2", "2workdays", "0 workdays", "-1 days", "2 weeks", "99999 days", 2, None]
)
def test_anything_else_is_no_length_of_time(text: object) -> None:
    with pytest.raises(ValueError, match="2 workdays"):
        Duration.parse(text)


def test_a_calendar_that_never_works_is_noticed() -> None:
    start = dt.date(2026, 1, 1)
    never = {start + dt.timedelta(days=n): False for n in range(5000)}
    with pytest.raises(ValueError, match="no working day"):
        later(Calendar(never), china("2026-01-01 10:00"), DAY, working=True)


def test_days_are_told_with_what_they_are() -> None:
    found = list(days(calendar(), china("2026-02-13 10:00"), china("2026-02-25 00:00")))
    assert [day.day.day for day in found if day.works] == [13, 14, 24]
    assert {day.name for day in found if day.exceptional} == {"春节"}
    assert all(day.known for day in found)


def ledger(*more: Entry) -> clocks.Account:
    start = Entry("resolve:1", Entering.STARTED, china("2026-03-02 10:00"), rule="resolve.any")
    return clocks.reckon([start, *more], policy("heyuan"), calendar())


def entry(what: Entering, at: str, **more: int) -> Entry:
    return Entry("resolve:1", what, china(at), **more)  # type: ignore[arg-type]


def test_time_in_a_pause_doesnt_count() -> None:
    paused = ledger(entry(Entering.PAUSED, "2026-03-04 10:00"))
    assert (paused.due_at, paused.levels()) == (None, [])
    again = ledger(
        entry(Entering.PAUSED, "2026-03-04 10:00"), entry(Entering.RESUMED, "2026-03-06 10:00")
    )
    assert local(again.due_at) == "2026-03-18 10:00"  # two working days later than the 16th


def test_a_pause_doesnt_make_good_what_is_overdue() -> None:
    account = ledger(entry(Entering.PAUSED, "2026-03-17 10:00"))
    assert local(account.due_at) == "2026-03-16 10:00"


def test_an_extension_moves_the_levels_with_the_deadline() -> None:
    account = ledger(entry(Entering.EXTENDED, "2026-03-13 10:00", workdays=3))
    assert [local(at) for _, at in account.levels()] == [
        "2026-03-18 10:00",
        "2026-03-19 10:00",
        "2026-03-20 10:00",
    ]
    assert account.extended == 3


@pytest.mark.parametrize(
    ("at", "outcome"), [("2026-03-16 10:00", "met"), ("2026-03-16 10:01", "late")]
)
def test_at_the_deadline_it_is_met_and_after_it_late(at: str, outcome: str) -> None:
    assert ledger(entry(Entering.STOPPED, at)).outcome == outcome
    assert ledger(entry(Entering.VOIDED, at)).outcome == "void"


def test_a_ledger_entry_survives_being_kept_as_data() -> None:
    full = Entry(
        "resolve:2",
        Entering.PAUSED,
        china("2026-03-02 10:00"),
        "resolve.help",
        "water",
        3,
        china("2026-03-09 00:00"),
    )
    again = Entry.from_data(full.to_data())
    assert again == full
    assert again.clock is Clock.RESOLVE
