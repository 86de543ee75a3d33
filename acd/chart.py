"""Small charts as SVG text: bars, and points around a diagonal."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

WIDTH, HEIGHT, MARGIN = 720, 320, 48
_STYLE = "font-family='sans-serif' font-size='12' fill='#333'"


def _frame(title: str, body: list[str], x_name: str, y_name: str) -> str:
    right, bottom = WIDTH - MARGIN / 2, HEIGHT - MARGIN
    return "\n".join(
        [
            f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {HEIGHT}' {_STYLE}>",
            f"<title>{escape(title)}</title>",
            "<rect width='100%' height='100%' fill='#fff'/>",
            f"<text x='{MARGIN}' y='22' font-size='15'>{escape(title)}</text>",
            *body,
            f"<path d='M{MARGIN} {MARGIN}V{bottom}H{right}' fill='none' stroke='#333'/>",
            f"<text x='{right}' y='{HEIGHT - 10}' text-anchor='end'>{escape(x_name)}</text>",
            f"<text x='{MARGIN}' y='{MARGIN - 8}'>{escape(y_name)}</text>",
            "</svg>\n",
        ]
    )


def _rounded(top: float) -> float:
    """Return a round number that is not below `top`."""
    step = 1.0
    while step * 10 < top:
        step *= 10
    while step > top > 0:
        step /= 10
    return next(step * factor for factor in (1, 2, 5, 10) if step * factor >= top)


def bars(
    title: str,
    values: Sequence[tuple[str, float]],
    x_name: str,
    y_name: str,
    goal: float | None = None,
) -> str:
    """Draw one bar for each (label, value); `goal` is drawn as a dashed line."""
    top = _rounded(max([value for _, value in values] + [goal or 0.0, 1e-9]))
    low, high, right = HEIGHT - MARGIN, MARGIN, WIDTH - MARGIN / 2
    width = (right - MARGIN) / max(1, len(values))
    every = max(1, len(values) // 12)
    body = [_scale(top * part / 4, low - (low - high) * part / 4) for part in range(5)]
    for place, (label, value) in enumerate(values):
        tall = (low - high) * value / top
        x = MARGIN + place * width
        note = f"{escape(label)}: {value:.4g}"
        body.append(
            f"<rect x='{x + width * 0.1:.1f}' y='{low - tall:.1f}' width='{width * 0.8:.1f}'"
            f" height='{tall:.1f}' fill='#2b6cb0'><title>{note}</title></rect>"
        )
        if place % every == 0:
            body.append(f"<text x='{x:.1f}' y='{low + 16}'>{escape(label)}</text>")
    if goal is not None:
        y = low - (low - high) * goal / top
        body.append(
            f"<path d='M{MARGIN} {y:.1f}H{right}' stroke='#c53030' stroke-dasharray='6 4'/>"
        )
    return _frame(title, body, x_name, y_name)


def _scale(value: float, y: float) -> str:
    return (
        f"<text x='{MARGIN - 6}' y='{y + 4:.1f}' text-anchor='end'>{value:.3g}</text>"
        f"<path d='M{MARGIN} {y:.1f}H{WIDTH - MARGIN / 2}' stroke='#ddd'/>"
    )


def points(
    title: str, values: Sequence[tuple[float, float]], x_name: str, y_name: str, most: int = 2000
) -> str:
    """Draw points with the same scale on both axes, and the diagonal where both are equal."""
    kept = values[:: max(1, len(values) // most)]
    top = _rounded(max([max(pair) for pair in kept] + [1.0]))
    low, high, right = HEIGHT - MARGIN, MARGIN, WIDTH - MARGIN / 2
    body = [_scale(top * part / 4, low - (low - high) * part / 4) for part in range(5)]
    body.append(f"<path d='M{MARGIN} {low}L{right} {high}' stroke='#c53030'/>")
    for x, y in kept:
        across = MARGIN + (right - MARGIN) * x / top
        up = low - (low - high) * y / top
        body.append(
            f"<circle cx='{across:.1f}' cy='{up:.1f}' r='2' fill='#2b6cb0' fill-opacity='.4'/>"
        )
    return _frame(title, body, f"{x_name} (0 to {top:g})", y_name)
