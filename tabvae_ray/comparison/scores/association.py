"""Associations between the columns of a table, and the distance of two tables in them.

They equal those of artifact-core 0.2.1 (dython 0.7.12): Pearson, Spearman or Kendall between
continuous columns, bias-corrected Cramer's V or Theil's U between categorical columns, and the
correlation ratio between a continuous and a categorical one. Missing numbers count as 0, and
missing categories as a category. A column with a single value is associated with no column, not
even with itself.
"""

import math
from itertools import combinations
from typing import Literal

import numpy as np
import numpy.typing as npt

from tabvae_ray.comparison.reading.table_columns import Floats, Integers, TableColumns

__all__ = [
    "CategoricalAssociation",
    "ContinuousAssociation",
    "DistanceMetric",
    "associations",
    "correlation_distance",
    "correlation_ratio",
    "cramers_v",
    "theils_u",
]

CategoricalAssociation = Literal["CRAMERS_V", "THEILS_U"]
ContinuousAssociation = Literal["PEARSON", "SPEARMAN", "KENDALL"]
DistanceMetric = Literal["RMSE", "MAE", "L2", "COSINE_SIMILARITY"]

# A larger contingency table is kept as its occupied cells only.
MOST_CELLS = 2**20


def associations(
    table: TableColumns,
    *,
    categorical: CategoricalAssociation = "CRAMERS_V",
    continuous: ContinuousAssociation = "PEARSON",
) -> Floats:
    """Compute the association matrix (C, C), with columns in the order of ``table.names``.

    With Theil's U, entry (i, j) is the share of the entropy of column i that column j explains. All
    other measures are symmetric.
    """
    n_numbers = len(table.numbers)
    matrix = np.zeros((len(table.names), len(table.names)))
    numbers = np.array([table.complete_numbers(name) for name in table.numbers])
    numbers = numbers.reshape(n_numbers, table.n_rows)
    unit = _unit_rows(numbers)
    matrix[:n_numbers, :n_numbers] = _correlations(numbers, unit, continuous)

    codes = {name: table.complete_codes(name) for name in table.codes}
    counts = {name: table.counts(name) for name in table.codes}
    varying = [name for name in codes if np.count_nonzero(counts[name]) > 1]
    position = {name: n_numbers + i for i, name in enumerate(codes)}
    for first, name in enumerate(varying):
        i = position[name]
        ratios = [correlation_ratio(codes[name], counts[name], row) for row in unit]
        matrix[i, :n_numbers] = matrix[:n_numbers, i] = ratios
        matrix[i, i] = 1.0
        for other in varying[first + 1 :]:
            j = position[other]
            pairs = _PairCounts(codes[name], codes[other], counts[name], counts[other])
            if categorical == "CRAMERS_V":
                matrix[i, j] = matrix[j, i] = pairs.cramers_v()
            else:
                matrix[i, j], matrix[j, i] = pairs.theils_u()
    return matrix


def correlation_distance(real: Floats, synthetic: Floats, metric: DistanceMetric = "RMSE") -> float:
    """Compute the distance between two association matrices, over all entries.

    Args:
        real: (C, C).
        synthetic: (C, C), columns in the same order.
        metric: ``COSINE_SIMILARITY`` is 1 for equal matrices, also if both are zero.
    """
    first, second = real.ravel(), synthetic.ravel()
    difference = first - second
    if metric == "RMSE":
        return math.sqrt(float(np.mean(difference**2))) if difference.size else 0.0
    if metric == "MAE":
        return float(np.mean(np.abs(difference))) if difference.size else 0.0
    if metric == "L2":
        return float(np.linalg.norm(difference))
    norms = float(np.linalg.norm(first)), float(np.linalg.norm(second))
    if 0.0 in norms:
        return 1.0 if norms[0] == norms[1] else 0.0
    return float(first @ second) / (norms[0] * norms[1])


def correlation_ratio(codes: Integers, counts: Integers, unit: Floats) -> float:
    """Compute the root of the share of variance that lies between categories, in [0, 1].

    Args:
        codes: A category per row (N,).
        counts: Rows per category.
        unit: A number per row (N,), centred and scaled to Euclidean length 1, or 0 if constant.
    """
    sums = np.bincount(codes, weights=unit, minlength=len(counts))
    return min(math.sqrt(float(np.sum(sums**2 / np.maximum(counts, 1)))), 1.0)


def cramers_v(first: Integers, second: Integers) -> float:
    """Compute bias-corrected Cramer's V of two columns of codes (N,), in [0, 1].

    Bergsma, "A bias-correction for Cramer's V and Tschuprow's T", J. Korean Stat. Soc. 42 (2013).
    """
    return _PairCounts(first, second, np.bincount(first), np.bincount(second)).cramers_v()


