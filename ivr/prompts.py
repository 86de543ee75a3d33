"""Every sentence that a citizen can hear, by name, and how numbers are spoken.

`scripts/make_prompts.py` turns `TEXTS` into `ivr/sounds/zh/<name>.wav` (8 kHz mono). A prompt is
named here once; menus and flows refer to it by that name.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

TEXTS: dict[str, str] = {
    # arriving
    "welcome": "您好，欢迎拨打一二三四五政务服务便民热线。",
    "recording_notice": "为保证服务质量，您的通话将被录音。",
    "blocked": "很抱歉，您的来电暂时无法接通。如遇紧急情况，请拨打一一零。再见。",
    "closed": "您好，现在是非人工服务时间。",
    # menus
    "menu_main": "人工服务请按一，自动服务请按二，留言请按三。",
    "menu_auto": (
        "收听热线介绍请按二，留言请按三，查询工单进度请按四，返回上一级请按九，人工服务请按一。"
    ),
    "menu_closed": "收听热线介绍请按二，留言请按三，查询工单进度请按四，我们会尽快与您联系。",
    "wrong_key": "您的输入有误，请重新选择。",
    "silence": "没有收到您的选择，请重新选择。",
    "about": (
        "一二三四五政务服务便民热线，受理您对政务服务的咨询、求助、投诉、举报和建议，"
        "二十四小时为您服务。匪警、火警、急救和交通事故，"
        "请直接拨打一一零、一一九、一二零和一二二。"
    ),
    "connecting": "正在为您转接人工服务，请稍候。",
    # waiting
    "all_busy": "话务员正在服务其他市民，请您稍候。",
    "position_before": "您前面还有",
    "position_after": "位。",
    "next_in_line": "您是下一位，请稍候。",
    "wait_before": "预计等待",
    "wait_after": "分钟。",
    "wait_short": "预计等待不到一分钟。",
    "please_hold": "请您继续等待，我们会尽快为您服务。",
    "queue_keys": "需要我们回电请按一，留言请按二，继续等待请按零。",
    "queue_keys_callback": "需要我们回电请按一，继续等待请按零。",
    "queue_keys_message": "留言请按二，继续等待请按零。",
    "callback_taken": "我们已经记下您的号码，会尽快给您回电。感谢您的来电，再见。",
    # talking
    "agent_before": "工号",
    "agent_after": "为您服务。",
    "agent_lost": "通话意外中断，正在为您重新接通，请稍候。",
    "connecting_third": "正在为您接通，请稍候。",
    "third_unavailable": "对方暂时无法接通，正在为您转回话务员。",
    # leaving a message
    "message_prompt": "请在提示音后留言，最长三分钟，按井号键结束。",
    "message_saved": "您的留言已经记录，我们会尽快处理并与您联系。再见。",
    "message_empty": "没有听到您的留言。",
    "sorry_system": "很抱歉，系统暂时繁忙。请在提示音后留言，我们会尽快与您联系。",
    # rating
    "survey": (
        "请您对本次服务作出评价。非常满意请按一，满意请按二，基本满意请按三，"
        "不满意请按四，非常不满意请按五。"
    ),
    "survey_thanks": "感谢您的评价，再见。",
    "goodbye": "感谢您的来电，再见。",
    # calling back
    "callback_hello": "您好，这里是一二三四五政务服务便民热线，现在为您回电，请稍候。",
    # following up an order
    "follow_up_hello": (
        "您好，这里是一二三四五政务服务便民热线，现就您反映的事项进行回访，请按键回答。"
    ),
    "follow_up_true": "承办单位的答复是否属实？属实请按一，不属实请按二。",
    "follow_up_solved": "您反映的问题是否得到解决？已解决请按一，未解决请按二。",
    "follow_up_satisfied": (
        "您对办理结果是否满意？非常满意请按一，满意请按二，基本满意请按三，"
        "不满意请按四，非常不满意请按五。"
    ),
    "follow_up_person": "需要与话务员通话请按零。",
    "follow_up_thanks": "感谢您的配合，再见。",
    # order progress
    "progress_number": "请输入您的工单编号，按井号键结束。",
    "progress_phone": "请输入您来电号码的后四位。",
    "progress_wrong": "工单编号或号码不正确。",
    "progress_too_many": "您输入错误的次数过多，请稍后再试。",
    "progress_state": "您的工单",
    "progress_accepted": "已受理。",
    "progress_dispatched": "已派往承办单位。",
    "progress_in_progress": "正在办理。",
    "progress_resolved": "已办结。",
    "progress_closed": "已归档。",
    "progress_declined": "不予受理，详情请咨询人工服务。",
    "progress_deadline": "办理期限为",
    "progress_choices": "重新收听请按一，人工服务请按零，返回上一级请按九。",
    "progress_unavailable": "很抱歉，暂时无法查询工单进度。",
    # calling those who handle an order
    "notice_hello": "您好，这里是一二三四五政务服务便民热线，您有一件工单需要处理。",
    "notice_order": "工单编号",
    "notice_warning": "即将到达办理期限，请尽快处理。",
    "notice_yellow": "已经到达办理期限，请立即处理。",
    "notice_red": "已经超过办理期限，请立即处理。",
    "notice_keys": "确认请按一，重新收听请按二。",
    "notice_thanks": "您已确认，再见。",
    "month": "月",
    "day": "日",
    # numbers
    **{f"digit_{number}": text for number, text in enumerate("零一二三四五六七八九")},
    "digit_1_phone": "幺",
    "ten": "十",
    "hundred": "百",
    "two_before_unit": "两",
}

_DIGITS = [f"digit_{number}" for number in range(10)]


def digits(text: str) -> list[str]:
    """Prompts that read `text` digit by digit, 1 as 幺: for agents' and telephone numbers."""
    return [
        "digit_1_phone" if char == "1" else _DIGITS[int(char)]
        for char in text
        if char in "0123456789"
    ]


