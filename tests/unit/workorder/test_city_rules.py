"""Every rule of the cities' table, each with its article, at its exact limit.

March 2026 has no holidays; 2 March is a Monday. "24:00" of a day is written 00:00 of the next.
"""

from __future__ import annotations

from typing import Any

import pytest
from order_kit import (
    AGENT,
    DISPATCHER,
    HEAT,
    OFFICE,
    STREET,
    WATER,
    Case,
    calendar,
    china,
    local,
    policy,
)

from workorder.clocks import Clock, Level, Light
from workorder.machine import is_hard
from workorder.policy import ByPerson, Cause
from workorder.refusals import Why
from workorder.roles import Actor
from workorder.states import State, Step

# city, article, category, clock, dispatched on Monday 10:00 → due
LIMITS = [
    # --- contact, and answering an inquiry ---
    ("anshan", "二（三）4", "complaint", Clock.CONTACT, "2026-03-04 10:00"),
    ("anshan", "二（三）4", "inquiry", Clock.RESOLVE, "2026-03-04 10:00"),
    ("dalian", "第十八条", "complaint", Clock.CONTACT, "2026-03-05 00:00"),
    ("dalian", "第十八条", "inquiry", Clock.RESOLVE, "2026-03-05 00:00"),
    ("heyuan", "第十条（二）", "inquiry", Clock.RESOLVE, "2026-03-04 10:00"),
    ("default", "呼叫中心方案 二", "inquiry", Clock.RESOLVE, "2026-03-09 10:00"),
    ("default", "长垣 （二）", "complaint", Clock.CONTACT, "2026-03-03 10:00"),
    # --- help ---
    ("anshan", "二（三）4", "help", Clock.RESOLVE, "2026-03-30 10:00"),
    ("dalian", "第十八条", "help", Clock.RESOLVE, "2026-03-31 00:00"),
    ("heyuan", "第十条（三）", "help", Clock.RESOLVE, "2026-03-09 10:00"),
    # --- complaint, report, suggestion ---
    ("anshan", "二（三）4", "complaint", Clock.RESOLVE, "2026-03-30 10:00"),
    ("anshan", "二（三）4", "report", Clock.RESOLVE, "2026-03-30 10:00"),
    ("anshan", "二（三）4", "suggestion", Clock.RESOLVE, "2026-03-30 10:00"),
    ("dalian", "第十八条", "complaint", Clock.RESOLVE, "2026-03-31 00:00"),
    ("dalian", "第十八条", "report", Clock.RESOLVE, "2026-03-31 00:00"),
    ("dalian", "第十八条", "suggestion", Clock.RESOLVE, "2026-03-31 00:00"),
    ("heyuan", "第十条（四）", "complaint", Clock.RESOLVE, "2026-03-16 10:00"),
    ("heyuan", "第十条（四）", "report", Clock.RESOLVE, "2026-03-16 10:00"),
    ("heyuan", "第十条（四）", "suggestion", Clock.RESOLVE, "2026-03-16 10:00"),
    ("default", "呼叫中心方案 二", "complaint", Clock.RESOLVE, "2026-03-23 10:00"),
    ("jinan", "执法单位（二）", "complaint", Clock.RESOLVE, "2026-03-05 10:00"),
    # --- economic violation ---
    ("anshan", "二（三）4", "economic_violation", Clock.RESOLVE, "2026-03-30 10:00"),
    ("dalian", "第十八条", "economic_violation", Clock.RESOLVE, "2026-03-31 00:00"),
    # --- emergency: on site, and the answer ---
    ("anshan", "二（三）4", "emergency", Clock.ON_SITE, "2026-03-02 12:00"),
    ("anshan", "二（三）4", "emergency", Clock.RESOLVE, "2026-03-04 10:00"),
    ("dalian", "第十九条", "emergency", Clock.ON_SITE, "2026-03-02 12:00"),
    ("dalian", "第十九条", "emergency", Clock.RESOLVE, "2026-03-05 00:00"),
    ("jinan", "执法单位（一）", "emergency", Clock.ON_SITE, "2026-03-02 11:00"),
    # --- acknowledge ---
    ("heyuan", "第十七条（一）", "help", Clock.ACKNOWLEDGE, "2026-03-04 10:00"),
    ("default", "1个工作日内受理", "help", Clock.ACKNOWLEDGE, "2026-03-03 10:00"),
    # --- the right to return ---
    ("anshan", "二（三）3", "help", Clock.RETURN, "2026-03-04 10:00"),
    ("dalian", "第十五条", "help", Clock.RETURN, "2026-03-05 00:00"),
    ("heyuan", "第十条（一）", "help", Clock.RETURN, "2026-03-03 10:00"),
]


