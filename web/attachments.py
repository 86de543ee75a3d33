"""Files beside an order: photographs, letters, tables. Kept outside of what the web serves.

A file's kind is what its first bytes say, not its name. It is stored under a name of ours and
given back only as a download, so that nothing in it is ever run or shown by the page.
"""

from __future__ import annotations

import hashlib
import io
import os
import secrets
import zipfile
from pathlib import Path
from typing import Any

from flask import Blueprint, abort, flash, redirect, request, send_file, url_for
from flask_babel import gettext as _
from sqlalchemy import func, select
from werkzeug.datastructures import FileStorage

from callcenter.privacy import clean_text
from web.audit import Action, record
from web.auth import signed_in
from web.localtime import local, now
from web.scope import visible_order
from web.storage import db, saving, settings
from workorder.models import Attachment, Order, User

blueprint = Blueprint("attachments", __name__, url_prefix="/orders")

MOST_BYTES = 10 << 20  # of one file
MOST_FILES = 20  # of one order
MOST_UNPACKED = 200 << 20  # of a document that is a packed folder inside

# What may be kept, by how it begins: kind → type that it is given back with.
TYPES = {
    "pdf": "application/pdf",
    "jpg": "image/jpeg",
    "png": "image/png",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "txt": "text/plain; charset=utf-8",
}
SHOWN = "PDF、JPG、PNG、DOCX、XLSX、WAV、MP3、TXT"


class Unfit(ValueError):
    """A file that isn't kept; the message says why and what would be right."""


def sniff(content: bytes) -> str | None:
    """The kind of a file by its content; None for what isn't kept."""
    if content.startswith(b"%PDF-"):
        return "pdf"
    if content.startswith(b"\xff\xd8\xff"):
        return "jpg"
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if content[:4] == b"RIFF" and content[8:12] == b"WAVE":
        return "wav"
    if content.startswith(b"ID3") or content[:2] in (b"\xff\xfb", b"\xff\xf3", b"\xff\xf2"):
        return "mp3"
    if content.startswith(b"PK\x03\x04"):
        return _office_kind(content)
    return "txt" if _is_plain_text(content) else None


def _office_kind(content: bytes) -> str | None:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = archive.namelist()
            if sum(each.file_size for each in archive.infolist()) > MOST_UNPACKED:
                return None
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return None
    if "[Content_Types].xml" not in names or any("vbaProject" in name for name in names):
        return None  # no document of an office, or one that carries a program
    if "word/document.xml" in names:
        return "docx"
    return "xlsx" if "xl/workbook.xml" in names else None


def _is_plain_text(content: bytes) -> bool:
    if not content or b"\x00" in content:
        return False
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    # A page or a script is text too, and a browser would like to run it.
    return not text.lstrip("\ufeff \r\n\t").startswith("<")


def safe_name(name: str, kind: str) -> str:
    """The sender's name without its folders, controls and tricks, ending as its content is."""
    base = clean_text(name.replace("\\", "/").rpartition("/")[2], 200)
    stem = "".join(char for char in base if char not in '<>:"|?*/%;').strip(" .")
    if stem.lower().endswith((f".{kind}", ".jpeg")):
        stem = stem.rpartition(".")[0].strip(" .")
    return f"{stem[:100] or _('附件')}.{kind}"


def keep(order: Order, file: FileStorage, user: User) -> Attachment:
    """Check the file, put it away, and give its row. Raise Unfit."""
    content = file.stream.read(MOST_BYTES + 1)
    if not content:
        raise Unfit(_("文件是空的。"))
    if len(content) > MOST_BYTES:
        raise Unfit(_("文件超过 %(n)s MB，请压缩后再传。", n=MOST_BYTES >> 20))
    kind = sniff(content)
    if kind is None:
        raise Unfit(_("不能保存这种文件。可以上传：%(kinds)s。", kinds=SHOWN))
    path = f"{local(now()):%Y/%m/%d}/{secrets.token_hex(16)}.{kind}"
    _write(folder() / path, content)
    return Attachment(
        order_id=order.id,
        name=safe_name(file.filename or "", kind),
        kind=kind,
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        path=path,
        added_by=user.username,
        unit=user.unit,
        added_at=now(),
    )


def folder() -> Path:
    return settings().data_dir / "attachments"


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


@blueprint.post("/<number>/attachments")
def add(number: str) -> Any:
    order = visible_order(number)
    request.max_content_length = MOST_BYTES + (1 << 16)
    user, back = signed_in(), url_for("orders.show", number=number, _anchor="attachments")
    if order.closed_at is not None:
        abort(409)
    file = request.files.get("file")
    if file is None or not file.filename:
        flash(_("请先选择文件。"), "bad")
        return redirect(back)
    kept = db().scalar(select(func.count()).where(Attachment.order_id == order.id))
    try:
        if (kept or 0) >= MOST_FILES:
            raise Unfit(_("每件工单最多 %(n)s 个附件。", n=MOST_FILES))
        attachment = keep(order, file, user)
    except Unfit as error:
        flash(str(error), "bad")
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
