"""The tables derived from the journal, and those that the switch and the controller read."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import BigInteger, Float, Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from callcenter.outreach_models import FollowUp, IntakeChannel, IntakeMessage, OutboxMessage
from workorder.models import Base, BigKey

__all__ = [
    "AcdSettings",
    "Agent",
    "Base",
    "BlockedNumber",
    "BrowserPhone",
    "Call",
    "FollowUp",
    "IntakeChannel",
    "IntakeMessage",
    "JournalEvent",
    "JournalReject",
    "JournalSegment",
    "OutboxMessage",
    "QueueRow",
    "Recording",
]


class JournalSegment(Base):
    """How far one journal file has been copied; committed together with what was copied."""

    __tablename__ = "journal_segments"

    name: Mapped[str] = mapped_column(String(128), primary_key=True)
    offset: Mapped[int] = mapped_column(BigInteger, default=0)  # bytes


class JournalEvent(Base):
    """`callcenter.events.Event`, as a row."""

    __tablename__ = "journal_events"
    __table_args__ = (Index("ix_journal_events_call_at", "call_id", "at"),)

    seq: Mapped[int] = mapped_column(BigKey, primary_key=True)  # order of arrival, for cursors
    id: Mapped[str] = mapped_column(String(128), unique=True)
    at: Mapped[float] = mapped_column(Float(53), index=True)  # seconds since the epoch
    kind: Mapped[str] = mapped_column(String(48), index=True)
    call_id: Mapped[str | None] = mapped_column(String(64))
    data: Mapped[dict[str, Any]] = mapped_column(default=dict)


class JournalReject(Base):
    """A journal line that could not be stored: put aside, so that it doesn't hold up the rest."""

    __tablename__ = "journal_rejects"
    __table_args__ = (UniqueConstraint("segment", "offset"),)

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    segment: Mapped[str] = mapped_column(String(128))
    offset: Mapped[int] = mapped_column(BigInteger)  # bytes; where the line starts
    line: Mapped[bytes] = mapped_column(LargeBinary)  # as found, cut at 64 KiB
    reason: Mapped[str] = mapped_column(Text)
    created_at: Mapped[dt.datetime]


class Call(Base):
    """A call record: `callcenter.projection.fold` of the call's events."""

    __tablename__ = "calls"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)  # citizen's channel UUID
    caller: Mapped[str] = mapped_column(String(64), index=True)
    caller_name: Mapped[str] = mapped_column(String(128), default="")  # hostile text, cleaned
    dialed: Mapped[str] = mapped_column(String(64), index=True)
    hotline: Mapped[str] = mapped_column(String(64), default="")
    menu_path: Mapped[list[Any]] = mapped_column(default=list)  # ["main:1", …]
    queue: Mapped[str | None] = mapped_column(String(64), index=True)
    agents_offered: Mapped[list[Any]] = mapped_column(default=list)
    agent: Mapped[str | None] = mapped_column(String(16), index=True)
    stage: Mapped[str] = mapped_column(String(16))  # welcome, menu, queue, talk, survey, ended …
    arrived_at: Mapped[dt.datetime] = mapped_column(index=True)
    queued_at: Mapped[dt.datetime | None]
    queue_left_at: Mapped[dt.datetime | None]  # last time; answered, abandoned, overflowed …
    told_at: Mapped[dt.datetime | None]  # the first expected wait that was announced, in `queue`
    told_seconds: Mapped[float | None]
    offered_at: Mapped[dt.datetime | None]
    answered_at: Mapped[dt.datetime | None]
    talk_ended_at: Mapped[dt.datetime | None]
    ended_at: Mapped[dt.datetime | None]
    outcome: Mapped[str | None] = mapped_column(String(32), index=True)
    rating: Mapped[int | None]  # 1 (very satisfied) … 5 (very dissatisfied)
    hangup_cause: Mapped[str | None] = mapped_column(String(48))
    hangup_by: Mapped[str | None] = mapped_column(String(16))
    callback_number: Mapped[str | None] = mapped_column(String(64))
    callback_of: Mapped[str | None] = mapped_column(String(64), index=True)  # a call's id
    purpose: Mapped[str] = mapped_column(String(16), default="")  # why we called; "": they did
    order_number: Mapped[str | None] = mapped_column(String(32), index=True)
    updated_at: Mapped[dt.datetime] = mapped_column(index=True)


class Recording(Base):
    """The index of recordings; the file is truth, this says what it was when it was closed."""

    __tablename__ = "recordings"

    path: Mapped[str] = mapped_column(String(255), primary_key=True)  # relative
    call_id: Mapped[str] = mapped_column(String(64), index=True)
    kind: Mapped[str] = mapped_column(String(16))  # "talk" or "message"
    started_at: Mapped[dt.datetime | None]
    closed_at: Mapped[dt.datetime | None]  # stopped, or its call ended: the file may be indexed
    state: Mapped[str] = mapped_column(String(16), index=True)  # open, indexed, missing, damaged
    problem: Mapped[str] = mapped_column(Text, default="")
    sha256: Mapped[str | None] = mapped_column(String(64))
    seconds: Mapped[float | None]
    channels: Mapped[int | None]
    size: Mapped[int | None] = mapped_column(BigInteger)


class Agent(Base):
    """A seat that calls can be offered to."""

    __tablename__ = "agents"

    number: Mapped[str] = mapped_column(String(16), primary_key=True)  # 工号, also the SIP user
    name: Mapped[str] = mapped_column(String(64))
    sip_a1_hash: Mapped[str] = mapped_column(String(64))  # MD5(user:domain:password), RFC 2617
    queues: Mapped[dict[str, Any]] = mapped_column(default=dict)  # queue name -> level 0–9
    skills: Mapped[dict[str, Any]] = mapped_column(default=dict)  # skill -> level 0–9
    active: Mapped[bool] = mapped_column(default=True)


class BrowserPhone(Base):
    """A phone in an agent's browser: a secret of its own, for as long as its user stays logged in.

    While it counts it stands in for the agent's own `sip_a1_hash` in the switch's directory.
    """

    __tablename__ = "browser_phones"

    agent: Mapped[str] = mapped_column(String(16), primary_key=True)
    a1_hash: Mapped[str] = mapped_column(String(64))  # of a random secret that is kept nowhere
    username: Mapped[str] = mapped_column(String(64))
    session_epoch: Mapped[int]  # of the user; one that logged out since has no phone any more
    until: Mapped[dt.datetime]


class QueueRow(Base):
    """A queue's settings as the data of `acd.config.QueueConfig`."""

    __tablename__ = "queues"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    place: Mapped[int] = mapped_column(default=0)  # in lists
    settings: Mapped[dict[str, Any]] = mapped_column(default=dict)


class AcdSettings(Base):
    """What counts for all queues: `acd.config.Config` without them. One row, once imported."""

    __tablename__ = "acd_settings"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # always 1
    settings: Mapped[dict[str, Any]] = mapped_column(default=dict)
    version: Mapped[int] = mapped_column(default=1)  # grows with every change of any queue
    changed_at: Mapped[dt.datetime]


class BlockedNumber(Base):
    """A caller who is turned away politely."""

    __tablename__ = "blocked_numbers"

    number: Mapped[str] = mapped_column(String(64), primary_key=True)
    reason: Mapped[str] = mapped_column(String(200))
    blocked_by: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[dt.datetime]
    until: Mapped[dt.datetime | None]
