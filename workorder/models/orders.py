"""The order and its events. The events are the truth; the order's row is what they come to."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from workorder.models.base import Base, BigKey


class Order(Base):
    """A work order. A call's outcome is written here as a draft first.

    From `state` on down to `closed_at` everything is written by `workorder.service` alone.
    """

    __tablename__ = "orders"
    __table_args__ = (
        Index("ix_orders_state_due_at", "state", "due_at"),
        Index("ix_orders_unit_state", "unit", "state"),
        *(  # lists walk them from the newest on
            Index(f"ix_orders_{name}_created_at", name, "created_at")
            for name in ("state", "category", "district", "topic", "agent_number")
        ),
        Index("ix_orders_extension_state", "extension_state"),
        Index("ix_orders_repeat_count_due_at", "repeat_count", "due_at"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    number: Mapped[str] = mapped_column(String(32), unique=True)  # YYYYMMDD + six digits
    state: Mapped[str] = mapped_column(String(32), index=True)  # workorder.states.State
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
    version: Mapped[int] = mapped_column(default=1)  # optimistic lock; every step raises it
    drafted: Mapped[dict[str, Any]] = mapped_column(default=dict)  # what drafts.merge wrote last

    topic: Mapped[str] = mapped_column(String(64), default="")  # as in the dispatch directory
    district: Mapped[str] = mapped_column(String(32), default="")
    address: Mapped[str] = mapped_column(String(200), default="")  # where it is about
    policy_id: Mapped[int | None] = mapped_column(ForeignKey("policies.id"))  # kept from acceptance
    unit: Mapped[str | None] = mapped_column(ForeignKey("units.code"))  # the lead (主办)
    owner: Mapped[str] = mapped_column(String(48), default="agent", index=True)  # role or unit:CODE
    is_key: Mapped[bool] = mapped_column(default=False)  # 重点
    specialised: Mapped[bool] = mapped_column(default=False)  # 专业性较强的咨询
    unclear: Mapped[bool] = mapped_column(default=False)  # several units, or whose duty is unclear
    return_count: Mapped[int] = mapped_column(default=0)
    redo_count: Mapped[int] = mapped_column(default=0)
    extension_count: Mapped[int] = mapped_column(default=0)  # granted, since the last redo
    extension_state: Mapped[str] = mapped_column(String(16), default="")  # asked, granted, refused
    supervision_count: Mapped[int] = mapped_column(default=0)
    supervised: Mapped[bool] = mapped_column(default=False)  # a notice waits for its reply
    repeat_count: Mapped[int] = mapped_column(default=0)  # others linked to or merged into it
    repeat_of: Mapped[int | None] = mapped_column(ForeignKey("orders.id"), index=True)
    result: Mapped[str] = mapped_column(Text, default="")  # the answer, or the lead's result
    satisfaction: Mapped[int | None]  # 1 (very satisfied) … 5 (very dissatisfied)
    solved: Mapped[bool | None]
    accepted_at: Mapped[dt.datetime | None] = mapped_column(index=True)  # counted by month
    dispatched_at: Mapped[dt.datetime | None]  # last time
    resolved_at: Mapped[dt.datetime | None]  # last time
    warn_at: Mapped[dt.datetime | None]  # yellow light from here on
    due_at: Mapped[dt.datetime | None] = mapped_column(index=True)  # red light after it
    due_clock: Mapped[str] = mapped_column(String(16), default="")  # whose warn_at, due_at they are
    closed_at: Mapped[dt.datetime | None]

    events: Mapped[list[OrderEvent]] = relationship(
        back_populates="order", order_by="OrderEvent.id", cascade="all, delete-orphan"
    )

    __mapper_args__ = {"version_id_col": version}


class OrderEvent(Base):
    """One step in an order's life: who, when, from, to, why.

    `data["ledger"]` holds what the step wrote into the clocks' ledger (`workorder.clocks.Entry`).
    """

    __tablename__ = "order_events"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), index=True)
    at: Mapped[dt.datetime]
    kind: Mapped[str] = mapped_column(String(32))  # workorder.states.Step
    actor: Mapped[str] = mapped_column(String(64))  # username, agent number or "system"
    role: Mapped[str] = mapped_column(String(32), default="system")  # workorder.roles
    unit: Mapped[str | None] = mapped_column(String(32))  # the actor's unit then
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
