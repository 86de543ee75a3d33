"""Random lives of orders, with steps that are legal and steps that aren't, under every policy."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from order_kit import (
    AGENT,
    CITY,
    DISPATCHER,
    DISTRICT,
    HEAT,
    OFFICE,
    PARENTS,
    STREET,
    WATER,
    Case,
)

from workorder import needs
from workorder.clocks import Entering
from workorder.folding import fold
from workorder.machine import legal_steps
from workorder.refusals import Refused
from workorder.roles import SYSTEM, Actor
from workorder.states import State, Step
from workorder.transitions import ENDS, TRANSITIONS, WITH_LEAD

ACTORS = [
    *(AGENT, DISPATCHER, OFFICE, WATER, HEAT, CITY, DISTRICT, STREET, SYSTEM),
    Actor("auditor", "auditor"),
    Actor("12330", "unit", "12330"),
]
CITIES = ["anshan", "dalian", "heyuan", "jinan", "default", "street"]

# What stands in a step's form; enough for the strictest policy.
SAID: dict[Step, list[dict[str, Any]]] = {
    Step.DRAFTED: [{"registers": True}],
    Step.ACCEPT: [{"category": "help"}, {"category": "inquiry", "specialised": True}],
    Step.ANSWER: [{"text": "请到政务大厅办理", "category": "inquiry"}],
    Step.DECLINE: [{"cause": "malicious"}, {"cause": "nonsense"}],
    Step.DISPATCH: [{"unit": "water", "co_units": ["12330"]}, {"unit": "heat"}, {"unit": "nobody"}],
    Step.HAND_DOWN: [{"unit": "street"}, {"unit": "community"}, {"unit": "heat"}],
    Step.DETERMINE: [{"unit": "water"}, {"unit": "street", "co_units": ["heat"]}],
    Step.ADD_CO: [{"unit": "heat"}, {"unit": "water"}],
    Step.RELEASE_CO: [{"unit": "12330"}, {"unit": "heat"}],
    Step.RETURN: [{"legal_basis": "三定方案", "site_check": True}, {"legal_basis": "三定方案"}],
    Step.NOTED: [{"note": "已电话联系"}],
    Step.CLASSIFY: [{"category": "complaint"}],
    Step.CO_ANSWER: [{"text": "已配合"}],
    Step.ASK_EXTENSION: [
        {
            "workdays": workdays,
            "signed_by": "李局长",
            "citizen_told": True,
            "progress_report": "一半",
            "signed_letter": "函",
        }
        for workdays in (1, 2, 400)
    ],
    Step.GRANT_EXTENSION: [{}, {"workdays": 1}],
    Step.PAUSE: [{"until": "2026-06-30"}, {"until": "2020-01-01"}],
    Step.RESOLVE: [{"result": "已修复"}],
    Step.FOLLOW_UP: [
        {"way": "voice", "satisfaction": 1},
        {"way": "voice", "satisfaction": 5},
        {"way": "person", "satisfaction": 5, "unsatisfied_with": list(needs.COUNTS)},
        {"way": "person", "reached": False},
        {"way": "person", "satisfaction": 1},
    ],
    Step.SUPERVISE: [{"cause": "media"}, {"cause": "overdue"}, {"cause": "leaders_instruction"}],
    Step.REPLY_SUPERVISION: [{"text": "已办"}],
    Step.ISSUE_WRITTEN: [{"text": "函复"}],
    Step.LINK: [{"into": "20260101000001"}],
    Step.MERGE: [{"into": "20260101000001"}],
    Step.REPEATED: [{"number": "20260101000002"}, {"number": "20260101000003"}],
}

moves = st.lists(
    st.tuples(
        st.sampled_from(list(Step)),
        st.sampled_from(ACTORS),
        st.integers(0, 9),
        st.sampled_from(["", "有理由"]),
        st.integers(0, 60 * 24 * 3),  # minutes later
        st.booleans(),  # choose among what is legal instead
    ),
    max_size=40,
)


# Steps that don't bring an order on; where a life chooses, it mostly chooses others.
ASIDE = {
    *(Step.NOTED, Step.LINK, Step.MARK_KEY, Step.EDITED, Step.ATTACHED, Step.DRAFTED),
    *(Step.REPEATED, Step.CLASSIFY, Step.MERGE, Step.UNMERGE, Step.ANSWER, Step.DECLINE),
    *(Step.RECONSIDER, Step.RECALL, Step.ARCHIVE),
}
BEGINNINGS: list[Callable[[Case], object]] = [
    lambda case: case,
    lambda case: case.accepted(),
    lambda case: case.dispatched("help", co=("12330",)),
    lambda case: case.acknowledged("complaint"),
    lambda case: _in_the_district(case),
    lambda case: case.resolved(),
    lambda case: case.followed_up(1),
    lambda case: case.followed_up(5, unsatisfied_with=list(needs.COUNTS)),
]


def _in_the_district(case: Case) -> None:
    """Where it may be handed down twice."""
    case.accepted("help")
    case.take(Step.DISPATCH, DISPATCHER, unit="district")
    case.take(Step.HAND_DOWN, DISTRICT, unit="street")


beginnings = st.integers(0, len(BEGINNINGS) - 1)


def play(case: Case, played: list[Any]) -> None:
    for step, actor, which, reason, minutes, legal in played:
        case.now += dt.timedelta(minutes=minutes)
        if legal:  # wander deeper than chance would
            actor = _somebody(case, which)
            possible = legal_steps(case.life, actor, case.now, case.rules)
            forward = [step for step in possible if step not in ASIDE]
            possible = forward if forward and minutes % 8 else possible
            step = possible[minutes % len(possible)] if possible else step
        said = SAID.get(step, [{}])
        before = len(case.events)
        try:
            case.take(step, actor, reason or ("有理由" if legal else ""), **said[which % len(said)])
        except Refused as refused:
            assert len(case.events) == before, "a refused step left something behind"
            _check_refusal(case, actor, refused)
        _check(case)


def _somebody(case: Case, which: int) -> Actor:
    """Whose turn it is, the office, the lead, a co-handler, or anybody."""
    units = [case.life.lead, *(part.unit for part in case.life.co)]
    unit = units[which % len(units)]
    if which < 3 or unit is None:
        return _owner(case)
    if which < 5:
        return OFFICE
    return Actor("handler", "unit", unit) if which < 9 else ACTORS[which % len(ACTORS)]


def _owner(case: Case) -> Actor:
    """Somebody whose turn it is."""
    owner = case.life.owner
    if owner.startswith("unit:"):
        return Actor("handler", "unit", owner.removeprefix("unit:"))
    return {"agent": AGENT, "dispatcher": DISPATCHER, "office": OFFICE}[owner]


def _check_refusal(case: Case, actor: Actor, refused: Refused) -> None:
    assert str(refused)
    for step in refused.legal:
        row = TRANSITIONS[step]
        assert case.life.state in row.sources
        assert actor.role in row.roles


def _check(case: Case) -> None:
    life = case.life
    owner = life.owner
    assert owner.startswith("unit:") == (life.state not in _not_units())
    if owner.startswith("unit:"):
        assert owner.removeprefix("unit:") in PARENTS
    if life.state not in ENDS:
        assert _forward(case), f"{life.state} has no next step for {owner}"
    assert (life.lead is not None) or life.state not in WITH_LEAD
    again = fold(case.events)
    assert again == life, "replaying the events gives another order"


def _not_units() -> set[State]:
    return set(State) - {State.DISPATCHED, State.ACKNOWLEDGED, State.IN_PROGRESS}


def _forward(case: Case) -> list[Step]:
    """Steps by which the owner, or the co-handler that is waited for, brings the order on."""
    life = case.life
    possible = set(legal_steps(life, _owner(case), case.now, case.rules))
    for part in life.open_co:
        actor = Actor("co", "unit", part.unit)
        possible |= set(legal_steps(life, actor, case.now, case.rules)) & {Step.CO_ANSWER}
    for notice in life.open_notices:
        actor = Actor("handler", "unit", notice.unit)
        possible |= set(legal_steps(life, actor, case.now, case.rules))
    if life.written == "requested" and life.lead:
        actor = Actor("handler", "unit", life.lead)
        possible |= set(legal_steps(life, actor, case.now, case.rules))
    still = ASIDE - {Step.ANSWER, Step.DECLINE, Step.RECONSIDER, Step.RECALL, Step.ARCHIVE}
    return [step for step in possible if step not in still]


NEXT = [
    *(Step.REPLY_SUPERVISION, Step.ISSUE_WRITTEN, Step.CO_ANSWER),
    *(Step.ACCEPT, Step.REFER_JOINT, Step.DETERMINE, Step.ACKNOWLEDGE, Step.RESOLVE),
    *(Step.REVIEW, Step.FOLLOW_UP, Step.ARCHIVE),
]


def finish(case: Case) -> None:
    """Bring the order to its end by the shortest way, as everybody does their part."""
    for _ in range(40):
        if case.life.state in ENDS and case.life.written != "requested":
            return
        step, actor = _shortest(case)
        said = SAID.get(step, [{}])
        case.take(step, actor, "办完", **said[-1 if step is Step.FOLLOW_UP else 0])
    raise AssertionError(f"no end from {case.life.state}")


def _shortest(case: Case) -> tuple[Step, Actor]:
    actors = [DISPATCHER, OFFICE, AGENT]
    actors += [Actor("handler", "unit", code) for code in PARENTS]
    for step in NEXT:
        for actor in actors:
            if step in legal_steps(case.life, actor, case.now, case.rules):
                return step, actor
    raise AssertionError(f"{case.life.state} leads nowhere")


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
@given(city=st.sampled_from(CITIES), beginning=beginnings, played=moves)
def test_no_life_is_stuck_every_clock_stops_and_replay_gives_the_same(
    city: str, beginning: int, played: list[Any]
) -> None:
    case = Case(city)
    BEGINNINGS[beginning](case)
    play(case, played)
    case.now += dt.timedelta(hours=1)
    finish(case)
    _check(case)
    running = [run.run for run in case.accounts() if run.runs]
    assert running == []
    last = {entry.run: entry.what for entry in case.life.ledger}
    assert set(last.values()) <= {Entering.STOPPED, Entering.VOIDED}


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
@given(city=st.sampled_from(CITIES), beginning=beginnings, played=moves)
def test_a_ledger_is_only_ever_added_to(city: str, beginning: int, played: list[Any]) -> None:
    case = Case(city)
    BEGINNINGS[beginning](case)
    seen: list[Any] = []
    for move in played:
        play(case, [move])
        assert case.life.ledger[: len(seen)] == seen
        seen = list(case.life.ledger)
