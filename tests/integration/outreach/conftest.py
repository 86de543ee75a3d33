"""Databases of both kinds, a mail server, an SMS gateway."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from gateways import MailServer, SmsServer
from postgres import cluster
from web_kit import make_settings

from callcenter import database, policies

__all__ = ["cluster"]


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with all tables, policies and the calendar, made once and copied."""
    path = make_settings(tmp_path_factory.mktemp("template")).data_dir / "callcenter.db"
    engine = database.create_engine(f"sqlite:///{path}")
    with database.writing(engine) as session:
        policies.ensure(session, dt.datetime.now(dt.UTC))
    with engine.connect() as connection:  # one file: nothing may wait in the write-ahead log
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    engine.dispose()
    return path


@pytest.fixture
def engine(template: Path, tmp_path: Path) -> Iterator[sa.Engine]:
    shutil.copyfile(template, tmp_path / "test.db")
    engine = database.create_engine(f"sqlite:///{tmp_path / 'test.db'}")
    yield engine
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def any_engine(request: pytest.FixtureRequest) -> Iterator[sa.Engine]:
    """The same, once for each kind that we support: where the two could differ."""
    if request.param == "sqlite":
        yield request.getfixturevalue("engine")
        return
    url = str(request.getfixturevalue("cluster").new_database())
    database.upgrade(url)
    engine = database.create_engine(url)
    yield engine
    engine.dispose()


@pytest.fixture
def mail() -> Iterator[MailServer]:
    server = MailServer()
    yield server
    server.close()


@pytest.fixture
def gateway() -> Iterator[SmsServer]:
    server = SmsServer()
    yield server
    server.close()
