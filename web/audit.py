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
    CODE_SHOWN = "code_shown"
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
    # A supervisor's actions bear the names of the commands; data: why, and what was asked for.
    LISTENED = "supervisor.listen"
    WHISPERED = "supervisor.whisper"
    BARGED_IN = "supervisor.barge"
    STOPPED_LISTENING = "supervisor.stop"
    TOOK_OVER = "supervisor.take_over"
    RELEASED = "supervisor.release"
    SET_AGENT_STATE = "supervisor.agent_state"
    SET_AGENT_SKILLS = "supervisor.agent_skills"
    RESET_AGENT_SKILLS = "supervisor.agent_skills_reset"
    MOVED_CALL = "supervisor.move"
    RAISED_CALL = "supervisor.raise"
    SENT_MESSAGE = "supervisor.message"
    DECIDED_NUISANCE = "supervisor.nuisance"
    NOT_DONE = "not_done"  # what was asked for just before wasn't done; data: command, result
    RECORDING_EXPORTED = "recording_exported"
    RECORDING_REASON = "recording_reason"
    PHONE_SWITCHED = "phone_switched"
    MESSAGE_SENT_AGAIN = "message_sent_again"
    MESSAGE_GIVEN_UP = "message_given_up"
    ATTACHMENT_ADDED = "attachment_added"
    ATTACHMENT_READ = "attachment_read"
    SHEET_PRINTED = "sheet_printed"
    EXPORTED = "exported"
    UNIT_CHANGED = "unit_changed"
    DIRECTORY_CHANGED = "directory_changed"
    CALENDAR_CHANGED = "calendar_changed"


ACTIONS: dict[str, LazyString] = {
    Action.LOGIN: _l("登录"),
    Action.LOGIN_REFUSED: _l("登录被拒"),
    Action.LOCKED_OUT: _l("账号锁定"),
    Action.LOGOUT: _l("退出"),
    Action.NUMBER_SHOWN: _l("查看完整号码"),
    Action.CODE_SHOWN: _l("查看查询码"),
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
    Action.LISTENED: _l("监听"),
    Action.WHISPERED: _l("耳语"),
    Action.BARGED_IN: _l("强插"),
    Action.STOPPED_LISTENING: _l("停止监听"),
    Action.TOOK_OVER: _l("接管通话"),
    Action.RELEASED: _l("强拆"),
    Action.SET_AGENT_STATE: _l("改变坐席状态"),
    Action.SET_AGENT_SKILLS: _l("临时调整技能"),
    Action.RESET_AGENT_SKILLS: _l("恢复技能"),
    Action.MOVED_CALL: _l("转移排队来电"),
    Action.RAISED_CALL: _l("提升来电优先级"),
    Action.SENT_MESSAGE: _l("发送消息"),
    Action.DECIDED_NUISANCE: _l("核定骚扰来电"),
    Action.NOT_DONE: _l("操作未执行"),
    Action.RECORDING_EXPORTED: _l("导出录音"),
    Action.RECORDING_REASON: _l("说明调听原因"),
    Action.PHONE_SWITCHED: _l("启用或停用浏览器话机"),
    Action.MESSAGE_SENT_AGAIN: _l("重发通知"),
    Action.MESSAGE_GIVEN_UP: _l("放弃通知"),
    Action.ATTACHMENT_ADDED: _l("添加附件"),
    Action.ATTACHMENT_READ: _l("下载附件"),
    Action.SHEET_PRINTED: _l("打印转送单"),
    Action.EXPORTED: _l("导出"),
    Action.UNIT_CHANGED: _l("修改承办单位"),
    Action.DIRECTORY_CHANGED: _l("修改派单目录"),
    Action.CALENDAR_CHANGED: _l("修改工作日历"),
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


def say_why(path: str, call_id: str, user: User, why: str) -> None:
    """Write why `user` wants to hear or take the recording; it holds for one listening."""
    with saving() as session:
        record(session, Action.RECORDING_REASON, path, user, call=call_id, why=why)


def has_said_why(path: str, user: User) -> bool:
    return _lately(Action.RECORDING_REASON, path, user.username)


def _lately(action: Action, subject: str, username: str) -> bool:
    known = db().scalar(
        select(AuditEntry.id)
        .where(
            AuditEntry.action == action,
            AuditEntry.subject == subject[:255],
            AuditEntry.username == username,
            AuditEntry.at > now() - ONE_LISTENING,
        )
        .limit(1)
    )
    return known is not None


def record_listening(path: str, call_id: str, user: User | None, **data: Any) -> None:
    """Write that `user` plays the recording, unless this very listening is written already."""
    username = user.username if user else "api"
    if not _lately(Action.RECORDING_PLAYED, path, username):
        with saving() as session:
            record(session, Action.RECORDING_PLAYED, path, user, call=call_id, **data)