@pytest.mark.parametrize(("city", "article", "category", "clock", "due"), LIMITS)
def test_given_an_order_when_it_is_dispatched_then_its_clock_is_due_at(
    city: str, article: str, category: str, clock: Clock, due: str
) -> None:
    case = Case(city).dispatched(category)
    account = case.account(clock)
    assert local(account.due_at) == due
    assert article in account.limit.source


def test_a_report_takes_thirty_workdays_by_the_vendors_solution() -> None:
    case = Case("default").dispatched("report")
    # 30 working days from 2 March: Tomb-Sweeping Day (6 April) is no working day.
    assert case.due(Clock.RESOLVE) == "2026-04-14 10:00"


def test_a_specialised_inquiry_is_answered_within_a_workday_in_dalian() -> None:
    case = Case("dalian").dispatched("inquiry", specialised=True)
    account = case.account(Clock.RESOLVE)
    assert (local(account.due_at), "第十六条" in account.limit.source) == ("2026-03-04 00:00", True)
    assert case.due(Clock.CONTACT) == "2026-03-04 00:00"


# city, article, unclear, accepted on Monday 10:00 → to be dispatched by
DISPATCH = [
    ("heyuan", "第九条", False, "2026-03-03 10:00"),
    ("heyuan", "第九条", True, "2026-03-04 10:00"),
    ("jinan", "指挥中心（二）", False, "2026-03-02 10:05"),
    ("default", "三门", False, "2026-03-02 22:00"),
]


@pytest.mark.parametrize(("city", "article", "unclear", "due"), DISPATCH)
def test_given_an_accepted_order_when_it_waits_then_its_dispatch_is_due_at(
    city: str, article: str, unclear: bool, due: str
) -> None:
    account = Case(city).accepted(unclear=unclear).account(Clock.DISPATCH)
    assert local(account.due_at) == due
    assert article in account.limit.source


def test_other_channels_are_registered_within_ten_minutes_in_jinan() -> None:
    case = Case("jinan")
    case.take(Step.DRAFTED, AGENT, registers=True)
    assert case.due(Clock.REGISTER) == "2026-03-02 10:10"
    case.take(Step.ACCEPT, AGENT, category="help")
    assert not case.account(Clock.REGISTER).runs


# city, category, clock, (warning, yellow, red) – 河源办法 第十七条
CARDS = [
    ("inquiry", Clock.RESOLVE, ("2026-03-03 10:00", "2026-03-04 10:00", "2026-03-05 10:00")),
    ("help", Clock.RESOLVE, ("2026-03-04 10:00", "2026-03-09 10:00", "2026-03-10 10:00")),
    ("complaint", Clock.RESOLVE, ("2026-03-13 10:00", "2026-03-16 10:00", "2026-03-17 10:00")),
    ("suggestion", Clock.RESOLVE, ("2026-03-13 10:00", "2026-03-16 10:00", "2026-03-17 10:00")),
    ("report", Clock.RESOLVE, ("2026-03-13 10:00", "2026-03-16 10:00", "2026-03-17 10:00")),
    (
        "economic_violation",  # 29, 30, 31 working days, past Tomb-Sweeping Day
        Clock.RESOLVE,
        ("2026-04-13 10:00", "2026-04-14 10:00", "2026-04-15 10:00"),
    ),
    ("help", Clock.ACKNOWLEDGE, ("2026-03-03 10:00", "2026-03-04 10:00", "2026-03-05 10:00")),
]


