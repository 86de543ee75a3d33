"""The words for what can be done with an order: steps, their fields, and why one isn't possible."""

from __future__ import annotations

from collections.abc import Mapping

from flask_babel import LazyString
from flask_babel import lazy_gettext as _l

from workorder.policy import Cause
from workorder.refusals import Why
from workorder.states import Step

Words = Mapping[str, LazyString]

STEPS: Words = {
    Step.DRAFTED: _l("生成草稿"),
    Step.EDITED: _l("修改草稿"),
    Step.ATTACHED: _l("关联通话"),
    Step.NOTED: _l("备注"),
    Step.CLASSIFY: _l("改分类"),
    Step.ACCEPT: _l("受理"),
    Step.ANSWER: _l("即时答复"),
    Step.DECLINE: _l("不予受理"),
    Step.RECONSIDER: _l("重新受理"),
    Step.DISPATCH: _l("派单"),
    Step.RECALL: _l("收回"),
    Step.REJECT_RETURN: _l("驳回退单"),
    Step.REFER_JOINT: _l("提请联合审定"),
    Step.DETERMINE: _l("审定承办单位"),
    Step.ADD_CO: _l("增加协办"),
    Step.RELEASE_CO: _l("取消协办"),
    Step.ACKNOWLEDGE: _l("签收"),
    Step.RETURN: _l("退单"),
    Step.CONTACT: _l("联系市民"),
    Step.ARRIVE: _l("到达现场"),
    Step.RESOLVE: _l("办结"),
    Step.HAND_DOWN: _l("转派下级"),
    Step.HAND_BACK: _l("退回上级"),
    Step.CO_ACKNOWLEDGE: _l("协办签收"),
    Step.CO_ANSWER: _l("协办答复"),
    Step.CO_RETURN: _l("协办退单"),
    Step.ASK_EXTENSION: _l("申请延期"),
    Step.GRANT_EXTENSION: _l("同意延期"),
    Step.REFUSE_EXTENSION: _l("不同意延期"),
    Step.PAUSE: _l("暂停计时"),
    Step.RESUME: _l("恢复计时"),
    Step.REVIEW: _l("复核通过"),
    Step.FOLLOW_UP: _l("登记回访"),
    Step.REDO: _l("重办"),
    Step.ARCHIVE: _l("归档"),
    Step.SUPERVISE: _l("督办"),
    Step.REPLY_SUPERVISION: _l("答复督办"),
    Step.REQUEST_WRITTEN: _l("要求书面结果"),
    Step.ISSUE_WRITTEN: _l("出具书面结果"),
    Step.LINK: _l("关联重复件"),
    Step.REPEATED: _l("收到重复件"),
    Step.MARK_KEY: _l("列为重点"),
    Step.MERGE: _l("合并到另一工单"),
    Step.UNMERGE: _l("取消合并"),
}

# What the page says about a step before somebody takes it.
EXPLAINED: Words = {
    Step.DISPATCH: _l("派给一个主办单位，需要时加协办单位。签收和办理时限从此开始。"),
    Step.RECALL: _l("收回后回到待派单。"),
    Step.RETURN: _l("不属于本单位职责时退回派单员，写明依据。过期不退视为接受。"),
    Step.REJECT_RETURN: _l("退单理由不成立，仍由原单位办理。"),
    Step.REFER_JOINT: _l("责任有争议时由热线办会同有关单位审定，审定后不得再退。"),
    Step.DETERMINE: _l("审定后的承办单位不得再退单。"),
    Step.ACKNOWLEDGE: _l("确认本单位办理。"),
    Step.CONTACT: _l("记下何时怎样联系了市民。"),
    Step.RESOLVE: _l("写明办理结果，之后进入复核。"),
    Step.HAND_DOWN: _l("交给本单位的下级办理。全市的时限不变，下级须重新签收。"),
    Step.HAND_BACK: _l("不属于本级职责时退回转派的上级单位，写明理由。"),
    Step.ASK_EXTENSION: _l("在到期前提出，写明理由，并告知市民。"),
    Step.REVIEW: _l("结果属实、答复完整，进入回访。"),
    Step.REDO: _l("结果不实或未解决时退回原单位重新办理。"),
    Step.ARCHIVE: _l("办理完毕，归入档案，不再改动。"),
    Step.SUPERVISE: _l("向承办单位发出督办通知，限期答复。"),
    Step.DECLINE: _l("不属于受理范围时选择原因，并向市民说明。"),
    Step.ANSWER: _l("当场已答复市民，不需派单。"),
    Step.MERGE: _l("同一事项已有工单，合并后由那一件继续办理。"),
    Step.LINK: _l("同一事项的另一件，两件都继续办理。"),
}

FIELDS: Words = {
    "reason": _l("理由"),
    "unit": _l("承办单位"),
    "co_units": _l("协办单位"),
    "legal_basis": _l("法律或职责依据"),
    "site_check": _l("需要现场核查"),
    "note": _l("说明"),
    "workdays": _l("延长的工作日"),
    "signed_by": _l("签批人（单位负责人）"),
    "citizen_told": _l("已告知市民"),
    "progress_report": _l("办理进展"),
    "signed_letter": _l("已附负责人签字的书面申请"),
    "until": _l("暂停到"),
    "result": _l("办理结果"),
    "text": _l("内容"),
    "cause": _l("原因"),
    "way": _l("回访方式"),
    "reached": _l("已联系上"),
    "true": _l("结果属实"),
    "solved": _l("问题已解决"),
    "satisfaction": _l("满意度"),
    "comment": _l("市民的话"),
    "unsatisfied_with": _l("对什么不满意"),
    "into": _l("另一件的工单编号"),
    "category": _l("类别"),
    "title": _l("标题"),
    "topic": _l("事项"),
    "district": _l("区县"),
    "specialised": _l("专业性较强"),
    "unclear": _l("涉及多个单位或职责不清"),
}

