"""Order numbers: the day in China and six digits, as in 20260301000042."""

from __future__ import annotations

import datetime as dt

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from workorder.models import OrderCounter
from workorder.worktime import CHINA

DIGITS = 6


def next_number(session: Session, at: dt.datetime) -> str:
    """Give the next number of the day that `at` (aware) falls on in China.

    The number is taken when the session's transaction commits; until then others wait, so that
    there are neither doubles nor gaps.
    """
    day = at.astimezone(CHINA).date()
    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    statement = dialect.insert(OrderCounter).values(day=day, last=1)
    serial = session.scalar(
        statement.on_conflict_do_update(
            index_elements=[OrderCounter.day], set_={"last": OrderCounter.last + 1}
        ).returning(OrderCounter.last),
        # The row in the session, if any, is older than what the database returns.
        execution_options={"populate_existing": True},
    )
    return f"{day:%Y%m%d}{serial:0{DIGITS}}"
