"""Who may log in, and what they looked at or changed."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from workorder.models.base import Base, BigKey


class User(Base):
    """Somebody who may log in."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    username: Mapped[str] = mapped_column(String(64), unique=True)
    password_hash: Mapped[str] = mapped_column(String(256))  # argon2id
    display_name: Mapped[str] = mapped_column(String(64))
    role: Mapped[str] = mapped_column(String(32))  # see workorder.roles.Role
    agent_number: Mapped[str | None] = mapped_column(String(16), unique=True)  # 工号
    unit: Mapped[str | None] = mapped_column(ForeignKey("units.code"), index=True)
    locale: Mapped[str] = mapped_column(String(8), default="zh")
    active: Mapped[bool] = mapped_column(default=True)
    failed_logins: Mapped[int] = mapped_column(default=0)
    locked_until: Mapped[dt.datetime | None]
    session_epoch: Mapped[int] = mapped_column(default=0)  # raised to end every open session
    created_at: Mapped[dt.datetime]


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
