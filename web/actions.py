"""What a supervisor may do on the live page: each action, what it asks for, what it is sent as.

A form is checked here and becomes a command's arguments; nothing here sends or stores anything.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flask_babel import LazyString
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from acd.messages import AgentState
from callcenter.privacy import clean_text
from web import words
from web.acd_admin import levels

WHY_LENGTH = 200
MESSAGE_LENGTH = 500
LONGEST_SKILLS = 12 * 60  # minutes
PHONE = re.compile(r"\d{2,16}", re.ASCII)
TALKING = frozenset({AgentState.TALKING, AgentState.HOLDING})
LOGGED_IN = frozenset(AgentState) - {AgentState.LOGGED_OUT}

Form = Mapping[str, str]
Problems = dict[str, str]
Args = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Action:
    """`about`: what it is done to. `cuts`: somebody is cut off, so it must be confirmed."""

    command: str
    label: LazyString
    about: str  # agent, call, everybody
    read: Callable[[Form, Problems], Args] = field(default=lambda form, problems: {})
    fields: tuple[str, ...] = ()
    cuts: LazyString | None = None
    states: frozenset[AgentState] = LOGGED_IN  # of the agent, in which it makes sense


def _phone(form: Form, problems: Problems) -> Args:
    phone = form.get("phone", "").strip()
    if not PHONE.fullmatch(phone):
        problems["phone"] = _("请填写您的话机分机号（2 至 16 位数字）。")
    return {"phone": phone}


def _release(form: Form, problems: Problems) -> Args:
    what = form.get("what", "")
    if what not in RELEASES:
        problems["what"] = _("请选择要拆除的对象。")
    return {"what": what}


def _state(form: Form, problems: Problems) -> Args:
    state, reason = form.get("state", ""), form.get("reason", "")
    if state not in STATES:
        problems["state"] = _("请选择状态。")
    if state != "not_ready":
        return {"state": state}
    if reason not in words.CHOOSABLE_REASONS:
        problems["reason"] = _("请选择示忙原因。")
    return {"state": state, "reason": reason}


def _skills(form: Form, problems: Problems) -> Args:
    told: Args = {name: levels(form.get(name, ""), name, problems) for name in ("queues", "skills")}
    minutes = form.get("minutes", "").strip()
    if minutes:
        if not minutes.isdecimal() or not 1 <= int(minutes) <= LONGEST_SKILLS:
            problems["minutes"] = _("请填 1 至 %(n)s 的整数分钟。", n=LONGEST_SKILLS)
        else:
            told["seconds"] = int(minutes) * 60
    return told


def _queue(form: Form, problems: Problems) -> Args:
    queue = form.get("queue", "").strip()
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,31}", queue):
        problems["queue"] = _("请选择队列。")
    return {"queue": queue}


def _priority(form: Form, problems: Problems) -> Args:
    priority = form.get("priority", "")
    if not re.fullmatch(r"[0-9]", priority):
        problems["priority"] = _("请填 0 至 9。")
        return {}
    return {"priority": int(priority)}


def _text(form: Form, problems: Problems) -> Args:
    text = clean_text(form.get("text", ""), MESSAGE_LENGTH)
    if not text:
        problems["text"] = _("请填写消息内容。")
    return {"text": text}


RELEASES = {
    "agent": _l("只拆坐席，市民转去评价"),
    "call": _l("拆除整通电话"),
}
STATES = {
    "ready": _l("示闲"),
    "not_ready": _l("示忙"),
    "wrapup_end": _l("结束话后处理"),
    "logged_out": _l("签出"),
}

ACTIONS = {
    action.command: action
    for action in (
        Action("supervisor.listen", _l("监听"), "agent", _phone, ("phone",), states=TALKING),
        Action("supervisor.whisper", _l("耳语"), "agent", _phone, ("phone",), states=TALKING),
        Action("supervisor.barge", _l("强插"), "agent", _phone, ("phone",), states=TALKING),
        Action("supervisor.stop", _l("停止监听"), "agent", _phone, ("phone",), states=TALKING),
        Action(
            "supervisor.take_over",
            _l("接管通话"),
            "agent",
            _phone,
            ("phone",),
            _l("坐席会被移出这通电话，由您与市民继续。"),
            TALKING,
        ),
        Action(
            "supervisor.release",
            _l("强拆"),
            "agent",
            _release,
            ("what",),
            _l("正在进行的通话会被切断。"),
            TALKING,
        ),
        Action("supervisor.agent_state", _l("改变状态"), "agent", _state, ("state", "reason"),
               states=frozenset(AgentState)),
        Action(
            "supervisor.agent_skills",
            _l("临时调整队列与技能"),
            "agent",
            _skills,
            ("queues", "skills", "minutes"),
        ),
        Action("supervisor.agent_skills_reset", _l("恢复原有队列与技能"), "agent"),
        Action("supervisor.message", _l("发消息"), "agent", _text, ("text",),
               states=frozenset(AgentState)),
        Action("supervisor.move", _l("转移到其他队列"), "call", _queue, ("queue",)),
        Action("supervisor.raise", _l("改变优先级"), "call", _priority, ("priority",)),
    )
}  # fmt: skip

# The first part of a refusal; the rest of it is for the log.
REFUSALS = {
    "no_talk": _l("坐席没有在通话"),
    "not_listening": _l("没有在监听"),
    "not_waiting": _l("来电已不在排队"),
    "unknown_queue": _l("没有这个队列"),
    "unknown_agent": _l("没有这个坐席"),
    "unknown_call": _l("没有这通来电"),
    "phone_not_registered": _l("话机未注册"),
    "switch_failed": _l("交换机未能执行"),
    "in_call": _l("正在通话"),
    "bad_argument": _l("内容不符合要求"),
    "not_allowed": _l("不允许"),
}


def refusal(error: str) -> str:
    """A refusal in words; what isn't known is shown as it came."""
    code, _colon, _rest = error.partition(":")
    return str(REFUSALS.get(code, error))
