"""Column shapes and pair trends as SDMetrics 0.32 defines them: similarities, where 1 is best.

They equal the quality report of SDMetrics with two exceptions. For the pair trends of larger tables
SDMetrics draws 50,000 rows at random, and this module uses all rows. If a column has no value in
one of the tables, SDMetrics returns NaN, and this module 0.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from tabvae_ray.comparison.reading.table_columns import Floats, Integers, TableColumns
from tabvae_ray.comparison.scores.column_pairs import (
    MOST_BINCOUNT,
    PairSample,
    contingency_tables,
    is_large,
    larger_first,
    sample_pairs,
    total_variation,
)
from tabvae_ray.comparison.scores.pearson import pearson_blocks

__all__ = ["column_shapes", "mean_pair_trend", "mean_score", "pair_trends", "table_pairs"]

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
    out. Of more than ``MOST_PAIRS`` contingency tables, a sample is compared.
    """
    numbers, names, trends = list(real.numbers), real.names, dict[tuple[str, str], float]()
    for first, row in enumerate(_number_trends(real, synthetic)):
        second = first + 1 + np.flatnonzero(~np.isnan(row))
        trends |= {(numbers[first], numbers[j]): float(row[j - first - 1]) for j in second}
    pairs, overlaps = _table_trends(real, synthetic)
    for i, j, overlap in zip(pairs.first, pairs.second, overlaps, strict=True):
        trends[names[i], names[j]] = float(overlap)
    return trends


def mean_pair_trend(real: TableColumns, synthetic: TableColumns) -> float:
    """Compute the mean of :func:`pair_trends`; 1 if there is nothing to compare.

    Drawn contingency tables stand for those that were not drawn.
    """
    total, count = 0.0, 0
    for row in _number_trends(real, synthetic):
        defined = row[~np.isnan(row)]
        total, count = total + float(defined.sum()), count + len(defined)
    pairs, overlaps = _table_trends(real, synthetic)
    count += pairs.n_pairs
    return (total + pairs.weight * float(overlaps.sum())) / count if count else 1.0


def table_pairs(table: TableColumns) -> PairSample:
    """Return the pairs of columns whose contingency tables :func:`pair_trends` compares."""
    return sample_pairs(len(table.numbers), len(table.codes), "tables")


def mean_score(scores: Mapping[Any, float]) -> float:
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


def _number_trends(real: TableColumns, synthetic: TableColumns) -> Iterator[Floats]:
    """Yield, for each continuous column, its trends with the later ones; NaN if not defined."""
    first = 0
    for ours, theirs in zip(pearson_blocks(real), pearson_blocks(synthetic), strict=True):
        for row in 1.0 - np.abs(ours - theirs) / 2:
            first += 1
            yield row[first:]


def _table_trends(real: TableColumns, synthetic: TableColumns) -> tuple[PairSample, Floats]:
    """Return pairs of columns, and the overlap of the contingency tables of each."""
    pairs = table_pairs(real)
    overlaps = np.empty(len(pairs.first))
    if not len(overlaps):
        return pairs, overlaps
    discrete = [_discrete(real, synthetic, name) for name in real.names]
    sizes = np.array([size for *_, size in discrete])
    codes = [np.array([column[i] for column in discrete], dtype=np.int32) for i in (0, 1)]
    first, second = larger_first(sizes, pairs)
    for batch, counts in contingency_tables(codes, sizes, first, second):
        shares = [count / table.shape[1] for count, table in zip(counts, codes, strict=True)]
        overlaps[batch] = 1.0 - np.abs(shares[0] - shares[1]).sum(axis=(1, 2)) / 2
    for i in np.flatnonzero(is_large(sizes, first, second)):
        overlaps[i] = _overlap(discrete[first[i]], discrete[second[i]])
    return pairs, overlaps


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
    pairs = list(zip(first[:2], second[:2], strict=True))
    n_cells = first[2] * second[2]
    if n_cells > min(MOST_BINCOUNT, 8 * sum(len(rows) for rows in first[:2])):
        return 1.0 - total_variation(pairs, second[2])
    cells = [one * second[2] + other for one, other in pairs]
    shares: list[npt.NDArray[np.float64]] = [
        np.bincount(rows, minlength=n_cells) / len(rows) for rows in cells
    ]
    return 1.0 - float(np.sum(np.abs(shares[0] - shares[1]))) / 2
