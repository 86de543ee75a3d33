"""How an order's deadlines come about, as lines to read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from sqlalchemy.orm import Session

from workorder import lifecycle, machine, workdays
from workorder.clocks import Account, Entering, Outcome
from workorder.models import Order, PolicyVersion
from workorder.worktime import CHINA, DayCounted

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def lines(session: Session, order: Order, now: dt.datetime) -> Iterator[str]:
    """Every clock of the order: what the rule says, what happened, which days counted."""
    accounts = lifecycle.explain(session, order)
    row = session.get_one(PolicyVersion, order.policy_id)
    yield f"order {order.number}: {order.state}, {order.category or 'no category'}"
    yield f"policy {row.name} version {row.version} ({row.title}); times are China's"
    if not accounts:
        yield "no clock has been started"
    for account in accounts:
        yield ""
        yield from _account(account, now)
    rules = lifecycle.rules_of(session, order)
    if machine.is_hard(lifecycle.life_of(session, order), rules, now) and rules.policy.hard:
        yield ""
        yield f"hard: unsolved over {rules.policy.hard.periods} times its limit"
    missing = workdays.missing_years(workdays.load(session), now)
    if missing:
        yield ""
        yield (
            f"warning: the holidays of {', '.join(map(str, missing))} are not in the calendar; "
            "deadlines that fall there are provisional"
        )


def _account(account: Account, now: dt.datetime) -> Iterator[str]:
    yield f"{account.run}  {_standing(account, now)}"
    whose = f", unit {account.unit}" if account.unit else ""
    yield f"  rule {account.rule}: {account.limit.limit} – {account.limit.source}{whose}"
    yield f"  started {_said(account.started_at)}"
    if account.counts_from != account.started_at:
        yield f"  counts from {_said(account.counts_from)}"
    for line in account.lines:
        entry = line.entry
        if entry.what is Entering.STARTED:
            continue
        more = f" by {entry.workdays} workday(s)" if entry.workdays else ""
        due = f" → due {_said(line.due)}" if line.due else " → stands still"
        ends = entry.what in (Entering.STOPPED, Entering.VOIDED)
        yield f"  {entry.what} {_said(entry.at)}{more}{'' if ends else due}"
    if account.target_at:
        yield f"  wished for by {_said(account.target_at)} ({account.limit.target})"
    levels = [f"{level} {_said(at)}" for level, at in account.levels()]
    if levels:
        yield f"  levels: {', '.join(levels)}"
    if account.limit.limit.working or account.extended:
        yield f"  days: {' '.join(_day(day) for day in account.days)}"
    if account.provisional:
        yield "  provisional: not all of these days are in the calendar yet"


def _standing(account: Account, now: dt.datetime) -> str:
    if account.outcome is Outcome.VOID:
        return f"came to nothing on {_said(account.stopped_at)}"
    if account.outcome is not None:
        return f"{account.outcome}: done {_said(account.stopped_at)}, due {_said(account.due_at)}"
    if account.due_at is None:
        return f"stands still until {_said(account.paused_until)} at the latest"
    return f"due {_said(account.due_at)}, {account.light(now)}"


def _day(day: DayCounted) -> str:
    """`03-02Mon` counted, `(03-07Sat)` not, a name where it isn't what its weekday says."""
    text = f"{day.day:%m-%d}{WEEKDAYS[day.day.weekday()]}"
    if day.exceptional:
        text += f" {day.name or 'by hand'}{'' if not day.works else ' worked'}"
    return text if day.works else f"({text})"


def _said(at: dt.datetime | None) -> str:
    """Midnight is the end of the day before, as in the rules."""
    if at is None:
        return "–"
    local = at.astimezone(CHINA)
    if local.time() == dt.time():
        return f"{local - dt.timedelta(days=1):%Y-%m-%d} 24:00"
    return f"{local:%Y-%m-%d %H:%M}"
