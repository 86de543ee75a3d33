"""The states of an order's life and the steps between them.

The steps are the kinds of an order's events. Which step leads where, and who may take it, is in
`workorder.transitions`.
"""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """Where an order stands; kept in `Order.state`."""

    DRAFT = "draft"
    ACCEPTED = "accepted"  # waits for a dispatcher
    ANSWERED = "answered"  # at once, on the call
    DECLINED = "declined"
    DISPATCHED = "dispatched"  # waits for the unit's acknowledgement
    ACKNOWLEDGED = "acknowledged"  # the unit has it; the citizen hasn't been contacted
    IN_PROGRESS = "in_progress"  # the citizen has been contacted
    RETURNED = "returned"  # by the unit; waits for a dispatcher
    JOINT = "joint"  # whose duty it is is being determined jointly
    RESOLVED = "resolved"  # waits for review
    REVIEWED = "reviewed"  # waits for follow-up
    FOLLOWED_UP = "followed_up"  # waits for archive or redo
    ARCHIVED = "archived"
    MERGED = "merged"  # another order carries it on

    @property
    def chinese(self) -> str:
        return _STATES[self]


class Step(StrEnum):
    """What can be done with an order; kept in `OrderEvent.kind`."""

    # what calls and people write into it
    DRAFTED = "drafted"
    EDITED = "edited"
    ATTACHED = "attached"
    NOTED = "noted"
    CLASSIFY = "classify"
    # intake
    ACCEPT = "accept"
    ANSWER = "answer"
    DECLINE = "decline"
    RECONSIDER = "reconsider"
    # dispatch
    DISPATCH = "dispatch"
    RECALL = "recall"
    REJECT_RETURN = "reject_return"
    REFER_JOINT = "refer_joint"
    DETERMINE = "determine"
    ADD_CO = "add_co"
    RELEASE_CO = "release_co"
    # handling
    ACKNOWLEDGE = "acknowledge"
    RETURN = "return"
    CONTACT = "contact"
    ARRIVE = "arrive"
    RESOLVE = "resolve"
    HAND_DOWN = "hand_down"
    HAND_BACK = "hand_back"
    CO_ACKNOWLEDGE = "co_acknowledge"
    CO_ANSWER = "co_answer"
    CO_RETURN = "co_return"
    # time
    ASK_EXTENSION = "ask_extension"
    GRANT_EXTENSION = "grant_extension"
    REFUSE_EXTENSION = "refuse_extension"
    PAUSE = "pause"
    RESUME = "resume"
    # what comes after
    REVIEW = "review"
    FOLLOW_UP = "follow_up"
    REDO = "redo"
    ARCHIVE = "archive"
    SUPERVISE = "supervise"
    REPLY_SUPERVISION = "reply_supervision"
    REQUEST_WRITTEN = "request_written"
    ISSUE_WRITTEN = "issue_written"
    # repeats
    LINK = "link"
    REPEATED = "repeated"
    MARK_KEY = "mark_key"
    MERGE = "merge"
    UNMERGE = "unmerge"

    @property
    def chinese(self) -> str:
        return _STEPS[self]


_STATES = {
    State.DRAFT: "草稿",
    State.ACCEPTED: "待派单",
    State.ANSWERED: "即时答复",
    State.DECLINED: "不予受理",
    State.DISPATCHED: "待签收",
    State.ACKNOWLEDGED: "已签收",
    State.IN_PROGRESS: "办理中",
    State.RETURNED: "已退单",
    State.JOINT: "联合审定中",
    State.RESOLVED: "待复核",
    State.REVIEWED: "待回访",
    State.FOLLOWED_UP: "已回访",
    State.ARCHIVED: "已归档",
    State.MERGED: "已合并",
}

_STEPS = {
    Step.DRAFTED: "生成草稿",
    Step.EDITED: "修改",
    Step.ATTACHED: "关联通话",
    Step.NOTED: "备注",
    Step.CLASSIFY: "改分类",
    Step.ACCEPT: "受理",
    Step.ANSWER: "即时答复",
    Step.DECLINE: "不予受理",
    Step.RECONSIDER: "重新受理",
    Step.DISPATCH: "派单",
    Step.RECALL: "收回",
    Step.REJECT_RETURN: "驳回退单",
    Step.REFER_JOINT: "提请联合审定",
    Step.DETERMINE: "审定承办单位",
    Step.ADD_CO: "增加协办",
    Step.RELEASE_CO: "取消协办",
    Step.ACKNOWLEDGE: "签收",
    Step.RETURN: "退单",
    Step.CONTACT: "联系市民",
    Step.ARRIVE: "到达现场",
    Step.RESOLVE: "办结",
    Step.HAND_DOWN: "转派下级",
    Step.HAND_BACK: "退回上级",
    Step.CO_ACKNOWLEDGE: "协办签收",
    Step.CO_ANSWER: "协办答复",
    Step.CO_RETURN: "协办退单",
    Step.ASK_EXTENSION: "申请延期",
    Step.GRANT_EXTENSION: "同意延期",
    Step.REFUSE_EXTENSION: "不同意延期",
    Step.PAUSE: "暂停计时",
    Step.RESUME: "恢复计时",
    Step.REVIEW: "复核通过",
    Step.FOLLOW_UP: "回访",
    Step.REDO: "重办",
    Step.ARCHIVE: "归档",
    Step.SUPERVISE: "督办",
    Step.REPLY_SUPERVISION: "答复督办",
    Step.REQUEST_WRITTEN: "要求书面结果",
    Step.ISSUE_WRITTEN: "出具书面结果",
    Step.LINK: "关联重复件",
    Step.REPEATED: "收到重复件",
    Step.MARK_KEY: "列为重点",
    Step.MERGE: "合并",
    Step.UNMERGE: "取消合并",
}
