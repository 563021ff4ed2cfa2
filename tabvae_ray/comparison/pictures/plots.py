"""Pictures of two tables side by side.

Drawn with matplotlib's objects alone: there is no global state, so that any number of threads and
processes may draw. Names and categories come from the user and are never read as formulas.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tabvae_ray.comparison.pictures.canvas import (
    LEGEND,
    THEMES,
    Theme,
    dress,
    grid,
    name_axes,
    number_ticks,
    short,
    ticks,
)
from tabvae_ray.comparison.pictures.projections import Projection
from tabvae_ray.comparison.reading.table_columns import Floats, TableColumns
from tabvae_ray.comparison.scores.jensen_shannon import joint_edges
from tabvae_ray.comparison.scores.statistics import STATISTICS, statistics

__all__ = ["cdf", "descriptive_statistics", "heatmap", "pdf", "scatter"]

_BINS = 40
_MOST_CATEGORIES = 12
_STEPS = 400


def pdf(
    real: TableColumns,
    synthetic: TableColumns,
    name: str,
    *,
    note: str = "",
    theme: Theme = THEMES["light"],
) -> Figure:
    """How often the values of a column occur.

    Args:
        real: The real table.
        synthetic: The synthetic one.
        name: The column.
        note: A second line of the title, such as the column's distance.
        theme: Colours.
    """
    figure, axes = _panel(name, note, theme)
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
    """The share of rows up to each value of a column, see :func:`pdf`.

    Categories come in the order of the spec.
    """
    figure, axes = _panel(name, note, theme)
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


def descriptive_statistics(
    real: TableColumns, synthetic: TableColumns, *, theme: Theme = THEMES["light"]
) -> Figure:
    """A panel per statistic with a point per continuous column: on the diagonal where they agree.

    Every column is measured in units of its real range, so that all fit one scale; the columns
    that are farthest off are named.
    """
    titles = [name.replace("_", " ") for name in STATISTICS]
    figure, panels = grid(titles, theme)
    for axes, title, statistic in zip(panels.values(), titles, STATISTICS, strict=True):
        ours, theirs = statistics(real, statistic), statistics(synthetic, statistic)
        points: dict[str, tuple[float, float]] = {}
        for name in ours:
            low, width = _range(real, name)
            if title in ("stds", "variances"):
                low, width = 0.0, width if title == "stds" else width * width
            with np.errstate(over="ignore", invalid="ignore"):
                point = (ours[name] - low) / width, (theirs[name] - low) / width
            if np.isfinite(point).all():
                points[name] = point
        _draw_diagonal(axes, points, theme)
    return figure


def scatter(
    projection: Projection, axis_names: tuple[str, str], *, theme: Theme = THEMES["light"]
) -> Figure:
    """The rows of both tables in the plane, real ones beside synthetic ones and both together."""
    titles = ("real", "synthetic", "both")
    figure, panels = grid(titles, theme, cell=(3.6, 3.3), per_row=3)
    both = np.concatenate((projection.real, projection.synthetic))
    low, high = both.min(axis=0), both.max(axis=0)
    margin = 0.05 * np.where(high > low, high - low, 1.0)
    for title, axes in panels.items():
        for points, colour, table in (
            (projection.real, theme.real, "real"),
            (projection.synthetic, theme.synthetic, "synthetic"),
        ):
            if title in (table, "both"):
                axes.plot(
                    *points.T, ".", color=colour, markersize=2.2, alpha=0.5, markeredgewidth=0
                )
        axes.set_xlim(low[0] - margin[0], high[0] + margin[0])
        axes.set_ylim(low[1] - margin[1], high[1] + margin[1])
        labels = [
            f"{name} ({share:.0%})" if projection.shares else name
            for name, share in zip(axis_names, projection.shares or (0.0, 0.0), strict=True)
        ]
        name_axes(axes, labels[0], labels[1] if title == "real" else "", theme, -0.03)
    return figure


def heatmap(
    title: str,
    matrix: Floats,
    names: Sequence[str],
    *,
    signed: bool,
    theme: Theme = THEMES["light"],
) -> Figure:
    """An association matrix (C, C).

    Args:
        title: What it is.
        matrix: The associations.
        names: The columns, in the matrix's order.
        signed: Whether the scale goes from -1 to 1, not from 0.
        theme: Colours.
    """
    n, side, label = len(names), 3.1, 1.05
    size = label + side + 0.5, label + side + 0.35
    figure = Figure(figsize=size, facecolor=theme.paper)
    axes = figure.add_axes((label / size[0], label / size[1], side / size[0], side / size[1]))
    dress(axes, theme)
    low, colours = -1 if signed else 0, theme.colours(diverging=signed)
    axes.imshow(matrix, cmap=colours, vmin=low, vmax=1, interpolation="nearest", aspect="auto")
    axes.set_title(title, fontsize=9, color=theme.ink, loc="left", y=1.0, pad=3)
    # The scale, right of the matrix in its own units.
    scale = np.linspace(1, low, 64)[:, None]
    edge, top, bottom = n - 0.5, -0.5, n - 0.5
    axes.imshow(
        scale,
        cmap=colours,
        extent=(edge + 0.02 * n, edge + 0.05 * n, bottom, top),
        aspect="auto",
        clip_on=False,
    )
    for value in (1, 0, -1) if signed else (1, 0.5, 0):
        at = top + (1 - value) / (1 - low) * n
        text = f"{value:g}".replace("-", "\N{MINUS SIGN}")
        axes.text(edge + 0.06 * n, at, text, fontsize=7, color=theme.ink, va="center")
    axes.set_xlim(-0.5, edge)
    axes.set_ylim(bottom, top)
    shown = [short(name, 14) for name in names] if n <= 40 else []
    for which, rotation in (("x", 90.0), ("y", 0.0)):
        ticks(axes, which, theme, range(len(shown)), shown, size=_fitting(n), rotation=rotation)
    return figure


def _panel(name: str, note: str, theme: Theme) -> tuple[Figure, Axes]:
    """A figure of one panel with a legend above it."""
    figure, panels = grid([name], theme, top=LEGEND, note=note)
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
    """Bars per category, the commonest first if there are too many for all."""
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


def _draw_diagonal(axes: Axes, points: Mapping[str, tuple[float, float]], theme: Theme) -> None:
    both = np.array(list(points.values())).reshape(-1, 2)
    low, high = (float(both.min()), float(both.max())) if len(both) else (0.0, 1.0)
    margin = 0.08 * (high - low) or 0.1
    ends = low - margin, high + margin
    axes.plot(ends, ends, color=theme.faint, linewidth=1)
    axes.plot(*both.T, "o", color=theme.synthetic, markersize=4, alpha=0.8, markeredgewidth=0)
    axes.set_xlim(*ends)
    axes.set_ylim(*ends)
    far = sorted(points, key=lambda name: -abs(points[name][0] - points[name][1]))[:2]
    for name in far:
        x, y = points[name]
        if abs(x - y) > 0.02 * (high - low + 2 * margin):
            left = x < (low + high) / 2
            axes.annotate(
                short(name, 14),
                (x, y),
                xytext=(4 if left else -4, -2),
                textcoords="offset points",
                fontsize=7,
                color=theme.ink,
                ha="left" if left else "right",
                parse_math=False,
            )
    number_ticks(axes, "x", theme)
    number_ticks(axes, "y", theme)
    name_axes(axes, "real", "synthetic", theme, -0.16)


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
    ticks(axes, "x", theme, places, [_date(real.epochs[name], days) for days in places])


def _date(epoch: pd.Timestamp, days: float) -> str:
    try:
        return str((epoch + pd.Timedelta(days=days)).strftime("%Y-%m-%d"))
    except (OverflowError, ValueError):
        return ""


def _name_categories(axes: Axes, labels: Sequence[str], rotation: float, theme: Theme) -> None:
    longest = max((len(label) for label in labels), default=0)
    if len(labels) * min(longest, 10) > 28:
        rotation = 90.0
    texts = [short(label, 8 if rotation else 10) for label in labels]
    size = 6.5 if rotation else 7.5
    ticks(axes, "x", theme, range(len(labels)), texts, size=size, rotation=rotation)


def _range(table: TableColumns, name: str) -> tuple[float, float]:
    """The smallest value of a column and its range, 1 where that is no scale."""
    values = table.sorted_numbers(name)
    if not len(values):
        return 0.0, 1.0
    with np.errstate(over="ignore"):
        width = float(values[-1] - values[0])
    return float(values[0]), width if 0 < width < np.inf else 1.0


def _fitting(n: int) -> float:
    return 8.5 if n <= 16 else 5.0 if n <= 30 else 4.0
