"""The table of steps, and who may take them."""

from __future__ import annotations

import pytest
from order_kit import (
    AGENT,
    CITY,
    COMMUNITY,
    DISPATCHER,
    DISTRICT,
    HEAT,
    OFFICE,
    STREET,
    WATER,
    Case,
)

from workorder import needs
from workorder.clocks import Clock
from workorder.refusals import Why
from workorder.roles import SYSTEM, SYSTEM_ROLE, Actor, Role
from workorder.states import State, Step
from workorder.transitions import ENDS, OWNERS, TRANSITIONS, steps_from


def test_every_step_is_in_the_table_and_has_a_name() -> None:
    assert set(TRANSITIONS) == set(Step)
    assert all(step.chinese for step in Step)
    assert all(state.chinese for state in State)


def test_roles_in_the_table_are_roles() -> None:
    for row in TRANSITIONS.values():
        assert row.roles <= {*Role, SYSTEM_ROLE}
        assert row.roles
        assert (row.unit is not None) == (Role.UNIT in row.roles)


def test_every_state_but_the_ends_leads_on_and_every_state_can_be_reached() -> None:
    for state in set(State) - ENDS:
        assert any(TRANSITIONS[step].target not in (None, state) for step in steps_from(state))
    reached = {row.target for row in TRANSITIONS.values()}
    assert reached >= set(State) - {State.DRAFT}


def test_every_state_has_an_owner() -> None:
    units = {State.DISPATCHED, State.ACKNOWLEDGED, State.IN_PROGRESS}
    assert set(OWNERS) == set(State) - units


def test_forms_belong_to_steps() -> None:
    assert set(needs.FIELDS) <= set(Step)
    assert set(needs.NEED_REASON) <= set(Step)


@pytest.mark.parametrize(
    ("step", "actor", "why"),
    [
        (Step.ACKNOWLEDGE, HEAT, Why.UNIT),
        (Step.ACKNOWLEDGE, Actor("x", "unit", None), Why.UNIT),
        (Step.ACKNOWLEDGE, DISPATCHER, Why.ROLE),
        (Step.ACKNOWLEDGE, SYSTEM, Why.ROLE),
        (Step.RECALL, AGENT, Why.ROLE),
        (Step.RECALL, Actor("x", "auditor"), Why.ROLE),
        (Step.SUPERVISE, DISPATCHER, Why.ROLE),
        (Step.ARCHIVE, OFFICE, Why.STATE),
    ],
)
def test_who_may_not_is_refused_and_told_why(step: Step, actor: Actor, why: Why) -> None:
    case = Case("anshan").dispatched()
    assert case.why(step, actor, "x", cause="overdue") is why


def test_a_unit_above_may_act_for_those_below_it() -> None:
    """鞍山 二（五）1: 管理本级和下级部门承办的热线工单."""
    case = Case("anshan").dispatched()
    case.take(Step.ACKNOWLEDGE, CITY)
    assert case.events[-1].unit == "city"


def test_a_refusal_says_what_would_be_legal_and_whose_turn_it_is() -> None:
    refused = Case("anshan").dispatched().refused(Step.RESOLVE, HEAT, result="x")
    assert (refused.code, refused.owner, refused.legal) == (Why.STATE, "unit:water", ())
    assert str(refused) == (
        "resolve: an order in state dispatched has no such step "
        "(possible now: none for you; it is unit:water's turn)"
    )
    own = Case("anshan").dispatched().refused(Step.RESOLVE, WATER, result="x")
    assert own.legal == (Step.NOTED, Step.ACKNOWLEDGE, Step.RETURN, Step.HAND_DOWN)


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({}, "unit"),
        ({"unit": 7}, "unit"),
        ({"unit": "water", "co_units": "heat"}, "co_units"),
        ({"unit": "water", "colour": "red"}, "colour"),
        ({"unit": "w" * 40}, "unit"),
        ({"unit": "water", "more": "text"}, "more"),
    ],
)
def test_what_is_said_with_a_step_is_checked(data: dict[str, object], field: str) -> None:
    case = Case("anshan").accepted()
    assert case.refused(Step.DISPATCH, DISPATCHER, **data).values["field"] == field


