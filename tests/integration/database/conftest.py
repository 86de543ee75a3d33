"""Databases to test on: a SQLite file, and a private PostgreSQL where its programs are found."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from postgres import cluster

from callcenter import database

__all__ = ["cluster"]

KINDS = ["sqlite", "postgresql"]


@pytest.fixture(params=KINDS)
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database's URL, once for each kind that we support."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'test.db'}"
    return str(request.getfixturevalue("cluster").new_database())


@pytest.fixture(scope="session")
def templates() -> dict[tuple[str, str], str]:
    """URLs of databases that are made once and copied, by kind and name."""
    return {}


Copy = Callable[[str, Callable[[str], None]], str]


@pytest.fixture(params=KINDS)
def copy_of(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    templates: dict[tuple[str, str], str],
) -> Copy:
    """Call with a name and what fills an empty database: gives the URL of a copy of the result."""
    kind: str = request.param

    def empty() -> str:
        if kind == "sqlite":
            return f"sqlite:///{tmp_path_factory.mktemp('template') / 'test.db'}"
        return str(request.getfixturevalue("cluster").new_database())

    def copy(name: str, fill: Callable[[str], None]) -> str:
        if (kind, name) not in templates:
            made = empty()
            fill(made)
            templates[kind, name] = made
        made = templates[kind, name]
        if kind == "postgresql":
            return str(request.getfixturevalue("cluster").new_database(like=made))
        target = tmp_path / "test.db"
        shutil.copyfile(made.removeprefix("sqlite:///"), target)
        return f"sqlite:///{target}"

    return copy


@pytest.fixture
def url(copy_of: Copy) -> str:
    """The URL of a database with all tables."""
    return copy_of("tables", database.upgrade)


@pytest.fixture
def engine(url: str) -> Iterator[sa.Engine]:
    engine = database.create_engine(url)
    yield engine
    engine.dispose()
