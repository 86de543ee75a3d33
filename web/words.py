"""The words people read for the values that the system stores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flask_babel import LazyString
from flask_babel import lazy_gettext as _l

from acd.messages import AgentState, NotReadyReason, OfferResult
from callcenter.events import Outcome
from web import step_words
from web.commands import Command
from web.rights import Role
from workorder.categories import Category
from workorder.clocks import Clock, Entering
from workorder.states import State
from workorder.worktime import Duration, Measure

Words = Mapping[str, LazyString]

ANONYMOUS = _l("匿名来电")
IN_PROGRESS = _l("进行中")

ROLES: Words = {
    Role.AGENT: _l("坐席"),
    Role.SUPERVISOR: _l("班长"),
    Role.DISPATCHER: _l("派单员"),
    Role.UNIT: _l("承办单位"),
    Role.OFFICE: _l("热线办"),
    Role.AUDITOR: _l("审计员"),
    Role.ADMINISTRATOR: _l("系统管理员"),
}

OUTCOMES: Words = {
    Outcome.ANSWERED: _l("已接听"),
    Outcome.ABANDONED_IN_MENU: _l("菜单中挂断"),
    Outcome.ABANDONED_IN_QUEUE: _l("排队中放弃"),
    Outcome.MESSAGE_LEFT: _l("已留言"),
    Outcome.CALLBACK_REQUESTED: _l("要求回电"),
    Outcome.TRANSFERRED: _l("已转出"),
    Outcome.SELF_SERVED: _l("自助完成"),
    Outcome.BLOCKED: _l("已拦截"),
    Outcome.FAILED: _l("呼叫失败"),
}

OUTCOME_TONES: Mapping[str, str] = {
    Outcome.ANSWERED: "good",
    Outcome.SELF_SERVED: "good",
    Outcome.TRANSFERRED: "info",
    Outcome.MESSAGE_LEFT: "info",
    Outcome.CALLBACK_REQUESTED: "info",
    Outcome.ABANDONED_IN_MENU: "quiet",
    Outcome.ABANDONED_IN_QUEUE: "warn",
    Outcome.BLOCKED: "quiet",
    Outcome.FAILED: "bad",
}

STAGES: Words = {
    "welcome": _l("播放欢迎词"),
    "menu": _l("菜单中"),
    "queue": _l("排队中"),
    "offer": _l("振铃中"),
    "talk": _l("通话中"),
    "survey": _l("评价中"),
    "message": _l("留言中"),
    "progress": _l("查询工单进度"),
    "follow_up": _l("回访中"),
    "notice": _l("电话通知中"),
    "order": _l("坐席就工单去电"),
    "office": _l("坐席呼叫部门"),
    "done": _l("即将结束"),
    "ended": _l("已结束"),
}

PROGRESS_RESULTS: Words = {
    "found": _l("已播报"),
    "wrong": _l("编号或号码不正确"),
    "locked": _l("错误次数过多"),
    "unavailable": _l("暂时无法查询"),
}

RATINGS: Mapping[int, LazyString] = {
    1: _l("非常满意"),
    2: _l("满意"),
    3: _l("基本满意"),
    4: _l("不满意"),
    5: _l("非常不满意"),
}

AGENT_STATES: Words = {
    AgentState.LOGGED_OUT: _l("未签入"),
    AgentState.NOT_READY: _l("示忙"),
    AgentState.READY: _l("空闲"),
    AgentState.RESERVED: _l("即将振铃"),
    AgentState.RINGING: _l("振铃中"),
    AgentState.TALKING: _l("通话中"),
    AgentState.HOLDING: _l("保持"),
    AgentState.WRAP_UP: _l("话后处理"),
}

NOT_READY_REASONS: Words = {
    NotReadyReason.NONE: _l("未说明原因"),
    NotReadyReason.BREAK: _l("小休"),
    NotReadyReason.MEAL: _l("用餐"),
    NotReadyReason.TRAINING: _l("培训"),
    NotReadyReason.MEETING: _l("会议"),
    NotReadyReason.MISSED_CALL: _l("漏接来电"),
    NotReadyReason.UNREACHABLE: _l("话机未注册"),
}
# What an agent may choose; the others are set by the system.
CHOOSABLE_REASONS = (
    NotReadyReason.BREAK,
    NotReadyReason.MEAL,
    NotReadyReason.TRAINING,
    NotReadyReason.MEETING,
)

COMMANDS: Words = {
    Command.LOGIN: _l("签入"),
    Command.LOGOUT: _l("签出"),
    Command.READY: _l("示闲"),
    Command.NOT_READY: _l("示忙"),
    Command.END_WRAP_UP: _l("完成话后处理"),
    Command.EXTEND_WRAP_UP: _l("延长话后处理"),
    Command.OFF_HOOK: _l("摘机待接"),
    Command.ON_HOOK: _l("结束摘机"),
    Command.HOLD: _l("保持通话"),
    Command.RESUME: _l("恢复通话"),
    Command.MUTE: _l("静音"),
    Command.UNMUTE: _l("取消静音"),
    Command.CONSULT: _l("电话咨询"),
    Command.TRANSFER: _l("转接"),
    Command.JOIN: _l("三方通话"),
    Command.LEAVE: _l("退出通话"),
    Command.DROP: _l("结束第三方"),
    Command.SURVEY: _l("请评价并挂机"),
    Command.DIAL: _l("外呼"),
    Command.MARK: _l("录音标注"),
    Command.NUISANCE: _l("标记骚扰"),
}

# Why a command can't be given now: the controller's codes.
CONTROL_REASONS: Words = {
    "no_call": _l("没有通话"),
    "not_held": _l("没有保持"),
    "on_hold": _l("已在保持"),
    "already_muted": _l("已经静音"),
    "not_muted": _l("没有静音"),
    "consulting": _l("正在咨询"),
    "not_consulting": _l("没有在咨询"),
    "dialing": _l("正在呼叫第三方"),
    "transferring": _l("正在转接"),
    "joined": _l("三方通话中"),
    "no_third": _l("没有第三方"),
    "citizen_gone": _l("市民已挂机"),
    "no_trunk": _l("没有外线"),
    "unknown_destination": _l("没有这个转接对象"),
    "out_of_hours": _l("对方不在服务时间"),
    "not_allowed": _l("不允许呼叫此号码"),
    "in_call": _l("正在通话"),
    "phone_not_registered": _l("话机未注册"),
    "switch_failed": _l("交换机没有执行"),
    "bad_argument": _l("填写的内容不对"),
    "unknown_call": _l("没有这通来电"),
    "being_called": _l("系统会自动回拨"),
    "logged_out": _l("未签入"),
    "number_hidden": _l("号码隐藏，无法回拨"),
    "unavailable": _l("资料暂时查不到"),
}

PHASES: Words = {
    "talking": _l("通话中"),
    "held": _l("保持中，市民听音乐"),
    "dialing": _l("正在呼叫第三方，市民听音乐"),
    "consulting": _l("与第三方通话，市民听音乐"),
    "transferring": _l("正在转接，您和市民仍在通话"),
    "joined": _l("三方通话中"),
    "aftertalk": _l("市民已挂机，与第三方通话"),
}

DESTINATION_KINDS: Words = {
    "emergency": _l("紧急"),
    "joint": _l("联动热线"),
    "discipline": _l("纪检监察"),
    "desk": _l("部门坐席"),
}

# How a call to a third party failed (Q.850 names), for people.
DIAL_FAILURES: Words = {
    "USER_BUSY": _l("占线"),
    "NO_ANSWER": _l("无人接听"),
    "NO_USER_RESPONSE": _l("无人接听"),
    "CALL_REJECTED": _l("对方拒接"),
    "UNALLOCATED_NUMBER": _l("空号"),
}

OFFER_RESULTS: Words = {
    OfferResult.ANSWERED: _l("已接起"),
    OfferResult.NO_ANSWER: _l("无人接听"),
    OfferResult.REFUSED: _l("话机拒接"),
    OfferResult.UNREACHABLE: _l("话机不可达"),
    OfferResult.WITHDRAWN: _l("已撤回"),
    OfferResult.FAILED: _l("未能呼出"),
}

RULES: Words = {
    "longest idle": _l("空闲最久"),
    "least occupied": _l("占用最少"),
    "fewest calls": _l("接听最少"),
    "round robin": _l("轮流"),
    "fixed order": _l("固定顺序"),
    "best fit": _l("技能最合适"),
    "last agent": _l("上次接待的坐席"),
    "nobody free": _l("无人空闲"),
    "waits for the last agent": _l("等候上次接待的坐席"),
}

PASSED_OVER: Words = {
    "free": _l("空闲，未轮到"),
    "lacks the skill": _l("不符合技能要求"),
    "is not the last agent": _l("不是上次接待的坐席"),
}

OVERFLOW_RULES: Words = {
    "full": _l("队列已满"),
    "waited": _l("等待超时"),
    "no_agent": _l("无人在岗"),
    "closed": _l("不在服务时间"),
    "deleted": _l("队列已删除"),
    "callback attempts": _l("回拨次数用完"),
}

LEAVE_REASONS: Words = {
    "abandoned": _l("市民挂机"),
    "message": _l("转去留言"),
    "callback": _l("要求回电"),
    "overflow": _l("溢出到其他队列"),
    "closed": _l("不在服务时间"),
    "failed": _l("系统故障"),
}

PARTIES: Words = {
    "citizen": _l("市民"),
    "agent": _l("坐席"),
    "switch": _l("交换机"),
    "controller": _l("系统"),
    "system": _l("系统"),
}

# Queues and menus are the hotline's own data; these are the names of the files we ship.
QUEUES: Words = {
    "general": _l("综合队列"),
}
MENUS: Words = {
    "main": _l("主菜单"),
    "auto": _l("自动服务"),
    "closed": _l("非服务时间"),
}

CATEGORIES: Words = {
    Category.INQUIRY: _l("咨询"),
    Category.HELP: _l("求助"),
    Category.COMPLAINT: _l("投诉"),
    Category.REPORT: _l("举报"),
    Category.SUGGESTION: _l("建议"),
    Category.EMERGENCY: _l("突发"),
    Category.KEY: _l("重点"),
    Category.ECONOMIC_VIOLATION: _l("经济违法"),
    Category.GUIDANCE: _l("指引"),
}

ORDER_STATES: Words = {
    State.DRAFT: _l("草稿"),
    State.ACCEPTED: _l("待派单"),
    State.DISPATCHED: _l("待签收"),
    State.ACKNOWLEDGED: _l("已签收"),
    State.IN_PROGRESS: _l("办理中"),
    State.RETURNED: _l("已退单"),
    State.JOINT: _l("联合审定中"),
    State.RESOLVED: _l("待复核"),
    State.REVIEWED: _l("待回访"),
    State.FOLLOWED_UP: _l("已回访"),
    State.ARCHIVED: _l("已归档"),
    State.ANSWERED: _l("即时答复"),
    State.DECLINED: _l("不予受理"),
    State.MERGED: _l("已合并"),
}

STATE_TONES: Mapping[str, str] = {
    State.DRAFT: "draft",
    State.ACCEPTED: "warn",
    State.RETURNED: "warn",
    State.JOINT: "warn",
    State.RESOLVED: "good",
    State.REVIEWED: "good",
    State.FOLLOWED_UP: "good",
    State.ANSWERED: "good",
    State.ARCHIVED: "quiet",
    State.MERGED: "quiet",
    State.DECLINED: "quiet",
}

LIGHTS: Words = {"red": _l("超期"), "yellow": _l("临期"), "green": _l("正常")}

FLAGS: Words = {
    "key": _l("重点"),
    "supervised": _l("督办中"),
    "repeated": _l("有重复件"),
    "returned": _l("退过单"),
    "extended": _l("延过期"),
    "redone": _l("重办过"),
}

CHANNELS: Words = {
    "phone": _l("电话"),
    "message": _l("语音留言"),
    "callback": _l("回电"),
    "web": _l("网站"),
    "email": _l("邮件"),
    "sms": _l("短信"),
    "wechat": _l("微信"),
}

CLOCKS: Words = {
    Clock.REGISTER: _l("登记时限"),
    Clock.DISPATCH: _l("派单时限"),
    Clock.ACKNOWLEDGE: _l("签收时限"),
    Clock.RETURN: _l("退单时限"),
    Clock.CONTACT: _l("联系市民时限"),
    Clock.ON_SITE: _l("到场时限"),
    Clock.RESOLVE: _l("办结时限"),
    Clock.REVIEW: _l("复核时限"),
    Clock.FOLLOW_UP: _l("回访时限"),
    Clock.SUPERVISE: _l("督办答复时限"),
    Clock.WRITTEN: _l("书面结果时限"),
}

LEDGER: Words = {
    Entering.STARTED: _l("开始"),
    Entering.PAUSED: _l("暂停"),
    Entering.RESUMED: _l("恢复"),
    Entering.EXTENDED: _l("延长"),
    Entering.STOPPED: _l("完成"),
    Entering.VOIDED: _l("作废"),
}

MEASURES: Words = {
    Measure.WORKDAYS: _l("%(n)s 个工作日"),
    Measure.WORKING_HOURS: _l("%(n)s 个工作小时"),
    Measure.DAYS: _l("%(n)s 天"),
    Measure.HOURS: _l("%(n)s 小时"),
    Measure.MINUTES: _l("%(n)s 分钟"),
    Measure.SAME_DAY: _l("当天"),
}


def limit_words(limit: Duration) -> str:
    """“2 个工作日”."""
    return str(MEASURES[limit.measure]) % {"n": limit.amount}


PART_STATES: Words = {
    "assigned": _l("待签收"),
    "acknowledged": _l("已签收"),
    "answered": _l("已答复"),
    "returned": _l("已退单"),
    "released": _l("已取消"),
    "resolved": _l("已办结"),
    "handed_on": _l("已转派"),
}

REPEAT_WHYS: Words = {
    "same_caller": _l("同一来电人"),
    "similar_text": _l("内容相似"),
}

UNIT_KINDS: Words = {
    "bureau": _l("部门"),
    "district": _l("区县"),
    "street": _l("街道"),
    "community": _l("社区"),
    "utility": _l("公用企业"),
    "hotline": _l("其他热线"),
}

ORDER_FIELDS: Words = {
    "category": _l("类别"),
    "title": _l("标题"),
    "body": _l("诉求内容"),
    "citizen_name": _l("市民姓名"),
    "topic": _l("事项"),
    "district": _l("区县"),
    "address": _l("地点"),
}

STEPS = step_words.STEPS
STEPS_EXPLAINED = step_words.EXPLAINED
STEP_FIELDS = step_words.FIELDS
CAUSES = step_words.CAUSES
WHY_NOT = step_words.WHY_NOT


def option_word(name: str, value: Any) -> LazyString | str:
    """The word for one of the choices of a step's field."""
    if name == "satisfaction":
        return RATINGS.get(int(value), str(value)) if str(value).isdigit() else str(value)
    if name == "category":
        return word(CATEGORIES, str(value))
    if name == "cause":
        return word(CAUSES, str(value))
    return word(step_words.OPTIONS, str(value))


