"""Plots as SVG, drawn here: no library, no file beside the page."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

WIDTH, HEIGHT = 560, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 58, 16, 34, 44
_ROW = 26
_NAMES = 128
_CHARACTER = 6.6
"""About the width of one in the plots' font, pixels."""
COLOURS = ("#3b6fb6", "#d1702a", "#3a9a5b", "#b8435a", "#7d62b3", "#8a7a2e", "#2f97a3", "#8c5a3c")
_BINS = 48


@dataclass(frozen=True, slots=True)
class Series:
    """What is drawn in one colour.

    Attributes:
        name: in the legend.
        xs: as many as ys.
        ys: likewise.
        kind: "line", "steps" or "dots".
        colour: its number among `COLOURS`.
    """

    name: str
    xs: Sequence[float]
    ys: Sequence[float]
    kind: str = "line"
    colour: int = 0


@dataclass(frozen=True, slots=True)
class Bar:
    """A row of a chart of bars.

    Attributes:
        name: before it.
        parts: name, begin and length of each part, in the chart's unit; drawn in the colours' order, or in
            the first colour where there is one.
        whisker: where a thin line from the end of the bar goes to; None for none.
        label: behind it.
    """

    name: str
    parts: Sequence[tuple[str, float, float]]
    whisker: float | None = None
    label: str = ""


def plot(
    title: str,
    x_label: str,
    y_label: str,
    series: Sequence[Series],
    *,
    marks: Sequence[tuple[float, str]] = (),
    most_x: float | None = None,
) -> str:
    """Curves over one pair of axes, which begin at 0.

    Args:
        title: above it.
        x_label: with its unit.
        y_label: likewise.
        series: at least one point in all.
        marks: vertical lines and what they stand for.
        most_x: where the axis ends; None for behind the last point.
    """
    xs = [x for one in series for x in one.xs]
    ys = [y for one in series for y in one.ys]
    if not xs:
        return ""
    x_ticks, y_ticks = _ticks(most_x or max(xs)), _ticks(max(ys))
    # A curve that goes on behind the axis' end is cut off there.
    x_end = most_x if most_x is not None else x_ticks[-1]
    axes = _Axes(x_end, y_ticks[-1])
    parts = [*_frame(axes, title, x_label, y_label, [tick for tick in x_ticks if tick <= x_end], y_ticks)]
    for number, (x, words) in enumerate(marks):
        if x <= x_end:
            parts.append(f'<path class="mark" d="M{axes.x(x):.1f} {axes.y(axes.top):.1f}V{axes.y(0):.1f}"/>')
            parts.append(_text("small", axes.x(x) + 3, axes.y(axes.top * (0.45 - 0.07 * number)), words))
    for one in series:
        parts += _drawn(axes, one)
    parts += _legend([(one.name, one.colour) for one in series if one.name])
    return _svg(WIDTH, HEIGHT, title, parts)


def histogram(name: str, samples: Sequence[float], end: float, colour: int) -> Series:
    """Shares of samples in equal steps up to `end`, per cent; those above are in the last one."""
    counts, edges = np.histogram(np.minimum(samples, end), bins=_BINS, range=(0, end))
    shares = 100 * counts / max(len(samples), 1)
    xs = [0.0, *(float(edge) for edge in edges[1:])]
    return Series(name, xs, [float(shares[0]), *map(float, shares)], "steps", colour)


def distribution(name: str, samples: Sequence[float], colour: int) -> Series:
    """The share of samples that are no longer than so long, per cent."""
    ordered = np.sort(np.asarray(samples, np.float64))
    shares = 100 * np.arange(1, len(ordered) + 1) / max(len(ordered), 1)
    keep = np.unique(np.linspace(0, len(ordered) - 1, min(len(ordered), 400)).astype(int))
    xs, ys = [float(ordered[0]), *map(float, ordered[keep])], [0.0, *map(float, shares[keep])]
    return Series(name, xs, ys, "steps", colour)


