"""Files that may be kept beside an order, whoever brings them: photographs, letters, tables.

A file's kind is what its first bytes say, not its name. It is stored under a name of ours in
`DATA_DIR/attachments`, outside of what the web serves.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import os
import secrets
import zipfile
from enum import StrEnum
from pathlib import Path

from callcenter.privacy import clean_text
from workorder.models import Attachment
from workorder.worktime import CHINA

FOLDER = "attachments"  # in the data folder
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


class Why(StrEnum):
    EMPTY = "empty"
    TOO_LARGE = "too_large"
    KIND = "kind"


class Unfit(ValueError):
    """A file that isn't kept."""

    def __init__(self, why: Why) -> None:
        super().__init__(why.value)
        self.why = why


def kind_of(content: bytes) -> str:
    """The kind of a file that may be kept; raise Unfit."""
    if not content:
        raise Unfit(Why.EMPTY)
    if len(content) > MOST_BYTES:
        raise Unfit(Why.TOO_LARGE)
    kind = sniff(content)
    if kind is None:
        raise Unfit(Why.KIND)
    return kind


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


def safe_name(name: str, kind: str, unnamed: str = "附件") -> str:
    """The sender's name without its folders, controls and tricks, ending as its content is."""
    base = clean_text(name.replace("\\", "/").rpartition("/")[2], 200)
    stem = "".join(char for char in base if char not in '<>:"|?*/%;').strip(" .")
    if stem.lower().endswith((f".{kind}", ".jpeg")):
        stem = stem.rpartition(".")[0].strip(" .")
    return f"{stem[:100] or unnamed}.{kind}"


def keep(
    folder: Path,
    content: bytes,
    name: str,
    *,
    order_id: int,
    by: str,
    at: dt.datetime,
    unit: str | None = None,
    unnamed: str = "附件",
) -> Attachment:
    """Check the file, put it away below `folder`, and give its row. Raise Unfit, OSError."""
    kind = kind_of(content)
    path = f"{at.astimezone(CHINA):%Y/%m/%d}/{secrets.token_hex(16)}.{kind}"
    _write(folder / path, content)
    return Attachment(
        order_id=order_id,
        name=safe_name(name, kind, unnamed),
        kind=kind,
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        path=path,
        added_by=by,
        unit=unit,
        added_at=at,
    )


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
