"""The database: how to reach it, how to write to it, and how its tables came to be.

SQLite (embedded) and PostgreSQL (in service) are held to the same behaviour: a writer takes its
lock when it begins, so that what it reads stays true until it commits.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.orm import Session

import workorder.search  # noqa: F401  keeps the index of orders' texts whoever writes them
from callcenter.models import Base

if TYPE_CHECKING:
    from alembic.config import Config

__all__ = [
    "create_engine",
    "current_revision",
    "downgrade",
    "head_revision",
    "metadata",
    "reading",
    "upgrade",
    "writing",
]

metadata = Base.metadata
MIGRATIONS = Path(__file__).with_name("migrations")
MIGRATION_LOCK = 0x31323334_35000001  # PostgreSQL advisory lock keys of this project
BUSY_SECONDS = 10.0
CONNECT_SECONDS = 5


def database_url(url: str | URL) -> URL:
    """Return `url` with the driver that we ship; raises sqlalchemy.exc.ArgumentError."""
    parsed = make_url(url)
    if parsed.drivername in ("postgres", "postgresql"):
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() not in ("sqlite", "postgresql"):
        raise sa.exc.ArgumentError(
            f"{parsed.get_backend_name()!r} is not supported: use sqlite or postgresql"
        )
    return parsed


def create_engine(url: str | URL, **options: Any) -> sa.Engine:
    """Make an engine for `sqlite:///…` or `postgresql://…`. Nothing is connected yet."""
    parsed = database_url(url)
    if parsed.get_backend_name() == "sqlite":
        engine = sa.create_engine(parsed, **options)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    arguments = {"connect_timeout": CONNECT_SECONDS, "application_name": "callcenter"}
    arguments |= options.pop("connect_args", {})
    return sa.create_engine(parsed, pool_pre_ping=True, connect_args=arguments, **options)


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # The driver's own BEGIN comes too late and is never IMMEDIATE; _begin_sqlite sends ours.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")
    cursor.execute("PRAGMA journal_mode = WAL")
    # NORMAL would lose the last saved orders when the power fails; FULL costs one fsync each.
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin_sqlite(connection: sa.Connection) -> None:
    mode = connection.get_execution_options().get("sqlite_begin", "DEFERRED")
    connection.exec_driver_sql(f"BEGIN {mode}")


@contextmanager
def reading(engine: sa.Engine) -> Iterator[Session]:
    """A session that is rolled back at the end."""
    with Session(engine) as session:
        yield session


@contextmanager
def writing(engine: sa.Engine) -> Iterator[Session]:
    """A session that commits at the end, or rolls back when an exception passes.

    On SQLite it waits for the write lock at once: a transaction that reads first and asks for the
    lock later fails without waiting when somebody else wrote in between.
    """
    with Session(engine.execution_options(sqlite_begin="IMMEDIATE")) as session, session.begin():
        yield session


# --- migrations ------------------------------------------------------------------------------
# Alembic is imported where it is used: no process but the one that migrates waits for it.


def _config(connection: sa.Connection | None = None) -> Config:
    from alembic.config import Config

    config = Config()
    # Alembic reads % as interpolation.
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


@contextmanager
def _migrating(url: str | URL) -> Iterator[sa.Connection]:
    """One connection in one transaction that no other migration runs beside."""
    engine = create_engine(url, poolclass=sa.NullPool)
    if engine.dialect.name == "sqlite":
        # Also the lock: a second starter waits here, then finds nothing left to do. Foreign keys
        # can't be switched inside a transaction, and rebuilding a table must not cascade.
        engine = engine.execution_options(sqlite_begin="IMMEDIATE")
        event.listen(engine, "connect", _foreign_keys_off)
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(sa.text(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})"))
            # Give up rather than queue behind a long report and block everyone behind us.
            connection.execute(sa.text("SET LOCAL lock_timeout = '10s'"))
            connection.execute(sa.text("SET LOCAL statement_timeout = '10min'"))
        yield connection


def _foreign_keys_off(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA foreign_keys = OFF")


def upgrade(url: str | URL, revision: str = "head") -> None:
    """Bring the tables up to `revision`; all of it or, when it fails, nothing.

    Safe to call from several processes at once.
    """
    from alembic import command

    with _migrating(url) as connection:
        command.upgrade(_config(connection), revision)


def downgrade(url: str | URL, revision: str) -> None:
    """Take the tables back to `revision` ("base": none at all, with all data lost)."""
    from alembic import command

    with _migrating(url) as connection:
        command.downgrade(_config(connection), revision)


def current_revision(engine: sa.Engine) -> str | None:
    """The revision that the database is at; None for an empty one."""
    from alembic.runtime.migration import MigrationContext

    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def head_revision() -> str:
    """The revision that this version of the program needs."""
    from alembic.script import ScriptDirectory

    head = ScriptDirectory.from_config(_config()).get_current_head()
    if head is None:
        raise RuntimeError(f"no migrations in {MIGRATIONS}")
    return head
