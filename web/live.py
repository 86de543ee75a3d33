"""Queues, agents and the day as they are now: the supervisor's page and the wall's.

Both are drawn once here and kept current by `web.board`'s differences.
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import asdict
from typing import Any, cast

from flask import Blueprint, current_app, render_template
from flask_babel import gettext as _
from sqlalchemy import select

from acd.messages import AgentState
from callcenter.agent_day import together
from callcenter.alarms import Thresholds
from callcenter.daybook import ALL
from callcenter.figures import QUARTER
from callcenter.models import Agent
from web import presence, words
from web.board import queue_shown, spent_shown
from web.days import all_of_today
from web.figures import tiles
from web.people import agent_names
from web.storage import db, redis_client

blueprint = Blueprint("live", __name__, url_prefix="/live")

# In the order in which a supervisor wants to count them.
ORDER = (
    AgentState.TALKING,
    AgentState.HOLDING,
    AgentState.RINGING,
    AgentState.RESERVED,
    AgentState.WRAP_UP,
    AgentState.READY,
    AgentState.NOT_READY,
    AgentState.LOGGED_OUT,
)


@blueprint.get("")
def live() -> str:
    now = presence.read(redis_client())
    agents = _agents(now)
    return render_template(
        "live.html",
        now=now,
        agents=agents,
        names=agent_names(),
        spent=_spent(),
        states=Counter(agent.state for agent in agents),
        order=ORDER,
        skills=sorted({skill for agent in agents for skill in agent.skills}),
        **_common(now),
    )


@blueprint.get("/wall")
def wall() -> str:
    """The same for the wall: to be read from five metres, nothing to be pressed."""
    now = presence.read(redis_client())
    return render_template(
        "wall.html", now=now, order=ORDER, states=Counter(a.state for a in _agents(now)),
        **_common(now),
    )  # fmt: skip


def _common(now: presence.Live) -> dict[str, Any]:
    day = all_of_today(db())
    spent = together(day.agents.all(day.now).values())
    return {
        "tiles": [asdict(tile) for tile in tiles(day.calls, ALL, spent)],
        "queues": {name: queue_shown(queue) for name, queue in sorted(now.queues.items())},
        "stale_after": int(presence.STALE_AFTER),
        "told": _told(day.calls.start),
    }


def _agents(now: presence.Live) -> list[presence.AgentPresence]:
    """In the order of their numbers: people are looked for where they were before."""
    active = db().scalars(select(Agent.number).where(Agent.active))
    numbers = sorted({*active, *now.agents})
    return [now.agents.get(number, presence.AgentPresence(number)) for number in numbers]


def _spent() -> dict[str, list[int | None]]:
    """By agent: calls, handling time in seconds, occupancy in percent."""
    day = all_of_today(db())
    return {number: spent_shown(spent) for number, spent in day.agents.all(day.now).items()}


def _told(day_start: float) -> dict[str, Any]:
    """Words and limits that the page's script needs."""
    thresholds = cast(Thresholds, current_app.extensions["callcenter.thresholds"])
    return {
        "states": {state: str(words.AGENT_STATES[state]) for state in AgentState},
        "reasons": {reason: str(word) for reason, word in words.NOT_READY_REASONS.items()},
        "queues": {name: str(word) for name, word in words.QUEUES.items()},
        "order": list(ORDER),
        "all": ALL,
        "day": day_start,
        "quarter": QUARTER,
        "now": time.time(),
        "wait": {
            "": thresholds.longest_wait.model_dump(),
            **{
                name: thresholds.of(name, "longest_wait").model_dump()
                for name in thresholds.queues
            },
        },
        "modes": {
            "listen": _("监听"),
            "whisper": _("耳语"),
            "barge": _("强插"),
            "take_over": _("接管通话"),
        },
        "says": {
            "calls": _("接听 {n}"),
            "handling": "{n}",
            "occupancy": "{n}%",
            "unregistered": _("话机未注册"),
            "closed": _("不在服务时间"),
            "anonymous": str(words.ANONYMOUS),
            "nobody": _("没有人在排队。"),
            "act": _("操作"),
            "virtual": _("已挂机，保留位置"),
            "priority": _("优先 {n}"),
            "chart_queued": _("进入队列"),
            "chart_answered": _("接听"),
            "chart_abandoned": _("放弃"),
            "chart_level": _("15 秒应答率 %"),
            "chart_rate": _("接通率 %"),
            "chart_told": _("每 15 分钟：进入队列 {queued}，接听 {answered}，放弃 {abandoned}"),
            "more_alarms": _("另有 {n} 项告警"),
            "wait_warn": _("等待偏长"),
            "wait_alarm": _("等待过长"),
        },
    }  # fmt: skip
