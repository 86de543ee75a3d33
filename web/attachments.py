"""Files beside an order: photographs, letters, tables. Kept outside of what the web serves.

What may be kept is in `callcenter.order_files`. A file is given back only as a download, so that
nothing in it is ever run or shown by the page.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flask import Blueprint, abort, flash, redirect, request, send_file, url_for
from flask_babel import gettext as _
from sqlalchemy import func, select

from callcenter import order_files
from callcenter.order_files import MOST_FILES, TYPES, Unfit, Why
from web.audit import Action, record
from web.auth import signed_in
from web.localtime import now
from web.scope import visible_order
from web.storage import db, saving, settings
from workorder.models import Attachment, Order

blueprint = Blueprint("attachments", __name__, url_prefix="/orders")

SHOWN = "PDF、JPG、PNG、DOCX、XLSX、WAV、MP3、TXT"


def _said(why: Why) -> str:
    """Why a file isn't kept, and what would be right."""
    if why is Why.EMPTY:
        return _("文件是空的。")
    if why is Why.TOO_LARGE:
        return _("文件超过 %(n)s MB，请压缩后再传。", n=order_files.MOST_BYTES >> 20)
    return _("不能保存这种文件。可以上传：%(kinds)s。", kinds=SHOWN)


def folder() -> Path:
    return settings().data_dir / order_files.FOLDER


@blueprint.post("/<number>/attachments")
def add(number: str) -> Any:
    order = visible_order(number)
    request.max_content_length = order_files.MOST_BYTES + (1 << 16)
    user, back = signed_in(), url_for("orders.show", number=number, _anchor="attachments")
    if order.closed_at is not None:
        abort(409)
    file = request.files.get("file")
    if file is None or not file.filename:
        flash(_("请先选择文件。"), "bad")
        return redirect(back)
    kept = db().scalar(select(func.count()).where(Attachment.order_id == order.id))
    if (kept or 0) >= MOST_FILES:
        flash(_("每件工单最多 %(n)s 个附件。", n=MOST_FILES), "bad")
        return redirect(back)
    try:
        attachment = order_files.keep(
            folder(), file.stream.read(order_files.MOST_BYTES + 1), file.filename,
            order_id=order.id, by=user.username, unit=user.unit, at=now(), unnamed=_("附件"),
        )  # fmt: skip
    except Unfit as error:
        flash(_said(error.why), "bad")
        return redirect(back)
    with saving() as session:
        session.add(attachment)
        told = {"name": attachment.name, "sha256": attachment.sha256}
        record(session, Action.ATTACHMENT_ADDED, number, user, **told)
    flash(_("附件已保存。"), "good")
    return redirect(back)


@blueprint.get("/<number>/attachments/<int:attachment_id>")
def download(number: str, attachment_id: int) -> Any:
    order = visible_order(number)
    found = db().get(Attachment, attachment_id)
    if found is None or found.order_id != order.id:
        abort(404)
    path = folder() / found.path
    if not path.is_file():
        abort(404)
    with saving() as session:
        record(session, Action.ATTACHMENT_READ, number, signed_in(), attachment=found.id)
    return send_file(
        path, mimetype=TYPES[found.kind], as_attachment=True, download_name=found.name,
        max_age=0,
    )  # fmt: skip


def of_order(order: Order) -> list[Attachment]:
    found = select(Attachment).where(Attachment.order_id == order.id).order_by(Attachment.id)
    return list(db().scalars(found))
