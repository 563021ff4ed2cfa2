"""Charts as SVG, drawn into the page: they follow its colours and need nothing from outside.

Every text is escaped here; what a mark stands for is in its ``data-tip``, read by the page's script
on hover and focus, and in a title where scripts do not run.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Literal

__all__ = ["Axis", "Bar", "Line", "LineKind", "Mark", "MarkKind", "bars", "plane"]

MarkKind = Literal["complete", "front", "chosen", "pruned"]
LineKind = Literal["front", "volume", "resample", "fresh", "independent"]

# As wide as a phone, so that a text of 11 units is one of 11 pixels there.
_WIDTH, _HEIGHT = 360.0, 270.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 64.0, 10.0, 12.0, 42.0
_LETTER, _LINE = 6.4, 12.0


@dataclass(frozen=True)
class Axis:
    """An axis.

    Args:
        title: What it shows.
        low: Value at its start.
        high: Value at its end; more than ``low``.
        log: Whether values lie on a logarithmic scale.
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
        """Where a value lies, 0 at the start and 1 at the end."""
        if self.log:
            low, high = math.log(self.low), math.log(self.high)
            return (math.log(max(value, 1e-300)) - low) / (high - low)
        return (value - self.low) / (self.high - self.low)

    def ticks(self) -> list[tuple[float, str]]:
        """Values and their texts."""
        if self.names:
            room = int((_WIDTH - _LEFT - _RIGHT) / len(self.names) / _LETTER)
            return [(float(i), _short(name, max(room, 2))) for i, name in enumerate(self.names)]
        if self.log:
            first, last = math.floor(math.log10(self.low)), math.floor(math.log10(self.high))
            factors = (1, 2, 5) if last - first < 3 else (1,)
            steps = range(first, last + 1, max((last - first) // 5, 1))
            values = [factor * 10.0**step for step in steps for factor in factors]
            inside = [value for value in values if self.low <= value <= self.high]
            if len(inside) < 2:
                inside = [self.low, self.high]
            return [(value, f"{value:.3g}") for value in inside]
        step = _nice((self.high - self.low) / 6)
        step = max(step, 1.0) if self.whole else step
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [(i * step, f"{i * step:.6g}") for i in range(first, last + 1)]

    @classmethod
    def around(cls, title: str, values: Sequence[float], margin: float = 0.07) -> "Axis":
        """A linear axis that holds all values."""
        low, high = min(values), max(values)
        room = margin * (high - low) or 0.05 * abs(high) or 0.5
        return cls(title, low - room, high + room)


@dataclass(frozen=True)
class Mark:
    """A point; ``kind`` is its class in the page's style."""

    x: float
    y: float
    tip: str
    kind: MarkKind = "complete"


@dataclass(frozen=True)
class Line:
    """A line through points, or a level right across the chart if it has one coordinate alone."""

    kind: LineKind
    points: Sequence[tuple[float, float]] = ()
    x: float | None = None
    y: float | None = None
    name: str = ""
    steps: bool = False


@dataclass(frozen=True)
class Bar:
    """A bar with its text behind it."""

    name: str
    value: float
    text: str
    kind: str = "bar"
    tip: str = field(default="")


def plane(x: Axis, y: Axis, marks: Sequence[Mark], lines: Sequence[Line] = (), *, alt: str) -> str:
    """Marks and lines over two axes."""
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
    parts += _lines(lines, x, y)
    order = ("pruned", "complete", "front", "chosen")
    for mark in sorted(marks, key=lambda mark: order.index(mark.kind)):
        if _inside(x, mark.x) and _inside(y, mark.y):
            parts.append(_mark(mark, _x(x, mark.x), _y(y, mark.y)))
    return "".join([*parts, "</svg>"])


def bars(rows: Sequence[Bar], *, alt: str, label_width: float = 170.0) -> str:
    """Horizontal bars, one under the other."""
    step = 24.0
    height = step * len(rows) + 6
    longest = max((row.value for row in rows), default=0.0) or 1.0
    room = _WIDTH - label_width - 40
    parts = [_open(_WIDTH, height, alt)]
    for i, row in enumerate(rows):
        y, length = i * step + 4, max(room * row.value / longest, 1.0)
        tip = row.tip or f"{row.name}: {row.text}"
        parts.append(
            _text(label_width - 8, y + 13, _short(row.name, int(label_width / _LETTER)), "end")
        )
        parts.append(
            f'<rect class="{escape(row.kind)}" x="{label_width}" y="{y}" width="{length:.1f}" '
            f'height="16" rx="2" tabindex="0" data-tip="{escape(tip)}">'
            f"<title>{escape(tip)}</title></rect>"
        )
        parts.append(_text(label_width + length + 6, y + 13, row.text, "start"))
    return "".join([*parts, "</svg>"])


def _open(width: float, height: float, alt: str) -> str:
    return f'<svg viewBox="0 0 {width:g} {height:g}" role="img" aria-label="{escape(alt)}">'


def _lines(lines: Sequence[Line], x: Axis, y: Axis) -> list[str]:
    """All lines; the names of levels that lie close together are moved apart."""
    parts, n_upright, heights = [], 0, list[float]()
    for line in lines:
        if line.x is not None and _inside(x, line.x):
            at, after = _x(x, line.x), x.place(line.x) < 0.7
            parts.append(f'<path class="{line.kind}" d="M{at:.1f} {_TOP}V{_HEIGHT - _BOTTOM}"/>')
            side, anchor = (3, "start") if after else (-3, "end")
            height = _TOP + 9 + n_upright * _LINE
            parts.append(_text(at + side, height, line.name, anchor, "name"))
            n_upright += 1
        elif line.y is not None and _inside(y, line.y):
            at = _y(y, line.y)
            parts.append(f'<path class="{line.kind}" d="M{_LEFT} {at:.1f}H{_WIDTH - _RIGHT}"/>')
            # Above its line, or where another one is named already, below.
            height = next(
                (h for h in (at - 4, at + 11, at - 16, at + 23) if _is_free(h, heights)), at - 4
            )
            heights.append(height)
            parts.append(_text(_WIDTH - _RIGHT - 3, height, line.name, "end", "name"))
        elif line.points:
            parts.append(f'<path class="{line.kind}" d="{_path(line, x, y)}"/>')
    return parts


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


def _nice(step: float) -> float:
    """The next larger number that is 1, 2 or 5 times a power of ten."""
    power = 10.0 ** math.floor(math.log10(step)) if step > 0 else 1.0
    return next((power * k for k in (1, 2, 5) if step <= power * k * (1 + 1e-9)), 10 * power)


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
