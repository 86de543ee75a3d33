"""What an order's events come to, beside its row: units, clocks, notices, and words to find it by.

All of it can be thrown away and made again from the events (`workorder.service.rebuild`).
"""

from __future__ import annotations

import datetime as dt

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from workorder.models.base import Base, BigKey


class OrderUnit(Base):
    """A unit's part in an order, as lead (主办) or co-handler (协办)."""

    __tablename__ = "order_units"
    __table_args__ = (
        UniqueConstraint("order_id", "place"),
        Index("ix_order_units_unit_active", "unit", "active", "order_id"),
        Index("ix_order_units_unit_state", "unit", "state"),  # what waits for a unit is little
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    place: Mapped[int]  # 1, 2, … in the order in which they were named
    unit: Mapped[str] = mapped_column(ForeignKey("units.code"))
    part: Mapped[str] = mapped_column(String(8))  # lead, co
    state: Mapped[str] = mapped_column(String(16))  # assigned, acknowledged, answered, returned …
    active: Mapped[bool]  # has the order now, or was the last to have it
    since: Mapped[dt.datetime]
    until: Mapped[dt.datetime | None]
    answer: Mapped[str] = mapped_column(Text, default="")  # the co-handler's own


class OrderClock(Base):
    """One run of a clock, with its deadline as the ledger, the policy and the calendar give it."""

    __tablename__ = "order_clocks"
    __table_args__ = (
        UniqueConstraint("order_id", "run"),
        Index("ix_order_clocks_stopped_at_due_at", "stopped_at", "due_at"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    run: Mapped[str] = mapped_column(String(32))  # clock and serial number, as in resolve:2
    clock: Mapped[str] = mapped_column(String(16))  # workorder.clocks.Clock
    unit: Mapped[str | None] = mapped_column(ForeignKey("units.code"), index=True)
    started_at: Mapped[dt.datetime]
    target_at: Mapped[dt.datetime | None]  # wished for; late only after due_at
    warn_at: Mapped[dt.datetime | None]
    yellow_at: Mapped[dt.datetime | None]
    due_at: Mapped[dt.datetime | None]  # None while paused
    red_at: Mapped[dt.datetime | None]
    stopped_at: Mapped[dt.datetime | None]
    outcome: Mapped[str | None] = mapped_column(String(16))  # workorder.clocks.Outcome
    noticed: Mapped[str] = mapped_column(String(8), default="")  # the last level told of
    next_at: Mapped[dt.datetime | None] = mapped_column(index=True)  # the next level is due then


class OrderSupervision(Base):
    """A supervision notice (督办通知书)."""

    __tablename__ = "order_supervisions"
    __table_args__ = (UniqueConstraint("order_id", "serial"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    serial: Mapped[int]  # 1, 2, … within the order
    unit: Mapped[str] = mapped_column(ForeignKey("units.code"), index=True)
    cause: Mapped[str] = mapped_column(String(32))  # workorder.policy.Cause
    text: Mapped[str] = mapped_column(Text, default="")
    issued_at: Mapped[dt.datetime] = mapped_column(index=True)
    issued_by: Mapped[str] = mapped_column(String(64))
    due_at: Mapped[dt.datetime | None]
    closed_at: Mapped[dt.datetime | None] = mapped_column(index=True)
    outcome: Mapped[str | None] = mapped_column(String(16))  # replied, lapsed
    reply: Mapped[str] = mapped_column(Text, default="")


class OrderShingle(Base):
    """A fingerprint of an order's text: orders that share some may tell of the same thing."""

    __tablename__ = "order_shingles"

    band: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), primary_key=True)
    at: Mapped[dt.datetime]  # when the order came
