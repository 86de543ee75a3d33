"""Due notices of orders, as messages: written in the transaction in which they became due."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from sqlalchemy.orm import Session

from callcenter import outbox
from callcenter.outbox import Channel, Message
from callcenter.outreach import NoticeWays
from workorder.due import DueNotice, Recipient, run_due
from workorder.worktime import CHINA

LEVELS = {"warning": "临近期限提醒", "yellow": "到期黄牌提醒", "red": "超期红牌提醒"}
CLOCKS = {
    "acknowledge": "签收",
    "contact": "联系市民",
    "resolve": "办结",
    "return": "退单",
    "review": "复核",
    "supervise": "督办回复",
    "dispatch": "派单",
}


def poll(session: Session, ways: NoticeWays, now: dt.datetime, limit: int = 200) -> int:
    """Let the orders' clocks run, and put what is to be told into the outbox; how many notices."""
    notices = run_due(session, now, limit)
    for notice in notices:
        outbox.put(session, messages(notice, ways, now), now)
    return len(notices)


def messages(notice: DueNotice, ways: NoticeWays, now: dt.datetime) -> Iterator[Message]:
    """One for each recipient and way; the same notice gives the same keys."""
    level = str(notice.level)
    wanted = getattr(ways, level)
    expires = now + dt.timedelta(hours=ways.useful_hours)
    for person in notice.to:
        for way in wanted:
            address = person.email if way == "email" else person.phone
            if address:
                yield _message(notice, person, Channel(way), address, expires)


def _message(
    notice: DueNotice, person: Recipient, channel: Channel, address: str, expires: dt.datetime
) -> Message:
    level, clock = str(notice.level), str(notice.clock)
    what = CLOCKS.get(clock, "办理")
    deadline = notice.deadline.astimezone(CHINA).strftime("%Y-%m-%d %H:%M")
    title = f"{LEVELS[level]}：工单 {notice.order_number} {what}期限 {deadline}"
    text = f"{title}。承办单位：{notice.unit_name or '—'}。请登录系统办理。"
    return Message(
        key=f"notice:{notice.key}:{person.role}:{channel}",
        channel=channel,
        address=address,
        kind=f"notice.{level}",
        subject=title,
        body=f"{person.name}，您好。\n\n{text}\n"
        if channel is Channel.EMAIL
        else f"【12345】{text}",
        prompts=spoken(level, notice.order_number) if channel is Channel.VOICE else (),
        order_number=notice.order_number,
        expires_at=expires,
    )


def spoken(level: str, number: str) -> tuple[str, ...]:
    """Which order by its number of the day: the last six digits, without the day."""
    digits = tuple(f"digit_{char}" for char in number[-6:] if char in "0123456789")
    return ("notice_hello", "notice_order", *digits, f"notice_{level}")
