"""Associations of categorical columns with each other and with numbers."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tabvae_ray.comparison.options import CategoricalAssociation
from tabvae_ray.comparison.reading.table_columns import Floats, Integers
from tabvae_ray.comparison.scores.column_pairs import (
    MOST_BINCOUNT,
    PairSample,
    contingency_tables,
    is_large,
    larger_first,
    occupied_cells,
)

__all__ = [
    "PairCounts",
    "correlation_ratios",
    "pair_associations",
]


# Sums per category and number column that are held at once.
_MOST_SUMS = 2**21


def correlation_ratios(
    codes: npt.NDArray[np.int32], counts: Sequence[Integers], unit: Floats
) -> Floats:
    """Compute the root of the share of variance that lies between categories, in [0, 1].

    Args:
        codes: Categories (K, N).
        counts: Rows per category, for each of the K columns.
        unit: Numbers (C, N), centred and scaled to Euclidean length 1, or 0 if constant.

    Returns:
        A ratio for each pair of columns (K, C).
    """
    from scipy.sparse import csr_array

    n_numbers, n_rows = unit.shape
    ratios = np.zeros((len(codes), n_numbers))
    if not n_numbers:
        return ratios
    numbers = np.ascontiguousarray(unit.T)
    sizes = np.array([len(count) for count in counts])
    ones, rows = np.ones(n_rows), np.arange(n_rows)
    step = max(_MOST_SUMS // max(int(sizes.max()), 1) // n_numbers, 1)
    for start in range(0, len(codes), step):
        block = slice(start, start + step)
        offsets = np.concatenate(([0], np.cumsum(sizes[block])))
        cells = (codes[block] + offsets[:-1, None]).ravel()
        n_columns = len(offsets) - 1
        positions = np.tile(rows, n_columns), np.tile(ones, n_columns)
        # A row per category, which adds up the numbers of its rows.
        adder = csr_array((positions[1], (cells, positions[0])), shape=(offsets[-1], n_rows))
        squares = (adder @ numbers) ** 2
        squares /= np.maximum(np.concatenate(counts[block]), 1)[:, None]
        ratios[block] = np.sqrt(np.add.reduceat(squares, offsets[:-1], axis=0))
    return np.minimum(ratios, 1.0)


def pair_associations(
    codes: npt.NDArray[np.int32],
    counts: Sequence[Integers],
    first: Integers,
    second: Integers,
    kind: CategoricalAssociation,
) -> Floats:
    """Compute the association of many pairs of columns.

    Args:
        codes: Categories (K, N).
        counts: Rows per category, for each of the K columns.
        first: First column of each pair (P,).
        second: Second column of each pair (P,).
        kind: The measure.

    Returns:
        The association of the first column with the second, and of the second with the first
        (2, P). Cramer's V is symmetric.
    """
    found = np.zeros((2, len(first)))
    sizes = np.array([len(count) for count in counts])
    pairs = larger_first(sizes, PairSample(first, second, len(first)))
    measure = _cramers_v if kind == "CRAMERS_V" else _theils_u
    for batch, (tables,) in contingency_tables([codes], sizes, *pairs):
        found[:, batch] = measure(tables)
    for i in np.flatnonzero(is_large(sizes, *pairs)):
        one, other = pairs[0][i], pairs[1][i]
        large = PairCounts(codes[one], codes[other], counts[one], counts[other])
        found[:, i] = large.cramers_v() if kind == "CRAMERS_V" else large.theils_u()
    swapped = pairs[0] != first
    found[:, swapped] = found[::-1, swapped]
    return found


def _cramers_v(tables: Integers) -> Floats:
    """Compute Cramer's V of contingency tables (B, n, m)."""
    n_rows, rows, columns = _margins(tables)
    n_first, n_second = np.count_nonzero(rows, axis=1), np.count_nonzero(columns, axis=1)
    expected = rows[:, :, None] * columns[:, None, :] / n_rows
    off = np.abs(tables - expected)
    # Yates' correction of 2 x 2 tables, as in scipy.
    yates = (n_first == 2) & (n_second == 2)
    off[yates] = np.maximum(off[yates] - 0.5, 0.0)
    possible = expected > 0
    chi2 = np.divide(off**2, expected, out=np.zeros_like(off), where=possible).sum(axis=(1, 2))
    least = max(n_rows - 1, 1)
    phi2 = np.maximum(chi2 / n_rows - (n_first - 1) * (n_second - 1) / least, 0.0)
    corrected = np.minimum(
        n_first - (n_first - 1) ** 2 / least - 1, n_second - (n_second - 1) ** 2 / least - 1
    )
    # With as many categories as rows, the correction leaves no association.
    defined = (n_first >= 2) & (n_second >= 2) & (corrected >= 1e-12)
    found = np.where(defined, np.sqrt(phi2 / np.where(defined, corrected, 1.0)), 0.0)
    return np.minimum(found, 1.0)


def _theils_u(tables: Integers) -> Floats:
    """Compute Theil's U of contingency tables (B, n, m), in both directions (2, B)."""
    n_rows, rows, columns = _margins(tables)
    shares = tables / n_rows
    found = np.ones((2, len(tables)))
    for side, (own, others) in enumerate(
        ((rows, columns[:, None, :]), (columns, rows[:, :, None]))
    ):
        entropy = _entropies(own / n_rows)
        ratio = np.divide(others, tables, out=np.ones(tables.shape), where=tables > 0)
        left = (shares * np.log(ratio)).sum(axis=(1, 2))
        varies = entropy > 0
        found[side, varies] = np.clip((entropy - left)[varies] / entropy[varies], 0.0, 1.0)
    return found


def _margins(tables: Integers) -> tuple[int, Floats, Floats]:
    rows, columns = (tables.sum(axis=axis).astype(np.float64) for axis in (2, 1))
    return int(tables[0].sum()), rows, columns


def _entropies(shares: Floats) -> Floats:
    logarithms = np.log(shares, out=np.zeros_like(shares), where=shares > 0)
    entropies: Floats = -(shares * logarithms).sum(axis=1)
    return entropies


class PairCounts:
    """Large contingency table as its occupied cells.

    Args:
        first: Codes of one column (N,).
        second: Codes of the other (N,).
        first_counts: Rows per code of the first column.
        second_counts: Rows per code of the second column.
    """

    def __init__(
        self, first: Integers, second: Integers, first_counts: Integers, second_counts: Integers
    ) -> None:
        n_second = len(second_counts)
        if len(first_counts) * n_second <= min(MOST_BINCOUNT, 8 * len(first)):
            cells = first.astype(np.intp) * n_second + second
            counts = np.bincount(cells, minlength=len(first_counts) * n_second)
            occupied = np.flatnonzero(counts)
            counts = counts[occupied]
        else:
            occupied, counts = occupied_cells(first, second, n_second)
        self.n_rows = len(first)
        self.counts: Floats = counts.astype(np.float64)
        self.rows: Floats = first_counts[occupied // n_second].astype(np.float64)
        self.columns: Floats = second_counts[occupied % n_second].astype(np.float64)
        self.margins = first_counts[first_counts > 0], second_counts[second_counts > 0]

    def cramers_v(self) -> float:
        """Compute bias-corrected Cramer's V, in [0, 1].

        Bergsma, "A bias-correction for Cramer's V and Tschuprow's T", J. Korean Stat. Soc. 42
        (2013).
        """
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
        """Compute Theil's U: U(first | second), U(second | first)."""
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


def _entropy(shares: Floats) -> float:
    return float(-np.sum(shares * np.log(shares)))
