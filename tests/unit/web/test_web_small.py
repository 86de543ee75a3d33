"""Small pure parts: cursors, safe addresses, times, words, filters."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callcenter.events import Outcome
from web import localtime, paging, words
from web.call_list import CallFilter
from web.config import flask_config
from web.filters import icon, shown_number
from web.security import safe_next
from workorder.categories import Category

MOMENTS = st.datetimes(
    min_value=dt.datetime(1990, 1, 1),  # noqa: DTZ001 – hypothesis adds the zone
    max_value=dt.datetime(2100, 1, 1),  # noqa: DTZ001
    timezones=st.just(dt.UTC),
)


@given(MOMENTS, st.text(st.characters(codec="utf-8"), min_size=1, max_size=64))
def test_a_cursor_comes_back_as_it_was(at, key):
    assert paging.decode(paging.encode(paging.Position(at, key))) == (at, key)


@given(st.text(max_size=200))
def test_any_cursor_is_read_or_refused(cursor):
    try:
        paging.decode(cursor)
    except paging.BadCursor:
        return


@pytest.mark.parametrize("target", ["/", "/calls", "/calls?since=2026-03-01", "/orders/1#x"])
def test_paths_of_this_site_are_safe(target):
    assert safe_next(target) == target


@pytest.mark.parametrize(
    "target",
    ["", None, "calls", "//evil", "///evil", "/\\evil", "\\/evil", "https://evil", "/\n/evil",
     "/\t/evil", "javascript:alert(1)", " /x", "/x y", "/\x7f"],
)  # fmt: skip
def test_everything_else_is_not(target):
    assert safe_next(target) is None


@given(st.text(max_size=50))
def test_a_safe_address_begins_with_one_slash(target):
    safe = safe_next(target)
    assert safe is None or (safe[0] == "/" and safe[1:2] not in ("/", "\\"))


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(None, "–"), (0, "0:00"), (7.4, "0:07"), (59.6, "1:00"), (205, "3:25"), (3723, "1:02:03")],
)
def test_durations(seconds, said):
    assert localtime.duration(seconds) == said


def test_times_are_china_s():
    moment = dt.datetime(2026, 2, 28, 16, 30, 5, tzinfo=dt.UTC)
    assert localtime.stamp(moment) == "2026-03-01 00:30:05"
    assert localtime.clock(moment.timestamp()) == "00:30:05"
    assert localtime.day_start(dt.date(2026, 3, 1)) == dt.datetime(2026, 2, 28, 16, tzinfo=dt.UTC)


def test_numbers_are_masked_and_nobody_is_said_so(chinese):
    assert shown_number("13812345678") == "138****5678"
    assert shown_number("anonymous") == "匿名来电"
    assert shown_number("") == ""


def test_every_outcome_and_category_has_its_word(chinese):
    assert set(words.OUTCOMES) == set(words.OUTCOME_TONES) == set(Outcome)
    assert {category: str(words.CATEGORIES[category]) for category in Category} == {
        category: category.chinese for category in Category
    }


def test_a_filter_survives_the_query_string():
    wanted = CallFilter(dt.date(2026, 3, 1), None, "answered", "1001", "general", "138")
    assert CallFilter.from_args(wanted.to_args()) == wanted
    assert CallFilter.from_args({"since": "0001-01-01", "number": "1 3-8'%"}) == CallFilter(
        number="138"
    )


def test_bootstrap_s_style_sheet_holds_nothing_that_the_policy_refuses(bare_app):
    answer = bare_app.test_client().get("/assets/bootstrap.css")
    assert answer.mimetype == "text/css"
    assert len(answer.data) > 200_000
    assert "data:" not in answer.text
    assert "sourceMappingURL" not in answer.text


def test_an_icon_that_isn_t_there_is_a_mistake():
    assert "<svg" in icon("telephone")
    with pytest.raises(KeyError):
        icon("no-such-icon")


@pytest.mark.parametrize("name", ["web_secret_key", "api_token"])
def test_without_its_secrets_the_application_doesn_t_start(bare_app, name):
    settings = bare_app.extensions["callcenter.settings"]
    setattr(settings, name, "")
    with pytest.raises(ValueError, match=name):
        flask_config(settings)
