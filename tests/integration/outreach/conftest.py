"""Databases of both kinds, a mail server, an SMS gateway."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from gateways import MailServer, SmsServer
from postgres import cluster
from web_kit import make_settings

from callcenter import database

__all__ = ["cluster"]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    """A database with all tables, policies and the calendar."""
    engine = database.create_engine(make_settings(tmp_path).database_url)
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