@pytest.mark.parametrize(("category", "clock", "cards"), CARDS)
def test_cards_of_heyuan(category: str, clock: Clock, cards: tuple[str, str, str]) -> None:
    account = Case("heyuan").dispatched(category).account(clock)
    assert [local(at) for _, at in account.levels()] == list(cards)
    assert [level for level, _ in account.levels()] == list(Level)


def test_help_is_wished_for_within_three_workdays_and_late_after_five_in_heyuan() -> None:
    account = Case("heyuan").dispatched("help").account(Clock.RESOLVE)
    assert local(account.target_at) == "2026-03-05 10:00"
    assert account.light(china("2026-03-04 09:59")) is Light.GREEN
    assert account.light(china("2026-03-04 10:00")) is Light.YELLOW
    assert account.light(china("2026-03-09 10:00")) is Light.YELLOW
    assert account.light(china("2026-03-09 10:01")) is Light.RED


def test_without_cards_the_light_turns_yellow_a_workday_before_the_deadline() -> None:
    account = Case("anshan").dispatched("help").account(Clock.RESOLVE)
    assert local(account.warn_at) == "2026-03-27 10:00"
    assert [level for level, _ in account.levels()] == [Level.WARNING, Level.RED]


# --- returning -------------------------------------------------------------------------------

RETURNS: list[tuple[str, str, dict[str, Any]]] = [
    ("anshan", "2026-03-04 10:00", {}),  # 二（三）3
    ("dalian", "2026-03-05 00:00", {}),  # 第十五条
    ("dalian", "2026-03-06 00:00", {"site_check": True}),  # 第十五条, 现场核查
    ("heyuan", "2026-03-03 10:00", {"legal_basis": "三定方案"}),  # 第十条（一）
]


@pytest.mark.parametrize(("city", "until", "said"), RETURNS)
def test_given_the_limit_when_returned_at_it_then_taken_and_a_minute_later_counts_as_accepted(
    city: str, until: str, said: dict[str, Any]
) -> None:
    case = Case(city).dispatched().at(until)
    case.take(Step.RETURN, WATER, "不属于我单位职责", **said)
    assert case.life.state is State.RETURNED
    late = Case(city).dispatched().at(until)
    late.now += china("2026-01-01 00:01") - china("2026-01-01 00:00")
    refused = late.refused(Step.RETURN, WATER, "不属于我单位职责", **said)
    assert refused.code is Why.RETURN_TOO_LATE
    assert local(refused.values["until"]) == until
    assert Step.ACKNOWLEDGE in refused.legal


def test_a_return_says_why() -> None:
    assert Case("anshan").dispatched().why(Step.RETURN, WATER) is Why.REASON_NEEDED


def test_heyuan_wants_the_legal_basis_of_a_return() -> None:
    refused = Case("heyuan").dispatched().refused(Step.RETURN, WATER, "不是我们的")
    assert (refused.code, refused.values["field"]) == (Why.FIELD_NEEDED, "legal_basis")


def test_a_site_check_gives_no_more_time_where_the_city_doesnt_know_it() -> None:
    case = Case("anshan").dispatched().at("2026-03-04 10:01")
    assert case.why(Step.RETURN, WATER, "现场核查过", site_check=True) is Why.RETURN_TOO_LATE


def test_after_joint_determination_the_designated_unit_may_not_return_it() -> None:
    """鞍山 二（四）2, 大连 第十五条."""
    case = Case("dalian").dispatched()
    case.take(Step.RETURN, WATER, "职能交叉")
    assert case.why(Step.DISPATCH, DISPATCHER, unit="heat") is Why.ONLY_JOINT
    case.take(Step.REFER_JOINT, DISPATCHER, "联席会议")
    case.take(Step.DETERMINE, OFFICE, "会议纪要3号", unit="water")
    assert case.why(Step.RETURN, WATER, "还是不对") is Why.DESIGNATED
    assert case.life.owner == "unit:water"


