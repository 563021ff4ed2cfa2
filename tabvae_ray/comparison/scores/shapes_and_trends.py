"""Column shapes and pair trends as SDMetrics 0.32 defines them: similarities, where 1 is best.

They equal the quality report of SDMetrics with two exceptions. For the pair trends of larger tables
SDMetrics draws 50,000 rows at random, and this module uses all rows. If a column has no value in
one of the tables, SDMetrics returns NaN, and this module 0.
"""

import math
from itertools import combinations

import numpy as np
import numpy.typing as npt

from tabvae_ray.comparison.reading.table_columns import Floats, Integers, TableColumns
from tabvae_ray.comparison.scores.association import MOST_CELLS

__all__ = ["column_shapes", "mean_score", "pair_trends"]

# Count that SDMetrics assumes for a category that the real table lacks.
_UNSEEN_COUNT = 1e-6
_BINS = 10


def column_shapes(real: TableColumns, synthetic: TableColumns) -> dict[str, float]:
    """Compute 1 - Kolmogorov-Smirnov distance per column; for categories 1 - total variation."""
    shapes = {
        name: _ks_complement(real.sorted_numbers(name), synthetic.sorted_numbers(name))
        for name in real.numbers
    }
    for name in real.codes:
        shapes[name] = _tv_complement(real.counts(name)[:-1], synthetic.counts(name)[:-1])
    return shapes


def pair_trends(real: TableColumns, synthetic: TableColumns) -> dict[tuple[str, str], float]:
    """Compute the similarity of the dependence in both tables, for each pair of columns.

    For two continuous columns it is 1 - half the difference of Pearson's r. For other pairs it is
    1 - the total variation distance of the contingency tables, in which continuous columns are cut
    into ten bins over the range of each table. Pairs with a constant continuous column are left
    out.
    """
    trends = {}
    for pair in combinations(real.numbers, 2):
        correlations = _pearson(real, *pair), _pearson(synthetic, *pair)
        if not np.isnan(correlations).any():
            trends[pair] = 1 - abs(correlations[0] - correlations[1]) / 2
    discrete = {name: _discrete(real, synthetic, name) for name in real.names}
    for first, second in combinations(real.names, 2):
        if first not in real.numbers or second not in real.numbers:
            trends[first, second] = _overlap(discrete[first], discrete[second])
    return trends


def mean_score(scores: dict[str, float] | dict[tuple[str, str], float]) -> float:
    """Compute the mean over columns or pairs; 1 if there is nothing to compare."""
    return math.fsum(scores.values()) / len(scores) if scores else 1.0


def _ks_complement(real: Floats, synthetic: Floats) -> float:
    if not len(real) or not len(synthetic):
        return 1.0 if len(real) == len(synthetic) else 0.0
    real, synthetic = _rounded(real), _rounded(synthetic)
    steps = np.concatenate((real, synthetic))
    shares = (
        np.searchsorted(values, steps, side="right") / len(values) for values in (real, synthetic)
    )
    return 1.0 - float(np.max(np.abs(np.subtract(*shares))))


def _rounded(values: Floats) -> Floats:
    """Round to 14 decimals as SDMetrics does, except large numbers, which have no decimals."""
    small = np.abs(values) < 1e290
    return np.where(small, np.round(np.where(small, values, 0.0), 14), values)


def _tv_complement(real: Integers, synthetic: Integers) -> float:
    """Compute 1 - total variation; ``synthetic`` may have counts of more categories at its end."""
    if not real.any() or not synthetic.any():
        return 1.0 if real.any() == synthetic.any() else 0.0
    padded = np.zeros(len(synthetic))
    padded[: len(real)] = real
    padded[(padded == 0) & (synthetic > 0)] = _UNSEEN_COUNT
    return 1.0 - 0.5 * float(np.sum(np.abs(padded / padded.sum() - synthetic / synthetic.sum())))


def _pearson(table: TableColumns, first: str, second: str) -> float:
    """Compute Pearson's r over the rows where both are present; NaN if it is not defined."""
    for name in (first, second):
        values = table.sorted_numbers(name)
        if not len(values) or values[0] == values[-1]:
            return math.nan
    if table.n_missing(first) or table.n_missing(second):
        x, y = table.numbers[first], table.numbers[second]
        both = ~(np.isnan(x) | np.isnan(y))
        units = _unit(x[both]), _unit(y[both])
    else:
        units = _unit_column(table, first), _unit_column(table, second)
    if units[0] is None or units[1] is None:
        return math.nan
    return float(np.clip(units[0] @ units[1], -1.0, 1.0))


def _unit_column(table: TableColumns, name: str) -> Floats | None:
    return table.keep(("unit", name), lambda: _unit(table.numbers[name]))


def _unit(values: Floats) -> Floats | None:
    """Centre values and scale them to Euclidean length 1; None if they are all equal."""
    if len(values) < 2 or values.min() == values.max():
        return None
    centred = values / np.abs(values).max()
    centred = centred - centred.mean()
    norm = float(np.linalg.norm(centred))
    unit: Floats = centred / norm
    return unit if norm > 0 else None


def _discrete(
    real: TableColumns, synthetic: TableColumns, name: str
) -> tuple[Integers, Integers, int]:
    """Return the codes of a column in both tables, missing values included, and their number."""
    if name in real.codes:
        missing = len(synthetic.labels[name])
        codes = [
            np.where(table.codes[name] < 0, missing, table.codes[name])
            for table in (real, synthetic)
        ]
        return codes[0], codes[1], missing + 1
    return _bins(real, name), _bins(synthetic, name), _BINS + 2


def _bins(table: TableColumns, name: str) -> Integers:
    """Assign values to bins 1 to 11, where 11 holds the maximum and missing values."""

    def compute() -> Integers:
        values, ascending = table.numbers[name], table.sorted_numbers(name)
        low, high = (ascending[0], ascending[-1]) if len(ascending) else (0.0, 1.0)
        if high / 2 - low / 2 > 1e307:
            values, low, high = values / 4, low / 4, high / 4  # the range would overflow
        # The bins of numpy.histogram, which itself fails for ranges of a few floating-point steps.
        margin = 0.5 if low == high else 0.0
        bins: Integers = np.digitize(values, np.linspace(low - margin, high + margin, _BINS + 1))
        return bins

    return table.keep(("bins", name), compute)


def _overlap(
    first: tuple[Integers, Integers, int], second: tuple[Integers, Integers, int]
) -> float:
    """Compute 1 - total variation distance of two contingency tables."""
    cells = [one * second[2] + other for one, other in zip(first[:2], second[:2], strict=True)]
    n_cells = first[2] * second[2]
    if n_cells > MOST_CELLS:
        occupied, positions = np.unique(np.concatenate(cells), return_inverse=True)
        cells = [positions[: len(cells[0])], positions[len(cells[0]) :]]
        n_cells = len(occupied)
    shares: list[npt.NDArray[np.float64]] = [
        np.bincount(rows, minlength=n_cells) / len(rows) for rows in cells
    ]
    return 1.0 - float(np.sum(np.abs(shares[0] - shares[1]))) / 2
