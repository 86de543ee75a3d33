"""The chain of migrations gives exactly the tables that the models describe."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from callcenter import database
from callcenter.models import Agent, Call, JournalEvent
from workorder import search
from workorder.models import Order, User
from workorder.numbering import next_number

NOW = dt.datetime(2026, 3, 1, 4, 5, 6, 789012, tzinfo=dt.UTC)


def tables(url: str) -> set[str]:
    """All but the index of orders' texts, which is no model (`workorder.search`)."""
    engine = database.create_engine(url)
    names = set(sa.inspect(engine).get_table_names())
    engine.dispose()
    return {name for name in names if not name.startswith(search.TABLE)}


def is_model(_item: object, name: str | None, kind: str, *_more: object) -> bool:
    return kind != "table" or not str(name).startswith(search.TABLE)


def test_migrations_and_models_do_not_drift(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"compare_type": True, "include_object": is_model}
        )
        assert compare_metadata(context, database.metadata) == []


def test_all_the_way_up_down_and_up_again(empty_url: str) -> None:
    database.upgrade(empty_url)
    full = tables(empty_url)
    assert full == {*database.metadata.tables, "alembic_version"}
    database.downgrade(empty_url, "base")
    assert tables(empty_url) == {"alembic_version"}
    database.upgrade(empty_url)
    assert tables(empty_url) == full


def test_the_database_knows_its_revision(empty_url: str) -> None:
    engine = database.create_engine(empty_url)
    assert database.current_revision(engine) is None
    database.upgrade(empty_url)
    assert database.current_revision(engine) == database.head_revision()
    engine.dispose()


def test_there_is_one_line_of_history() -> None:
    scripts = ScriptDirectory.from_config(database._config())
    assert len(scripts.get_heads()) == 1


@pytest.mark.timeout(300)  # two interpreters start, perhaps on a busy machine
def test_concurrent_starts_upgrade_once(empty_url: str) -> None:
    code = "import sys; from callcenter import database; database.upgrade(sys.argv[1])"
    starters = [
        subprocess.Popen([sys.executable, "-c", code, empty_url], stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    errors = [starter.communicate(timeout=240)[1] for starter in starters]
    assert [starter.returncode for starter in starters] == [0] * 2, errors
    assert "calls" in tables(empty_url)


def test_a_migration_that_fails_leaves_nothing_behind(
    empty_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("alembic.op.create_index", lambda *_a, **_k: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            database.upgrade(empty_url)
    assert tables(empty_url) <= {"alembic_version"}
    database.upgrade(empty_url)
    assert "calls" in tables(empty_url)


def test_orders_and_users_of_before_outlive_the_tables_of_the_lifecycle(empty_url: str) -> None:
    database.upgrade(empty_url, "0002")
    engine = database.create_engine(empty_url)
    names = ("users", "orders", "order_events")
    old = sa.MetaData()
    old.reflect(engine, only=names)
    users, orders, events = (old.tables[name] for name in names)
    at = {"created_at": NOW}
    with engine.begin() as connection:
        person = {"username": "a", "password_hash": "", "display_name": "", "role": "agent"}
        rest = {"locale": "zh", "active": True, "failed_logins": 0, "session_epoch": 0}
        connection.execute(sa.insert(users).values(**person, **rest, **at))
        texts = dict.fromkeys(("title", "body", "citizen_number", "citizen_name"), "x")
        order = {"number": "n", "state": "draft", "channel": "phone", "version": 1, "drafted": {}}
        connection.execute(sa.insert(orders).values(id=7, **order, **texts, **at, updated_at=NOW))
        event = {"kind": "drafted", "actor": "system", "to_state": "draft", "reason": ""}
        connection.execute(sa.insert(events).values(order_id=7, at=NOW, data={}, **event))
    for revision in ("head", "0002", "head"):
        if revision == "head":
            database.upgrade(empty_url)
        else:
            database.downgrade(empty_url, revision)
        with engine.begin() as connection:
            row = connection.execute(sa.text("SELECT * FROM orders")).mappings().one()
            assert (row["number"], row["title"]) == ("n", "x")
            assert connection.scalar(sa.text("SELECT count(*) FROM users")) == 1
    with database.reading(engine) as session:
        found = session.scalars(sa.select(Order)).one()
        assert (found.owner, found.is_key, found.repeat_count, found.unit) == (
            "agent",
            False,
            0,
            None,
        )
        assert [(e.kind, e.role) for e in found.events] == [("drafted", "system")]
    engine.dispose()


def test_times_and_structures_come_back_as_they_went_in(engine: sa.Engine) -> None:
    rows = [
        JournalEvent(id="a", at=1772337906.789012, kind="menu.key", data={"k": ["1"]}),
        Call(id="c", caller="1", dialed="12345", stage="menu", arrived_at=NOW, updated_at=NOW),
        Agent(number="1001", name="王芳", sip_a1_hash="x", queues={"general": 5}),
    ]
    with database.writing(engine) as session:
        session.add_all(rows)
    with database.reading(engine) as session:
        event = session.scalars(sa.select(JournalEvent)).one()
        assert (event.at, event.data) == (1772337906.789012, {"k": ["1"]})
        assert session.get_one(Call, "c").arrived_at == NOW
        assert session.get_one(Agent, "1001").queues == {"general": 5}


def test_given_a_writer_when_others_read_then_they_do_not_wait(engine: sa.Engine) -> None:
    user = User(username="a", password_hash="", display_name="", role="agent", created_at=NOW)
    with database.writing(engine) as writer:
        writer.add(user)
        writer.flush()
        with database.reading(engine) as reader:
            assert reader.scalars(sa.select(User)).all() == []


def test_order_numbers_given_at_once_are_different_and_without_gaps(engine: sa.Engine) -> None:
    def take(_: int) -> str:
        with database.writing(engine) as session:
            return next_number(session, NOW)

    with ThreadPoolExecutor(4) as pool:
        numbers = sorted(pool.map(take, range(40)))
    assert numbers == [f"20260301{serial:06}" for serial in range(1, 41)]


def test_an_order_number_carries_the_day_in_china(engine: sa.Engine) -> None:
    before_midnight = dt.datetime(2026, 3, 1, 15, 59, tzinfo=dt.UTC)
    with database.writing(engine) as session:
        assert next_number(session, before_midnight) == "20260301000001"
        assert next_number(session, before_midnight + dt.timedelta(minutes=1)) == "20260302000001"


def test_other_databases_are_refused_by_name() -> None:
    with pytest.raises(sa.exc.ArgumentError, match="mysql"):
        database.create_engine("mysql://localhost/x")


def test_migrations_are_inside_the_package() -> None:
    package = Path(database.__file__).parent
    assert (package / "migrations" / "versions" / "0001_the_first_tables.py").exists()
