"""Agents' figures of the day on the live page: all at first, then in turns, at once when one took
a call."""

from __future__ import annotations

import datetime as dt
import time

from flask import Flask

from callcenter.agent_day import AgentBook
from callcenter.alarms import Thresholds
from callcenter.daybook import Day, DayBook
from callcenter.figures import Handling
from web.board import DAYS_TURNS, Board
from web.hub import Hub

DAY = Day(DayBook(dt.date(2026, 3, 2)), AgentBook(0.0, 1.0), time.time())
AGENTS = [f"{number}" for number in range(1001, 1051)]


def told(board: Board, spent: dict[str, Handling]) -> set[str]:
    """Whose figures pages hear of after one look."""
    board._changed.clear()
    board._take_day(DAY, spent)
    return set(board._changed["days"])


def test_figures_are_told_in_turns_and_a_call_taken_at_once() -> None:
    app = Flask("test")
    app.extensions["callcenter.hub"] = Hub(None)
    board = Board(app, Thresholds())
    assert told(board, {agent: Handling(1, 10.0, 50.0) for agent in AGENTS}) == set(AGENTS)
    later = {agent: Handling(1, 15.0, 60.0) for agent in AGENTS}
    turns = [told(board, later) for _ in range(DAYS_TURNS)]
    assert sum(map(len, turns)) == len(AGENTS)  # nobody twice, nobody left out
    assert set().union(*turns) == set(AGENTS)
    assert max(map(len, turns)) == len(AGENTS) // DAYS_TURNS
    for agent in AGENTS[:DAYS_TURNS]:  # whosever turn it is
        later[agent] = Handling(2, 18.0, 60.0)
        assert agent in told(board, later)
