"""A day's figures, by quarter of an hour and by agent."""

from __future__ import annotations

import datetime as dt
import time

from flask import Response

from callcenter.day_report import Report, report
from callcenter.daybook import ALL, Day, read_day
from web.api.blueprint import answer, blueprint, read_query
from web.api.document import operation
from web.api.schemas import (
    AgentDayOut,
    CountsOut,
    FigureOut,
    FiguresOut,
    FiguresQuery,
    QuarterOut,
)
from web.days import all_of_today
from web.localtime import today
from web.storage import db


@blueprint.get("/figures")
@operation(
    "A day's figures, each with its numerator, its denominator and what is left out",
    response=FiguresOut,
    query=FiguresQuery,
    errors=(400,),
)
def figures() -> Response:
    asked = read_query(FiguresQuery)
    return answer(_told(report(_day(asked.day), asked.queue or ALL)))


def _day(asked: dt.date | None) -> Day:
    """Today's is the one that the pages show; another is read for this question."""
    if asked in (None, today()):
        return all_of_today(db())
    return read_day(db(), asked or today(), time.time())


def _told(made: Report) -> FiguresOut:
    return FiguresOut(
        day=made.day,
        queue=made.queue,
        over=made.over,
        at=dt.datetime.fromtimestamp(made.now, dt.UTC),
        going_on=made.going_on,
        counts=CountsOut.model_validate(made.counts),
        figures=[FigureOut.model_validate(line) for line in made.figures],
        quarters=[
            QuarterOut(
                start=line.start,
                counts=CountsOut.model_validate(line.counts),
                connection_rate=line.connection_rate.value,
                service_level=line.service_level.value,
            )
            for line in made.quarters
        ],
        agents=[AgentDayOut.model_validate(line) for line in made.agents],
    )