def menu_path(path: Sequence[str]) -> str:
    """`["main:1", "auto:2"]` as 主菜单 1 › 自动服务 2."""
    steps = (step.partition(":") for step in path)
    return " › ".join(f"{word(MENUS, menu)} {key}".strip() for menu, _colon, key in steps)


def refusal(error: str) -> str:
    """The controller's `code: sentence` in the reader's language; the sentence when unknown."""
    code, _colon, sentence = error.partition(":")
    known = CONTROL_REASONS.get(code)
    return str(known) if known is not None else (sentence.strip() if _is_code(code) else error)


def _is_code(text: str) -> bool:
    return text.isidentifier() and text.islower() and "_" in text


def word(words: Words, value: str | None) -> LazyString | str:
    """The word for `value`; the value itself when it has none; a dash for nothing."""
    if value is None:
        return "–"
    return words.get(value, value)


MESSAGE_STATES: Words = {
    "waiting": _l("待发送"),
    "sending": _l("发送中"),
    "sent": _l("已送达"),
    "unknown": _l("结果不明"),
    "dead": _l("发送失败"),
    "expired": _l("已过时"),
    "cancelled": _l("不再发送"),
}
MESSAGE_CHANNELS: Words = {"email": _l("电子邮件"), "sms": _l("短信"), "voice": _l("电话")}
MESSAGE_KINDS: Words = {
    "notice.warning": _l("临近期限"),
    "notice.yellow": _l("到期黄牌"),
    "notice.red": _l("超期红牌"),
    "follow_up.link": _l("评价链接"),
    "receipt": _l("受理回执"),
}
PUBLIC_STATES: Words = {
    "accepted": _l("已受理"),
    "dispatched": _l("已派往承办单位"),
    "in_progress": _l("正在办理"),
    "resolved": _l("已办结"),
    "closed": _l("已归档"),
    "declined": _l("不予受理，详情请拨打 12345"),
}
