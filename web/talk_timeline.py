"""What became of a conversation, in plain words: hold, third parties, marks, supervisors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from callcenter.events import Kind
from callcenter.transfer import Phase
from web import words
from web.localtime import duration

Data = Mapping[str, Any]
Told = tuple[str, str]

PHASES: words.Words = {
    Phase.TALKING: _l("与市民通话"),
    Phase.HELD: _l("保持，市民听音乐"),
    Phase.DIALING: _l("正在呼叫第三方，市民听音乐"),
    Phase.CONSULTING: _l("与第三方咨询，市民听音乐"),
    Phase.TRANSFERRING: _l("正在转接，与市民通话中"),
    Phase.WAITING: _l("等待第三方接听，市民听音乐"),
    Phase.JOINED: _l("三方通话"),
    Phase.HANDED_OVER: _l("市民与第三方通话"),
    Phase.AFTERTALK: _l("市民已离开，与第三方通话"),
    Phase.BACK: _l("市民回到队列"),
    Phase.OVER: _l("结束"),
}
MARKS: words.Words = {
    "hold": _l("保持"),
    "resume": _l("恢复"),
    "consult": _l("咨询第三方"),
    "consulting": _l("与第三方单独通话（不在录音内）"),
    "not_reached": _l("第三方未接通"),
    "transfer": _l("转接"),
    "join": _l("三方"),
    "leave": _l("坐席离开"),
    "third_left": _l("第三方离开"),
}
ACTIONS: words.Words = {
    "listen": _l("监听"),
    "whisper": _l("耳语"),
    "barge": _l("强插"),
    "stop": _l("停止监听"),
    "take_over": _l("接管通话"),
    "release": _l("强拆"),
    "agent_state": _l("更改坐席状态"),
    "agent_skills": _l("更改坐席技能"),
    "agent_skills_reset": _l("恢复坐席技能"),
    "move": _l("移动排队来电"),
    "raise": _l("提高优先级"),
    "message": _l("发送消息"),
}


def _get(data: Data, key: str) -> str:
    return str(data.get(key, "–"))


def _third(data: Data) -> str:
    """The third party's name, or its number."""
    return str(data.get("title") or data.get("number") or data.get("destination") or "–")


def _control(data: Data) -> Told:
    phase = str(words.word(PHASES, data.get("new")))
    return _("通话控制：%(phase)s", phase=phase), "agent"


def _marked(data: Data) -> Told:
    text = _("录音标记：%(label)s", label=words.word(MARKS, data.get("label")))
    offset = data.get("offset")
    if isinstance(offset, int | float):
        text += _("（%(time)s 处）", time=duration(offset))
    if data.get("note"):
        text += f" {data['note']}"
    return text, ""


def _supervised(data: Data) -> Told:
    action = words.word(ACTIONS, data.get("action"))
    text = _("班长 %(by)s：%(action)s", by=_get(data, "by"), action=action)
    if data.get("why"):
        text += _("（%(why)s）", why=data["why"])
    return text, "warn"


def _decided(data: Data) -> Told:
    if data.get("confirmed"):
        return _("班长 %(by)s 确认为骚扰电话", by=_get(data, "by")), "warn"
    return _("班长 %(by)s 认为不是骚扰电话", by=_get(data, "by")), ""


def _ended(data: Data) -> Told:
    text = _("第三方 %(where)s 离开（%(cause)s）", where=_third(data), cause=_get(data, "cause"))
    return text, ""


TELLERS: dict[str, Callable[[Data], Told]] = {
    Kind.CONTROL: _control,
    Kind.THIRD_DIALED: lambda data: (_("呼叫第三方 %(where)s", where=_third(data)), "agent"),
    Kind.THIRD_ANSWERED: lambda data: (_("第三方 %(where)s 接听", where=_third(data)), "good"),
    Kind.THIRD_ENDED: _ended,
    Kind.JOINED: lambda data: (_("与 %(where)s 三方通话", where=_third(data)), "good"),
    Kind.TRANSFERRED: lambda data: (_("转至 %(destination)s", destination=_third(data)), ""),
    Kind.RECORDING_MARK: _marked,
    Kind.MUTED: lambda data: (_("坐席静音") if data.get("muted") else _("坐席取消静音"), ""),
    Kind.NUISANCE: lambda data: (
        _("坐席标记为骚扰电话：%(note)s", note=_get(data, "note")),
        "warn",
    ),
    Kind.NUISANCE_DECIDED: _decided,
    Kind.SUPERVISION: _supervised,
}