def test_units_that_arent_there_get_no_orders() -> None:
    case = Case("anshan").accepted()
    assert case.why(Step.DISPATCH, DISPATCHER, unit="nobody") is Why.UNKNOWN_UNIT
    assert case.why(Step.DISPATCH, DISPATCHER, unit="water", co_units=["x"]) is Why.UNKNOWN_UNIT


def test_the_lead_waits_for_the_co_handlers_own_answers() -> None:
    """鞍山 二（四）4: 主协办工单由主办单位综合协办单位办理意见后回复群众."""
    case = Case("anshan").dispatched(co=("heat", "12330"))
    case.take(Step.ACKNOWLEDGE, WATER)
    refused = case.refused(Step.RESOLVE, WATER, result="x")
    assert refused.values["units"] == ["heat", "12330"]
    case.take(Step.CO_ACKNOWLEDGE, HEAT)
    case.take(Step.CO_ANSWER, HEAT, text="已配合")
    assert case.why(Step.CO_ANSWER, HEAT, text="再说一遍") is Why.NOT_CO
    case.take(Step.CO_RETURN, Actor("h", "unit", "12330"), "与我单位无关")
    case.take(Step.RESOLVE, WATER, result="已办结")
    assert [(part.unit, part.state, part.answer) for part in case.life.parts] == [
        ("water", "resolved", ""),
        ("heat", "answered", "已配合"),
        ("12330", "returned", ""),
    ]


def test_a_dispatcher_may_add_and_release_co_handlers() -> None:
    case = Case("anshan").acknowledged()
    case.take(Step.ADD_CO, DISPATCHER, unit="heat")
    assert case.why(Step.ADD_CO, DISPATCHER, unit="heat") is Why.CO_TWICE
    assert case.why(Step.ADD_CO, DISPATCHER, unit="water") is Why.CO_TWICE
    case.take(Step.RELEASE_CO, DISPATCHER, "不需要", unit="heat")
    case.take(Step.RESOLVE, WATER, result="已办结")


def test_a_unit_hands_an_order_down_within_its_own_part_of_the_tree() -> None:
    """街道 三（四级承办单位）; the city's deadline goes on, the acknowledgement starts anew."""
    case = Case("anshan").accepted("help")
    case.take(Step.DISPATCH, DISPATCHER, unit="district")
    due = case.due(Clock.RESOLVE)
    case.take(Step.ACKNOWLEDGE, DISTRICT)
    case.take(Step.CONTACT, DISTRICT)
    case.at("2026-03-03 10:00")
    assert case.why(Step.HAND_DOWN, DISTRICT, unit="water") is Why.NOT_BELOW
    assert case.why(Step.HAND_DOWN, DISTRICT, unit="district") is Why.NOT_BELOW
    assert case.why(Step.HAND_DOWN, DISTRICT, unit="nobody") is Why.UNKNOWN_UNIT
    assert case.why(Step.HAND_DOWN, WATER, unit="street") is Why.UNIT
    case.take(Step.HAND_DOWN, DISTRICT, unit="street")
    assert (case.life.state, case.life.owner) == (State.DISPATCHED, "unit:street")
    assert [(part.unit, part.active, part.state) for part in case.life.parts] == [
        ("district", False, "handed_on"),
        ("street", True, "assigned"),
    ]
    assert case.due(Clock.RESOLVE) == due
    assert (case.account(Clock.ACKNOWLEDGE).unit, case.account(Clock.RESOLVE).unit) == (
        "street",
        "district",
    )
    refused = case.refused(Step.RETURN, STREET, "不归我们管")
    assert (refused.code, refused.values["unit"]) == (Why.HANDED_DOWN, "district")
    case.take(Step.ACKNOWLEDGE, STREET)
    case.take(Step.RESOLVE, STREET, result="已办结")
    assert case.life.state is State.RESOLVED


