"""Associations between the columns of a table, and the distance of two tables in them.

They equal those of artifact-core 0.2.1 (dython 0.7.12): Pearson, Spearman or Kendall between
continuous columns, bias-corrected Cramer's V or Theil's U between categorical columns, and the
correlation ratio between a continuous and a categorical one. Missing numbers count as 0, and
missing categories as a category. A column with a single value is associated with no column, not
even with itself.
"""

import math
from typing import Literal

import numpy as np

from tabvae_ray.comparison.options import (
    CategoricalAssociation,
    ContinuousAssociation,
    DistanceMetric,
)
from tabvae_ray.comparison.reading.table_columns import Floats, Integers, TableColumns
from tabvae_ray.comparison.scores.categorical_association import (
    correlation_ratios,
    pair_associations,
)
from tabvae_ray.comparison.scores.column_pairs import PairSample, sample_pairs

__all__ = [
    "associated_pairs",
    "associations",
    "correlation_distance",
    "entry_weights",
]


def associations(
    table: TableColumns,
    *,
    categorical: CategoricalAssociation = "CRAMERS_V",
    continuous: ContinuousAssociation = "PEARSON",
) -> Floats:
    """Compute the association matrix (C, C), with columns in the order of ``table.names``.

    With Theil's U, entry (i, j) is the share of the entropy of column i that column j explains. All
    other measures are symmetric. Entries of pairs that are not drawn, see
    :func:`associated_pairs`, are NaN.
    """
    n_numbers, n_columns = len(table.numbers), len(table.names)
    matrix = np.zeros((n_columns, n_columns))
    pairs = associated_pairs(table, continuous)
    if pairs.is_partial:
        _fill_others(matrix, np.nan, n_numbers, continuous)
    numbers = np.array([table.complete_numbers(name) for name in table.numbers])
    numbers = numbers.reshape(n_numbers, table.n_rows)
    unit = _unit_rows(numbers)
    if continuous == "KENDALL":
        _add_kendall(matrix, numbers, unit, pairs)
    else:
        matrix[:n_numbers, :n_numbers] = _correlations(numbers, unit, continuous)
    if table.codes:
        codes = np.array([table.complete_codes(name) for name in table.codes], dtype=np.int32)
        counts = [table.counts(name) for name in table.codes]
        varying = np.array([np.count_nonzero(count) > 1 for count in counts])
        ratios = correlation_ratios(codes, counts, unit) * varying[:, None]
        matrix[n_numbers:, :n_numbers], matrix[:n_numbers, n_numbers:] = ratios, ratios.T
        of_codes = pairs.first >= n_numbers
        first, second = (ends[of_codes] - n_numbers for ends in (pairs.first, pairs.second))
        found = pair_associations(codes, counts, first, second, categorical)
        found[:, ~(varying[first] & varying[second])] = 0.0
        matrix[n_numbers + first, n_numbers + second] = found[0]
        matrix[n_numbers + second, n_numbers + first] = found[1]
        diagonal = n_numbers + np.arange(len(varying))
        matrix[diagonal, diagonal] = varying
    return matrix


def associated_pairs(table: TableColumns, continuous: ContinuousAssociation) -> PairSample:
    """Return the pairs of columns whose association takes more than a matrix product."""
    kinds = "unmixed" if continuous == "KENDALL" else "categorical"
    return sample_pairs(len(table.numbers), len(table.codes), kinds)


def entry_weights(table: TableColumns, continuous: ContinuousAssociation) -> Floats | None:
    """Return the entries (C, C) that each entry of an association matrix stands for.

    It is 0 for pairs that were not drawn. Returns None if all pairs were.
    """
    pairs = associated_pairs(table, continuous)
    if not pairs.is_partial:
        return None
    weights = np.ones((len(table.names), len(table.names)))
    _fill_others(weights, 0.0, len(table.numbers), continuous)
    np.fill_diagonal(weights, 1.0)
    weights[pairs.first, pairs.second] = weights[pairs.second, pairs.first] = pairs.weight
    return weights


