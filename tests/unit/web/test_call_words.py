"""A call's journal in plain words, and how its time was spent."""
# ruff: noqa: E501

from __future__ import annotations

import pytest

from callcenter.events import Kind
from callcenter.models import JournalEvent
from web.phases import phases
from web.timeline import considered_words, describe


def _event(kind, at=0.0, **data) -> JournalEvent:
    return JournalEvent(id=f"{kind}{at}", at=at, kind=kind, call_id="c", data=data)


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (_event(Kind.MENU_KEY, menu="main", key="1", choice="queue:general"), "按 1 → 人工服务（综合队列）"),
        (_event(Kind.MENU_KEY, menu="main", key="0", choice="person"), "按 0 → 人工服务"),
        (_event(Kind.MENU_KEY, menu="main", key="2", choice="menu:auto"), "按 2 → 自动服务"),
        (_event(Kind.MENU_KEY, menu="main", key="5", choice="odd"), "按 5 → odd"),
        (_event(Kind.QUEUE_JOINED, queue="vip", priority=2, requirement="ip"), "进入队列“vip”，优先级 2，技能要求 ip"),
        (_event(Kind.QUEUE_ANNOUNCED, position=3, estimate=None), "播报排队位置：第 3 位"),
        (_event(Kind.QUEUE_LEFT, reason="abandoned"), "离开队列：市民挂机"),
        (_event(Kind.OFFER_ENDED, agent="1001", result="no_answer"), "坐席 1001：无人接听"),
        (_event(Kind.SURVEY_RATED, rating=5), "市民评价：非常不满意"),
        (_event(Kind.CALL_ENDED, cause="NORMAL_CLEARING", by="agent"), "通话结束，坐席挂机（NORMAL_CLEARING）"),
        (_event(Kind.CALL_ENDED, cause="ORIGINATOR_CANCEL"), "通话结束（ORIGINATOR_CANCEL）"),
        (_event("not.known.yet", x=1), "not.known.yet"),
    ],
)  # fmt: skip
def test_events_in_words(chinese, event, said):
    assert describe(event).text == said


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_has_words_even_without_its_data(chinese, kind):
    unspoken = {Kind.AGENT_STATE, Kind.AGENT_LINE, Kind.CONTROLLER_STARTED}  # never of a call
    line = describe(_event(kind))
    assert (line.text == kind) is (kind in unspoken)


@pytest.mark.parametrize(
    "data", [{"rating": "x"}, {"rating": None}, {"seconds": "long"}, {"considered": 7}]
)
@pytest.mark.parametrize("kind", [Kind.SURVEY_RATED, Kind.MESSAGE_RECORDED, Kind.DECISION])
def test_odd_data_breaks_no_page(chinese, kind, data):
    assert describe(_event(kind, **data)).text


@pytest.mark.parametrize(
    ("account", "said"),
    [
        ("chosen: longest idle, free for 64 s, level 5, 18 calls", "选中（空闲最久）：空闲 1:04，等级 5，已接 18 通"),
        ("free for 3 s, level 0, 0 calls", "空闲 0:03，等级 0，已接 0 通"),
        ("wrap up", "话后处理"),
        ("not ready (missed call)", "示忙（漏接来电）"),
        ("something new", "something new"),
    ],
)  # fmt: skip
def test_the_engine_s_account_in_words(chinese, account, said):
    assert considered_words(account) == said


def _told(spent):
    return [(phase.name, phase.seconds) for phase in spent]


def test_time_is_divided_by_what_the_citizen_met():
    events = [
        _event(Kind.CALL_ARRIVED, 100),
        _event(Kind.MENU_ENTERED, 102),
        _event(Kind.QUEUE_JOINED, 110),
        _event(Kind.OFFER_MADE, 120),
        _event(Kind.OFFER_ENDED, 130, result="no_answer"),
        _event(Kind.OFFER_MADE, 135),
        _event(Kind.OFFER_ENDED, 140, result="answered"),
        _event(Kind.TALK_STARTED, 140),
        _event(Kind.TALK_ENDED, 200),
        _event(Kind.SURVEY_STARTED, 201),
        _event(Kind.CALL_ENDED, 210),
    ]
    assert _told(phases(events, 999)) == [
        ("menu", 10), ("queue", 10), ("ring", 10), ("queue", 5), ("ring", 5), ("talk", 60),
        ("survey", 10),
    ]  # fmt: skip


def test_a_call_that_goes_on_is_counted_up_to_now():
    events = [_event(Kind.CALL_ARRIVED, 100), _event(Kind.QUEUE_JOINED, 105)]
    assert _told(phases(events, 120)) == [("menu", 5), ("queue", 15)]


def test_a_message_after_the_queue_is_its_own_phase():
    events = [
        _event(Kind.CALL_ARRIVED, 0),
        _event(Kind.QUEUE_JOINED, 5),
        _event(Kind.QUEUE_LEFT, 65, reason="message"),
        _event(Kind.CALL_ENDED, 90),
    ]
    assert _told(phases(events, 0)) == [("menu", 5), ("queue", 60), ("message", 25)]


def test_nothing_told_is_nothing_shown():
    assert phases([], 10) == []