def test_elsewhere_the_dispatcher_may_send_a_returned_order_to_another_unit() -> None:
    case = Case("anshan").dispatched()
    case.take(Step.RETURN, WATER, "应由供热单位办理")
    case.take(Step.DISPATCH, DISPATCHER, unit="heat")
    assert case.life.owner == "unit:heat"
    assert case.why(Step.ACKNOWLEDGE, WATER) is Why.UNIT
    case.take(Step.ACKNOWLEDGE, HEAT)


# --- extensions ------------------------------------------------------------------------------

ASKED = {"workdays": 5, "signed_by": "李局长", "citizen_told": True}
# city, what is said, due, last moment to ask, due after five more working days
EXTENSIONS: list[tuple[str, str, dict[str, Any], str, str]] = [
    ("anshan", "help", ASKED, "2026-03-26 10:00", "2026-04-07 10:00"),  # 二（三）4
    ("dalian", "help", ASKED, "2026-03-27 00:00", "2026-04-08 00:00"),  # 第二十条
    ("heyuan", "complaint", {"workdays": 5}, "2026-03-16 10:00", "2026-03-23 10:00"),  # 第十条
]


@pytest.mark.parametrize(("city", "category", "said", "until", "due"), EXTENSIONS)
def test_given_an_extension_asked_at_the_exact_limit_when_granted_then_the_deadline_moves(
    city: str, category: str, said: dict[str, Any], until: str, due: str
) -> None:
    case = Case(city).acknowledged(category).at(until)
    case.take(Step.ASK_EXTENSION, WATER, "材料未到", **said)
    case.take(Step.GRANT_EXTENSION, DISPATCHER)
    assert case.due(Clock.RESOLVE) == due
    late = Case(city).acknowledged(category).at(until)
    late.now += china("2026-01-01 00:01") - china("2026-01-01 00:00")
    refused = late.refused(Step.ASK_EXTENSION, WATER, "材料未到", **said)
    assert refused.code is Why.EXTENSION_TOO_LATE
    assert local(refused.values["until"]) == until


@pytest.mark.parametrize("missing", ["signed_by", "citizen_told"])
@pytest.mark.parametrize("city", ["anshan", "dalian"])
def test_an_extension_is_signed_by_the_head_and_the_citizen_is_told(
    city: str, missing: str
) -> None:
    said = {name: value for name, value in ASKED.items() if name != missing}
    refused = Case(city).acknowledged().refused(Step.ASK_EXTENSION, WATER, "材料未到", **said)
    assert refused.values["field"] == missing


def test_an_extension_says_why() -> None:
    assert Case("anshan").acknowledged().why(Step.ASK_EXTENSION, WATER, **ASKED) is (
        Why.REASON_NEEDED
    )


def test_the_second_extension_in_dalian_needs_a_progress_report_and_a_signed_letter() -> None:
    case = Case("dalian").acknowledged("help")
    case.take(Step.ASK_EXTENSION, WATER, "材料未到", **ASKED)
    case.take(Step.GRANT_EXTENSION, DISPATCHER)
    refused = case.refused(Step.ASK_EXTENSION, WATER, "仍未到", **ASKED)
    assert refused.values["field"] == "progress_report"
    more = {"progress_report": "已完成一半", "signed_letter": "延期函〔2026〕1号"}
    case.take(Step.ASK_EXTENSION, WATER, "仍未到", **ASKED, **more)
    case.take(Step.GRANT_EXTENSION, DISPATCHER)
    assert case.why(Step.ASK_EXTENSION, WATER, "还未到", **ASKED, **more) is (
        Why.NO_MORE_EXTENSIONS
    )


@pytest.mark.parametrize("city", ["anshan", "heyuan"])
def test_elsewhere_an_order_is_extended_once_only(city: str) -> None:
    case = Case(city).acknowledged()
    case.take(Step.ASK_EXTENSION, WATER, "材料未到", **ASKED)
    assert case.why(Step.ASK_EXTENSION, WATER, "x", **ASKED) is Why.EXTENSION_PENDING
    case.take(Step.GRANT_EXTENSION, DISPATCHER)
    assert case.why(Step.ASK_EXTENSION, WATER, "x", **ASKED) is Why.NO_MORE_EXTENSIONS


