"""What leaves the system on paper or as a file: the transfer sheet and the list as a table."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, request, send_file
from flask_babel import gettext as _
from sqlalchemy import select

from callcenter.privacy import mask
from web import sheets, step_words, transfer_sheet, words
from web.audit import Action, record
from web.auth import signed_in
from web.filters import shown_name, shown_number
from web.localtime import local, now, stamp
from web.order_filter import OrderFilter, light_of
from web.order_list import Scope, find_orders
from web.order_story import story
from web.scope import listed, reveals_numbers, visible_order
from web.storage import db, saving
from web.units import unit_names
from workorder import lifecycle
from workorder.models import Order, OrderUnit

blueprint = Blueprint("papers", __name__, url_prefix="/orders")

MOST_ROWS = 20_000
AT_ONCE = 1_000
STEPS_SHOWN = 12
MINUTES_SHOWN = 16  # characters of a time to the minute


@blueprint.get("/<number>/sheet.pdf")
def sheet(number: str) -> Response:
    """办理转送单: what the unit needs to handle the order; the citizen's number is on it in full
    for those who may see it, which is why it is written down who made it."""
    order, user = visible_order(number), signed_in()
    whole = reveals_numbers(user)
    with saving() as session:
        record(session, Action.SHEET_PRINTED, number, user, number_shown=whole)
    names = unit_names(db())
    parts = db().scalars(select(OrderUnit).where(OrderUnit.order_id == order.id, OrderUnit.active))
    co = [names.get(part.unit, part.unit) for part in parts if part.part == "co"]
    deadline = lifecycle.resolve_deadline(db(), order)
    facts = [
        (_("主办单位"), names.get(order.unit or "", "–")),
        (_("协办单位"), _("、").join(co) or "–"),
        (_("类别"), str(words.word(words.CATEGORIES, order.category))),
        (_("事项"), order.topic or "–"),
        (_("区县"), order.district or "–"),
        (_("来源"), str(words.word(words.CHANNELS, order.channel))),
        (_("受理时间"), _minute(order.accepted_at or order.created_at)),
        (_("派单时间"), _minute(order.dispatched_at)),
        (_("办理期限"), _minute(deadline)),
        (_("退回次数"), str(order.return_count)),
        (_("市民"), shown_name(order.citizen_name) or "–"),
        (_("联系电话"), order.citizen_number if whole else shown_number(order.citizen_number)),
    ]
    texts = [
        (_("地点"), order.address or "–"),
        (_("标题"), order.title),
        (_("诉求内容"), order.body),
    ]
    if order.result:
        texts.append((_("办理结果"), order.result))
    told = [[_("时间"), _("办理人"), _("环节"), _("说明")]]
    for line in reversed(story(db(), order)[:STEPS_SHOWN]):
        if line.event.kind in (step_words.Step.DRAFTED, step_words.Step.EDITED):
            continue
        told.append([_minute(line.event.at), line.who, str(line.what), line.event.reason or "–"])
    content = transfer_sheet.make(
        title=_("12345 政务服务便民热线办理转送单"),
        number=_("编号 %(number)s", number=order.number),
        facts=facts,
        texts=texts,
        steps=told,
        blanks=[_("承办意见"), _("领导批示"), _("办理人签字")],
        foot=_(
            "打印：%(who)s %(at)s · 内含个人信息，请妥善保管",
            who=user.display_name,
            at=stamp(now()),
        ),
    )
    return send_file(
        io.BytesIO(content), mimetype="application/pdf", max_age=0,
        download_name=f"{order.number}.pdf", as_attachment="download" in request.args,
    )  # fmt: skip


@blueprint.get("/export.xlsx")
def export() -> Response:
    """The list as its filter cuts it, newest first; numbers stay masked."""
    user = signed_in()
    wanted = OrderFilter.from_args(request.args)
    filtered, scope = listed(user, wanted)
    rows = list(_rows(filtered, scope))
    with saving() as session:
        record(session, Action.EXPORTED, "orders", user, rows=len(rows), query=wanted.to_args())
    widths = (18, 10, 10, 8, 40, 14, 10, 20, 10, 16, 12, 17, 17, 17, 8, 60)
    content = sheets.as_xlsx(_("工单"), [_head(), *rows], widths)
    return send_file(
        io.BytesIO(content), as_attachment=True, mimetype=sheets.XLSX, max_age=0,
        download_name=f"orders-{local(now()):%Y%m%d-%H%M}.xlsx",
    )  # fmt: skip


def _head() -> list[str]:
    return [
        _("编号"), _("状态"), _("类别"), _("时限"), _("标题"), _("事项"), _("区县"), _("承办单位"),
        _("来源"), _("市民"), _("电话"), _("建立时间"), _("到期时间"), _("办结时间"), _("满意度"),
        _("办理结果"),
    ]  # fmt: skip


def _rows(wanted: OrderFilter, scope: Scope) -> Iterator[list[Any]]:
    names, after, given = unit_names(db()), None, 0
    wanted = replace(wanted)
    while given < MOST_ROWS:
        page = find_orders(db(), wanted, scope, after, AT_ONCE)
        for order in page.orders:
            yield _row(order, names)
        given += len(page.orders)
        db().expunge_all()
        after = page.after
        if after is None:
            return


def _row(order: Order, names: dict[str, str]) -> list[Any]:
    return [
        order.number,
        str(words.word(words.ORDER_STATES, order.state)),
        str(words.word(words.CATEGORIES, order.category)),
        str(words.LIGHTS.get(light_of(order), "")),
        order.title,
        order.topic,
        order.district,
        names.get(order.unit or "", ""),
        str(words.word(words.CHANNELS, order.channel)),
        shown_name(order.citizen_name),
        mask(order.citizen_number),
        _minute(order.created_at),
        _minute(order.due_at),
        _minute(order.resolved_at),
        str(words.RATINGS.get(order.satisfaction or 0, "")),
        order.result,
    ]


def _minute(moment: Any) -> str:
    return stamp(moment)[:MINUTES_SHOWN] if moment is not None else "–"
