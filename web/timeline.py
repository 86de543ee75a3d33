"""A call's journal in plain words."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from callcenter.events import Kind
from callcenter.models import JournalEvent
from web import talk_timeline, words
from web.localtime import duration

Data = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Line:
    """One event as a person reads it. `tone` is good, warn, bad, agent or ""."""

    at: float
    text: str
    tone: str = ""
    details: list[tuple[str, str]] = field(default_factory=list)


def describe(event: JournalEvent, name_of: Callable[[str], str] = str) -> Line:
    """`name_of` turns an agent's number into what is shown for it."""
    data = {key: value for key, value in event.data.items() if value is not None}
    if "agent" in data:
        data["agent"] = name_of(str(data["agent"]))
    teller = _TELLERS.get(event.kind)
    text, tone = teller(data) if teller else (event.kind, "")
    details = []
    if event.kind == Kind.DECISION:
        details = [*_considered(data, name_of), *_counted(data)]
    return Line(event.at, text, tone, details)


Told = tuple[str, str]


def _get(data: Data, key: str) -> str:
    return str(data.get(key, "–"))


def _number(data: Data, key: str) -> float | None:
    value = data.get(key)
    return float(value) if isinstance(value, int | float) else None


def _arrived(data: Data) -> Told:
    if data.get("purpose"):
        purpose = words.word(words.STAGES, str(data["purpose"]))
        return _("市民接起去电（%(purpose)s）", purpose=purpose), "good"
    return _("来电到达，拨打 %(dialed)s", dialed=_get(data, "dialed")), ""


def _resumed(data: Data) -> Told:
    stage = str(words.word(words.STAGES, data.get("stage")))
    return _("系统重新接管通话（%(stage)s）", stage=stage), "warn"


def _ended(data: Data) -> Told:
    by = str(words.word(words.PARTIES, data.get("by")))
    cause = _get(data, "cause")
    if "by" in data:
        return _("通话结束，%(by)s挂机（%(cause)s）", by=by, cause=cause), ""
    return _("通话结束（%(cause)s）", cause=cause), ""


def _menu(data: Data) -> str:
    return str(words.word(words.MENUS, data.get("menu")))


def choice_words(choice: str) -> str:
    """What a key led to: `queue:NAME`, `menu:NAME`, `message`, `play` or `person`."""
    what, _colon, name = choice.partition(":")
    if what == "queue":
        return _("人工服务（%(queue)s）", queue=words.word(words.QUEUES, name))
    if what == "menu":
        return str(words.word(words.MENUS, name))
    known = {"person": _("人工服务"), "message": _("留言"), "play": _("收听信息")}
    known["progress"] = _("查询工单进度")
    return known.get(what, choice)


def _menu_key(data: Data) -> Told:
    choice = choice_words(_get(data, "choice"))
    return _("按 %(key)s → %(choice)s", key=_get(data, "key"), choice=choice), ""


def _queue_joined(data: Data) -> Told:
    text = _("进入队列“%(queue)s”", queue=words.word(words.QUEUES, data.get("queue")))
    if data.get("priority"):
        text += _("，优先级 %(n)s", n=data["priority"])
    if data.get("requirement"):
        text += _("，技能要求 %(skill)s", skill=data["requirement"])
    for asks in _tables(data, "history"):
        text += _("（其中 %(skill)s 由来电历史提出）", skill=asks.get("requirement"))
    if data.get("rule"):
        text += _("（规则：%(rule)s）", rule=words.word(words.OVERFLOW_RULES, data["rule"]))
    if data.get("since"):
        text += _("，保留首次来电的位置")
    return text, ""


def _tables(data: Data, key: str) -> list[Data]:
    items = data.get(key)
    return [item for item in (items if isinstance(items, list) else []) if isinstance(item, dict)]


def _announced(data: Data) -> Told:
    text = _("播报排队位置：第 %(n)s 位", n=_get(data, "position"))
    estimate = _number(data, "estimate")
    if estimate is not None:
        text += _("，预计等待 %(time)s", time=duration(estimate))
    return text, ""


def _left(data: Data) -> Told:
    reason = data.get("reason")
    text = _("离开队列：%(reason)s", reason=words.word(words.LEAVE_REASONS, reason))
    if data.get("rule"):
        text += _("（规则：%(rule)s）", rule=words.word(words.OVERFLOW_RULES, data["rule"]))
    return text, "warn" if reason in ("abandoned", "failed") else ""


