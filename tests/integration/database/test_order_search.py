"""Finding orders: the same on SQLite and PostgreSQL, page by page, whoever wrote them."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa

from callcenter import database
from web import order_list
from web.order_filter import OrderFilter
from web.order_list import Scope, find_orders
from workorder import search
from workorder.models import Order, OrderUnit, Unit

EVERYTHING = Scope()
START = dt.datetime(2026, 3, 1, 2, tzinfo=dt.UTC)


def put(session: sa.orm.Session, place: int, **values: object) -> Order:
    at = START + dt.timedelta(hours=5 * place)
    fields: dict[str, object] = {
        "number": f"{at:%Y%m%d}{place:06}", "state": "archived", "title": "路灯不亮",
        "body": "和平路门前", "citizen_number": f"1381234{place:04}", "category": "help",
        "created_at": at, "updated_at": at,
    }  # fmt: skip
    order = Order(**(fields | values))
    session.add(order)
    session.flush()
    return order


def found(
    engine: sa.Engine, wanted: OrderFilter, scope: Scope = EVERYTHING, limit: int = 50
) -> list[str]:
    """The titles of all pages, in order; every page but the last leads on."""
    titles, after = [], None
    with database.reading(engine) as session:
        for _ in range(100):
            page = find_orders(session, wanted, scope, after, limit)
            assert len(page.orders) <= limit
            titles += [order.title for order in page.orders]
            after = page.after
            if after is None:
                return titles
    raise AssertionError("the pages never end")


def test_words_of_two_characters_are_found_in_title_text_and_name(engine: sa.Engine) -> None:
    with database.writing(engine) as session:
        put(session, 1, title="和平小区停水两天")
        put(session, 2, title="水停了", body="自昨日停水。")
        put(session, 3, title="停车难", body="积水", citizen_name="水先生")
        put(session, 4, title="停 水", body="两字之间有空格")
    assert found(engine, OrderFilter(text="停水")) == ["水停了", "和平小区停水两天"]
    assert found(engine, OrderFilter(text="小区 两天")) == ["和平小区停水两天"]
    assert found(engine, OrderFilter(text="水先生")) == ["停车难"]
    assert found(engine, OrderFilter(text="鸵鸟")) == []
    # Its pairs stand in one order, but not in a row.
    assert found(engine, OrderFilter(text="停水两天停")) == []


@pytest.mark.parametrize("text", ["%", "_", "' OR 1=1 --", '"', "停*", "AND", "\x00", "🚰"])
def test_odd_text_finds_nothing_and_breaks_nothing(engine: sa.Engine, text: str) -> None:
    with database.writing(engine) as session:
        put(session, 1)
    assert found(engine, OrderFilter(text=text)) == []


def test_full_width_and_capital_letters_do_not_matter(engine: sa.Engine) -> None:
    with database.writing(engine) as session:
        put(session, 1, title="ＡＢＣ超市不退款", body="")
    assert found(engine, OrderFilter(text="abc")) == ["ＡＢＣ超市不退款"]


def test_a_changed_text_is_found_by_its_new_words_only(engine: sa.Engine) -> None:
    with database.writing(engine) as session:
        key = put(session, 1, title="路灯不亮").id
    with database.writing(engine) as session:
        session.get_one(Order, key).title = "井盖缺失"
    assert found(engine, OrderFilter(text="井盖")) == ["井盖缺失"]
    assert found(engine, OrderFilter(text="路灯")) == []


def test_numbers_are_found_whole_by_their_beginning_and_by_the_last_digits(
    engine: sa.Engine,
) -> None:
    with database.writing(engine) as session:
        put(session, 1, title="一", citizen_number="13900005678")
        put(session, 7, title="二", citizen_number="13900001234", body="门牌 5678 号")
    assert found(engine, OrderFilter(text="20260301000001")) == ["一"]
    assert found(engine, OrderFilter(text="20260302")) == ["二"]
    assert found(engine, OrderFilter(text="13900001234")) == ["二"]
    assert found(engine, OrderFilter(text="5678")) == ["一"]
    with database.reading(engine) as session:  # who may not see numbers can't look for their ends
        page = find_orders(session, OrderFilter(text="5678"), tails=False)
    assert [order.title for order in page.orders] == ["二"]


def test_pages_hold_every_order_once_newest_first(engine: sa.Engine) -> None:
    with database.writing(engine) as session:
        for place in range(1, 38):
            put(session, place, title=str(place), state="declined" if place % 3 else "archived")
    everything = [str(place) for place in range(37, 0, -1)]
    assert found(engine, OrderFilter(), limit=10) == everything
    assert found(engine, OrderFilter(text="和平"), limit=10) == everything
    thirds = [each for each in everything if int(each) % 3 == 0]
    assert found(engine, OrderFilter(state="archived"), limit=5) == thirds
    assert found(engine, OrderFilter(state="archived", category="help"), limit=5) == thirds
    assert found(engine, OrderFilter(state="archived", category="report"), limit=5) == []


def test_a_rare_kind_is_found_though_a_page_looks_at_few_orders(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order_list, "LOOKED_AT", 7)
    with database.writing(engine) as session:
        for place in range(1, 41):
            put(session, place, title=str(place), is_key=place in (3, 20))
    with database.reading(engine) as session:
        first = find_orders(session, OrderFilter(flag="key"))
    assert first.orders == []
    assert first.looked_back_to is not None
    assert first.after is not None
    assert found(engine, OrderFilter(flag="key")) == ["20", "3"]


def test_given_many_matches_when_looking_for_words_then_week_by_week_finds_all(
    engine: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "RARE", 5)
    monkeypatch.setattr(order_list, "SECONDS", 0.0)  # every look is the last of its page
    with database.writing(engine) as session:
        for place in range(1, 90):  # over three weeks
            put(session, place, title=str(place))
    assert found(engine, OrderFilter(text="和平"), limit=10) == [str(n) for n in range(89, 0, -1)]
    day = OrderFilter(text="和平", since=dt.date(2026, 3, 5), until=dt.date(2026, 3, 5))
    wanted = [n for n in range(89, 0, -1) if (START + dt.timedelta(hours=5 * n + 8)).day == 5]
    assert found(engine, day, limit=3) == [str(n) for n in wanted]


def test_a_unit_s_list_holds_its_parts_and_those_below(engine: sa.Engine) -> None:
    with database.writing(engine) as session:
        for code in ("a", "b", "c"):
            session.add(Unit(code=code, name=code, tier=1, path=f"{code}/"))
        session.flush()
        for place in range(1, 31):
            order = put(session, place, title=str(place))
            code = "abc"[place % 3]
            session.add(
                OrderUnit(order_id=order.id, place=1, unit=code, part="lead", active=True,
                          state="resolved", since=order.created_at)
            )  # fmt: skip
    mine = [str(n) for n in range(30, 0, -1) if n % 3 != 2]
    assert found(engine, OrderFilter(), Scope(units=["a", "b"]), limit=4) == mine
    assert found(engine, OrderFilter(text="和平"), Scope(units=["a", "b"]), limit=4) == mine
    assert found(engine, OrderFilter(category="help"), Scope(units=["a", "b"]), limit=4) == mine
    assert found(engine, OrderFilter(unit="c"), Scope(units=["a", "b"])) == []
    assert found(engine, OrderFilter(), Scope(units=[])) == []


def test_overdue_orders_stand_first_by_urgency(engine: sa.Engine) -> None:
    now = dt.datetime.now(dt.UTC)
    hours = {"late": -3, "later": -30, "soon": 2, "far": 90}
    with database.writing(engine) as session:
        for place, (title, left) in enumerate(hours.items(), 1):
            due = now + dt.timedelta(hours=left)
            put(session, place, title=title, due_at=due, warn_at=due - dt.timedelta(hours=24))
        put(session, 9, title="closed")
    assert found(engine, OrderFilter(light="red"), limit=1) == ["later", "late"]
    assert found(engine, OrderFilter(light="yellow")) == ["soon"]
    assert found(engine, OrderFilter(light="green")) == ["far"]
    with database.reading(engine) as session:
        assert order_list.count(session, sa.select(Order.id)) == "5"
        assert order_list.count(session, sa.select(Order.id), most=3) == "3+"