def test_an_extension_is_no_longer_than_the_limit_itself() -> None:
    """大连 第二十条: 申请延期时间仍应遵循2·20规定."""
    refused = (
        Case("dalian")
        .acknowledged()
        .refused(Step.ASK_EXTENSION, WATER, "x", **ASKED | {"workdays": 21})
    )
    assert (refused.code, refused.values["most"]) == (Why.EXTENSION_TOO_LONG, 20)


def test_a_refused_extension_leaves_the_deadline_where_it_was() -> None:
    case = Case("anshan").acknowledged("help")
    case.take(Step.ASK_EXTENSION, WATER, "材料未到", **ASKED)
    case.take(Step.REFUSE_EXTENSION, DISPATCHER, "理由不足")
    assert (case.due(Clock.RESOLVE), case.life.extension_state) == ("2026-03-30 10:00", "refused")
    case.take(Step.ASK_EXTENSION, WATER, "补充理由", **ASKED)  # a refused one doesn't count


# --- what comes after ------------------------------------------------------------------------


@pytest.mark.parametrize(("city", "article"), [("anshan", "二（三）6"), ("dalian", "第二十一条")])
def test_a_resolved_order_is_reviewed_within_two_workdays(city: str, article: str) -> None:
    account = Case(city).resolved().account(Clock.REVIEW)
    assert article in account.limit.source
    assert account.limit.limit.amount == 2
    expected = {"anshan": "2026-03-04 10:00", "dalian": "2026-03-05 00:00"}
    assert local(account.due_at) == expected[city]


def test_jinan_follows_up_on_the_same_day() -> None:
    case = Case("jinan").resolved()
    case.take(Step.REVIEW, OFFICE)
    assert case.due(Clock.FOLLOW_UP) == "2026-03-03 00:00"


@pytest.mark.parametrize(
    "said",
    [
        {"satisfaction": 4},
        {"satisfaction": 5},
        {"solved": False},
        {"true": False},
        {"reached": False},
    ],
)
def test_who_isnt_content_with_the_machine_is_asked_by_a_person(said: dict[str, Any]) -> None:
    """大连 第二十一条."""
    case = Case("dalian").resolved()
    case.take(Step.REVIEW, OFFICE)
    event = case.take(Step.FOLLOW_UP, DISPATCHER, way="voice", **said)
    assert case.life.state is State.REVIEWED
    assert event.data["by_person"]
    case.take(Step.FOLLOW_UP, OFFICE, way="person", **said)
    assert case.life.state is State.FOLLOWED_UP


def test_a_supervised_order_is_followed_up_by_a_person() -> None:
    """大连 第二十一条."""
    case = Case("dalian").acknowledged()
    case.take(Step.SUPERVISE, OFFICE, cause="leaders_instruction")
    case.take(Step.REPLY_SUPERVISION, WATER, text="立即办理")
    case.take(Step.RESOLVE, WATER, result="修好了")
    case.take(Step.REVIEW, OFFICE)
    event = case.take(Step.FOLLOW_UP, DISPATCHER, way="sms", satisfaction=1)
    assert event.data["by_person"] == [ByPerson.SUPERVISED]


@pytest.mark.parametrize("way", ["person", "voice", "sms", "web"])
def test_heyuan_rates_in_five_levels_by_any_way(way: str) -> None:
    """河源办法 第十四条."""
    case = Case("heyuan").resolved()
    case.take(Step.REVIEW, OFFICE)
    refused = case.refused(Step.FOLLOW_UP, OFFICE, way=way, satisfaction=6)
    assert refused.code is Why.FIELD_WRONG
    case.take(Step.FOLLOW_UP, OFFICE, way=way, satisfaction=3)
    assert case.life.state is State.FOLLOWED_UP


