"""Charts as SVG inside the page, in its colours and without outside resources.

This module escapes every text that it draws. The meaning of a mark is in its ``data-tip``, which
the script of the page shows on hover and focus, and in a ``<title>`` for browsers without scripts.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Literal

from tabvae_ray.comparison.pictures.round_numbers import round_numbers, round_powers

__all__ = ["Axis", "Bar", "Figure", "Line", "LineKind", "Mark", "MarkKind", "bars", "plane"]

MarkKind = Literal["complete", "front", "chosen", "pruned"]
LineKind = Literal["front", "volume", "resample", "fresh", "independent"]

# As wide as a phone, where a text of 11 units is then 11 pixels high.
_WIDTH, _HEIGHT = 360.0, 270.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 64.0, 10.0, 12.0, 42.0
_LETTER, _LINE = 6.4, 12.0


@dataclass(frozen=True)
class Axis:
    """An axis of a chart.

    Args:
        title: Quantity that it shows.
        low: Value at the start.
        high: Value at the end; more than ``low``.
        log: Whether the scale is logarithmic.
        names: Names of the positions 0, 1, 2, ... in place of numbers.
        whole: Whether values are whole numbers.
    """

    title: str
    low: float
    high: float
    log: bool = False
    names: tuple[str, ...] = ()
    whole: bool = False

    def place(self, value: float) -> float:
        """Return the position of a value, 0 at the start and 1 at the end."""
        if self.log:
            low, high = math.log(self.low), math.log(self.high)
            return (math.log(max(value, 1e-300)) - low) / (high - low)
        return (value - self.low) / (self.high - self.low)

    def ticks(self) -> list[tuple[float, str]]:
        """Return the values to mark, with their texts."""
        if self.names:
            letters = int((_WIDTH - _LEFT - _RIGHT) / len(self.names) / _LETTER)
            return [(float(i), _short(name, max(letters, 2))) for i, name in enumerate(self.names)]
        if self.log:
            return round_powers(self.low, self.high)
        return round_numbers(self.low, self.high, 6, whole=self.whole)

    @classmethod
    def around(cls, title: str, values: Sequence[float], margin: float = 0.07) -> "Axis":
        """Return a linear axis that holds all values."""
        low, high = min(values), max(values)
        space = margin * (high - low) or 0.05 * abs(high) or 0.5
        return cls(title, low - space, high + space)


@dataclass(frozen=True)
class Mark:
    """A point; ``kind`` is its CSS class."""

    x: float
    y: float
    tip: str
    kind: MarkKind = "complete"


@dataclass(frozen=True)
class Line:
    """A line through points, or a level across the chart if only ``x`` or ``y`` is given."""

    kind: LineKind
    points: Sequence[tuple[float, float]] = ()
    x: float | None = None
    y: float | None = None
    name: str = ""
    steps: bool = False


@dataclass(frozen=True)
class Figure:
    """A chart with its caption.

    Args:
        svg: The chart, as :func:`plane` or :func:`bars` draws it.
        caption: Text below it.
    """

    svg: str
    caption: str


@dataclass(frozen=True)
class Bar:
    """A bar, followed by a text."""

    name: str
    value: float
    text: str
    kind: str = "bar"
    tip: str = ""


def plane(x: Axis, y: Axis, marks: Sequence[Mark], lines: Sequence[Line] = (), *, alt: str) -> str:
    """Draw marks and lines over two axes."""
    parts, free = [_open(_WIDTH, _HEIGHT, alt)], 0.0
    for value, text in x.ticks():
        at = _x(x, value)
        if not _inside(x, value):
            continue
        parts.append(f'<path class="grid" d="M{at:.1f} {_TOP}V{_HEIGHT - _BOTTOM}"/>')
        half = len(text) * _LETTER / 2
        if at - half >= free and at + half <= _WIDTH:
            parts.append(_text(at, _HEIGHT - _BOTTOM + 16, text, "middle"))
            free = at + half + _LETTER
    for value, text in y.ticks():
        at = _y(y, value)
        if _inside(y, value):
            parts.append(f'<path class="grid" d="M{_LEFT} {at:.1f}H{_WIDTH - _RIGHT}"/>')
            parts.append(_text(_LEFT - 6, at + 4, text, "end"))
    parts.append(_text((_LEFT + _WIDTH) / 2, _HEIGHT - 6, _short(x.title, 44), "middle", "title"))
    title = _text(0, 0, _short(y.title, 34), "middle", "title")
    middle = (_TOP + _HEIGHT - _BOTTOM) / 2
    parts.append(f'<g transform="translate(11 {middle:.1f}) rotate(-90)">{title}</g>')
    drawn, names = _lines(lines, x, y)
    parts += drawn
    order = ("pruned", "complete", "front", "chosen")
    for mark in sorted(marks, key=lambda mark: order.index(mark.kind)):
        if _inside(x, mark.x) and _inside(y, mark.y):
            parts.append(_mark(mark, _x(x, mark.x), _y(y, mark.y)))
    # Names come last, so that no mark covers them.
    return "".join([*parts, *names, "</svg>"])


def bars(rows: Sequence[Bar], *, alt: str, label_width: float = 170.0) -> str:
    """Draw horizontal bars below each other."""
    step = 24.0
    height = step * len(rows) + 6
    longest = max((row.value for row in rows), default=0.0) or 1.0
    most = _WIDTH - label_width - 40
    parts = [_open(_WIDTH, height, alt)]
    letters = int(label_width / _LETTER)
    # The last part of a dotted name tells more than its beginning.
    is_long = any(len(row.name) > letters for row in rows)
    for i, row in enumerate(rows):
        y, length = i * step + 4, max(most * row.value / longest, 1.0)
        tip = row.tip or f"{row.name}: {row.text}"
        label = row.name.rpartition(".")[2] if is_long else row.name
        parts.append(_text(label_width - 8, y + 13, _short(label, letters), "end"))
        parts.append(
            f'<rect class="{escape(row.kind)}" x="{label_width}" y="{y}" width="{length:.1f}" '
            f'height="16" rx="2" tabindex="0" data-tip="{escape(tip)}">'
            f"<title>{escape(tip)}</title></rect>"
        )
        parts.append(_text(label_width + length + 6, y + 13, row.text, "start"))
    return "".join([*parts, "</svg>"])


def _open(width: float, height: float, alt: str) -> str:
    return f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(alt)}">'


def _lines(lines: Sequence[Line], x: Axis, y: Axis) -> tuple[list[str], list[str]]:
    """Draw all lines, and the names of levels; those that lie close together are moved apart."""
    parts, names, n_upright, heights = [], list[str](), 0, list[float]()
    for line in lines:
        if line.x is not None and _inside(x, line.x):
            at, after = _x(x, line.x), x.place(line.x) < 0.7
            parts.append(f'<path class="{line.kind}" d="M{at:.1f} {_TOP}V{_HEIGHT - _BOTTOM}"/>')
            side, anchor = (3, "start") if after else (-3, "end")
            height = _TOP + 9 + n_upright * _LINE
            names.append(_text(at + side, height, line.name, anchor, "name"))
            n_upright += 1
            # Names of levels across the chart stand at its right end.
            heights += [] if after else [height]
        elif line.y is not None and _inside(y, line.y):
            at = _y(y, line.y)
            parts.append(f'<path class="{line.kind}" d="M{_LEFT} {at:.1f}H{_WIDTH - _RIGHT}"/>')
            # Above the line, or below it where another name stands already.
            height = next(
                (h for h in (at - 4, at + 11, at - 16, at + 23) if _is_free(h, heights)), at - 4
            )
            heights.append(height)
            names.append(_text(_WIDTH - _RIGHT - 3, height, line.name, "end", "name"))
        elif line.points:
            parts.append(f'<path class="{line.kind}" d="{_path(line, x, y)}"/>')
    return parts, names


def _is_free(height: float, taken: Sequence[float]) -> bool:
    return all(abs(height - other) >= _LINE for other in taken)


def _path(line: Line, x: Axis, y: Axis) -> str:
    path = ""
    for i, (px, py) in enumerate(line.points):
        ax, ay = _x(x, px), _y(y, py)
        if not i:
            path = f"M{ax:.1f} {ay:.1f}"
        else:
            path += f"H{ax:.1f}V{ay:.1f}" if line.steps else f"L{ax:.1f} {ay:.1f}"
    return path


def _mark(mark: Mark, x: float, y: float) -> str:
    tip = escape(mark.tip)
    common = f'class="{mark.kind}" tabindex="0" data-tip="{tip}"'
    if mark.kind == "chosen":
        corners = " ".join(
            f"{x + r * math.sin(i * math.pi / 5):.1f},{y - r * math.cos(i * math.pi / 5):.1f}"
            for i, r in enumerate([9.5, 4.0] * 5)
        )
        return f'<polygon {common} points="{corners}"><title>{tip}</title></polygon>'
    radius = 3.0 if mark.kind == "pruned" else 4.5
    return f'<circle {common} cx="{x:.1f}" cy="{y:.1f}" r="{radius}"><title>{tip}</title></circle>'


def _text(x: float, y: float, text: str, anchor: str, kind: str = "tick") -> str:
    return (
        f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
    )


def _x(axis: Axis, value: float) -> float:
    return _LEFT + axis.place(value) * (_WIDTH - _LEFT - _RIGHT)


def _y(axis: Axis, value: float) -> float:
    return _HEIGHT - _BOTTOM - axis.place(value) * (_HEIGHT - _TOP - _BOTTOM)


def _inside(axis: Axis, value: float) -> bool:
    return -1e-9 <= axis.place(value) <= 1 + 1e-9


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
