"""Agents and blocked numbers on their way from the database to the files."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import sqlalchemy as sa

from callcenter import config_export, database, live_config, switch_conf
from callcenter.bootstrap import new_agent
from callcenter.config_export import Exporter
from callcenter.models import BlockedNumber

DOMAIN = "callcenter.local"


def add_agent(engine: sa.Engine, number: str) -> None:
    with database.writing(engine) as session:
        session.add(new_agent(number, f"agent {number}", DOMAIN, f"word-{number}"))


def block(engine: sa.Engine, number: str) -> None:
    with database.writing(engine) as session:
        session.add(
            BlockedNumber(
                number=number,
                reason="malicious",
                blocked_by="admin",
                created_at=dt.datetime.now(dt.UTC),
                until=None,
            )
        )


def test_given_rows_when_exported_then_controller_and_switch_read_them_and_only_changes_count(
    engine: sa.Engine, tmp_path: Path
) -> None:
    conf = tmp_path / switch_conf.HOME
    conf.mkdir(parents=True)
    add_agent(engine, "1001")
    block(engine, "13800000001")
    with database.reading(engine) as session:
        assert config_export.export(session, tmp_path)
        assert config_export.export_phones(session, tmp_path)
        assert not config_export.export(session, tmp_path)
        assert not config_export.export_phones(session, tmp_path)
    told = live_config.read(tmp_path / live_config.FILE)
    assert list(told.agents) == ["1001"]
    assert told.block_reason("13800000001") == "malicious"
    assert told.block_reason("13800000002") is None
    assert '<user id="1001">' in (conf / switch_conf.DIRECTORY).read_text("utf-8")


def test_given_a_switch_elsewhere_when_exported_then_no_phones_are_written(
    engine: sa.Engine, tmp_path: Path
) -> None:
    add_agent(engine, "1001")
    with database.reading(engine) as session:
        assert not config_export.export_phones(session, tmp_path)
    assert not (tmp_path / "switch").exists()


def test_given_a_row_that_no_switch_could_read_when_exported_then_the_old_phones_stay(
    engine: sa.Engine, tmp_path: Path
) -> None:
    conf = tmp_path / switch_conf.HOME
    conf.mkdir(parents=True)
    add_agent(engine, "1001")
    with database.reading(engine) as session:
        config_export.export_phones(session, tmp_path)
    before = (conf / switch_conf.DIRECTORY).read_text("utf-8")
    add_agent(engine, '1"/><evil')
    with database.reading(engine) as session:
        assert not config_export.export_phones(session, tmp_path)
    assert (conf / switch_conf.DIRECTORY).read_text("utf-8") == before


def test_given_an_exporter_when_it_is_polled_often_then_it_looks_only_now_and_then(
    engine: sa.Engine, tmp_path: Path
) -> None:
    exporter = Exporter(engine, tmp_path)
    exporter.poll()
    assert live_config.read(tmp_path / live_config.FILE).agents == {}
    add_agent(engine, "1001")
    exporter.poll()
    assert live_config.read(tmp_path / live_config.FILE).agents == {}