@pytest.mark.parametrize("city", ["anshan", "dalian"])
def test_a_redo_is_supervised_too(city: str) -> None:
    """鞍山 二（三）7, 大连 第二十二条."""
    case = Case(city).followed_up(5)
    case.take(Step.REDO, OFFICE, "属承办单位责任")
    assert (case.life.state, case.life.owner) == (State.DISPATCHED, "unit:water")
    assert [notice.cause for notice in case.life.open_notices] == [Cause.REDO]
    assert case.why(Step.RETURN, WATER, "不想办") is Why.REDO_STAYS


def test_a_second_redo_with_the_first_notice_open_is_no_second_notice() -> None:
    case = Case("anshan").followed_up(5)
    case.take(Step.REDO, OFFICE, "属承办单位责任")
    case.take(Step.ACKNOWLEDGE, WATER)
    case.take(Step.RESOLVE, WATER, result="又修了")
    case.take(Step.REDO, OFFICE, "复核不通过")
    assert len(case.life.notices) == 1


def test_heyuan_redoes_once_with_the_same_limits_and_no_extension() -> None:
    """河源办法 第十五条."""
    case = Case("heyuan").followed_up(5)
    case.at("2026-03-16 09:00").take(Step.REDO, OFFICE, "理由合理")
    assert not case.life.notices
    assert case.due(Clock.RESOLVE) == "2026-03-30 09:00"
    case.take(Step.ACKNOWLEDGE, WATER)
    assert case.why(Step.ASK_EXTENSION, WATER, "x", workdays=1) is Why.NO_EXTENSION_IN_REDO
    case.take(Step.RESOLVE, WATER, result="又修了")
    case.take(Step.REVIEW, OFFICE)
    case.take(Step.FOLLOW_UP, OFFICE, way="person", satisfaction=5)
    refused = case.refused(Step.REDO, OFFICE, "还是不行")
    assert refused.code is Why.NO_MORE_REDOS
    assert Step.ARCHIVE in refused.legal
    assert case.why(Step.ARCHIVE, OFFICE) is Why.REASON_NEEDED
    case.take(Step.ARCHIVE, OFFICE, "已按规定重办一次")


# --- supervision -----------------------------------------------------------------------------

CAUSES = [
    ("anshan", "二（三）5", ["overdue", "untrue_result", "process_problems"]),
    (
        "dalian",
        "第二十五条",
        ["overdue", "untrue_result", "process_problems", "leaders_instruction"],
    ),
    ("heyuan", "第十八条", ["leaders_instruction", "red_card", "repeats", "other"]),
    (
        "street",
        "街道 四",
        ["refuses", "repeats", "unsolved", "unsatisfied", "review_unsatisfied", "media"],
    ),
]


@pytest.mark.parametrize(("city", "article", "causes"), CAUSES)
def test_causes_of_supervision(city: str, article: str, causes: list[str]) -> None:
    rule = policy(city).supervision
    for cause in causes:
        assert article in rule.causes[Cause(cause)]
        case = Case(city).acknowledged()
        case.take(Step.SUPERVISE, OFFICE, cause=cause)
        assert case.why(Step.SUPERVISE, OFFICE, cause=cause) is Why.ALREADY_SUPERVISED
    refused = Case(city).acknowledged().refused(Step.SUPERVISE, OFFICE, cause="hard")
    assert refused.code is Why.FIELD_WRONG


def test_a_notice_is_replied_to_within_two_workdays_and_before_the_archive() -> None:
    """河源办法 第十八条."""
    case = Case("heyuan").followed_up(1)
    case.take(Step.SUPERVISE, OFFICE, cause="leaders_instruction")
    assert case.due(Clock.SUPERVISE) == "2026-03-04 10:00"
    assert case.why(Step.ARCHIVE, OFFICE) is Why.SUPERVISION_OPEN
    case.take(Step.REPLY_SUPERVISION, WATER, text="已落实")
    assert not case.account(Clock.SUPERVISE).runs
    case.take(Step.ARCHIVE, OFFICE)


