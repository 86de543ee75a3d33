"""What people keep beside an order: files, and the searches that they do every day."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from workorder.models.base import Base, BigKey


class Attachment(Base):
    """A file that belongs to an order; it lies in `DATA_DIR/attachments` under `path`."""

    __tablename__ = "attachments"
    __table_args__ = (Index("ix_attachments_order_id", "order_id"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    name: Mapped[str] = mapped_column(String(120))  # as shown and given when it is downloaded
    kind: Mapped[str] = mapped_column(String(8))  # what its first bytes say: pdf, jpg, …
    size: Mapped[int]  # bytes
    sha256: Mapped[str] = mapped_column(String(64))
    path: Mapped[str] = mapped_column(String(80))  # made by us: nothing of the sender's is in it
    added_by: Mapped[str] = mapped_column(String(64))
    unit: Mapped[str | None] = mapped_column(String(32))  # whose member added it
    added_at: Mapped[dt.datetime]


class SavedView(Base):
    """A person's own search in the list of orders, with a name."""

    __tablename__ = "saved_views"
    __table_args__ = (UniqueConstraint("username", "name"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    username: Mapped[str] = mapped_column(String(64))
    name: Mapped[str] = mapped_column(String(40))
    query: Mapped[dict[str, Any]] = mapped_column(default=dict)  # web.order_filter's arguments
