"""Charts as SVG: no library, no script, the same on screen and on paper."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

BLUE, ORANGE, GREEN, PINK, GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#6B7280"
PURPLE, SKY, YELLOW, INK = "#7B61C4", "#56B4E9", "#E8C500", "#1B2430"
WIDTH, HEIGHT = 460, 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 12, 34, 58
_TICKS = 5
_MOST_SLICE_TICKS = 15
_ROW = 16
"""Between two rows of a legend."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """A curve.

    Attributes:
        name: in the legend.
        x, y: its points; where y is nan there is a gap.
        colour: of the line.
        dash: lengths of dashes and gaps in SVG's words; empty for a solid line.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    colour: str
    dash: str = ""


@dataclass(frozen=True)
class _Axes:
    left: float
    right: float
    low: float
    high: float

    def x(self, value: float) -> float:
        return _LEFT + (value - self.left) / (self.right - self.left) * (WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return HEIGHT - _BOTTOM - share * (HEIGHT - _TOP - _BOTTOM)


def line_chart(
    title: str,
    lines: Sequence[Line],
    *,
    x_title: str,
    y_title: str,
    y_range: tuple[float | None, float | None] = (None, None),
    marks: Mapping[str, float] | None = None,
) -> str:
    """Curves on common axes, with names for places on the x axis; the figure as an `<svg>` element."""
    xs = [float(value) for line in lines for value in line.x]
    ys = [float(value) for line in lines for value in line.y if math.isfinite(value)]
    if not xs or not ys:
        return ""
    low = min(ys) if y_range[0] is None else y_range[0]
    high = max(ys) if y_range[1] is None else y_range[1]
    axes = _Axes(min(xs), max(xs) if max(xs) > min(xs) else min(xs) + 1, low, high if high > low else low + 1)
    inside = [_grid(axes, _ticks(axes.left, axes.right))]
    for row, (name, value) in enumerate((marks or {}).items()):
        at = axes.x(value)
        anchor = "end" if at > WIDTH / 2 else "start"
        inside.append(
            f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{_TOP}" y2="{HEIGHT - _BOTTOM}" stroke="{GREY}" '
            f'stroke-dasharray="4 3"/><text x="{at:.1f}" y="{_TOP - 5 - 12 * (row % 2)}" text-anchor="{anchor}" '
            f'class="small">{escape(name)} {value:.3f}</text>'
        )
    for line in lines:
        points = [
            f"{axes.x(float(x)):.1f},{axes.y(float(y)):.1f}"
            for x, y in zip(line.x, line.y, strict=True)
            if math.isfinite(y)
        ]
        dash = f' stroke-dasharray="{line.dash}"' if line.dash else ""
        inside.append(
            f'<polyline points="{" ".join(points)}" fill="none" stroke="{line.colour}" stroke-width="2"{dash}/>'
        )
    return _framed(title, "".join(inside), x_title, y_title, [(line.name, line.colour, line.dash) for line in lines])


def bar_chart(title: str, values: Mapping[int, float], *, y_title: str, colour: str, marked: int | None = None) -> str:
    """A bar for each slice, one of them marked."""
    known = {z: value for z, value in values.items() if math.isfinite(value)}
    if not known:
        return ""
    first, last = min(known) - 0.6, max(known) + 0.6
    axes = _Axes(first, last, min(0.0, *known.values()), max(0.0, *known.values()) or 1.0)
    width = 0.8 * (WIDTH - _LEFT - _RIGHT) / (last - first)
    inside = [_grid(axes, _slice_ticks(known, marked))]
    for z, value in known.items():
        top, bottom = sorted((axes.y(value), axes.y(0)))
        fill = INK if z == marked else colour
        inside.append(
            f'<rect x="{axes.x(z) - width / 2:.1f}" y="{top:.1f}" width="{width:.1f}" '
            f'height="{max(bottom - top, 0.5):.1f}" fill="{fill}"><title>slice {z}: {value:.4g}</title></rect>'
        )
    return _framed(title, "".join(inside), "slice", y_title, [])


def shares_bar(parts: Sequence[tuple[str, float, str]]) -> str:
    """One bar of parts that make up a whole: name, amount and colour of each; with the amounts in percent below."""
    total = sum(amount for _, amount, _ in parts)
    if total <= 0:
        return ""
    at, inside = 0.0, []
    for name, amount, colour in parts:
        width = 100 * amount / total
        inside.append(
            f'<rect x="{at:.3f}%" y="0" width="{width:.3f}%" height="22" fill="{colour}">'
            f"<title>{escape(name)}: {width:.1f} %</title></rect>"
        )
        at += width
    legend = "".join(
        f'<span class="key"><i style="background:{colour}"></i>{escape(name)} {100 * amount / total:.1f} %</span>'
        for name, amount, colour in parts
        if amount
    )
    return f'<svg class="shares" width="100%" height="22" role="img">{"".join(inside)}</svg><p>{legend}</p>'


def _grid(axes: _Axes, xs: Sequence[float]) -> str:
    found = []
    for value in _ticks(axes.low, axes.high):
        y = axes.y(value)
        found.append(
            f'<line x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>'
            f'<text x="{_LEFT - 6}" y="{y + 3:.1f}" text-anchor="end">{value:.6g}</text>'
        )
    for value in xs:
        x = axes.x(value)
        found.append(f'<text x="{x:.1f}" y="{HEIGHT - _BOTTOM + 15}" text-anchor="middle">{value:.6g}</text>')
    return "".join(found)


def _ticks(low: float, high: float) -> list[float]:
    """Round values from low to high, about five of them."""
    step = 10 ** math.floor(math.log10((high - low) / _TICKS))
    step *= next(factor for factor in (1, 2, 5, 10) if (high - low) / (factor * step) <= _TICKS)
    first = math.ceil(low / step - 1e-9)
    return [round(step * at, 12) for at in range(first, math.floor(high / step + 1e-9) + 1)]


def _slice_ticks(slices: Iterable[int], marked: int | None) -> list[float]:
    """Slices to write below their bars: whole numbers, the marked one among them and nothing too close to it."""
    numbers = sorted(slices)
    span = numbers[-1] - numbers[0] + 1
    step = next(n * 10**power for power in range(18) for n in (1, 2, 5) if span <= _MOST_SLICE_TICKS * n * 10**power)
    ticks = {float(z) for z in numbers if z % step == 0}
    if marked in numbers and marked is not None:
        ticks = {z for z in ticks if abs(z - marked) >= step / 2} | {float(marked)}
    return sorted(ticks)


def _framed(title: str, inside: str, x_title: str, y_title: str, legend: Sequence[tuple[str, str, str]]) -> str:
    entries, at, row = [], float(_LEFT), 0
    for name, colour, dash in legend:
        width = 36 + 6.8 * len(name)
        if at > _LEFT and at + width > WIDTH:
            at, row = float(_LEFT), row + 1
        y = HEIGHT - 12 + _ROW * row
        dashes = f' stroke-dasharray="{dash}"' if dash else ""
        entries.append(
            f'<line x1="{at}" x2="{at + 18}" y1="{y}" y2="{y}" stroke="{colour}" '
            f'stroke-width="2"{dashes}/><text x="{at + 23}" y="{y + 4}">{escape(name)}</text>'
        )
        at += width
    middle = (_TOP + HEIGHT - _BOTTOM) / 2
    height = HEIGHT + _ROW * row if legend else HEIGHT - _ROW
    return (
        f'<figure><figcaption>{escape(title)}</figcaption><svg viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="{escape(title)}">{inside}'
        f'<text x="{(_LEFT + WIDTH - _RIGHT) / 2}" y="{HEIGHT - _BOTTOM + 31}" text-anchor="middle">'
        f"{escape(x_title)}</text>"
        f'<text transform="translate(12 {middle}) rotate(-90)" text-anchor="middle">{escape(y_title)}</text>'
        f"{''.join(entries)}</svg></figure>"
    )
