"""Alarms in words."""

from __future__ import annotations

from flask_babel import gettext as _

from callcenter.alarms import Alarm, Kind
from web import words
from web.localtime import duration


def sentence(alarm: Alarm) -> str:
    """What is wrong, how much, and the limit that it passed."""
    queue = str(words.word(words.QUEUES, alarm.queue))
    value, limit = duration(min(alarm.value, 1e6)), duration(alarm.limit)
    match alarm.kind:
        case Kind.SWITCH_DOWN:
            return _("交换机连接中断，来电无法接入。")
        case Kind.NEWS_LAG:
            return _("调度系统没有在更新实时数据，下面的数据可能已过时。通话不受影响。")
        case Kind.JOURNAL_LAG:
            return _("入库滞后 %(value)s（阈值 %(limit)s）。", value=value, limit=limit)
        case Kind.NO_AGENTS:
            return _("%(queue)s：有人排队，无人在岗已 %(value)s。", queue=queue, value=value)
        case Kind.LONGEST_WAIT:
            return _("%(queue)s：最长等待超过 %(limit)s。", queue=queue, limit=limit)
        case Kind.SERVICE_LEVEL:
            return _(
                "%(queue)s：15 秒应答率 %(value)s%%，低于 %(limit)s%%。",
                queue=queue,
                value=f"{alarm.value:.1f}",
                limit=f"{alarm.limit:g}",
            )