@pytest.mark.parametrize("city", ["heyuan", "street", "default"])
def test_three_orders_about_one_thing_are_supervised_and_two_are_key(city: str) -> None:
    """街道 四（二）; 河源办法 第十八条（三）."""
    case = Case(city).acknowledged()
    system = Actor("system", "system")
    case.take(Step.REPEATED, system, number="2")
    assert (case.life.is_key, case.life.notices) == (True, [])
    case.take(Step.REPEATED, system, number="3")
    assert [notice.cause for notice in case.life.notices] == [Cause.REPEATS]
    case.take(Step.REPEATED, system, number="4")
    assert len(case.life.notices) == 1


def test_repeats_from_before_the_dispatch_are_supervised_with_it() -> None:
    case = Case("street").accepted()
    system = Actor("system", "system")
    for number in ("2", "3"):
        case.take(Step.REPEATED, system, number=number)
    assert not case.life.notices
    case.take(Step.DISPATCH, DISPATCHER, unit="street")
    assert [(n.cause, n.unit) for n in case.life.notices] == [(Cause.REPEATS, "street")]
    case.take(Step.REPLY_SUPERVISION, STREET, text="马上办")


def test_unsatisfied_with_speed_attitude_and_result_is_supervised_in_the_streets() -> None:
    """街道 四（四）."""
    case = Case("street").followed_up(5, unsatisfied_with=["speed", "attitude"])
    assert not case.life.notices
    case = Case("street").followed_up(5, unsatisfied_with=["speed", "attitude", "result"])
    assert [notice.cause for notice in case.life.notices] == [Cause.UNSATISFIED]


def test_the_streets_supervise_a_fifth_of_last_months_orders_and_have_four_tiers() -> None:
    """街道 三1, 四（一）."""
    assert policy("street").supervision.monthly_quota == 20
    assert policy("street").tiers.most == 4


# --- the rest --------------------------------------------------------------------------------


def test_dalian_issues_a_written_result_within_ten_workdays() -> None:
    """大连 第二十三条."""
    case = Case("dalian").resolved()
    case.take(Step.REQUEST_WRITTEN, AGENT)
    assert case.due(Clock.WRITTEN) == "2026-03-17 00:00"
    case.take(Step.REVIEW, OFFICE)
    case.take(Step.FOLLOW_UP, OFFICE, way="person", satisfaction=1)
    assert case.why(Step.ARCHIVE, OFFICE) is Why.WRITTEN_OPEN
    case.take(Step.ISSUE_WRITTEN, WATER, text="书面答复〔2026〕1号")
    case.take(Step.ARCHIVE, OFFICE)


def test_what_is_older_than_two_years_is_declined_in_dalian_only() -> None:
    """大连 第十二条（十一）."""
    assert policy("dalian").too_old is not None
    assert policy("dalian").too_old.years == 2  # type: ignore[union-attr]
    case = Case("dalian")
    case.take(Step.DECLINE, AGENT, "超过两年，已向来电人说明", cause="too_old")
    assert case.life.state is State.DECLINED
    assert Case("anshan").why(Step.DECLINE, AGENT, "太旧", cause="too_old") is Why.FIELD_WRONG


NOT_ACCEPTED = [
    *("outside_powers", "emergency_lines", "other_bodies", "legal_ways", "no_clear_facts"),
    *("secrets", "corruption", "already_handled", "malicious", "consumer_association"),
    *("petition", "other"),
]


@pytest.mark.parametrize("cause", NOT_ACCEPTED)
def test_what_dalian_doesnt_accept_is_declined_with_an_explanation(cause: str) -> None:
    """大连 第十二条."""
    assert "第十二条" in policy("dalian").not_accepted[cause].source
    assert Case("dalian").why(Step.DECLINE, AGENT, cause=cause) is Why.REASON_NEEDED
    case = Case("dalian")
    case.take(Step.DECLINE, AGENT, "已向来电人解释", cause=cause)
    case.take(Step.ARCHIVE, DISPATCHER)


@pytest.mark.parametrize("cause", sorted(set(NOT_ACCEPTED) - {"no_clear_facts"}))
def test_what_heyuan_doesnt_accept(cause: str) -> None:
    """河源办法 第六条."""
    assert "第六条" in policy("heyuan").not_accepted[cause].source


