"""The tables of what goes out to people and comes in from other channels than the telephone."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from workorder.models import Base, BigKey


class OutboxMessage(Base):
    """Something to be told to somebody; see `callcenter.outbox` for its life."""

    __tablename__ = "outbox"
    __table_args__ = (Index("ix_outbox_state_not_before", "state", "not_before"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    key: Mapped[str] = mapped_column(String(160), unique=True)  # one reason, one message
    channel: Mapped[str] = mapped_column(String(16))  # outbox.Channel
    address: Mapped[str] = mapped_column(String(255))
    subject: Mapped[str] = mapped_column(String(200), default="")
    body: Mapped[str] = mapped_column(Text, default="")
    secret: Mapped[str | None] = mapped_column(String(255))  # for {secret}; forgotten once sent
    prompts: Mapped[list[Any]] = mapped_column(default=list)  # what a voice message says
    order_number: Mapped[str | None] = mapped_column(String(32), index=True)
    kind: Mapped[str] = mapped_column(String(48))
    state: Mapped[str] = mapped_column(String(16))  # outbox.State
    attempts: Mapped[int] = mapped_column(default=0)
    not_before: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime | None]  # afterwards nobody wants to hear of it
    lease_until: Mapped[dt.datetime | None]
    worker: Mapped[str | None] = mapped_column(String(64))
    reference: Mapped[str | None] = mapped_column(String(128))  # the gateway's id, or our call's
    error: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[dt.datetime]
    ended_at: Mapped[dt.datetime | None]


class FollowUp(Base):
    """The question to the citizen how it went, once for each time an order was resolved."""

    __tablename__ = "follow_ups"
    __table_args__ = (
        UniqueConstraint("order_number", "round"),
        Index("ix_follow_ups_state_not_before", "state", "not_before"),
    )

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), index=True)
    order_number: Mapped[str] = mapped_column(String(32))
    round: Mapped[int] = mapped_column(default=0)  # 1 after the first redo
    state: Mapped[str] = mapped_column(String(16))  # workorder.follow_up.State
    number: Mapped[str] = mapped_column(String(64), default="")  # the citizen's
    dialed: Mapped[str] = mapped_column(String(64), default="")  # the line that is shown
    attempts: Mapped[int] = mapped_column(default=0)
    not_before: Mapped[dt.datetime]
    call_id: Mapped[str | None] = mapped_column(String(64), index=True)  # of the last attempt
    dialed_at: Mapped[dt.datetime | None] = mapped_column(index=True)
    problem: Mapped[str] = mapped_column(String(64), default="")  # of the last attempt
    way: Mapped[str] = mapped_column(String(16), default="")  # voice, link or person
    answers: Mapped[dict[str, Any]] = mapped_column(default=dict)
    comment: Mapped[str] = mapped_column(Text, default="")
    reason: Mapped[str] = mapped_column(String(32), default="")  # why a person is asked
    result: Mapped[str] = mapped_column(String(16), default="")
    code_hash: Mapped[str | None] = mapped_column(String(64), unique=True)  # of the link's code
    code_expires_at: Mapped[dt.datetime | None]
    created_at: Mapped[dt.datetime]
    answered_at: Mapped[dt.datetime | None]
    decided_by: Mapped[str] = mapped_column(String(64), default="")
    decided_at: Mapped[dt.datetime | None]


class IntakeChannel(Base):
    """A channel that may hand in requests, with the hash of its key."""

    __tablename__ = "intake_channels"

    name: Mapped[str] = mapped_column(String(16), primary_key=True)
    key_hash: Mapped[str] = mapped_column(String(64))  # SHA-256 of a random key
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[dt.datetime]


class IntakeMessage(Base):
    """What a channel handed in: the same id again is the same message."""

    __tablename__ = "intake_messages"
    __table_args__ = (UniqueConstraint("channel", "message_id"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    channel: Mapped[str] = mapped_column(String(16))
    message_id: Mapped[str] = mapped_column(String(200))
    digest: Mapped[str] = mapped_column(String(64))  # SHA-256 of what was said
    order_number: Mapped[str] = mapped_column(String(32), index=True)
    contact: Mapped[str] = mapped_column(String(128), default="", server_default="")  # who wrote
    received_at: Mapped[dt.datetime]