def test_what_was_handed_down_is_handed_back_and_only_the_first_unit_returns_it() -> None:
    case = Case("anshan").accepted("help")
    case.take(Step.DISPATCH, DISPATCHER, unit="district")
    assert case.why(Step.HAND_BACK, DISTRICT, "x") is Why.NOT_HANDED_DOWN
    case.take(Step.HAND_DOWN, DISTRICT, unit="street")
    case.take(Step.HAND_DOWN, DISTRICT, unit="community")  # the one above takes it from the street
    assert case.life.above == ["district", "street"]
    assert case.why(Step.HAND_BACK, COMMUNITY) is Why.REASON_NEEDED
    case.take(Step.HAND_BACK, COMMUNITY, "社区没有执法权")
    assert (case.life.owner, case.life.above) == ("unit:street", ["district"])
    case.take(Step.HAND_BACK, STREET, "不属于街道职责")
    assert (case.life.owner, case.life.above) == ("unit:district", [])
    case.take(Step.HAND_DOWN, DISTRICT, unit="street")
    case.take(Step.RETURN, DISTRICT, "查实不属于本区")
    assert (case.life.state, case.life.owner) == (State.RETURNED, "dispatcher")
    case.take(Step.DISPATCH, DISPATCHER, unit="water")
    assert case.life.above == []


def test_a_unit_hands_nothing_down_while_a_decision_on_it_waits() -> None:
    case = Case("anshan").accepted("help")
    case.take(Step.DISPATCH, DISPATCHER, unit="district")
    case.take(Step.ACKNOWLEDGE, DISTRICT)
    case.take(
        Step.ASK_EXTENSION, DISTRICT, "待料", workdays=2, signed_by="李区长", citizen_told=True
    )
    assert case.why(Step.HAND_DOWN, DISTRICT, unit="street") is Why.EXTENSION_PENDING
    case.take(Step.REFUSE_EXTENSION, DISPATCHER, "不必")
    case.take(Step.PAUSE, OFFICE, "立案", until="2026-03-20")
    assert case.why(Step.HAND_DOWN, DISTRICT, unit="street") is Why.PAUSED


def test_a_rejected_return_goes_back_to_where_it_was_and_the_clocks_go_on() -> None:
    case = Case("anshan").acknowledged("help")
    case.take(Step.CONTACT, WATER)
    case.take(Step.RETURN, WATER, "不是我们的")
    assert all(not run.runs or run.due_at is None for run in case.accounts() if run.unit)
    case.at("2026-03-03 10:00").take(Step.REJECT_RETURN, DISPATCHER, "就是你们的")
    assert (case.life.state, case.life.owner) == (State.IN_PROGRESS, "unit:water")
    assert case.due(Clock.RESOLVE) == "2026-03-31 10:00"
    assert case.why(Step.RETURN, WATER, "真的不是") is Why.RETURN_REJECTED


def test_what_is_answered_at_once_or_declined_can_be_taken_up_again() -> None:
    for step, data in ((Step.ANSWER, {"text": "可在网上办理"}), (Step.DECLINE, {"cause": "other"})):
        case = Case("anshan").accepted("inquiry")
        case.take(step, AGENT, "解释", **data)
        case.take(Step.RECONSIDER, OFFICE, "市民有新情况")
        assert case.life.owner == "dispatcher"
        case.take(Step.DISPATCH, DISPATCHER, unit="water")


def test_whose_clock_lags_behind_is_as_late_as_the_last_step() -> None:
    case = Case("anshan").dispatched()
    last = case.now
    case.at("2026-03-01 10:00")
    assert case.take(Step.ACKNOWLEDGE, WATER).at == last
