"""Loans of queues and skills: kept with an agent's state, over when their time has come."""

from __future__ import annotations

import gevent
import pytest

from callcenter.loans import Loan, Loans


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def ended() -> list[str]:
    return []


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def loans(clock: Clock, ended: list[str]) -> Loans:
    return Loans(clock, ended.append)


def test_a_loan_is_the_same_after_a_restart(loans: Loans, clock: Clock) -> None:
    loan = Loan({"quiet": 5}, {"topic.tax": 3}, until=clock.now + 60)
    loans.begin("1001", loan)
    later = Loans(clock, [].append)
    later.restore("1001", loans.shown("1001"))
    assert later.of("1001") == loan
    clock.now += 60
    too_late = Loans(clock, [].append)
    too_late.restore("1001", loans.shown("1001"))
    assert too_late.of("1001") is None


@pytest.mark.parametrize(
    "shown",
    [None, [], {"queues": {"q": 99}, "skills": {}}, {"queues": {}, "skills": {}, "until": "soon"}],
)
def test_what_cannot_be_read_is_no_loan(loans: Loans, shown: object) -> None:
    loans.restore("1001", shown)
    assert loans.of("1001") is None


def test_a_loan_ends_when_its_time_has_come_and_not_when_another_took_its_place(
    loans: Loans, clock: Clock, ended: list[str]
) -> None:
    loans.begin("1001", Loan({}, {}, until=clock.now))
    loans.begin("1001", Loan({"general": 5}, {}))
    loans.begin("1002", Loan({}, {}, until=clock.now))
    with gevent.Timeout(5):
        while not ended:
            gevent.sleep(0)
    assert ended == ["1002"]
