"""Pictures that compare two tables as a whole: statistics, rows in the plane, associations.

Like :mod:`~tabvae_ray.comparison.pictures.column_plots`, they keep no global state and parse no
names as formulas.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tabvae_ray.comparison.options import STATISTICS
from tabvae_ray.comparison.pictures.canvas import (
    THEMES,
    Picture,
    Theme,
    dress,
    grid,
    name_axes,
    number_ticks,
    ticks,
)
from tabvae_ray.comparison.pictures.letters import short
from tabvae_ray.comparison.pictures.projections import Projection
from tabvae_ray.comparison.reading.table_columns import Floats, TableColumns
from tabvae_ray.comparison.scores.statistics import statistics

__all__ = ["descriptive_statistics", "heatmap", "scatter"]

# Height of a line of text, as a share of a panel.
_LINE = 0.09


def descriptive_statistics(
    real: TableColumns, synthetic: TableColumns, *, theme: Theme = THEMES["light"]
) -> Figure:
    """Draw a panel per statistic with a point per continuous column.

    Points lie on the diagonal where both tables agree. Each column is measured in units of its real
    range, so that all fit one scale. The columns that differ most are named.
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
    """Draw the rows of both tables in the plane: real, synthetic, and both together."""
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
    limit: float = 1.0,
    theme: Theme = THEMES["light"],
) -> Figure:
    """Draw an association matrix (C, C).

    Args:
        title: Title of the picture.
        matrix: The associations.
        names: Names of the columns, in the order of the matrix.
        signed: Whether the scale goes from ``-limit`` instead of from 0.
        limit: End of the scale.
        theme: Colours.
    """
    n, side, label = len(names), 3.1, 1.05
    size = label + side + 0.5, label + side + 0.35
    figure = Picture(figsize=size, facecolor=theme.paper)
    axes = figure.add_axes((label / size[0], label / size[1], side / size[0], side / size[1]))
    dress(axes, theme)
    low, colours = -limit if signed else 0.0, theme.colours(diverging=signed)
    axes.imshow(matrix, cmap=colours, vmin=low, vmax=limit, interpolation="nearest", aspect="auto")
    axes.set_title(title, fontsize=9, color=theme.ink, loc="left", y=1.0, pad=3)
    # The colour scale stands right of the matrix and is placed in its units.
    scale = np.linspace(limit, low, 64)[:, None]
    edge, top, bottom = n - 0.5, -0.5, n - 0.5
    axes.imshow(
        scale,
        cmap=colours,
        vmin=low,
        vmax=limit,
        extent=(edge + 0.02 * n, edge + 0.05 * n, bottom, top),
        aspect="auto",
        clip_on=False,
    )
    for value in (limit, (limit + low) / 2, low):
        at = top + (limit - value) / (limit - low) * n
        text = f"{value:g}".replace("-", "\N{MINUS SIGN}")
        axes.text(edge + 0.06 * n, at, text, fontsize=7, color=theme.ink, va="center")
    axes.set_xlim(-0.5, edge)
    axes.set_ylim(bottom, top)
    shown = [short(name, 14, names) for name in names] if n <= 40 else []
    for which, rotation in (("x", 90.0), ("y", 0.0)):
        ticks(axes, which, theme, range(len(shown)), shown, size=_fitting(n), rotation=rotation)
    return figure


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
    height = high - low + 2 * margin
    named: list[tuple[bool, float]] = []
    for name in far:
        x, y = points[name]
        if abs(x - y) > 0.02 * height:
            left = x < (low + high) / 2
            # A name does not stand on another one.
            near = [at for side, at in named if side == left and abs(at - y) < _LINE * height]
            lift = 0 if not near else 8 if y >= near[0] else -8
            named.append((left, y))
            axes.annotate(
                short(name, 14, points),
                (x, y),
                xytext=(4 if left else -4, lift - 2),
                textcoords="offset points",
                fontsize=7,
                color=theme.ink,
                ha="left" if left else "right",
                parse_math=False,
            )
    number_ticks(axes, "x", theme)
    number_ticks(axes, "y", theme)
    name_axes(axes, "real", "synthetic", theme, -0.16)


def _range(table: TableColumns, name: str) -> tuple[float, float]:
    """Return the smallest value of a column and its range; 1 if the range is no scale."""
    values = table.sorted_numbers(name)
    if not len(values):
        return 0.0, 1.0
    with np.errstate(over="ignore"):
        width = float(values[-1] - values[0])
    return float(values[0]), width if 0 < width < np.inf else 1.0


def _fitting(n: int) -> float:
    return 8.5 if n <= 16 else 5.0 if n <= 30 else 4.0
