"""The tables that hold orders and the people who work on them.

Times are aware UTC datetimes. `Base` is the one metadata for the whole database, so that
`callcenter.models` joins it and one chain of migrations serves both.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Date,
    DateTime,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Text,
    TypeDecorator,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class UtcDateTime(TypeDecorator[dt.datetime]):
    """An aware datetime in UTC; SQLite forgets the zone, so it is put back on reading."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"naive datetime {value!r}: give it a time zone")
        return value.astimezone(dt.UTC)

    def process_result_value(self, value: dt.datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)


# SQLite gives rowids to INTEGER keys only.
BigKey = BigInteger().with_variant(Integer, "sqlite")

# JSONB can be compared and indexed; PostgreSQL's plain JSON can't.
Json = JSON().with_variant(JSONB(), "postgresql")

# Every constraint has a name, so that a migration can drop it on any database.
NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map = {
        dt.datetime: UtcDateTime,
        dt.date: Date,
        dict[str, Any]: Json,
        list[Any]: Json,
    }


class User(Base):
    """Somebody who may log in."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    username: Mapped[str] = mapped_column(String(64), unique=True)
    password_hash: Mapped[str] = mapped_column(String(256))  # argon2id
    display_name: Mapped[str] = mapped_column(String(64))
    role: Mapped[str] = mapped_column(String(32))  # see web.rights.Role
    agent_number: Mapped[str | None] = mapped_column(String(16), unique=True)  # 工号
    locale: Mapped[str] = mapped_column(String(8), default="zh")
    active: Mapped[bool] = mapped_column(default=True)
    failed_logins: Mapped[int] = mapped_column(default=0)
    locked_until: Mapped[dt.datetime | None]
    session_epoch: Mapped[int] = mapped_column(default=0)  # raised to end every open session
    created_at: Mapped[dt.datetime]


class Order(Base):
    """A work order. A call's outcome is written here as a draft first."""

    __tablename__ = "orders"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    number: Mapped[str] = mapped_column(String(32), unique=True)  # YYYYMMDD + six digits
    state: Mapped[str] = mapped_column(String(32), index=True)  # "draft" at first
    category: Mapped[str | None] = mapped_column(String(32))  # workorder.categories
    title: Mapped[str] = mapped_column(String(200), default="")
    body: Mapped[str] = mapped_column(Text, default="")
    citizen_number: Mapped[str] = mapped_column(String(64), index=True, default="")
    citizen_name: Mapped[str] = mapped_column(String(64), default="")
    channel: Mapped[str] = mapped_column(String(16), default="phone")  # phone, message, …
    call_id: Mapped[str | None] = mapped_column(String(64), unique=True)
    agent_number: Mapped[str | None] = mapped_column(String(16))
    created_at: Mapped[dt.datetime] = mapped_column(index=True)
    updated_at: Mapped[dt.datetime]
    version: Mapped[int] = mapped_column(default=1)  # optimistic lock for the form
    drafted: Mapped[dict[str, Any]] = mapped_column(default=dict)  # what drafts.merge wrote last

    events: Mapped[list[OrderEvent]] = relationship(
        back_populates="order", order_by="OrderEvent.id", cascade="all, delete-orphan"
    )

    __mapper_args__ = {"version_id_col": version}


class OrderEvent(Base):
    """One step in an order's life: who, when, from, to, why."""

    __tablename__ = "order_events"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), index=True)
    at: Mapped[dt.datetime]
    kind: Mapped[str] = mapped_column(String(32))
    actor: Mapped[str] = mapped_column(String(64))  # username, agent number or "system"
    from_state: Mapped[str | None] = mapped_column(String(32))
    to_state: Mapped[str] = mapped_column(String(32))
    reason: Mapped[str] = mapped_column(Text, default="")
    data: Mapped[dict[str, Any]] = mapped_column(default=dict)
    key: Mapped[str | None] = mapped_column(String(128), unique=True)  # idempotency

    order: Mapped[Order] = relationship(back_populates="events")


class OrderCounter(Base):
    """The last order number given on a day; see `workorder.numbering`."""

    __tablename__ = "order_counters"

    day: Mapped[dt.date] = mapped_column(primary_key=True)  # China's calendar
    last: Mapped[int]


class AuditEntry(Base):
    """Who looked at or changed what: numbers shown, recordings played, log-ins, changes."""

    __tablename__ = "audit_entries"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    at: Mapped[dt.datetime] = mapped_column(index=True)
    username: Mapped[str] = mapped_column(String(64), index=True)  # "api" for the API token
    role: Mapped[str] = mapped_column(String(32))
    action: Mapped[str] = mapped_column(String(48), index=True)  # see web.audit.Action
    subject: Mapped[str] = mapped_column(String(255), index=True)  # call id, order number, …
    address: Mapped[str] = mapped_column(String(64))  # where the request came from
    data: Mapped[dict[str, Any]] = mapped_column(default=dict)
