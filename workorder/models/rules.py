"""The rules that orders go by: policies by version, and the calendar of working days."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from workorder.models.base import Base, BigKey


class PolicyVersion(Base):
    """A policy as it was read at one time; orders keep the one that they began with."""

    __tablename__ = "policies"
    __table_args__ = (UniqueConstraint("name", "version"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    name: Mapped[str] = mapped_column(String(32))  # anshan, dalian, …
    version: Mapped[int]
    title: Mapped[str] = mapped_column(String(128))
    content: Mapped[dict[str, Any]]  # workorder.policy.Policy, whole: nothing is inherited any more
    text: Mapped[str] = mapped_column(Text)  # the file
    sha256: Mapped[str] = mapped_column(String(64))  # of `content`
    current: Mapped[bool] = mapped_column(default=False)  # new orders go by this one
    created_at: Mapped[dt.datetime]
    created_by: Mapped[str] = mapped_column(String(64))


class CalendarDay(Base):
    """A day that is not what its weekday says: a holiday, or a make-up working day (调休)."""

    __tablename__ = "calendar_days"

    day: Mapped[dt.date] = mapped_column(primary_key=True)
    working: Mapped[bool]
    name: Mapped[str] = mapped_column(String(32), default="")
    source: Mapped[str] = mapped_column(String(16))  # chinesecalendar, or manual
    changed_by: Mapped[str] = mapped_column(String(64), default="system")
    changed_at: Mapped[dt.datetime]


class CalendarYear(Base):
    """A year whose holidays are known; in any other, deadlines are provisional."""

    __tablename__ = "calendar_years"

    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    source: Mapped[str] = mapped_column(String(16))
    changed_by: Mapped[str] = mapped_column(String(64), default="system")
    changed_at: Mapped[dt.datetime]