def test_hard_is_what_is_unsolved_over_three_periods() -> None:
    """济南城管流程 三 指挥中心（五）."""
    rule = policy("jinan").hard
    assert rule is not None
    assert (rule.periods, "三个投诉处理时段" in rule.source) == (3, True)
    assert Cause.HARD in policy("jinan").supervision.causes
    case = Case("jinan").acknowledged("complaint")  # three days, and three times that
    assert not is_hard(case.life, case.rules, china("2026-03-11 10:00"))
    assert is_hard(case.life, case.rules, china("2026-03-11 10:01"))
    done = Case("jinan").followed_up(1)
    done.take(Step.ARCHIVE, OFFICE)
    assert not is_hard(done.life, done.rules, china("2026-04-11 10:00"))


# --- holidays --------------------------------------------------------------------------------

# Spring Festival 2026: 15 to 23 February free; 14 and 28 February are worked (both Saturdays).
# National Day 2026: 1 to 7 October free; 20 September and 10 October are worked.
HOLIDAYS = [
    ("anshan", "inquiry", "2026-02-13 16:00", "2026-02-24 16:00"),  # Friday, 14th, 24th
    ("dalian", "inquiry", "2026-02-13 16:00", "2026-02-25 00:00"),  # counts from Saturday 14th
    ("anshan", "inquiry", "2026-02-14 16:00", "2026-02-25 16:00"),  # on the make-up day itself
    ("dalian", "inquiry", "2026-02-14 16:00", "2026-02-26 00:00"),
    ("anshan", "inquiry", "2026-02-17 09:00", "2026-02-26 00:00"),  # on New Year's Day
    (
        "heyuan",
        "help",
        "2026-02-14 10:00",
        "2026-02-28 10:00",
    ),  # 14th, 24th to 27th, and Saturday 28th
    ("anshan", "inquiry", "2026-09-30 17:00", "2026-10-09 17:00"),
    ("dalian", "inquiry", "2026-09-30 17:00", "2026-10-10 00:00"),
    ("heyuan", "inquiry", "2026-09-30 17:00", "2026-10-09 17:00"),
    ("heyuan", "help", "2026-09-30 10:00", "2026-10-13 10:00"),  # 8th, 9th, Sat 10th, 12th
    ("anshan", "emergency", "2026-09-30 23:00", "2026-10-09 23:00"),
]


@pytest.mark.parametrize(("city", "category", "dispatched", "due"), HOLIDAYS)
def test_orders_dispatched_on_the_eve_of_a_holiday(
    city: str, category: str, dispatched: str, due: str
) -> None:
    case = Case(city, dispatched).dispatched(category)
    assert case.due(Clock.RESOLVE) == due
    assert not case.account(Clock.RESOLVE).provisional


def test_an_emergency_on_the_eve_is_still_on_site_within_two_hours() -> None:
    case = Case("anshan", "2026-02-16 23:00").dispatched("emergency")
    assert case.due(Clock.ON_SITE) == "2026-02-17 01:00"


def test_the_last_moment_for_an_extension_may_lie_before_the_holidays() -> None:
    case = Case("anshan", "2026-09-10 10:00").acknowledged("help")
    assert case.due(Clock.RESOLVE) == "2026-10-14 10:00"  # 20 September is worked as well
    last = "2026-10-12 10:00"
    case.at(last).take(Step.ASK_EXTENSION, WATER, "材料未到", **ASKED)
    late = Case("anshan", "2026-09-10 10:00").acknowledged("help").at("2026-10-12 10:01")
    assert late.why(Step.ASK_EXTENSION, WATER, "材料未到", **ASKED) is Why.EXTENSION_TOO_LATE


def test_a_deadline_beyond_the_known_years_is_provisional() -> None:
    last = max(calendar().years)
    case = Case("anshan", f"{last}-12-28 10:00").dispatched("help")
    account = case.account(Clock.RESOLVE)
    assert account.provisional
    assert any(not day.known for day in account.days)
