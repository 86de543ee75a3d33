"""Who may dial whom, and when."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import replace

import pytest

from acd.messages import AgentState
from callcenter import destinations
from callcenter.call_wish import CallWish, Purpose
from callcenter.dial_rules import (
    Citizen,
    Standing,
    Wanted,
    What,
    citizen,
    destination,
    wanted,
    when,
)
from callcenter.settings import load
from workorder.worktime import CHINA

READY = Standing(AgentState.READY, registered=True)
NUMBERS = re.compile("1[3-9][0-9]{9}")
HERS = Citizen("13900000001", "1001", call="c1")


@pytest.mark.parametrize("state", AgentState)
def test_an_agent_without_a_call_may_dial_and_nobody_else(state: AgentState) -> None:
    free = (AgentState.READY, AgentState.NOT_READY, AgentState.WRAP_UP)
    why = "logged_out" if state is AgentState.LOGGED_OUT else "" if state in free else "in_call"
    assert when(replace(READY, state=state)) == why


@pytest.mark.parametrize(
    ("now", "why"),
    [
        (replace(READY, trunk=False), "no_trunk"),
        (replace(READY, busy=True), "in_call"),
        (replace(READY, registered=False), "phone_not_registered"),
        (replace(READY, state="nonsense"), "in_call"),
    ],
)
def test_what_stands_in_the_way_is_named(now: Standing, why: str) -> None:
    assert when(now) == why


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (HERS, ""),
        (None, "unknown_call"),
        (replace(HERS, agent="1002"), "unknown_call"),
        (replace(HERS, agent=""), "unknown_call"),
        (replace(HERS, agent="", asked=True, promised=True), "being_called"),
        (replace(HERS, agent="", asked=True), ""),  # whoever is free calls back
        (replace(HERS, agent="1002", asked=True), ""),
        (replace(HERS, number="anonymous"), "number_hidden"),
        (replace(HERS, number=""), "number_hidden"),
        (replace(HERS, number="00861390000"), "not_allowed"),
        (replace(HERS, number="110"), "not_allowed"),
        (replace(HERS, number="13900000001\n"), "number_hidden"),
    ],
)
def test_only_citizens_whom_the_agent_served_or_who_asked_are_called(
    found: Citizen | None, why: str
) -> None:
    assert citizen("1001", found, NUMBERS) == why
    assert citizen("", found, NUMBERS) == "unknown_call"


def test_a_destination_is_called_in_its_hours() -> None:
    known = destinations.load(load(environ={}).destinations_file)
    sunday = dt.datetime(2026, 3, 1, 10, 0, tzinfo=CHINA)
    assert destination(known["110"], sunday) == ""
    assert destination(known["12330"], sunday) == "out_of_hours"
    assert destination(known["12330"], sunday + dt.timedelta(days=1)) == ""
    assert destination(known.get("10086"), sunday) == "unknown_destination"


@pytest.mark.parametrize(
    ("args", "found"),
    [
        ({"call": "c1"}, Wanted(What.CALL, "c1")),
        ({"order": "20260301000001"}, Wanted(What.ORDER, "20260301000001")),
        ({"to": "110", "call": ""}, Wanted(What.DESTINATION, "110")),
        ({}, None),
        ({"number": "110"}, None),  # a number is nothing that can be wanted
        ({"call": "c1", "to": "110"}, None),
        ({"call": "c" * 65}, None),
    ],
)
def test_a_wish_names_one_thing_and_never_a_number(
    args: dict[str, str], found: Wanted | None
) -> None:
    assert wanted(args) == found


def test_what_an_agent_dials_cannot_be_wished_for_in_a_file() -> None:
    with pytest.raises(ValueError, match="wish"):
        CallWish.from_data({"id": "w1", "purpose": Purpose.OFFICE.value, "number": "110"})
