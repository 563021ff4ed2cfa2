"""Pictures of the joint distribution of two columns, in both tables side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
from matplotlib.figure import Figure

from tabvae_ray.comparison.pictures.canvas import THEMES, Theme, dress, ticks
from tabvae_ray.comparison.pictures.column_plots import moment_text
from tabvae_ray.comparison.pictures.letters import fitted, short
from tabvae_ray.comparison.reading.table_columns import Floats, Integers, TableColumns

__all__ = ["PairDifference", "joint", "worst_pairs"]

# Cells along an axis: quantile bins of numbers, or the commonest categories and all others.
_CELLS = 8
# Of wider tables, only these columns are paired; 1,225 pairs take seconds.
_MOST_COLUMNS = 50
# Letters beside a cell.
_LETTERS = 14
# Points of a text beside a cell, and those between it and the edge that it may not use.
_SIZE, _GAP = 7.5, 5


@dataclass(frozen=True)
class PairDifference:
    """The difference of the joint distributions of two columns.

    Args:
        first: Name of the first column.
        second: Name of the second column.
        share: Total variation distance: the share of the rows that one would have to change.
    """

    first: str
    second: str
    share: float


@dataclass(frozen=True)
class _Axis:
    """Cells of a column: those of the rows of each table, and a text for each cell."""

    real: Integers
    synthetic: Integers
    texts: tuple[str, ...]


def worst_pairs(
    real: TableColumns, synthetic: TableColumns, columns: Sequence[str], n: int
) -> list[PairDifference]:
    """Return the pairs of columns whose joint distributions differ most, the worst first.

    Numbers are cut at the quantiles of the real table. A column stands in one pair only, so that
    one bad column does not fill the list.

    Args:
        real: The real table.
        synthetic: The synthetic one.
        columns: Columns to pair, the most important first; 50 at most are looked at.
        n: Number of pairs.
    """
    axes = {name: _axis(real, synthetic, name) for name in columns[:_MOST_COLUMNS]}
    found = []
    for first, second in combinations(axes, 2):
        sides = _shares(axes[first], axes[second])
        found.append(PairDifference(first, second, float(np.abs(sides[0] - sides[1]).sum() / 2)))
    chosen: list[PairDifference] = []
    for pair in sorted(found, key=lambda pair: -pair.share):
        used = {name for one in chosen for name in (one.first, one.second)}
        if len(chosen) < n and not used & {pair.first, pair.second}:
            chosen.append(pair)
    return chosen


def joint(
    real: TableColumns,
    synthetic: TableColumns,
    first: str,
    second: str,
    *,
    theme: Theme = THEMES["light"],
) -> Figure:
    """Draw the shares of the rows by the values of two columns, real beside synthetic.

    Both sides have the same cells and the same colours; a darker cell has more rows.
    """
    down, across = _axis(real, synthetic, first), _axis(real, synthetic, second)
    sides = _shares(down, across)
    # Small enough for its texts to be read on a phone.
    size, side, left, bottom = (4.4, 2.9), 1.6, 0.95, 0.75
    figure = Figure(figsize=size, facecolor=theme.paper)
    for i, (title, shares) in enumerate(zip(("real", "synthetic"), sides, strict=True)):
        x = (left + i * (side + 0.15)) / size[0]
        axes = figure.add_axes((x, bottom / size[1], side / size[0], side / size[1]))
        dress(axes, theme)
        axes.set_title(title, fontsize=8.5, color=theme.ink, loc="left", y=1.0, pad=3)
        axes.imshow(
            shares,
            cmap=theme.colours(diverging=False),
            vmin=0,
            vmax=max(float(side.max()) for side in sides),
            interpolation="nearest",
            aspect="auto",
        )
        rows, columns = shares.shape
        texts = [fitted(text, _SIZE, 72 * bottom - _GAP) for text in across.texts]
        ticks(axes, "x", theme, range(columns), texts, size=_SIZE, rotation=90.0)
        texts = [fitted(text, _SIZE, 72 * left - _GAP) if i == 0 else "" for text in down.texts]
        ticks(axes, "y", theme, range(rows), texts, size=_SIZE)
        axes.set_xlim(-0.5, columns - 0.5)
        axes.set_ylim(rows - 0.5, -0.5)
    figure.text(
        0.05 / size[0],
        1 - 0.07 / size[1],
        f"{short(first, 17, real.names)} (down) and {short(second, 17, real.names)} (across)",
        fontsize=9,
        color=theme.ink,
        va="top",
        parse_math=False,
    )
    return figure


def _shares(first: _Axis, second: _Axis) -> tuple[Floats, Floats]:
    """Return the shares of the rows in each cell (n, m), of both tables."""
    shape = len(first.texts), len(second.texts)
    found = []
    for one, other in ((first.real, second.real), (first.synthetic, second.synthetic)):
        counts = np.bincount(one * shape[1] + other, minlength=shape[0] * shape[1])
        found.append(counts.reshape(shape) / max(len(one), 1))
    return found[0], found[1]


def _axis(real: TableColumns, synthetic: TableColumns, name: str) -> _Axis:
    if name in real.codes:
        return _category_axis(real, synthetic, name)
    values = real.sorted_numbers(name)
    edges = np.unique(np.quantile(values, np.linspace(0, 1, _CELLS + 1))) if len(values) else None
    if edges is None or len(edges) < 2:
        edges = np.array([0.0, 1.0]) if edges is None else np.repeat(edges, 2)
    texts = [_text(real, name, low, high) for low, high in pairwise(edges)]
    cells = []
    for table in (real, synthetic):
        numbers = table.numbers[name]
        found = np.clip(np.searchsorted(edges, numbers, side="right") - 1, 0, len(texts) - 1)
        cells.append(np.where(np.isnan(numbers), len(texts), found).astype(np.intp))
    return _with_missing(cells, texts)


def _category_axis(real: TableColumns, synthetic: TableColumns, name: str) -> _Axis:
    labels = synthetic.labels[name]
    common = np.argsort(-real.counts(name)[:-1], kind="stable")[:_CELLS]
    has_others = len(labels) > len(common)
    texts = [short(labels[i], 12, labels) for i in sorted(common)] + ["others"] * has_others
    # A code of -1, which is missing, takes the last place.
    places = np.full(len(labels) + 1, len(texts) - 1, dtype=np.intp)
    places[sorted(common)] = np.arange(len(common))
    places[-1] = len(texts)
    return _with_missing([places[table.codes[name]] for table in (real, synthetic)], texts)


def _with_missing(cells: list[Integers], texts: list[str]) -> _Axis:
    if any((side == len(texts)).any() for side in cells):
        texts = [*texts, "missing"]
    return _Axis(cells[0], cells[1], tuple(texts))


def _text(table: TableColumns, name: str, low: float, high: float) -> str:
    """Return the text of a bin of numbers or of days."""
    if name not in table.epochs:
        if low == high:
            return _number(low, 4)
        # A dash beside a minus is hard to read.
        between = " to " if low < 0 else "\N{EN DASH}"
        texts = (f"{_number(low, n)}{between}{_number(high, n)}" for n in (4, 3, 2))
        return next((text for text in texts if len(text) <= _LETTERS), f"from {_number(low, 4)}")
    days = table.sorted_numbers(name)
    first = moment_text(table, name, low, float(days[-1] - days[0]) if len(days) else 0.0)
    # With the next one, it is a range.
    return f"{first}\N{EN DASH}" if first else ""


def _number(value: float, digits: int) -> str:
    """Return a number with so many digits: ``12.3k`` and ``1.2M`` in place of powers of ten."""
    for letter, unit, end in (("", 1.0, 1e4), ("k", 1e3, 1e6), ("M", 1e6, 1e10)):
        text = f"{value / unit:.{digits}g}"
        if "e+" not in text and abs(value) < end:
            return text + letter
    return f"{value:.{digits}g}"