def _fill_others(
    matrix: Floats, value: float, n_numbers: int, continuous: ContinuousAssociation
) -> None:
    """Fill the entries of the pairs that may be drawn or not, and the diagonal beside them."""
    matrix[n_numbers:, n_numbers:] = value
    if continuous == "KENDALL":
        matrix[:n_numbers, :n_numbers] = value


def correlation_distance(
    real: Floats,
    synthetic: Floats,
    metric: DistanceMetric = "RMSE",
    weights: Floats | None = None,
) -> float:
    """Compute the distance between two association matrices, over all entries.

    Args:
        real: (C, C).
        synthetic: (C, C), columns in the same order.
        metric: ``COSINE_SIMILARITY`` is 1 for equal matrices, also if both are zero.
        weights: Number of entries that each entry stands for (C, C), 0 for entries that are NaN;
            None if each stands for itself.
    """
    first, second = real.ravel(), synthetic.ravel()
    if weights is not None:
        known = weights.ravel() > 0
        weight = weights.ravel()[known]
        first, second = first[known], second[known]
        if metric in ("L2", "COSINE_SIMILARITY"):
            first, second = first * np.sqrt(weight), second * np.sqrt(weight)
    else:
        weight = None
    difference = first - second
    if metric == "RMSE":
        square = np.average(difference**2, weights=weight) if difference.size else 0.0
        return math.sqrt(float(square))
    if metric == "MAE":
        return float(np.average(np.abs(difference), weights=weight)) if difference.size else 0.0
    if metric == "L2":
        return float(np.linalg.norm(difference))
    norms = float(np.linalg.norm(first)), float(np.linalg.norm(second))
    if 0.0 in norms:
        return 1.0 if norms[0] == norms[1] else 0.0
    return float(first @ second) / (norms[0] * norms[1])


def _correlations(numbers: Floats, unit: Floats, kind: Literal["PEARSON", "SPEARMAN"]) -> Floats:
    """Compute correlations (C, C) between rows of numbers (C, N); 0 for a constant row."""
    varying = _varying(unit)
    if kind == "SPEARMAN" and numbers.size:
        from scipy.stats import rankdata

        unit = _unit_rows(rankdata(numbers, axis=1))
    matrix: Floats = np.clip(unit @ unit.T, -1.0, 1.0)
    matrix[varying, varying] = 1.0
    return matrix


def _add_kendall(matrix: Floats, numbers: Floats, unit: Floats, pairs: PairSample) -> None:
    """Write Kendall's tau of the pairs of numbers into a matrix; 0 for a constant row."""
    from scipy.stats import kendalltau

    varying = _varying(unit)
    is_varying = np.isin(np.arange(len(numbers)), varying)
    for i, j in zip(pairs.first, pairs.second, strict=True):
        if j < len(numbers):
            both = is_varying[i] and is_varying[j]
            tau = kendalltau(numbers[i], numbers[j]).statistic if both else 0.0
            matrix[i, j] = matrix[j, i] = tau
    diagonal = np.arange(len(numbers))
    matrix[diagonal, diagonal] = is_varying


def _varying(unit: Floats) -> Integers:
    return np.flatnonzero(np.abs(unit).max(axis=1, initial=0.0))


def _unit_rows(numbers: Floats) -> Floats:
    """Centre rows (C, N) and scale them to Euclidean length 1; constant rows become zeros."""
    if not numbers.size:
        return numbers
    low, high = numbers.min(axis=1), numbers.max(axis=1)
    varying = low < high
    # Scaled first, so that neither a sum nor a square overflows.
    scale = np.maximum(high, -low)
    centred = numbers / np.where(scale > 0, scale, 1.0)[:, None]
    centred -= centred.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(centred, axis=1)
    centred[np.flatnonzero(~varying)] = 0.0
    norms[norms == 0] = 1.0
    unit: Floats = centred / norms[:, None]
    return unit
