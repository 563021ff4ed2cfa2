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

__all__ = ["Space", "closest_fit", "curve_input", "fit_curve", "spread_of", "within_of"]

# Of the spread: finer than anybody sees in rows, and as exact as a short polynomial becomes.
_FINEST = 1e-4
_ROUNDS = 15
# Singular values below this share of the largest one say nothing but noise.
_SMALLEST = 1e-7
# Standard deviations of a normal column between its quartiles, and by median distance.
_QUARTILES, _MEDIAN = 1.349, 1.48
# Residuals of so many deviations count half.
_DEVIATIONS = 3


@dataclass(frozen=True)
class Space:
    """What is done to the numbers before a polynomial is fitted.

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


def curve_input(numbers: Floats, degree: int, *, logarithm: bool) -> CurveInput:
    """Return how a polynomial takes a column, by two short numbers that tell of no single row."""
    present = numbers[~np.isnan(numbers)]
    own = np.log(present) if logarithm else present
    low, high = np.quantile(own, [0.01, 0.99])
    if high <= low:
        low, high = float(own.min()), float(own.max())
    scale = float(f"{(high - low) / 2 or 1.0:.2g}")
    unit = scale / 10
    center = float(f"{unit * round((high + low) / 2 / unit):.12g}")
    return CurveInput(center=center, scale=scale, degree=degree, logarithm=logarithm)


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
    known = np.isfinite(terms).all(axis=1) & ~np.isnan(own)
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
