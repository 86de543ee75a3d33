"""`callcenter policy` and `callcenter calendar`, as they are typed."""

from __future__ import annotations

import datetime as dt
import logging
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from order_kit import AGENT, DISPATCHER, china

from callcenter import database, policies
from callcenter.cli import main
from workorder import lifecycle
from workorder.states import Step
from workorder.units import add_unit

MONDAY = china("2026-09-28 10:00")


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A SQLite database with the shipped policies; settings point to it."""
    url = f"sqlite:///{tmp_path / 'orders.db'}"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CALLCENTER_DATABASE_URL", url)
    monkeypatch.setattr(logging.getLogger("alembic"), "level", logging.WARNING)
    database.upgrade(url)
    engine = database.create_engine(url)
    with database.writing(engine) as session:
        policies.ensure(session, MONDAY)
    engine.dispose()
    return url


def typed(*words: str, code: int = 0) -> str:
    result: Result = CliRunner().invoke(main, list(words))
    assert result.exit_code == code, result.output + result.stderr
    return result.output if code == 0 else result.stderr


def an_order(url: str) -> str:
    engine = database.create_engine(url)
    with database.writing(engine) as session:
        add_unit(session, "water", "供水集团")
        order = lifecycle.new_order(
            session, channel="phone", title="停水", body="三天没有水", category="inquiry",
            at=MONDAY, actor=AGENT, accept=True,
        )  # fmt: skip
        said = {"unit": "water"}
        lifecycle.take(session, order, Step.DISPATCH, actor=DISPATCHER, at=MONDAY, data=said)
        number = order.number
    engine.dispose()
    return number


def test_a_good_file_is_said_to_be_good(url: str) -> None:
    told = typed("policy", "check", str(policies.SHIPPED / "heyuan.yaml"))
    assert "heyuan (河源市（征求意见稿）)" in told
    assert "each with its source" in told


def test_a_wrong_file_stops_with_file_line_key_and_expectation(url: str, tmp_path: Path) -> None:
    text = (policies.SHIPPED / "default.yaml").read_text("utf-8")
    (tmp_path / "city.yaml").write_text(text.replace("1 workday, source: 呼", "soon, source: 呼"))
    told = typed("policy", "check", "city.yaml", code=2)
    assert told.startswith("callcenter: city.yaml:")
    assert "near.before: expected a length of time like" in told


def test_a_policy_is_imported_listed_and_used(url: str, tmp_path: Path) -> None:
    assert "* default" in typed("policy", "list")
    assert typed("policy", "use", "anshan") == "new orders go by anshan version 1\n"
    city = "policy: city\ntitle: 试点市\nextends: dalian\n"
    (tmp_path / "city.yaml").write_text(city, "utf-8")
    assert typed("policy", "import", "city.yaml", "--use") == "city version 1 is in use\n"
    assert typed("policy", "import", "city.yaml") == "city version 1 is in use\n"
    (tmp_path / "city.yaml").write_text(city.replace("试点市", "正式市"), "utf-8")
    assert typed("policy", "import", "city.yaml") == "city version 2\n"
    told = typed("policy", "list").splitlines()
    assert [line.split() for line in told if "city" in line] == [["city", "2", "正式市"]]
    assert "there is no policy nowhere" in typed("policy", "use", "nowhere", code=2)


def test_an_orders_deadlines_are_explained_day_by_day(url: str) -> None:
    told = typed("policy", "explain", an_order(url))
    assert "policy default version 1 (通用规则)" in told
    assert "rule resolve.inquiry: 5 workdays – 呼叫中心方案 二, unit water" in told
    # Five working days from 28 September, over National Day and with a make-up Saturday.
    assert "(10-01Thu 国庆节)" in told
    assert "10-10Sat 国庆节 worked" in told
    assert "due 2026-10-10 10:00" in told
    assert "there is no order 1" in typed("policy", "explain", "1", code=2)


def test_a_day_is_made_free_and_running_deadlines_follow(url: str) -> None:
    number = an_order(url)
    told = typed("calendar", "set", "2026-10-09", "--free", "--name", "市庆")
    assert told == "1 running orders were reckoned again\n"
    assert "(10-09Fri 市庆)" in typed("policy", "explain", number)
    assert "due 2026-10-12 10:00" in typed("policy", "explain", number)
    assert "2026-10-09 Fri  free   市庆" in typed("calendar", "show", "2026")
    typed("calendar", "set", "2026-10-09", "--worked")
    assert "2026-10-09" not in typed("calendar", "show", "2026")
    typed("calendar", "set", "2026-10-09", "2026-12-31", "--free", code=2)


def test_a_year_that_isnt_known_yet_is_warned_of_until_it_is_complete(url: str) -> None:
    year = max(2027, dt.datetime.now(dt.UTC).year + 1)
    assert "not complete: deadlines are provisional" in typed("calendar", "show", str(year))
    typed("calendar", "complete", str(year))
    assert "not complete" not in typed("calendar", "show", str(year))