def bars(title: str, unit: str, rows: Sequence[Bar], *, legend: Sequence[str] = ()) -> str:
    """Horizontal bars from 0 on.

    Args:
        title: above them.
        unit: below the axis.
        rows: from top to bottom; at least one.
        legend: names of the parts, where they are the same in all rows.
    """
    ends = [max([begin + length for _, begin, length in row.parts] + [row.whisker or 0.0]) for row in rows]
    ticks = _ticks(max(ends))
    room = WIDTH - _NAMES - 84
    height = _TOP + _ROW * len(rows) + _BOTTOM + (20 * (-(-len(legend) // 4)) if legend else 0)
    scale = room / ticks[-1] if ticks[-1] else 0.0
    bottom = _TOP + _ROW * len(rows)
    parts = [f'<text class="title" x="4" y="18">{escape(title)}</text>']
    for tick in ticks:
        x = _NAMES + tick * scale
        parts.append(f'<path class="grid" d="M{x:.1f} {_TOP}V{bottom}"/>')
        parts.append(
            f'<text class="tick" x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{_short(tick)}</text>'
        )
    for number, (row, end) in enumerate(zip(rows, ends, strict=True)):
        y = _TOP + _ROW * number
        parts.append(f'<text x="{_NAMES - 8}" y="{y + 17}" text-anchor="end">{escape(row.name)}</text>')
        for colour, (name, begin, length) in enumerate(row.parts):
            fill = COLOURS[colour % len(COLOURS)]
            parts.append(
                f'<rect x="{_NAMES + begin * scale:.1f}" y="{y + 5}" width="{max(length * scale, 0.5):.1f}" '
                f'height="{_ROW - 10}" fill="{fill}"><title>{escape(name)}: {length:.2f}</title></rect>'
            )
        if row.whisker is not None:
            first = max(begin + length for _, begin, length in row.parts)
            parts.append(
                f'<path class="whisker" d="M{_NAMES + first * scale:.1f} {y + _ROW / 2:.0f}'
                f'H{_NAMES + row.whisker * scale:.1f}m0 -4v8"/>'
            )
        parts.append(
            f'<text class="small" x="{_NAMES + end * scale + 6:.1f}" y="{y + 17}">{escape(row.label)}</text>'
        )
    parts.append(_text("tick", _NAMES + room / 2, bottom + 34, unit, "middle"))
    for number, name in enumerate(legend):
        x, y = 8 + 138 * (number % 4), bottom + 46 + 20 * (number // 4)
        parts.append(
            f'<rect x="{x}" y="{y}" width="11" height="11" fill="{COLOURS[number % len(COLOURS)]}"/>'
        )
        parts.append(f'<text class="small" x="{x + 16}" y="{y + 10}">{escape(name)}</text>')
    return _svg(WIDTH, height, title, parts)


@dataclass(frozen=True, slots=True)
class _Axes:
    right: float
    top: float

    def x(self, value: float) -> float:
        share = min(max(value / self.right, 0.0), 1.0) if self.right else 0.0
        return _LEFT + share * (WIDTH - _LEFT - _RIGHT)

    def y(self, value: float) -> float:
        share = min(max(value / self.top, 0.0), 1.0) if self.top else 0.0
        return HEIGHT - _BOTTOM - share * (HEIGHT - _TOP - _BOTTOM)


def _frame(
    axes: _Axes, title: str, x_label: str, y_label: str, x_ticks: Sequence[float], y_ticks: Sequence[float]
) -> Iterator[str]:
    yield f'<text class="title" x="4" y="18">{escape(title)}</text>'
    for tick in y_ticks:
        y = axes.y(tick)
        yield f'<path class="grid" d="M{_LEFT} {y:.1f}H{WIDTH - _RIGHT}"/>'
        yield _text("tick", _LEFT - 6, y + 4, _short(tick), "end")
    for tick in x_ticks:
        x = axes.x(tick)
        yield f'<path class="axis" d="M{x:.1f} {axes.y(0):.1f}v4"/>'
        yield _text("tick", x, axes.y(0) + 17, _short(tick), "middle")
    yield f'<path class="axis" d="M{_LEFT} {axes.y(0):.1f}H{WIDTH - _RIGHT}"/>'
    yield _text("tick", WIDTH - _RIGHT, HEIGHT - 8, x_label, "end")
    yield _text("tick", 4, _TOP - 4, y_label)


def _drawn(axes: _Axes, series: Series) -> Iterator[str]:
    colour = COLOURS[series.colour % len(COLOURS)]
    points = [
        (axes.x(x), axes.y(y))
        for x, y in zip(series.xs, series.ys, strict=True)
        if x <= axes.right or series.kind != "dots"
    ]
    if series.kind == "dots":
        for x, y in points:
            yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{colour}"/>'
        return
    path = [f"M{points[0][0]:.1f} {points[0][1]:.1f}"]
    for x, y in points[1:]:
        path.append(f"H{x:.1f}V{y:.1f}" if series.kind == "steps" else f"L{x:.1f} {y:.1f}")
    yield f'<path d="{"".join(path)}" fill="none" stroke="{colour}" stroke-width="1.8"/>'


def _legend(names: Sequence[tuple[str, int]]) -> Iterator[str]:
    x = WIDTH - _RIGHT
    for name, colour in reversed(names):
        x -= 24 + round(_CHARACTER * len(name))
        fill = COLOURS[colour % len(COLOURS)]
        yield f'<rect x="{x}" y="{_TOP - 15}" width="11" height="11" fill="{fill}"/>'
        yield _text("small", x + 15, _TOP - 5, name)


def _ticks(end: float) -> list[float]:
    """From 0 on in steps of 1, 2 or 5 times a power of ten, the last not below `end`."""
    if not end > 0:
        return [0.0, 1.0]
    rough = end / 6
    power = 10 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    return [number * step for number in range(math.ceil(end / step - 1e-9) + 1)]


def _text(kind: str, x: float, y: float, words: str, anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def _short(value: float) -> str:
    return f"{value:.10g}" if abs(value) >= 1e-3 or value == 0 else f"{value:.1e}"


def _svg(width: int, height: int, title: str, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
        f'aria-label="{escape(title, quote=True)}">{"".join(parts)}</svg>'
    )
