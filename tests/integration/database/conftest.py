"""Databases to test on: a SQLite file, and a private PostgreSQL where its programs are found."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from postgres import cluster

from callcenter import database

__all__ = ["cluster"]


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database's URL, once for each kind that we support."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'test.db'}"
    return str(request.getfixturevalue("cluster").new_database())


@pytest.fixture
def url(empty_url: str) -> str:
    """The URL of a database with all tables."""
    database.upgrade(empty_url)
    return empty_url


@pytest.fixture
def engine(url: str) -> Iterator[sa.Engine]:
    engine = database.create_engine(url)
    yield engine
    engine.dispose()