OPTIONS: Words = {
    "voice": _l("语音电话"),
    "sms": _l("短信"),
    "web": _l("网上"),
    "person": _l("人工"),
    "yes": _l("是"),
    "no": _l("否"),
    "speed": _l("办理速度"),
    "attitude": _l("服务态度"),
    "result": _l("办理结果"),
}

# Causes of a supervision notice. What isn't accepted is said in the policy's own words.
CAUSES: Words = {
    Cause.OVERDUE: _l("超期"),
    Cause.RED_CARD: _l("红牌"),
    Cause.UNTRUE_RESULT: _l("结果不实"),
    Cause.PROCESS_PROBLEMS: _l("办理过程有问题"),
    Cause.LEADERS_INSTRUCTION: _l("领导批示"),
    Cause.REPEATS: _l("重复反映"),
    Cause.REDO: _l("重办"),
    Cause.REFUSES: _l("推诿"),
    Cause.UNSOLVED: _l("应解决未解决"),
    Cause.UNSATISFIED: _l("市民不满意"),
    Cause.HARD: _l("疑难件"),
    Cause.REVIEW_UNSATISFIED: _l("上级抽查不满意"),
    Cause.MEDIA: _l("媒体曝光"),
    Cause.OTHER: _l("其他"),
}

# Why a step isn't possible now; the values are filled in as words.
WHY_NOT: Mapping[str, LazyString] = {
    Why.STATE: _l("“%(state)s”的工单没有这一步。"),
    Why.ROLE: _l("岗位“%(role)s”不能办，可以办的是：%(roles)s。"),
    Why.UNIT: _l("这是“%(unit)s”或其上级单位的事。"),
    Why.REASON_NEEDED: _l("需要写明理由。"),
    Why.FIELD_NEEDED: _l("需要填写“%(field)s”。"),
    Why.FIELD_WRONG: _l("“%(field)s”填得不对，应为：%(expected)s。"),
    Why.FIELD_UNKNOWN: _l("没有“%(field)s”这一项。"),
    Why.UNKNOWN_UNIT: _l("没有在用的单位“%(unit)s”。"),
    Why.DESIGNATED: _l("经联合审定的单位不得再退单。"),
    Why.HANDED_DOWN: _l("由“%(unit)s”转派，请退回上级。"),
    Why.NOT_HANDED_DOWN: _l("不是上级转派的工单。"),
    Why.NOT_BELOW: _l("“%(unit)s”不是本单位的其他下级单位。"),
    Why.REDO_STAYS: _l("重办的工单不能退。"),
    Why.RETURN_REJECTED: _l("退单已被驳回过。"),
    Why.RETURN_TOO_LATE: _l("退单期限到 %(until)s 为止，过期视为接受。"),
    Why.ONLY_JOINT: _l("退回的工单须联合审定。"),
    Why.EXTENSION_PENDING: _l("已有一个延期申请待批。"),
    Why.NO_EXTENSION_ASKED: _l("没有待批的延期申请。"),
    Why.NO_MORE_EXTENSIONS: _l("最多延期 %(most)s 次，已延 %(count)s 次。"),
    Why.NO_EXTENSION_IN_REDO: _l("重办的工单不得延期。"),
    Why.EXTENSION_TOO_LATE: _l("延期须在 %(until)s 前提出。"),
    Why.EXTENSION_TOO_LONG: _l("最多延长 %(most)s 个工作日。"),
    Why.PAUSED: _l("计时已暂停。"),
    Why.NOT_PAUSED: _l("计时没有暂停。"),
    Why.CO_OPEN: _l("还缺协办单位的答复：%(units)s。"),
    Why.CO_TWICE: _l("“%(unit)s”已经参与办理。"),
    Why.NOT_CO: _l("“%(unit)s”不是待答复的协办单位。"),
    Why.NO_MORE_REDOS: _l("最多重办 %(most)s 次。"),
    Why.SUPERVISION_OPEN: _l("还有未答复的督办通知。"),
    Why.NO_NOTICE: _l("没有待答复的督办通知。"),
    Why.ALREADY_SUPERVISED: _l("“%(cause)s”的督办通知还没有答复。"),
    Why.CAUSE_NOT_IN_POLICY: _l("政策里没有“%(cause)s”这个督办原因，可用的是：%(causes)s。"),
    Why.WRITTEN_OPEN: _l("书面结果已要求，还没有出具。"),
    Why.NO_WRITTEN_ASKED: _l("没有人要求书面结果。"),
    Why.NO_LEAD: _l("没有单位办理过。"),
    Why.UNKNOWN_ORDER: _l("没有工单 %(number)s。"),
    Why.ITSELF: _l("不能与自己关联。"),
    Why.IN_A_RING: _l("%(number)s 本身是 %(of)s 的重复件。"),
}

# Steps that end or overturn something: drawn apart, so that nobody takes them by mistake.
GRAVE = frozenset(
    {Step.DECLINE, Step.RETURN, Step.RECALL, Step.REDO, Step.SUPERVISE, Step.MERGE, Step.HAND_BACK}
)
# What a person in that state most likely wants: drawn first and open.
FIRST = (
    Step.ACCEPT, Step.DISPATCH, Step.DETERMINE, Step.ACKNOWLEDGE, Step.CO_ACKNOWLEDGE,
    Step.CONTACT, Step.RESOLVE, Step.CO_ANSWER, Step.GRANT_EXTENSION, Step.REVIEW,
    Step.FOLLOW_UP, Step.ARCHIVE,
)  # fmt: skip
