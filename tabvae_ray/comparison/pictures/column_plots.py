"""Pictures that compare a column of two tables.

They use matplotlib's objects without its global state, so that any number of threads and processes
may draw. Names and categories come from the user and are never parsed as formulas.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tabvae_ray.comparison.pictures.canvas import (
    LEGEND,
    THEMES,
    Theme,
    grid,
    number_ticks,
    ticks,
)
from tabvae_ray.comparison.pictures.letters import fitted, short
from tabvae_ray.comparison.reading.table_columns import Floats, TableColumns
from tabvae_ray.comparison.scores.jensen_shannon import joint_edges

__all__ = ["cdf", "moment_text", "pdf"]

_BINS = 40
_MOST_CATEGORIES = 12
_STEPS = 400
# Days that are so few that a text has their hours, too, and the days of an hour and of a second.
_FEW_DAYS, _HOUR, _SECOND = 3.0, 1 / 24, 1 / 86_400
# Letters below a panel, side by side, and the points that they have; letters of some scripts are
# twice as wide as others.
_LETTERS, _WIDTH, _GAP = 34, 155, 4
# Points below a panel, for upright texts.
_BELOW = 31


def pdf(
    real: TableColumns,
    synthetic: TableColumns,
    name: str,
    *,
    note: str = "",
    theme: Theme = THEMES["light"],
) -> Figure:
    """Draw the distribution of a column in both tables.

    Args:
        real: The real table.
        synthetic: The synthetic one.
        name: The column.
        note: A second line of the title, such as the column's distance.
        theme: Colours.
    """
    figure, axes = _panel(name, note, theme, real.names)
    if name in real.numbers:
        _draw_density(axes, real, synthetic, name, theme)
    else:
        _draw_shares(axes, real, synthetic, name, theme)
    return figure


def cdf(
    real: TableColumns,
    synthetic: TableColumns,
    name: str,
    *,
    note: str = "",
    theme: Theme = THEMES["light"],
) -> Figure:
    """Draw the share of rows up to each value of a column, see :func:`pdf`.

    Categories come in the order of the spec.
    """
    figure, axes = _panel(name, note, theme, real.names)
    for table, colour in ((real, theme.real), (synthetic, theme.synthetic)):
        steps, shares = _cumulative(table, name, len(synthetic.labels.get(name, ())))
        axes.plot(steps, shares, color=colour, drawstyle="steps-post", linewidth=1.4)
    axes.set_ylim(0, 1.02)
    ticks(axes, "y", theme, [0, 0.5, 1], ["0", "0.5", "1"])
    if name in real.codes:
        labels = synthetic.labels[name]
        axes.set_xlim(-0.5, len(labels) - 0.5)
        _name_categories(axes, labels[:_MOST_CATEGORIES], 0.0, theme)
    else:
        _name_values(axes, real, name, theme)
    return figure


def _panel(name: str, note: str, theme: Theme, among: Sequence[str]) -> tuple[Figure, Axes]:
    """Return a figure of one panel with a legend above it."""
    figure, panels = grid([name], theme, top=LEGEND, note=note, among=among)
    y = 1 - 0.5 * LEGEND / figure.get_figheight()
    for x, word, colour in ((0.12, "real", theme.real), (0.72, "synthetic", theme.synthetic)):
        text = f"\N{BLACK SQUARE} {word}"
        figure.text(x / figure.get_figwidth(), y, text, color=colour, fontsize=10, va="center")
    return figure, panels[name]


def _draw_density(
    axes: Axes, real: TableColumns, synthetic: TableColumns, name: str, theme: Theme
) -> None:
    sides = real.sorted_numbers(name), synthetic.sorted_numbers(name)
    if not any(map(len, sides)):
        axes.text(0.5, 0.5, "no values", ha="center", color=theme.ink, transform=axes.transAxes)
        return
    ends = [values[[0, -1]] for values in sides if len(values)]
    if float(np.max(ends)) / 2 - float(np.min(ends)) / 2 > 1e300:
        axes.text(0.5, 0.5, "too large", ha="center", color=theme.ink, transform=axes.transAxes)
        return
    edges = joint_edges(*sides, _BINS)
    for values, colour in zip(sides, (theme.real, theme.synthetic), strict=True):
        if len(values):
            shares = np.histogram(values, edges)[0] / len(values)
            axes.stairs(shares, edges, fill=True, color=colour, alpha=0.25, linewidth=0)
            axes.stairs(shares, edges, color=colour, linewidth=1.3)
    axes.set_ylim(bottom=0)
    number_ticks(axes, "y", theme)
    _name_values(axes, real, name, theme)


def _draw_shares(
    axes: Axes, real: TableColumns, synthetic: TableColumns, name: str, theme: Theme
) -> None:
    """Draw bars per category, of the commonest ones if there are too many."""
    labels = synthetic.labels[name]
    shares = np.zeros((2, len(labels)))
    for side, table in enumerate((real, synthetic)):
        counts = table.counts(name)[:-1]
        shares[side, : len(counts)] = counts / max(counts.sum(), 1)
    shown = np.arange(len(labels))
    if len(labels) > _MOST_CATEGORIES:
        shown = np.argsort(-shares.sum(axis=0), kind="stable")[: _MOST_CATEGORIES - 1]
        rest = shares.sum(axis=1) - shares[:, shown].sum(axis=1)
        heights = np.column_stack((shares[:, shown], rest))
        texts = [*(labels[i] for i in shown), f"{len(labels) - len(shown)} others"]
    else:
        heights, texts = shares, list(labels)
    x = np.arange(len(texts))
    axes.bar(x - 0.2, heights[0], 0.4, color=theme.real)
    axes.bar(x + 0.2, heights[1], 0.4, color=theme.synthetic)
    number_ticks(axes, "y", theme)
    _name_categories(axes, texts, 0.0, theme)


def _cumulative(table: TableColumns, name: str, n_labels: int) -> tuple[Floats, Floats]:
    if name in table.codes:
        counts = np.zeros(n_labels)
        own = table.counts(name)[:-1]
        counts[: len(own)] = own
        total = max(float(counts.sum()), 1.0)
        steps = np.concatenate(([-0.5], np.arange(n_labels), [n_labels - 0.5]))
        shares = np.concatenate(([0.0], np.cumsum(counts) / total))
        return steps, np.append(shares, shares[-1])
    values = table.sorted_numbers(name)
    if len(values) > _STEPS:
        kept = np.linspace(0, len(values) - 1, _STEPS).astype(np.intp)
        return values[kept], (kept + 1) / len(values)
    return values, np.arange(1, len(values) + 1) / max(len(values), 1)


def _name_values(axes: Axes, real: TableColumns, name: str, theme: Theme) -> None:
    if name not in real.epochs:
        number_ticks(axes, "x", theme)
        return
    low, high = axes.get_xlim()
    places = [low + share * (high - low) for share in (0.1, 0.5, 0.9)]
    texts = [moment_text(real, name, days, high - low) for days in places]
    ticks(axes, "x", theme, places, texts)


def moment_text(table: TableColumns, name: str, days: float, width: float) -> str:
    """Return the text of a moment of a column; empty beyond the range of dates.

    Args:
        table: The table.
        name: The column.
        days: Days since the epoch of the column.
        width: Days that are shown; of few ones the text has hours or seconds, too.
    """
    try:
        moment = (table.epochs[name] + pd.Timedelta(days=days)).round("s")
        if name in table.spans:
            return _span_text((moment - pd.Timestamp(0, tz="UTC")).total_seconds(), width)
        written = "%Y-%m-%d" if width >= _FEW_DAYS else "%m-%d %H:%M"
        return str(moment.strftime("%H:%M:%S" if width <= _HOUR else written))
    except (OverflowError, ValueError):
        return ""


def _span_text(seconds: float, width: float) -> str:
    """Return a time of day or a duration, such as ``26:15``, or ``-3.5 d`` where days are wide."""
    if width >= _FEW_DAYS:
        return f"{seconds * _SECOND:.3g} d"
    minutes, rest = divmod(abs(round(seconds)), 60)
    text = f"{'-' if seconds < 0 else ''}{minutes // 60}:{minutes % 60:02d}"
    return f"{text}:{rest:02d}" if width <= _HOUR else text


def _name_categories(axes: Axes, labels: Sequence[str], rotation: float, theme: Theme) -> None:
    longest = max((len(label) for label in labels), default=0)
    letters = _LETTERS // max(len(labels), 1)
    if min(longest, 10) > letters:
        rotation = 90.0
    size = 6.5 if rotation else 7.5
    # Upright texts fill the space below the panel.
    width = _BELOW if rotation else _WIDTH / max(len(labels), 1) - _GAP
    texts = [
        short(label, letters) if label.isascii() and not rotation else fitted(label, size, width)
        for label in labels
    ]
    if len(set(texts)) < len(labels):
        lengths = [len(text) for text, label in zip(texts, labels, strict=True) if text != label]
        most = min(lengths, default=letters)
        apart = [fitted(short(label, most, labels), size, width) for label in labels]
        texts = apart if len(set(apart)) > len(set(texts)) else texts
    ticks(axes, "x", theme, range(len(labels)), texts, size=size, rotation=rotation)
