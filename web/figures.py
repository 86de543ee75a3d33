"""The day's figures, each with its numerator, its denominator and what is left out.

Definitions: GB/T 33358-2016 and the hotline's work standard. Connection rate: answered by an
agent ÷ entered a queue. 15-second service level: answered within 15 s of entering the queue ÷
answered; also ÷ entered a queue, and counted from arrival at the switch. Satisfaction: rated
three levels or better ÷ rated.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from flask_babel import gettext as _
from sqlalchemy import ColumnElement, Float, and_, case, func, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.sql.functions import FunctionElement

from callcenter.events import Outcome
from callcenter.models import Call
from web.localtime import day_start, today

ANSWER_WITHIN = 15.0  # seconds
SATISFIED = 3  # 基本满意 or better
FRESH_FOR = 1.5  # seconds that a count may be shown again


class seconds_between(FunctionElement[float]):
    """Seconds from the first to the second time, to the millisecond."""

    type = Float()
    inherit_cache = True


@compiles(seconds_between, "sqlite")
def _sqlite(element: Any, compiler: Any, **options: Any) -> str:
    start, end = (compiler.process(clause, **options) for clause in element.clauses)
    return f"round((julianday({end}) - julianday({start})) * 86400, 3)"


@compiles(seconds_between, "postgresql")
def _postgresql(element: Any, compiler: Any, **options: Any) -> str:
    start, end = (compiler.process(clause, **options) for clause in element.clauses)
    return f"extract(epoch from ({end} - {start}))"


@dataclass(frozen=True, slots=True)
class Ratio:
    numerator: int
    denominator: int

    @property
    def percent(self) -> float | None:
        """None when there is nothing to divide by."""
        return 100.0 * self.numerator / self.denominator if self.denominator else None

    def __str__(self) -> str:
        return "–" if self.percent is None else f"{self.percent:.1f}%"

    @property
    def parts(self) -> str:
        return f"{self.numerator} ÷ {self.denominator} = {self}"


@dataclass(frozen=True, slots=True)
class DayCounts:
    """Counts of the calls that arrived since midnight (China)."""

    arrived: int
    in_progress: int  # of any day
    queued: int
    waiting: int  # entered a queue today, neither answered nor over
    answered: int
    answered_in_time: int  # within 15 s of entering the queue
    answered_in_time_of_arrival: int  # within 15 s of arrival at the switch
    abandoned_in_queue: int
    abandoned_in_menu: int
    rated: int
    satisfied: int

    @property
    def connection_rate(self) -> Ratio:
        return Ratio(self.answered, self.queued - self.waiting)

    @property
    def service_level(self) -> Ratio:
        return Ratio(self.answered_in_time, self.answered)

    @property
    def service_level_of_queued(self) -> Ratio:
        return Ratio(self.answered_in_time, self.queued - self.waiting)

    @property
    def service_level_of_arrival(self) -> Ratio:
        return Ratio(self.answered_in_time_of_arrival, self.answered)

    @property
    def satisfaction(self) -> Ratio:
        return Ratio(self.satisfied, self.rated)


def count_day(session: Session, visible: ColumnElement[bool]) -> DayCounts:
    answered = Call.answered_at.is_not(None)
    queued = Call.queued_at.is_not(None)

    def count(*conditions: ColumnElement[bool]) -> Any:
        return func.count(case((and_(*conditions), 1)))

    row = session.execute(
        select(
            func.count(),
            count(queued),
            count(queued, Call.answered_at.is_(None), Call.ended_at.is_(None)),
            count(answered, queued),
            count(answered, seconds_between(Call.queued_at, Call.answered_at) <= ANSWER_WITHIN),
            count(
                answered,
                queued,
                seconds_between(Call.arrived_at, Call.answered_at) <= ANSWER_WITHIN,
            ),
            count(Call.outcome == Outcome.ABANDONED_IN_QUEUE),
            count(Call.outcome == Outcome.ABANDONED_IN_MENU),
            count(Call.rating.is_not(None)),
            count(Call.rating <= SATISFIED),
        ).where(visible, Call.arrived_at >= day_start(today()))
    ).one()
    in_progress = session.scalar(
        select(func.count()).select_from(Call).where(visible, Call.ended_at.is_(None))
    )
    arrived, *rest = row
    return DayCounts(arrived, in_progress or 0, *rest)


class DayCountsCache:
    """One count serves everybody who asks within `FRESH_FOR` seconds."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[float, DayCounts]] = {}

    def get(self, session: Session, scope: str, visible: ColumnElement[bool]) -> DayCounts:
        """`scope` names what `visible` lets through; counts are shared within a scope."""
        at = time.monotonic()
        kept = self._kept.get(scope)
        if kept and at - kept[0] < FRESH_FOR:
            return kept[1]
        counts = count_day(session, visible)
        self._kept = {name: old for name, old in self._kept.items() if at - old[0] < FRESH_FOR}
        self._kept[scope] = (at, counts)
        return counts


@dataclass(frozen=True, slots=True)
class Figure:
    """One tile above the calls list."""

    label: str
    value: str
    explained: str  # numerator, denominator, definition and what is left out
    tone: str = ""
    note: str = ""


def tiles(counts: DayCounts) -> list[Figure]:
    left_out = _("仍在排队的 %(n)s 通未计入。", n=counts.waiting)
    return [
        Figure(_("进行中"), str(counts.in_progress), _("尚未结束的来电（不限日期）。"), "live"),
        Figure(
            _("今日来电"),
            str(counts.arrived),
            _("今日零时（北京时间）起到达交换机的来电，含已拦截的。"),
        ),
        Figure(
            _("人工接听"),
            str(counts.answered),
            _("今日进入队列后由坐席接听的来电。"),
            note=_("进入队列 %(n)s", n=counts.queued),
        ),
        Figure(
            _("放弃"),
            str(counts.abandoned_in_queue),
            _(
                "今日在排队中挂断的来电；另有 %(n)s 通在菜单中挂断，不计入。",
                n=counts.abandoned_in_menu,
            ),
            "warn" if counts.abandoned_in_queue else "",
            _("菜单中挂断 %(n)s", n=counts.abandoned_in_menu),
        ),
        Figure(
            _("接通率"),
            str(counts.connection_rate),
            _("坐席接听 ÷ 进入队列：%(parts)s。", parts=counts.connection_rate.parts)
            + left_out
            + _("目标 ≥ 95%。"),
            _below(counts.connection_rate, 95),
            _("目标 ≥ 95%"),
        ),
        Figure(
            _("15 秒应答率"),
            str(counts.service_level),
            _(
                "进入队列后 15 秒内应答 ÷ 应答：%(a)s；÷ 进入队列：%(b)s；"
                "自到达交换机起 15 秒内应答 ÷ 应答：%(c)s。",
                a=counts.service_level.parts,
                b=counts.service_level_of_queued.parts,
                c=counts.service_level_of_arrival.parts,
            )
            + left_out
            + _("目标 ≥ 80%。"),
            _below(counts.service_level, 80),
            _("目标 ≥ 80%"),
        ),
        Figure(
            _("满意率"),
            str(counts.satisfaction),
            _("评价为基本满意及以上 ÷ 已评价：%(parts)s。", parts=counts.satisfaction.parts)
            + _("未评价的来电未计入。目标 ≥ 98%。"),
            _below(counts.satisfaction, 98),
            _("已评价 %(n)s", n=counts.rated),
        ),
    ]


def _below(ratio: Ratio, target: float) -> str:
    return "warn" if ratio.percent is not None and ratio.percent < target else ""
