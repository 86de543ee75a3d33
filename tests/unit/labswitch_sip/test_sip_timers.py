from __future__ import annotations

import pytest
from sip_wire import ManualClock

from labswitch.timers import TimerQueue


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def timers(clock):
    return TimerQueue(clock)


def test_timers_fire_in_their_order_and_once(timers, clock):
    fired = []
    timers.after(2, lambda: fired.append("late"))
    timers.after(1, lambda: fired.append("early"))
    clock.now += 1.5
    timers.run_due()
    timers.run_due()
    assert fired == ["early"]
    assert timers.seconds_to_next() == pytest.approx(0.5)


def test_a_cancelled_timer_neither_fires_nor_wakes_anyone(timers, clock):
    fired = []
    timers.after(1, lambda: fired.append(1)).cancel()
    assert timers.seconds_to_next() is None
    clock.now += 5
    timers.run_due()
    assert fired == []


def test_a_callback_that_fails_stops_no_other(timers, clock, caplog):
    fired = []
    timers.after(1, lambda: [][0])
    timers.after(1, lambda: fired.append(1))
    clock.now += 1
    timers.run_due()
    assert fired == [1]
    assert "timer failed" in caplog.text


def test_the_owner_is_woken_for_an_earlier_timer_alone(timers):
    woken = []
    timers.on_earlier = lambda: woken.append(1)
    timers.after(5, lambda: None)
    timers.after(9, lambda: None)
    timers.after(1, lambda: None)
    assert len(woken) == 2


def test_a_callback_may_set_another_timer(timers, clock):
    fired = []
    timers.after(1, lambda: timers.after(1, lambda: fired.append(clock.now)))
    clock.now += 1
    timers.run_due()
    clock.now += 1
    timers.run_due()
    assert fired == [1002.0]
