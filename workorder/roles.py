"""Who acts on an order: a person in a role, perhaps of a unit, or the system itself."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Role(StrEnum):
    """Who uses the system; the Chinese titles are in `web.words`."""

    AGENT = "agent"  # 坐席: answers calls, writes drafts
    SUPERVISOR = "supervisor"  # 班长: watches queues and agents
    DISPATCHER = "dispatcher"  # 派单员: sends orders to units
    UNIT = "unit"  # 承办单位: sees only its own orders
    OFFICE = "office"  # 热线办/督办: supervision, reports
    AUDITOR = "auditor"  # reads, listens and checks the audit log; changes nothing
    ADMINISTRATOR = "administrator"


SYSTEM_ROLE = "system"  # no login has it


class Person(Protocol):
    """What is read of a user."""

    @property
    def username(self) -> str: ...
    @property
    def role(self) -> str: ...
    @property
    def unit(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Actor:
    """Who takes a step."""

    name: str  # username, agent number or "system"
    role: str  # a Role, or SYSTEM_ROLE
    unit: str | None = None  # code of the unit that the person works for

    @classmethod
    def of(cls, user: Person) -> Actor:
        return cls(user.username, user.role, user.unit)


SYSTEM = Actor("system", SYSTEM_ROLE)
