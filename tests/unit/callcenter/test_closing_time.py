"""When queues close: their own hours, else those of the hotlines that lead to them."""

from __future__ import annotations

import datetime as dt
import time
from zoneinfo import ZoneInfo

import gevent
from switches import eventually

from acd.config import Config
from acd.messages import QueueClosed, QueueOpened
from callcenter.closing_time import ClosingTime, closed_queues
from ivr.hotline import Hotline

CONFIG = Config.from_data(
    {
        "queues": {
            "general": {},
            "overflow": {},
            "tax": {"hours": {"week": {"mon": ["09:00-10:00"]}}},
        }
    }
)
OFFICE = {"week": {"mon": [{"start": "08:00", "end": "18:00"}]}}


def hotline(name: str, queue: str, **more) -> Hotline:
    return Hotline(name=name, title=name, numbers=("12345",), queue=queue, **more)


def at(text: str) -> float:
    return dt.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Asia/Shanghai")).timestamp()


MONDAY_NOON, MONDAY_NIGHT = at("2026-09-28 12:00"), at("2026-09-28 20:00")


def test_a_queue_goes_by_its_hotlines_unless_it_has_hours_of_its_own():
    office = [hotline("city", "general", hours=OFFICE), hotline("tax", "tax", hours=OFFICE)]
    assert closed_queues(CONFIG, office, MONDAY_NOON) == {"tax"}
    assert closed_queues(CONFIG, office, MONDAY_NIGHT) == {"general", "tax"}


def test_a_queue_is_open_while_one_of_its_hotlines_is():
    both = [hotline("city", "general", hours=OFFICE), hotline("night", "general")]
    assert closed_queues(CONFIG, both, MONDAY_NIGHT) == {"tax"}


def test_only_what_changes_is_told():
    now = [MONDAY_NOON]
    closed: set[str] = set()
    told = []

    def tell(message):
        told.append(message)
        if isinstance(message, QueueClosed):
            closed.add(message.queue)
        else:
            closed.discard(message.queue)

    lines = {"12345": hotline("city", "general", hours=OFFICE)}
    clock = ClosingTime(
        lambda: CONFIG, lines, lambda: frozenset(closed), tell, lambda: 7.0, lambda: now[0]
    )
    for moment in (MONDAY_NOON, MONDAY_NIGHT, MONDAY_NIGHT, at("2026-10-05 09:30")):
        now[0] = moment
        clock.look()
    assert told == [
        QueueClosed(7.0, "tax"),
        QueueClosed(7.0, "general"),
        QueueOpened(7.0, "general"),
        QueueOpened(7.0, "tax"),
    ]


def test_closing_time_is_noticed_at_the_whole_minute():
    began, told = time.monotonic(), []
    hotlines = {"12345": hotline("city", "general", hours=OFFICE)}
    closing = at("2026-09-28 18:00")

    def wall() -> float:
        return closing - 0.2 + time.monotonic() - began

    clock = ClosingTime(
        lambda: CONFIG,
        hotlines,
        lambda: frozenset({"tax"}),
        lambda message: told.append((message, wall())),
        lambda: 7.0,
        wall,
    )
    looking = gevent.spawn(clock.run)
    try:
        eventually(lambda: gevent.sleep(0.01) or told, "the queue is closed", 5)
    finally:
        looking.kill()
    ((message, noticed),) = told
    assert message == QueueClosed(7.0, "general")
    assert closing <= noticed < closing + 1
