"""The units that handle orders, as a tree, and the directory that says which handles what."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from workorder.models.base import Base, BigKey

TIERS = 4  # city, district, street, community


class Unit(Base):
    """A handling unit (承办单位)."""

    __tablename__ = "units"

    code: Mapped[str] = mapped_column(String(32), primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    parent: Mapped[str | None] = mapped_column(ForeignKey("units.code"), index=True)
    tier: Mapped[int]  # 1 … 4
    path: Mapped[str] = mapped_column(String(160), index=True)  # codes from the top: "a/b/"
    kind: Mapped[str] = mapped_column(String(16), default="bureau")  # bureau, district, hotline …
    active: Mapped[bool] = mapped_column(default=True)
    contact_name: Mapped[str] = mapped_column(String(64), default="")  # the handler (承办人)
    contact_phone: Mapped[str] = mapped_column(String(32), default="")
    contact_email: Mapped[str] = mapped_column(String(128), default="")
    leader_name: Mapped[str] = mapped_column(String(64), default="")  # in charge (分管领导)
    leader_phone: Mapped[str] = mapped_column(String(32), default="")
    leader_email: Mapped[str] = mapped_column(String(128), default="")
    version: Mapped[int] = mapped_column(default=1)

    __mapper_args__ = {"version_id_col": version}


class DispatchRule(Base):
    """A line of the dispatch directory; None stands for any. The closest line decides."""

    __tablename__ = "dispatch_rules"

    id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    category: Mapped[str | None] = mapped_column(String(32))
    topic: Mapped[str | None] = mapped_column(String(64), index=True)
    district: Mapped[str | None] = mapped_column(String(32))
    unit: Mapped[str] = mapped_column(ForeignKey("units.code"))
    co_units: Mapped[list[Any]] = mapped_column(default=list)  # codes
    note: Mapped[str] = mapped_column(String(200), default="")  # why: the duty's legal basis
    active: Mapped[bool] = mapped_column(default=True)
    changed_by: Mapped[str] = mapped_column(String(64), default="system")
    changed_at: Mapped[dt.datetime]
    version: Mapped[int] = mapped_column(default=1)

    __mapper_args__ = {"version_id_col": version}
