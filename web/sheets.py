"""Tables as files: CSV that Excel opens as it is, and XLSX; both ways.

What comes in is hostile: sizes are bounded before anything is unpacked. What goes out may hold a
citizen's words: a cell that begins like a formula is written as text.
"""

from __future__ import annotations

import csv
import io
import itertools
import zipfile
from collections.abc import Iterable, Sequence
from typing import Any

import openpyxl
from flask import Response, send_file
from flask_babel import gettext as _
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font, PatternFill
from openpyxl.utils import get_column_letter
from werkzeug.datastructures import FileStorage

from web.localtime import local, now

MOST_ROWS = 5_000  # of a table that comes in
MOST_BYTES = 1 << 20
MOST_UNPACKED = 40 << 20
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
FORMULA = ("=", "+", "-", "@", "\t", "\r")
HEAD = PatternFill("solid", fgColor="E6EFFA")


class BadSheet(ValueError):
    """The file isn't a table of ours; the message says what would be right."""


# --- out -----------------------------------------------------------------------------------------


def answer(
    kind: str, name: str, columns: Sequence[str], rows: Iterable[dict[str, str]]
) -> Response:
    """The table for downloading; `kind` is csv or xlsx."""
    file = f"{name}-{local(now()):%Y%m%d-%H%M}.{'csv' if kind == 'csv' else 'xlsx'}"
    table = itertools.chain([list(columns)], ([row[each] for each in columns] for row in rows))
    content = as_csv(table) if kind == "csv" else as_xlsx(name, table)
    return send_file(
        io.BytesIO(content), as_attachment=True, download_name=file, max_age=0,
        mimetype="text/csv; charset=utf-8" if kind == "csv" else XLSX,
    )  # fmt: skip


def as_csv(table: Iterable[Sequence[Any]]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out)
    for row in table:
        writer.writerow([_harmless(value) for value in row])
    return b"\xef\xbb\xbf" + out.getvalue().encode()  # Excel takes it for UTF-8 by these bytes


def as_xlsx(title: str, table: Iterable[Sequence[Any]], widths: Sequence[int] = ()) -> bytes:
    """Row by row: a long table doesn't have to fit into memory."""
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet(title[:31])
    sheet.freeze_panes = "A2"
    for place, width in enumerate(widths, 1):
        sheet.column_dimensions[get_column_letter(place)].width = width
    for place, row in enumerate(table):
        cells = [WriteOnlyCell(sheet, value=_clean(value)) for value in row]
        for cell in cells:
            if cell.data_type == "f":
                cell.data_type = "s"
            if place == 0:
                cell.font, cell.fill = Font(bold=True), HEAD
        sheet.append(cells)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _harmless(value: Any) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(FORMULA) and not text.lstrip("+-").isdigit() else text


def _clean(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return "".join(char for char in value if char in "\n\t" or ord(char) >= 32)[:32_000]


# --- in ------------------------------------------------------------------------------------------


def read(
    file: FileStorage | None, columns: Sequence[str], needed: Sequence[str]
) -> list[dict[str, str]]:
    """The file's rows by column name; empty ones are left out. Raise BadSheet."""
    if file is None or not file.filename:
        raise BadSheet(_("请先选择文件。"))
    content = file.stream.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise BadSheet(_("文件超过 %(n)s MB。", n=MOST_BYTES >> 20))
    table = _from_xlsx(content) if content.startswith(b"PK\x03\x04") else _from_csv(content)
    if not table:
        raise BadSheet(_("文件是空的。"))
    head = [each.strip().lower() for each in table[0]]
    missing = [name for name in needed if name not in head]
    if missing:
        raise BadSheet(
            _(
                "第一行要有列名。缺少：%(missing)s。可用的列名：%(all)s。",
                missing=", ".join(missing), all=", ".join(columns),
            )
        )  # fmt: skip
    if len(table) > MOST_ROWS:
        raise BadSheet(_("最多 %(n)s 行，请分几次导入。", n=MOST_ROWS))
    rows = []
    for line in table[1:]:
        row = {name: value.strip() for name, value in zip(head, line, strict=False)}
        if any(row.values()):
            rows.append({name: row.get(name, "").removeprefix("'") for name in columns})
    return rows


def _from_csv(content: bytes) -> list[list[str]]:
    for encoding in ("utf-8-sig", "gb18030"):  # Excel in China writes the latter
        try:
            text = content.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        raise BadSheet(_("文件的编码不认识，请另存为 UTF-8 的 CSV 或 XLSX。"))
    try:
        return list(itertools.islice(csv.reader(io.StringIO(text), strict=True), MOST_ROWS + 1))
    except csv.Error as error:
        raise BadSheet(_("不是 CSV 文件：%(why)s", why=str(error))) from error


def _from_xlsx(content: bytes) -> list[list[str]]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(each.file_size for each in archive.infolist()) > MOST_UNPACKED:
                raise BadSheet(_("文件解开后太大。"))
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        sheet = book.worksheets[0]
        rows = sheet.iter_rows(max_row=MOST_ROWS + 1, max_col=40, values_only=True)
        return [["" if value is None else str(value) for value in row] for row in rows]
    except BadSheet:
        raise
    except Exception as error:  # openpyxl raises whatever its XML reader does
        raise BadSheet(_("不是 XLSX 文件，或已损坏。")) from error