def theils_u(first: Integers, second: Integers) -> tuple[float, float]:
    """Compute Theil's U of two columns of codes (N,): U(first | second), U(second | first)."""
    return _PairCounts(first, second, np.bincount(first), np.bincount(second)).theils_u()


class _PairCounts:
    """Contingency table as its occupied cells."""

    def __init__(
        self, first: Integers, second: Integers, first_counts: Integers, second_counts: Integers
    ) -> None:
        n_second = len(second_counts)
        cells = first * n_second + second
        if len(first_counts) * n_second <= MOST_CELLS:
            counts = np.bincount(cells, minlength=len(first_counts) * n_second)
            occupied = np.flatnonzero(counts)
            counts = counts[occupied]
        else:
            occupied, counts = np.unique(cells, return_counts=True)
        self.n_rows = len(first)
        self.counts: Floats = counts.astype(np.float64)
        self.rows: Floats = first_counts[occupied // n_second].astype(np.float64)
        self.columns: Floats = second_counts[occupied % n_second].astype(np.float64)
        self.margins = first_counts[first_counts > 0], second_counts[second_counts > 0]

    def cramers_v(self) -> float:
        n, n_rows, n_columns = self.n_rows, len(self.margins[0]), len(self.margins[1])
        if n_rows < 2 or n_columns < 2 or n < 2:
            return 0.0
        phi2 = self._chi2(yates=n_rows == n_columns == 2) / n
        phi2 = max(0.0, phi2 - (n_columns - 1) * (n_rows - 1) / (n - 1))
        corrected = min(
            n_rows - (n_rows - 1) ** 2 / (n - 1) - 1, n_columns - (n_columns - 1) ** 2 / (n - 1) - 1
        )
        if corrected < 1e-12:
            return 0.0  # as many categories as rows: the correction leaves no association
        return min(math.sqrt(phi2 / corrected), 1.0)

    def theils_u(self) -> tuple[float, float]:
        entropies = [_entropy(margin / self.n_rows) for margin in self.margins]
        share = self.counts / self.n_rows
        conditional = (
            float(np.sum(share * np.log(self.columns / self.counts))),
            float(np.sum(share * np.log(self.rows / self.counts))),
        )
        first, second = (
            1.0 if whole == 0 else min(max((whole - left) / whole, 0.0), 1.0)
            for whole, left in zip(entropies, conditional, strict=True)
        )
        return first, second

    def _chi2(self, *, yates: bool) -> float:
        """Compute Pearson's statistic; ``yates`` corrects 2 x 2 tables as scipy does."""
        expected = self.rows * self.columns / self.n_rows
        difference = np.abs(self.counts - expected)
        if yates:
            # All four cells of a 2 x 2 table differ equally from their expected counts.
            off = max(float(difference[0]) - 0.5, 0.0)
            cells = np.outer(*self.margins) / self.n_rows
            return off**2 * float(np.sum(1.0 / cells))
        # An empty cell adds its expected count.
        empty = self.n_rows - float(expected.sum())
        return float(np.sum(difference**2 / expected)) + max(empty, 0.0)


def _correlations(numbers: Floats, unit: Floats, kind: ContinuousAssociation) -> Floats:
    """Compute correlations (C, C) between rows of numbers (C, N); 0 for a constant row."""
    varying = np.flatnonzero(np.abs(unit).max(axis=1, initial=0.0))
    if kind == "KENDALL":
        from scipy.stats import kendalltau

        matrix = np.zeros((len(numbers), len(numbers)))
        for i, j in combinations(varying, 2):
            matrix[i, j] = matrix[j, i] = kendalltau(numbers[i], numbers[j]).statistic
    else:
        if kind == "SPEARMAN" and numbers.size:
            from scipy.stats import rankdata

            unit = _unit_rows(rankdata(numbers, axis=1))
        matrix = np.clip(unit @ unit.T, -1.0, 1.0)
    matrix[varying, varying] = 1.0
    return matrix


def _unit_rows(numbers: Floats) -> Floats:
    """Centre rows (C, N) and scale them to Euclidean length 1; constant rows become zeros."""
    if not numbers.size:
        return numbers
    low, high = numbers.min(axis=1), numbers.max(axis=1)
    varying = low < high
    # Scaled first, so that neither a sum nor a square overflows.
    scale = np.maximum(high, -low)
    centred = numbers / np.where(varying, scale, 1.0)[:, None]
    centred -= centred.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(centred, axis=1)
    centred[np.flatnonzero(~varying)] = 0.0
    norms[norms == 0] = 1.0
    unit: Floats = centred / norms[:, None]
    return unit


def _entropy(shares: npt.NDArray[np.float64]) -> float:
    return float(-np.sum(shares * np.log(shares)))
