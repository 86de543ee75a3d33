"""The tables that hold orders, the people and units who work on them, and the rules they go by."""

from __future__ import annotations

from workorder.models.base import NAMES, Base, BigKey, Json, UtcDateTime
from workorder.models.handling import OrderClock, OrderShingle, OrderSupervision, OrderUnit
from workorder.models.orders import Order, OrderCounter, OrderEvent
from workorder.models.papers import Attachment, SavedView
from workorder.models.people import AuditEntry, User
from workorder.models.rules import CalendarDay, CalendarYear, PolicyVersion
from workorder.models.units import DispatchRule, Unit

__all__ = [
    "NAMES",
    "Attachment",
    "AuditEntry",
    "Base",
    "BigKey",
    "CalendarDay",
    "CalendarYear",
    "DispatchRule",
    "Json",
    "Order",
    "OrderClock",
    "OrderCounter",
    "OrderEvent",
    "OrderShingle",
    "OrderSupervision",
    "OrderUnit",
    "PolicyVersion",
    "SavedView",
    "Unit",
    "User",
    "UtcDateTime",
]
