"""How many orders are supervised in a month, against what the policy wants (街道 三1)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from workorder.models import Order, OrderSupervision
from workorder.policy import Policy
from workorder.worktime import local_day, midnight


@dataclass(frozen=True, slots=True)
class Quota:
    """Of the orders accepted last month, `wanted` should be supervised this month."""

    accepted: int  # last month
    wanted: int
    issued: int  # this month so far; orders, not notices

    @property
    def missing(self) -> int:
        return max(0, self.wanted - self.issued)


def quota(session: Session, policy: Policy, now: dt.datetime) -> Quota | None:
    """This month's quota; None when the policy has none."""
    percent = policy.supervision.monthly_quota
    if percent is None:
        return None
    start = midnight(local_day(now).replace(day=1))
    before = midnight((local_day(start) - dt.timedelta(days=1)).replace(day=1))
    accepted = session.scalar(
        select(func.count(Order.id)).where(Order.accepted_at >= before, Order.accepted_at < start)
    )
    issued = session.scalar(
        select(func.count(OrderSupervision.order_id.distinct())).where(
            OrderSupervision.issued_at >= start, OrderSupervision.issued_at <= now
        )
    )
    count = accepted or 0
    return Quota(count, -(-count * percent // 100), issued or 0)
