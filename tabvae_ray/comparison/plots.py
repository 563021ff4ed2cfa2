"""Pictures of two tables side by side.

Drawn with matplotlib's objects alone: there is no global state, so that any number of threads and
processes may draw. Names and categories come from the user and are never read as formulas.
"""

import io
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from PIL import Image

from tabvae_ray.comparison.columns import Floats, TableColumns
from tabvae_ray.comparison.js import joint_edges
from tabvae_ray.comparison.projections import Projection
from tabvae_ray.comparison.statistics import STATISTICS, statistics

__all__ = [
    "THEMES",
    "Pixels",
    "Theme",
    "cdf",
    "cut",
    "descriptive_statistics",
    "heatmaps",
    "pdf",
    "pixels",
    "png",
    "scatter",
    "tiled",
]

Pixels = npt.NDArray[np.uint8]

_BINS = 40
_MOST_PANELS = 100
_MOST_CATEGORIES = 12
_STEPS = 400
# Inches above a column's panel.
_LEGEND = 0.34


@dataclass(frozen=True)
class Theme:
    """Colours; real and synthetic stay apart for the colour-blind (Okabe and Ito)."""

    paper: str
    ink: str
    faint: str
    real: str
    synthetic: str

    def colours(self, *, diverging: bool) -> LinearSegmentedColormap:
        """From nothing to strong, or from negative over nothing to positive."""
        ends = [self.synthetic, self.paper, self.real] if diverging else [self.paper, self.real]
        return LinearSegmentedColormap.from_list("strength", ends)


THEMES: Mapping[Literal["light", "dark"], Theme] = {
    "light": Theme("#ffffff", "#1c2430", "#c9d0d9", "#0072b2", "#d55e00"),
    "dark": Theme("#14181f", "#e4e8ee", "#3b4452", "#56b4e9", "#f0a030"),
}


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
    axes.set_yticks([0, 0.5, 1.0])
    if name in real.codes:
        labels = synthetic.labels[name]
        _name_categories(axes, labels[:_MOST_CATEGORIES], 0.0)
        axes.set_xlim(-0.5, len(labels) - 0.5)
    else:
        _name_values(axes, real, name)
    return figure