def _decision(data: Data) -> Told:
    rule = words.word(words.RULES, data.get("rule"))
    if "agent" not in data:
        return _("暂无可派坐席（规则：%(rule)s）", rule=rule), ""
    return _("派给 %(agent)s（规则：%(rule)s）", agent=data["agent"], rule=rule), ""


def _considered(data: Data, name_of: Callable[[str], str]) -> list[tuple[str, str]]:
    pairs = data.get("considered")
    return [
        (name_of(str(pair[0])), considered_words(str(pair[1])))
        for pair in (pairs if isinstance(pairs, list) else [])
        if isinstance(pair, list | tuple) and len(pair) == 2
    ]


def _counted(data: Data) -> list[tuple[str, str]]:
    """How many of the queue's agents were passed over, by reason."""
    pairs = data.get("counts")
    return [
        (_("共 %(n)s 人", n=pair[1]), considered_words(str(pair[0])))
        for pair in (pairs if isinstance(pairs, list) else [])
        if isinstance(pair, list | tuple) and len(pair) == 2
    ]


_FREE = re.compile(
    r"(?:chosen: (?P<rule>[^,]+), )?free for (?P<seconds>\d+) s, level (?P<level>\d+), "
    r"(?P<calls>\d+) calls"
)
_BUSY = re.compile(r"(?P<state>[a-z ]+?)(?: \((?P<reason>[a-z ]+)\))?")


def considered_words(account: str) -> str:
    """The engine's account of one agent (`acd.explain`); what isn't known stays as it is."""
    if account in words.PASSED_OVER:
        return str(words.PASSED_OVER[account])
    if free := _FREE.fullmatch(account):
        text = _(
            "空闲 %(time)s，等级 %(level)s，已接 %(calls)s 通",
            time=duration(float(free["seconds"])),
            level=free["level"],
            calls=free["calls"],
        )
        if not free["rule"]:
            return text
        return _("选中（%(rule)s）：", rule=words.word(words.RULES, free["rule"])) + text
    busy = _BUSY.fullmatch(account)
    state = words.AGENT_STATES.get(busy["state"].replace(" ", "_")) if busy else None
    if busy is None or state is None:
        return account
    if not busy["reason"]:
        return str(state)
    reason = words.word(words.NOT_READY_REASONS, busy["reason"].replace(" ", "_"))
    return _("%(state)s（%(reason)s）", state=state, reason=reason)


def _offer_made(data: Data) -> Told:
    return _("呼叫坐席 %(agent)s", agent=_get(data, "agent")), "agent"


def _offer_ringing(data: Data) -> Told:
    return _("坐席 %(agent)s 话机振铃", agent=_get(data, "agent")), "agent"


def _offer_ended(data: Data) -> Told:
    result = data.get("result")
    return (
        _(
            "坐席 %(agent)s：%(result)s",
            agent=_get(data, "agent"),
            result=words.word(words.OFFER_RESULTS, result),
        ),
        "good" if result == "answered" else "warn",
    )


def _talk_started(data: Data) -> Told:
    return _("坐席 %(agent)s 开始通话", agent=_get(data, "agent")), "good"


def _talk_ended(data: Data) -> Told:
    return _("通话结束，%(by)s先挂机", by=words.word(words.PARTIES, data.get("by"))), ""


def _rated(data: Data) -> Told:
    rating = data.get("rating")
    said = str(words.RATINGS.get(rating, rating)) if isinstance(rating, int) else "–"
    bad = isinstance(rating, int) and rating > 3
    return _("市民评价：%(rating)s", rating=said), "bad" if bad else "good"


def _message(data: Data) -> Told:
    return _("留言已录制，%(time)s", time=duration(_number(data, "seconds"))), ""


def _callback_requested(data: Data) -> Told:
    if data.get("reason") == "cut_off":
        return _("来电因故障中断，系统将回电"), "warn"
    if data.get("reason") == "overflow":
        return _("按队列规则将回电市民，保留位置"), ""
    return _("市民要求回电，保留位置"), ""


def _callback_failed(data: Data) -> Told:
    n, cause = _get(data, "attempt"), _get(data, "cause")
    if "again" in data:
        return _("第 %(n)s 次回拨未成功（%(cause)s），稍后再拨", n=n, cause=cause), "warn"
    return _("第 %(n)s 次回拨未成功（%(cause)s），不再回拨，请人工处理", n=n, cause=cause), "bad"


