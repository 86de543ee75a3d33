"""The day's figures in words: what each is, its numerator, its denominator and what is left out.

They are counted in `callcenter.figures`, for the pages as for the API and the report.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flask_babel import LazyString
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from callcenter.daybook import ALL, DayBook
from callcenter.figures import TARGETS, Figure, Handling, Tally, figures


@dataclass(frozen=True, slots=True)
class Tile:
    """One figure on a page."""

    name: str
    label: str
    value: str
    explained: str  # numerator, denominator, definition and what is left out
    tone: str = ""
    note: str = ""


LABELS: Mapping[str, LazyString] = {
    "connection_rate": _l("接通率"),
    "service_level": _l("15 秒应答率"),
    "service_level_of_queued": _l("15 秒应答率（÷ 进入队列）"),
    "service_level_of_arrival": _l("15 秒应答率（自到达起）"),
    "abandonment": _l("放弃率"),
    "answer_speed": _l("平均应答速度"),
    "wait_estimate_error": _l("预计等待误差"),
    "wait_estimate_bias": _l("预计等待偏差"),
    "satisfaction": _l("满意率"),
    "handling_time": _l("平均处理时长"),
    "occupancy": _l("工时利用率"),
}


def explain(figure: Figure, counts: Tally) -> str:
    """The definition with today's numbers, and what is left out."""
    parts = figure.parts
    waiting = _("仍在排队的 %(n)s 通未计入。", n=counts.waiting)
    placed = _("热线回拨的 %(n)s 通未计入。", n=counts.placed)
    if figure.name == "connection_rate":
        text = _("坐席接听 ÷ 进入队列：%(parts)s。", parts=parts) + waiting + placed
    elif figure.name == "service_level":
        text = _("进入队列后 15 秒内应答 ÷ 应答：%(parts)s。", parts=parts) + placed
    elif figure.name == "service_level_of_queued":
        text = _("进入队列后 15 秒内应答 ÷ 进入队列：%(parts)s。", parts=parts) + waiting + placed
    elif figure.name == "service_level_of_arrival":
        text = _("到达交换机后 15 秒内应答 ÷ 应答：%(parts)s。", parts=parts) + placed
    elif figure.name == "abandonment":
        early = _("5 秒内挂断的 %(n)s 通未计入。", n=counts.abandoned_early)
        text = _("排队中挂断 ÷ 进入队列：%(parts)s。", parts=parts) + early + waiting + placed
    elif figure.name == "answer_speed":
        text = _("已应答来电的排队时长 ÷ 应答：%(parts)s。", parts=parts) + placed
    elif figure.name == "wait_estimate_error":
        text = _(
            "播报的预计等待与实际等待之差的绝对值 ÷ 听到播报后应答的来电：%(parts)s。", parts=parts
        )
        text += _("每通来电只计其最后所在队列的首次播报，实际等待自播报时起算。")
        text += _("未听到预计等待的、未应答的来电未计入。") + placed
    elif figure.name == "wait_estimate_bias":
        text = _("平均偏差（播报 − 实际）：%(parts)s；正数为播报偏长。", parts=parts)
    elif figure.name == "satisfaction":
        text = _("评价为基本满意及以上 ÷ 已评价：%(parts)s。", parts=parts)
        text += _("未评价的来电未计入。")
    elif figure.name == "handling_time":
        text = _("通话、保持与话后处理时长 ÷ 接听：%(parts)s。振铃未计入。", parts=parts)
    else:
        text = _("处理时长 ÷（处理时长 + 空闲时长）：%(parts)s。", parts=parts)
        text += _("振铃、小休等示忙时间未计入。")
    return text + _target(figure.name)


def _target(name: str) -> str:
    return _("目标 ≥ %(n)s%%。", n=f"{TARGETS[name]:g}") if name in TARGETS else ""


def tile_of(figure: Figure, counts: Tally, note: str = "", more: str = "") -> Tile:
    value = str(figure)
    if figure.unit == "s" and figure.value is not None:
        value = _("%(n)s 秒", n=f"{figure.value:.0f}")
    return Tile(
        figure.name,
        str(LABELS[figure.name]),
        value,
        explain(figure, counts) + more,
        "warn" if figure.met is False else "",
        note or (_("目标 ≥ %(n)s%%", n=f"{figure.target:g}") if figure.target else ""),
    )


def tiles(book: DayBook, queue: str = ALL, agents: Handling | None = None) -> list[Tile]:
    """The day's tiles for all calls or one queue; with agents' time, also its figures."""
    counts = book.totals.get(queue) or Tally()
    found = figures(counts, agents)
    others = "".join(
        explain(found[name], counts)
        for name in ("service_level_of_queued", "service_level_of_arrival")
    )
    shown = [*_counts(book, counts, queue), tile_of(found["connection_rate"], counts)]
    shown.append(tile_of(found["service_level"], counts, more=others))
    if agents is not None:
        shown += [
            tile_of(found[name], counts)
            for name in ("abandonment", "answer_speed", "handling_time", "occupancy")
        ]
    if agents is not None or queue != ALL:
        shown.append(_estimates(found, counts))
    rated = _("已评价 %(n)s", n=counts.rated)
    shown.append(tile_of(found["satisfaction"], counts, note=rated))
    return shown


def _estimates(found: Mapping[str, Figure], counts: Tally) -> Tile:
    """How far the announced waits were off, both ways of looking at it."""
    bias = found["wait_estimate_bias"]
    note = _("无播报")
    if bias.value is not None:
        note = _("偏差 %(bias)s 秒，%(n)s 通", bias=f"{bias.value:+.0f}", n=counts.told)
    return tile_of(found["wait_estimate_error"], counts, note, explain(bias, counts))


def _counts(book: DayBook, counts: Tally, queue: str) -> list[Tile]:
    shown = [
        Tile(
            "arrived",
            _("今日来电"),
            str(counts.arrived),
            _("今日零时（北京时间）起到达交换机的来电，含已拦截的；热线回拨的未计入。"),
            note=_("热线回拨 %(n)s", n=counts.placed),
        ),
        Tile(
            "answered",
            _("人工接听"),
            str(counts.answered),
            _("今日进入队列后由坐席接听的来电。"),
            note=_("进入队列 %(n)s", n=counts.queued),
        ),
        Tile(
            "abandoned",
            _("放弃"),
            str(counts.abandoned),
            _(
                "今日在排队中挂断的来电；另有 %(n)s 通在菜单中挂断，不计入。",
                n=counts.abandoned_in_menu,
            ),
            "warn" if counts.abandoned else "",
            _("菜单中挂断 %(n)s", n=counts.abandoned_in_menu),
        ),
    ]
    if queue == ALL:
        going_on = _("尚未结束的来电（不限日期）。")
        shown.insert(0, Tile("going_on", _("进行中"), str(len(book.going_on)), going_on, "live"))
    return shown
