"""The audit log: who saw or changed what. Written in the transaction of what it tells of."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum
from typing import Any

from flask import request
from flask_babel import LazyString
from flask_babel import lazy_gettext as _l
from sqlalchemy import select
from sqlalchemy.orm import Session

from web.localtime import now
from web.storage import db, saving
from workorder.models import AuditEntry, User


class Action(StrEnum):
    LOGIN = "login"
    LOGIN_REFUSED = "login_refused"
    LOCKED_OUT = "locked_out"
    LOGOUT = "logout"
    NUMBER_SHOWN = "number_shown"
    RECORDING_PLAYED = "recording_played"
    ORDER_EDITED = "order_edited"
    NUMBER_BLOCKED = "number_blocked"
    NUMBER_UNBLOCKED = "number_unblocked"
    PASSWORD_CHANGED = "password_changed"
    USER_CHANGED = "user_changed"
    AGENT_STATE_SET = "agent_state_set"
    AGENT_CHANGED = "agent_changed"
    QUEUE_CHANGED = "queue_changed"
    QUEUE_REMOVED = "queue_removed"


ACTIONS: dict[str, LazyString] = {
    Action.LOGIN: _l("登录"),
    Action.LOGIN_REFUSED: _l("登录被拒"),
    Action.LOCKED_OUT: _l("账号锁定"),
    Action.LOGOUT: _l("退出"),
    Action.NUMBER_SHOWN: _l("查看完整号码"),
    Action.RECORDING_PLAYED: _l("收听录音"),
    Action.ORDER_EDITED: _l("修改工单"),
    Action.NUMBER_BLOCKED: _l("拦截号码"),
    Action.NUMBER_UNBLOCKED: _l("解除拦截"),
    Action.PASSWORD_CHANGED: _l("修改密码"),
    Action.USER_CHANGED: _l("修改用户"),
    Action.AGENT_STATE_SET: _l("设置坐席状态"),
    Action.AGENT_CHANGED: _l("修改坐席技能"),
    Action.QUEUE_CHANGED: _l("修改队列"),
    Action.QUEUE_REMOVED: _l("删除队列"),
}
# A player asks for a recording in many pieces: one listening is written once.
ONE_LISTENING = dt.timedelta(minutes=10)


def record(
    session: Session, action: Action, subject: str, user: User | None, **data: Any
) -> AuditEntry:
    """Add an entry to the session. `user` None means the API's token."""
    entry = AuditEntry(
        at=now(),
        username=user.username if user else "api",
        role=user.role if user else "token",
        action=action,
        subject=subject[:255],
        address=(request.remote_addr or "")[:64],
        data=data,
    )
    session.add(entry)
    return entry


def record_listening(path: str, call_id: str, user: User | None) -> None:
    """Write that `user` plays the recording, unless this very listening is written already."""
    username = user.username if user else "api"
    known = db().scalar(
        select(AuditEntry.id)
        .where(
            AuditEntry.action == Action.RECORDING_PLAYED,
            AuditEntry.subject == path[:255],
            AuditEntry.username == username,
            AuditEntry.at > now() - ONE_LISTENING,
        )
        .limit(1)
    )
    if known is None:
        with saving() as session:
            record(session, Action.RECORDING_PLAYED, path, user, call=call_id)