def tiled(panels: Sequence[Pixels], dpi: int, *, per_row: int = 4) -> Pixels:
    """Pictures of columns as one, at most the first 100, with the first one's legend for all.

    Args:
        panels: Pictures of :func:`pdf` or :func:`cdf`, all of the same size (H, W, 3).
        dpi: Dots per inch that they were drawn at.
        per_row: Pictures side by side.
    """
    shown = panels[:_MOST_PANELS]
    legend = round(_LEGEND * dpi)
    height, width = shown[0].shape[0] - legend, shown[0].shape[1]
    n_columns = min(per_row, len(shown))
    n_rows = -(-len(shown) // n_columns)
    whole = np.empty((legend + n_rows * height, n_columns * width, 3), dtype=np.uint8)
    whole[:] = shown[0][0, 0]
    whole[:legend, :width] = shown[0][:legend]
    for i, panel in enumerate(shown):
        row, column = divmod(i, n_columns)
        top, left = legend + row * height, column * width
        whole[top : top + height, left : left + width] = panel[legend:]
    return whole


def descriptive_statistics(
    real: TableColumns, synthetic: TableColumns, *, theme: Theme = THEMES["light"]
) -> Figure:
    """A panel per statistic with a point per continuous column: on the diagonal where they agree.

    Every column is measured in units of its real range, so that all fit one scale; the columns
    that are farthest off are named.
    """
    titles = [name.replace("_", " ") for name in STATISTICS]
    figure, panels = _grid(titles, theme)
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
    figure, panels = _grid(titles, theme, cell=(3.6, 3.3), per_row=3)
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
        axes.set_xticks([])
        axes.set_yticks([])
        labels = [
            f"{name} ({share:.0%})" if projection.shares else name
            for name, share in zip(axis_names, projection.shares or (0.0, 0.0), strict=True)
        ]
        axes.set_xlabel(labels[0], fontsize=8, color=theme.ink)
        if title == "real":
            axes.set_ylabel(labels[1], fontsize=8, color=theme.ink)
    return figure


def heatmaps(
    matrices: Mapping[str, Floats], names: Sequence[str], *, theme: Theme = THEMES["light"]
) -> Figure:
    """Association matrices (C, C) side by side; one called ``difference`` gets diverging colours.

    Args:
        matrices: By title.
        names: The columns, in the matrices' order.
        theme: Colours.
    """
    n, side, label = len(names), 3.1, 1.05
    # One scale for all, so that equal colours are equal numbers.
    signed = min(float(matrix.min(initial=0.0)) for matrix in matrices.values()) < 0
    width = label + len(matrices) * (side + 0.75)
    figure = Figure(figsize=(width, side + 0.35 + label), facecolor=theme.paper)
    height = figure.get_figheight()
    for i, (title, matrix) in enumerate(matrices.items()):
        left = (label + i * (side + 0.75)) / width
        axes = figure.add_axes((left, label / height, side / width, side / height))
        _dress(axes, theme)
        diverging = signed or title == "difference"
        image = axes.imshow(
            matrix,
            cmap=theme.colours(diverging=diverging),
            vmin=-1 if diverging else 0,
            vmax=1,
            interpolation="nearest",
            aspect="auto",
        )
        axes.set_title(title, fontsize=9, color=theme.ink, loc="left", y=1.0, pad=3)
        shown = names if n <= 40 else ()
        texts = [_short(name, 14) for name in shown]
        axes.set_xticks(range(len(shown)))
        axes.set_xticklabels(texts, rotation=90, fontsize=_fitting(n), parse_math=False)
        axes.set_yticks(range(len(shown)))
        axes.set_yticklabels(texts if i == 0 else [], fontsize=_fitting(n), parse_math=False)
        bar = figure.add_axes(
            (left + (side + 0.06) / width, label / height, 0.09 / width, side / height)
        )
        colours = figure.colorbar(image, cax=bar, ticks=[-1, 0, 1] if diverging else [0, 0.5, 1])
        colours.outline.set_visible(False)
        bar.tick_params(labelsize=7, length=0, colors=theme.ink)
    return figure


def pixels(figure: Figure, dpi: int = 100) -> Pixels:
    """The figure as an image (H, W, 3)."""
    figure.set_dpi(dpi)
    canvas = FigureCanvasAgg(figure)
    with warnings.catch_warnings():
        # A name in a script that the font lacks is drawn as boxes; nothing to stop for.
        warnings.filterwarnings("ignore", message=".*Glyph.*missing from font")
        canvas.draw()  # type: ignore[no-untyped-call]
    image: Pixels = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
    return image[:, :, :3].copy()


def png(image: Pixels) -> bytes:
    """The image as a PNG file; the same bytes for the same image."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="png", compress_level=4)
    return buffer.getvalue()


def cut(picture: bytes, n_columns: int, n_rows: int) -> list[bytes]:
    """The panels of a picture as pictures of their own, row by row: a narrow screen stacks them."""
    image = np.asarray(Image.open(io.BytesIO(picture)))
    height, width = image.shape[0] // n_rows, image.shape[1] // n_columns
    return [
        png(image[i * height : (i + 1) * height, j * width : (j + 1) * width])
        for i in range(n_rows)
        for j in range(n_columns)
    ]


def _panel(name: str, note: str, theme: Theme) -> tuple[Figure, Axes]:
    """A figure of one panel with a legend above it."""
    figure, panels = _grid([name], theme, top=_LEGEND, note=note)
    y = 1 - 0.5 * _LEGEND / figure.get_figheight()
    for x, word, colour in ((0.12, "real", theme.real), (0.72, "synthetic", theme.synthetic)):
        text = f"\N{BLACK SQUARE} {word}"
        figure.text(x / figure.get_figwidth(), y, text, color=colour, fontsize=10, va="center")
    return figure, panels[name]


def _grid(
    names: Sequence[str],
    theme: Theme,
    *,
    cell: tuple[float, float] = (2.75, 2.3),
    per_row: int = 4,
    top: float = 0.05,
    note: str = "",
) -> tuple[Figure, dict[str, Axes]]:
    """A figure with a panel per name, placed by hand: matplotlib's layout engines cost as much."""
    n_columns = min(per_row, len(names))
    n_rows = -(-len(names) // n_columns)
    size = n_columns * cell[0] + 0.1, n_rows * cell[1] + top
    figure = Figure(figsize=size, facecolor=theme.paper)
    inner = cell[0] - 0.55, cell[1] - 0.9
    panels = {}
    for i, name in enumerate(names):
        row, column = divmod(i, n_columns)
        left, bottom = column * cell[0] + 0.5, size[1] - top - (row + 1) * cell[1] + 0.5
        axes = figure.add_axes(
            (left / size[0], bottom / size[1], inner[0] / size[0], inner[1] / size[1])
        )
        _dress(axes, theme)
        axes.set_title(
            _short(name, 30) + (f"\n{note}" if note else ""),
            fontsize=8.5,
            color=theme.ink,
            loc="left",
            # Said, it need not be looked for, which takes a sixth of the drawing.
            y=1.0,
            pad=4,
            linespacing=1.15,
            parse_math=False,
        )
        panels[name] = axes
    return figure, panels


def _dress(axes: Axes, theme: Theme) -> None:
    axes.set_facecolor(theme.paper)
    for spine in axes.spines.values():
        spine.set_color(theme.faint)
        spine.set_linewidth(0.8)
    axes.tick_params(colors=theme.ink, labelsize=7.5, length=2, width=0.6, pad=2)
    axes.locator_params(nbins=4)


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
    _name_values(axes, real, name)


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
    _name_categories(axes, texts, 0.0)


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
                _short(name, 14),
                (x, y),
                xytext=(4 if left else -4, -2),
                textcoords="offset points",
                fontsize=7,
                color=theme.ink,
                ha="left" if left else "right",
                parse_math=False,
            )
    axes.set_xlabel("real", fontsize=7.5, color=theme.ink, labelpad=1)
    axes.set_ylabel("synthetic", fontsize=7.5, color=theme.ink, labelpad=1)


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


def _name_values(axes: Axes, real: TableColumns, name: str) -> None:
    if name not in real.epochs:
        return
    epoch = real.epochs[name]

    def date(days: float, _: Any = None) -> str:
        try:
            return str((epoch + pd.Timedelta(days=days)).strftime("%Y-%m-%d"))
        except (OverflowError, ValueError):
            return ""

    axes.locator_params(axis="x", nbins=3)
    axes.xaxis.set_major_formatter(date)


def _name_categories(axes: Axes, labels: Sequence[str], rotation: float) -> None:
    longest = max((len(label) for label in labels), default=0)
    if len(labels) * min(longest, 10) > 28:
        rotation = 90.0
    axes.set_xticks(range(len(labels)))
    axes.set_xticklabels(
        [_short(label, 9 if rotation else 10) for label in labels],
        rotation=rotation,
        fontsize=6.5 if rotation else 7.5,
        parse_math=False,
    )


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


def _short(text: str, most: int) -> str:
    text = " ".join(str(text).split())
    return text if len(text) <= most else text[: most - 1] + "…"
