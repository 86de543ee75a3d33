"""The calls list: filters, pages that don't shift, rows for the live page, the day's figures."""

from __future__ import annotations

import re

import pytest
from web_kit import add_call, client_for

from callcenter.daybook import ALL
from callcenter.events import Outcome
from callcenter.figures import Tally
from web.days import all_of_today
from web.localtime import today
from web.storage import db


def _ids(page: str) -> list[str]:
    return re.findall(r'data-id="([^"]+)"', page)


def test_pages_hold_every_call_once_although_new_ones_arrive(app, engine, people):
    for number in range(120):
        # Pairs share a moment: the id decides between them.
        add_call(engine, f"c{number:03}", age=100_000 + number // 2, ended_at=9)
    client = client_for(app, "supervisor")
    seen, path = [], "/calls"
    while path:
        page = client.get(path).text
        seen += [each for each in _ids(page) if each != "new"]
        add_call(engine, f"new-{len(seen)}", age=1)
        found = re.search(r'rel="next" href="([^"]+)"|href="([^"]+)" rel="next"', page)
        path = (found[1] or found[2]).replace("&amp;", "&") if found else ""
    old = [each for each in seen if not each.startswith("new")]
    assert sorted(old) == [f"c{number:03}" for number in range(120)]


def test_a_cursor_that_isn_t_ours_is_refused(app, people):
    client = client_for(app, "supervisor")
    for cursor in ("x", "%00", "MTIz", "8J%2BYgA", "a" * 5000):
        assert client.get(f"/calls?after={cursor}").status_code == 400, cursor


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", {"a", "b", "c", "d"}),
        ("outcome=answered", {"a"}),
        ("outcome=in_progress", {"d"}),
        ("outcome=nonsense", {"a", "b", "c", "d"}),
        ("agent=1002", {"b"}),
        ("queue=general", {"a"}),
        ("number=7777", {"c"}),
        ("number=%25", {"a", "b", "c", "d"}),
        ("since=2020-01-01&until=2020-01-02", set()),
        (f"since={today()}", {"a", "b", "d"}),
    ],
)
def test_filters(app, engine, people, query, expected):
    add_call(engine, "a", ended_at=9, outcome="answered", queue="general", age=2)
    add_call(engine, "b", ended_at=9, outcome="failed", agent="1002", age=1)
    add_call(engine, "c", ended_at=9, outcome="failed", caller="13900007777", age=200_000)
    add_call(engine, "d", age=0)
    client = client_for(app, "supervisor")
    assert set(_ids(client.get(f"/calls?{query}").text)) == expected
    # The rows for the live page are held to the same filter.
    assert set(_ids(client.get(f"/calls/rows?ids=a,b,c,d&{query}").text)) == expected


def test_the_day_s_figures_say_numerator_and_denominator(app, engine, people):
    def add(name: str, **values):
        add_call(engine, name, age=1, **values)

    ended = {"ended_at": 100, "queue": "general", "queued_at": 10}
    add("fast", answered_at=25, outcome=Outcome.ANSWERED, rating=3, **ended)  # exactly 15 s
    add("slow", answered_at=25.1, outcome=Outcome.ANSWERED, rating=4, **ended)
    add("direct", answered_at=12, outcome=Outcome.TRANSFERRED, ended_at=90, queued_at=1)
    add("gone", outcome=Outcome.ABANDONED_IN_QUEUE, **ended)
    add("waits", queue="general", queued_at=10)
    add("menu", outcome=Outcome.ABANDONED_IN_MENU, ended_at=5)
    add_call(engine, "yesterday", age=200_000, answered_at=12, outcome="answered", **ended)
    with app.test_request_context("/"):
        book = all_of_today(db()).calls
    assert len(book.going_on) == 1
    assert book.totals[ALL] == Tally(
        arrived=6, queued=5, waiting=1, answered=3, answered_in_time=2,
        answered_in_time_of_arrival=1, wait_answered=41.1, abandoned=1, abandoned_in_menu=1,
        transferred=1, rated=2, satisfied=1,
    )  # fmt: skip
    assert book.totals["general"].queued == 4
    page = client_for(app, "supervisor").get("/calls/figures").text
    for told in (
        "坐席接听 ÷ 进入队列：3 ÷ 4 = 75.0%",
        "仍在排队的 1 通未计入",
        "进入队列后 15 秒内应答 ÷ 应答：2 ÷ 3 = 66.7%",
        "÷ 进入队列：2 ÷ 4 = 50.0%",
        "到达交换机后 15 秒内应答 ÷ 应答：1 ÷ 3 = 33.3%",
        "评价为基本满意及以上 ÷ 已评价：1 ÷ 2 = 50.0%",
    ):
        assert told in page, told


def test_without_calls_a_rate_is_a_dash_not_a_zero(app, people):
    page = client_for(app, "supervisor").get("/calls/figures").text
    assert "0 ÷ 0 = –" in page
    assert "<dd>–</dd>" in page