def number(value: int) -> list[str]:
    """Prompts that read a quantity from 0 to 999 the Mandarin way; beyond that, 999."""
    value = max(0, min(value, 999))
    if value < 10:
        return [_DIGITS[value]]
    hundreds, rest = divmod(value, 100)
    tens, ones = divmod(rest, 10)
    parts: list[str] = []
    if hundreds:
        parts += [_DIGITS[hundreds], "hundred"]
        if rest and not tens:
            parts.append("digit_0")
    if tens:
        if tens > 1 or hundreds:
            parts.append(_DIGITS[tens])
        parts.append("ten")
    if ones:
        parts.append(_DIGITS[ones])
    return parts


def measured(value: int) -> list[str]:
    """Like `number`, for a number before a measure word: two is 两."""
    return ["two_before_unit"] if value == 2 else number(value)


def place_in_queue(position: int, wait_seconds: float | None) -> list[str]:
    """Prompts for a waiting citizen. `position` 1 is next; `wait_seconds` None says nothing."""
    if position <= 1:
        return ["next_in_line"]
    parts = ["position_before", *measured(position - 1), "position_after"]
    if wait_seconds is None:
        return parts
    minutes = round(wait_seconds / 60)
    if minutes < 1:
        return [*parts, "wait_short"]
    return [*parts, "wait_before", *measured(minutes), "wait_after"]


def queue_choices(*, callback: bool, message: bool) -> list[str]:
    """What a waiting citizen may press; nothing when there is no choice."""
    if callback and message:
        return ["queue_keys"]
    if callback:
        return ["queue_keys_callback"]
    return ["queue_keys_message"] if message else []


def date(day: dt.date) -> list[str]:
    """… 月 … 日; the year is clear."""
    return [*number(day.month), "month", *number(day.day), "day"]


def agent_announcement(agent_number: str) -> list[str]:
    """工号 … 为您服务."""
    return ["agent_before", *digits(agent_number), "agent_after"]


def unknown(names: Sequence[str]) -> list[str]:
    """The names that are not prompts."""
    return [name for name in names if name not in TEXTS]
