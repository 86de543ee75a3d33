"""The transfer sheet (办理转送单) that goes to the handling unit, as a PDF of one or two pages.

Chinese is set in a font that lies on this machine, where there is one that may be embedded; else in
STSong-Light, which every reader of PDF with the Asian fonts has (ISO 32000-1, 9.7.5.2).
"""

from __future__ import annotations

import functools
import io
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.pdfbase.ttfonts import TTFError, TTFont
from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

# TrueType outlines only: reportlab can't embed others.
FONTS = (
    Path("/usr/share/fonts/truetype/wqy/wqy-microhei.ttc"),
    Path("/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc"),
    Path("/usr/share/fonts/truetype/droid/DroidSansFallbackFull.ttf"),
    Path("/usr/share/fonts/truetype/arphic/uming.ttc"),
)
BUILT_IN = "STSong-Light"
MARGIN = 20 * mm
LONGEST = 4_000  # characters of one field

Rows = list[tuple[str, str]]


@functools.cache
def font() -> str:
    """The name of the font that Chinese is set in."""
    for path in FONTS:
        try:
            pdfmetrics.registerFont(TTFont("sheet", str(path)))
        except (OSError, TTFError):
            continue
        return "sheet"
    pdfmetrics.registerFont(UnicodeCIDFont(BUILT_IN))
    return BUILT_IN


def make(title: str, number: str, facts: Rows, texts: Rows, steps: list[list[str]],
         blanks: list[str], foot: str) -> bytes:  # fmt: skip
    """The sheet. `facts` stand two in a row, `texts` over the whole width, `steps` are a table
    (its first row the head), `blanks` are fields that the unit fills in by hand."""
    styles = _styles()
    out = io.BytesIO()
    document = SimpleDocTemplate(
        out, pagesize=A4, leftMargin=MARGIN, rightMargin=MARGIN, topMargin=18 * mm,
        bottomMargin=18 * mm, title=f"{title} {number}", author="12345",
    )  # fmt: skip
    width = A4[0] - 2 * MARGIN
    story: list[Any] = [
        Paragraph(escape(title), styles["title"]),
        Paragraph(escape(number), styles["number"]),
        _facts(facts, width, styles),
        *(_text(label, text, width, styles) for label, text in texts),
    ]
    if len(steps) > 1:
        story += [Spacer(1, 4 * mm), _steps(steps, width, styles)]
    story += [Spacer(1, 4 * mm), *(_blank(label, width, styles) for label in blanks)]

    def page_foot(canvas: Any, doc: Any) -> None:
        canvas.saveState()
        canvas.setFont(font(), 8)
        canvas.setFillColor(colors.HexColor("#46566b"))
        canvas.drawString(MARGIN, 11 * mm, foot.replace("·", "|"))  # the built-in font has no dot
        canvas.drawRightString(A4[0] - MARGIN, 11 * mm, f"{number} | {doc.page}")
        canvas.restoreState()

    document.build(story, onFirstPage=page_foot, onLaterPages=page_foot)
    return out.getvalue()


def _styles() -> dict[str, ParagraphStyle]:
    plain = ParagraphStyle(
        "plain", fontName=font(), fontSize=10, leading=15, wordWrap="CJK", splitLongWords=True
    )
    return {
        "plain": plain,
        "label": ParagraphStyle("label", plain, textColor=colors.HexColor("#46566b")),
        "title": ParagraphStyle("title", plain, fontSize=18, leading=26, alignment=1),
        "number": ParagraphStyle("number", plain, alignment=1, spaceAfter=4 * mm),
        "small": ParagraphStyle("small", plain, fontSize=8.5, leading=12),
    }


_LINES = [
    ("GRID", (0, 0), (-1, -1), 0.6, colors.HexColor("#7c8798")),
    ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ("TOPPADDING", (0, 0), (-1, -1), 4),
    ("BOTTOMPADDING", (0, 0), (-1, -1), 5),
]


def _facts(facts: Rows, width: float, styles: dict[str, ParagraphStyle]) -> Table:
    cells = [(_p(label, styles["label"]), _p(value, styles["plain"])) for label, value in facts]
    if len(cells) % 2:
        cells.append(("", ""))
    rows = [[*cells[i], *cells[i + 1]] for i in range(0, len(cells), 2)]
    label = 24 * mm
    table = Table(rows, [label, width / 2 - label] * 2)
    shaded = ("BACKGROUND", (0, 0), (0, -1), colors.HexColor("#f1f4f8"))
    table.setStyle(
        TableStyle([*_LINES, shaded, ("BACKGROUND", (2, 0), (2, -1), colors.HexColor("#f1f4f8"))])
    )
    return table


def _text(label: str, text: str, width: float, styles: dict[str, ParagraphStyle]) -> Table:
    # Each paragraph is a row of its own, so that a long text goes on over the page's end.
    paragraphs = [_p(part, styles["plain"]) for part in text[:LONGEST].split("\n")] or [""]
    rows = [[_p(label, styles["label"]) if place == 0 else "", part]
            for place, part in enumerate(paragraphs)]  # fmt: skip
    table = Table(rows, [24 * mm, width - 24 * mm])
    table.setStyle(
        TableStyle(
            [
                ("BOX", (0, 0), (-1, -1), 0.6, colors.HexColor("#7c8798")),
                ("LINEAFTER", (0, 0), (0, -1), 0.6, colors.HexColor("#7c8798")),
                ("BACKGROUND", (0, 0), (0, -1), colors.HexColor("#f1f4f8")),
                *_LINES[1:],
            ]
        )
    )
    return table


def _steps(steps: list[list[str]], width: float, styles: dict[str, ParagraphStyle]) -> Table:
    rows = [[_p(cell, styles["small"]) for cell in row] for row in steps]
    table = Table(rows, [32 * mm, 34 * mm, 26 * mm, width - 92 * mm], repeatRows=1)
    head = ("BACKGROUND", (0, 0), (-1, 0), colors.HexColor("#f1f4f8"))
    table.setStyle(TableStyle([*_LINES, head]))
    return table


def _blank(label: str, width: float, styles: dict[str, ParagraphStyle]) -> Table:
    table = Table([[_p(label, styles["label"]), ""]], [24 * mm, width - 24 * mm], [22 * mm])
    shaded = ("BACKGROUND", (0, 0), (0, -1), colors.HexColor("#f1f4f8"))
    table.setStyle(TableStyle([*_LINES, shaded]))
    return table


def _p(text: str, style: ParagraphStyle) -> Paragraph:
    return Paragraph(escape(text) or "–", style)