QUESTIONS = {"true": _l("答复是否属实"), "solved": _l("是否解决"), "satisfied": _l("是否满意")}


def _follow_up_answer(data: Data) -> Told:
    question, answer = data.get("question"), data.get("answer")
    if question == "satisfied":
        said = str(words.RATINGS.get(answer, answer)) if isinstance(answer, int) else "–"
        bad = isinstance(answer, int) and answer > 3
    else:
        said, bad = _("是") if answer == 1 else _("否") if answer == 2 else "–", answer == 2
    asked = words.word(QUESTIONS, str(question))
    return _(
        "回访：%(question)s？%(answer)s", question=asked, answer=said
    ), "bad" if bad else "good"


_TELLERS: dict[str, Callable[[Data], Told]] = {
    **talk_timeline.TELLERS,
    Kind.CALL_ARRIVED: _arrived,
    Kind.CALL_RESUMED: _resumed,
    Kind.CALL_ENDED: _ended,
    Kind.MENU_ENTERED: lambda data: (_("播放菜单“%(menu)s”", menu=_menu(data)), ""),
    Kind.MENU_KEY: _menu_key,
    Kind.MENU_SILENCE: lambda data: (
        _("未按键（第 %(n)s 次）", n=_get(data, "attempt")),
        "",
    ),
    Kind.MENU_WRONG_KEY: lambda data: (
        _("按 %(key)s：无此选项（第 %(n)s 次）", key=_get(data, "key"), n=_get(data, "attempt")),
        "warn",
    ),
    Kind.QUEUE_JOINED: _queue_joined,
    Kind.QUEUE_ANNOUNCED: _announced,
    Kind.QUEUE_LEFT: _left,
    Kind.DECISION: _decision,
    Kind.OFFER_MADE: _offer_made,
    Kind.OFFER_RINGING: _offer_ringing,
    Kind.OFFER_ENDED: _offer_ended,
    Kind.TALK_STARTED: _talk_started,
    Kind.TALK_ENDED: _talk_ended,
    Kind.RECORDING_STARTED: lambda data: (_("开始录音"), ""),
    Kind.RECORDING_STOPPED: lambda data: (_("录音结束"), ""),
    Kind.SURVEY_STARTED: lambda data: (_("请市民评价"), ""),
    Kind.SURVEY_RATED: _rated,
    Kind.SURVEY_SILENT: lambda data: (_("市民未评价"), ""),
    Kind.MESSAGE_RECORDED: _message,
    Kind.CALLBACK_REQUESTED: _callback_requested,
    Kind.CALLBACK_DIALED: lambda data: (
        _("第 %(n)s 次回拨市民", n=_get(data, "attempt")),
        "agent",
    ),
    Kind.CALLBACK_FAILED: _callback_failed,
    Kind.CALLBACK_ANSWERED: lambda data: (_("市民接听回电"), "good"),
    Kind.OUTBOUND_DIALED: lambda data: (_("系统拨出电话"), "agent"),
    Kind.OUTBOUND_FAILED: lambda data: (
        _("去电未接通（%(cause)s）", cause=_get(data, "cause")),
        "warn",
    ),
    Kind.FOLLOW_UP_ANSWER: _follow_up_answer,
    Kind.FOLLOW_UP_SILENT: lambda data: (_("回访：市民未按键"), "warn"),
    Kind.FOLLOW_UP_PERSON: lambda data: (_("回访：市民要求与话务员通话"), ""),
    Kind.NOTICE_HEARD: lambda data: (_("已按键确认收听通知"), "good"),
    Kind.PROGRESS_ASKED: lambda data: (
        _(
            "查询工单进度：%(result)s",
            result=words.word(words.PROGRESS_RESULTS, data.get("result")),
        ),
        "good" if data.get("result") == "found" else "warn",
    ),
    Kind.SELF_SERVED: lambda data: (
        _("收听自助信息：%(service)s", service=_get(data, "service")),
        "",
    ),
    Kind.BLOCKED: lambda data: (_("号码已被拦截：%(reason)s", reason=_get(data, "reason")), "warn"),
    Kind.FAILED: lambda data: (_("呼叫失败：%(reason)s", reason=_get(data, "reason")), "bad"),
    Kind.REPAIRED: lambda data: (
        _("系统自检修复：%(found)s → %(done)s", found=_get(data, "found"), done=_get(data, "done")),
        "warn",
    ),
}
