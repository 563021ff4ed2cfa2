"""Fit a smooth function to numbers of which some are exceptions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tabvae_ray.table.rules.column_views import ColumnView, Floats
from tabvae_ray.table.rules.forms.curves.curve import (
    SCALES,
    Curve,
    CurveInput,
    ResultScale,
    powers,
)
from tabvae_ray.table.rules.forms.curves.smooth import MAX_ODD

__all__ = [
    "ROWS_AT_END",
    "WIDEST",
    "Space",
    "closest_fit",
    "curve_input",
    "fit_checked",
    "fit_curve",
    "is_spread",
    "spread_of",
    "within_of",
]

# Of the spread: finer than anybody sees in rows, and as exact as a short polynomial becomes.
_FINEST = 1e-4
_ROUNDS = 15
# Singular values below this share of the largest one say nothing but noise.
_SMALLEST = 1e-7
# Standard deviations of a normal column between its quartiles, and by median distance.
_QUARTILES, _MEDIAN = 1.349, 1.48
# Residuals of so many deviations count half.
_DEVIATIONS = 3
# Rows with an input so far from its middle, in units of its scale, are not fitted to: with a high
# power, a single one would outweigh all others.
WIDEST = 6.0
# Rows that each end of an input is the number of, or beyond.
ROWS_AT_END = 10
# Exceptions are so far from what other rows say, in units of what is allowed: further than a curve
# of half of the rows is from the others at the ends of its inputs.
_FAR = 10


@dataclass(frozen=True)
class Space:
    """Functions of the numbers that a polynomial is fitted to.

    Args:
        of: What the polynomial gives.
        logarithms: Whether the logarithm of each input is taken.
    """

    of: ResultScale
    logarithms: tuple[bool, ...]


def spread_of(numbers: Floats) -> float:
    """Return the standard deviation, or that of the middle half of the numbers if that is less."""
    present = numbers[~np.isnan(numbers)]
    if len(present) == 0:
        return 0.0
    low, high = np.quantile(present, [0.25, 0.75])
    return min(float(present.std()), float(high - low) / _QUARTILES)


def within_of(view: ColumnView) -> tuple[float, ...]:
    """Return how far a column may be from what computes it: its last place, or more.

    Returns:
        The last place, a ten-thousandth of the spread, or both if the first is the finer one.
    """
    assert view.numbers is not None
    finest = float(f"{_FINEST * spread_of(view.numbers):.1g}")
    digits, place = view.column.digits, 2 * view.tolerance
    if digits is not None:
        largest = float(np.nanmax(np.abs(view.numbers)))
        place = 10.0 ** (np.floor(np.log10(largest)) + 1 - digits) if largest else 0.0
    return (place, finest) if 0 < place < finest else (max(place, finest),)


def curve_input(numbers: Floats, degree: int, *, logarithm: bool) -> CurveInput | None:
    """Return how a polynomial takes a column, by two short numbers that tell of no single row.

    Returns:
        None if nearly all rows have the same number, or there are too few of them.
    """
    # A sample may have shown no other number than positive ones.
    own = np.log(numbers[numbers > 0]) if logarithm else numbers[~np.isnan(numbers)]
    if len(own) < 2 * ROWS_AT_END:
        return None
    share = max(0.01, (ROWS_AT_END - 1) / (len(own) - 1))
    low, high = np.quantile(own, [share, 1 - share])
    scale = float(f"{(high - low) / 2:.2g}")
    if not 0 < scale < np.inf:
        return None
    unit = scale / 10
    center = float(f"{unit * round((high + low) / 2 / unit):.12g}")
    return CurveInput(center=center, scale=scale, degree=degree, logarithm=logarithm)


def is_spread(numbers: Floats) -> bool:
    """Return whether a polynomial can take a column: it has two ends that several rows share."""
    return curve_input(numbers, 1, logarithm=False) is not None


def fit_curve(
    own: Floats,
    inputs: Sequence[Floats],
    parts: Sequence[CurveInput],
    of: ResultScale,
    within: float,
) -> Curve | None:
    """Fit a curve to the rows that keep it; None if no function of this kind is near.

    Args:
        own: ``(N,)`` the column.
        inputs: One or two others, ``(N,)`` each.
        parts: How the polynomial takes them.
        of: What the polynomial gives.
        within: How far the column may be from a result.
    """
    scaled = [part.scaled(each) for part, each in zip(parts, inputs, strict=True)]
    terms = powers(scaled, [part.degree for part in parts])
    known = np.all([np.abs(each) <= WIDEST for each in scaled], axis=0) & ~np.isnan(own)
    if known.sum() < 2 * terms.shape[1]:
        return None
    left, sizes, right = np.linalg.svd(terms[known], full_matrices=False)
    kept = sizes > _SMALLEST * sizes[0]
    found = closest_fit(left[:, kept], own[known], of, within, _ROUNDS)
    coefficients = right[kept].T @ (found / sizes[kept])
    if not np.isfinite(coefficients).all():
        return None
    return Curve(
        inputs=tuple(parts),
        coefficients=tuple(float(f"{c:.12g}") for c in coefficients),
        of=of,
        within=within,
    )


def fit_checked(
    own: Floats,
    inputs: Sequence[Floats],
    parts: Sequence[CurveInput],
    of: ResultScale,
    within: float,
) -> tuple[Curve, Floats] | None:
    """Fit a curve to the rows that others confirm, so that it goes through no exception.

    The curve of each half of the rows says what the other half has to be. Rows that are far from
    that are left out, unless they are so many that there is no function.

    Args:
        own: ``(N,)`` the column, in shuffled order.
        inputs: One or two others, ``(N,)`` each.
        parts: How the polynomial takes them.
        of: What the polynomial gives.
        within: How far the column may be from a result.

    Returns:
        The curve, and ``(N,)`` the results for each row by the curve of the other half; None if no
        function of this kind is near.
    """
    results = np.full(len(own), np.nan)
    even = np.arange(len(own)) % 2 == 0
    for half in (even, ~even):
        curve = fit_curve(own[half], [each[half] for each in inputs], parts, of, within)
        if curve is None:
            return None
        results[~half] = curve.values([each[~half] for each in inputs])
    near = np.abs(results - own) <= _FAR * within
    if near.mean() < 1 - MAX_ODD:
        near = np.ones(len(own), dtype=bool)
    curve = fit_curve(own[near], [each[near] for each in inputs], parts, of, within)
    return None if curve is None else (curve, results)


def closest_fit(terms: Floats, own: Floats, of: ResultScale, within: float, rounds: int) -> Floats:
    """Return ``(K,)`` coefficients by least squares in which distant rows hardly count.

    The weights are Cauchy's. Distances are those of the column itself, whatever the polynomial
    gives, as that is what is rounded.

    Args:
        terms: ``(N, K)`` orthonormal columns.
        own: ``(N,)`` the column.
        of: What the polynomial gives.
        within: How far the column may be from a result.
        rounds: How often the weights are taken anew.
    """
    scale = SCALES[of]
    aim = scale.taken(own, within)
    low, high = float(aim.min()), float(aim.max())
    reach = high - low
    weights = scale.slope(scale.back(aim)) ** 2
    found = _solved(terms, weights, weights * aim)
    for _ in range(rounds):
        given = np.clip(terms @ found, low - reach, high + reach)
        results = scale.back(given)
        results = np.where(np.isfinite(results), results, own)
        slopes = scale.slope(results)
        apart = own - results
        deviation = _MEDIAN * float(np.median(np.abs(apart))) + within / 2
        weights = 1 / (1 + (apart / (_DEVIATIONS * deviation)) ** 2)
        found = found + _solved(terms, weights * slopes**2, weights * slopes * apart)
    return found


def _solved(terms: Floats, weights: Floats, aims: Floats) -> Floats:
    """Return the weighted least squares solution, by its normal equations."""
    products = terms.T @ (terms * weights[:, None])
    products[np.diag_indices_from(products)] += 1e-13 * np.trace(products)
    try:
        return np.asarray(np.linalg.solve(products, terms.T @ aims), dtype=np.float64)
    except np.linalg.LinAlgError:
        return np.zeros(terms.shape[1])
