"""Decimals and steps that the values of a column have, but for a few odd ones."""

from typing import Any

import numpy as np
import numpy.typing as npt

from tabvae_ray.table.column import MAX_DECIMALS

__all__ = [
    "common_step",
    "decimals_of",
    "ends_on_grid",
    "float_unit",
    "number_step",
    "with_unit",
]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

# Odd values, such as one typing error in 600 rows, are at most this share of a long column ...
_ODD_SHARE = 0.005
# ... and at most this share of its distinct values: rare values of many decimals among zeros are
# not odd.
_ODD_DISTINCT_SHARE = 0.02
_FEWEST_VALUES = 200
# Fewer distinct numbers may have a common step by chance.
_FEWEST_STEPPED = 20
_TRIES = 12
_MOST_PARTS = 64
_SUBSET = 40
# A result of arithmetic differs from its decimals by a few units in the last place of a float.
_NOISE = 4.0


def decimals_of(present: Floats, precision: type[np.floating[Any]]) -> int | None:
    """Return the decimal places that hold all values but odd ones, None for more than 15."""
    distinct, counts = np.unique(present, return_counts=True)
    sample = distinct.astype(precision)
    wide = sample.astype(np.float64)
    spacing = np.spacing(np.abs(wide))
    for decimals in range(MAX_DECIMALS + 1):
        # Rounding the largest floats overflows, and the result is not equal to them.
        with np.errstate(over="ignore", invalid="ignore"):
            rounded = np.round(wide, decimals)
            odd = rounded.astype(precision) != sample
            if 10.0**-decimals >= 1e4 * spacing.max():
                odd &= ~((np.abs(rounded - wide) <= _NOISE * spacing) & (rounded != 0))
        if not odd.any() or _is_rare(odd, counts):
            return decimals
    return None


def common_step(ticks: Integers) -> tuple[int, int]:
    """Return the largest step between all values but odd ones, and a value on the grid."""
    distinct, counts = np.unique(ticks, return_counts=True)
    start = int(distinct[0])
    best = int(np.gcd.reduce(distinct - distinct[0])) or 1, start
    if len(ticks) < _FEWEST_VALUES or len(distinct) < _FEWEST_STEPPED:
        return best
    # A subset without an odd value has the step of the others.
    rng = np.random.default_rng(0)
    for _ in range(_TRIES):
        subset = rng.choice(distinct, min(_SUBSET, len(distinct)), replace=False)
        step = int(np.gcd.reduce(subset - subset[0]))
        if step > best[0]:
            odd = (distinct - subset[0]) % step != 0
            if _is_rare(odd, counts):
                best = step, int(distinct[~odd][0])
    return best


def ends_on_grid(ticks: Integers, step: int, start: int) -> tuple[int, int]:
    """Return the first and the last place on a grid between both ends of integers."""
    low, high = int(ticks.min()) - start, int(ticks.max()) - start
    return start - (-low // step) * step, start + high // step * step


def number_step(
    present: Floats, decimals: int | None
) -> tuple[int | float, int | float, int | float] | None:
    """Return the step of numbers, and both ends on its grid.

    Args:
        present: The numbers.
        decimals: Their decimal places.

    Returns:
        None if the step is no more than one unit of the last decimal.
    """
    if decimals is None or float(np.abs(present).max()) * 10.0**decimals >= 2**53:
        return None
    units = np.rint(present * 10.0**decimals).astype(np.int64)
    if len(np.unique(units)) < _FEWEST_STEPPED:
        return None
    step, start = common_step(units)
    if step == 1:
        return None
    low, high = ends_on_grid(units, step, start)
    if decimals == 0:
        return step, low, high
    scale = 10.0**decimals
    made = (round(number / scale, decimals) for number in (step, low, high))
    return next(made), next(made), next(made)


def float_unit(present: Floats, decimals: int | None) -> float | None:
    """Return the number of which all values but odd ones are multiples, as float64 computes them.

    Returns:
        None where rounding to the decimals gives as many of the values.
    """
    if not decimals or float(np.abs(present).max()) * 10.0**decimals >= 2**53:
        return None
    distinct, counts = np.unique(present, return_counts=True)
    if (np.round(distinct, decimals) == distinct).all():
        return None
    ticks = np.rint(present * 10.0**decimals).astype(np.int64)
    step = common_step(np.append(ticks, 0))[0]
    # Multiples that are all even have a step of twice the unit.
    for part in range(1, _MOST_PARTS + 1):
        unit = round(step / part / 10.0**decimals, decimals)
        if step % part == 0 and _is_rare(with_unit(distinct, unit, decimals) != distinct, counts):
            return unit
    return None


def with_unit(numbers: Floats, unit: float, decimals: int) -> Floats:
    """Return ``(N,)`` numbers as the nearest multiples, where these are the same decimals."""
    products = np.rint(numbers / unit) * unit
    is_same = np.abs(products - numbers) < 0.1 * 10.0**-decimals
    return np.where(is_same, products, numbers)


def _is_rare(odd: Mask, counts: Integers) -> bool:
    """Return True if odd ones among distinct values may be errors."""
    n_values = int(counts.sum())
    if n_values < _FEWEST_VALUES:
        return not odd.any()
    few = int(counts[odd].sum()) <= _ODD_SHARE * n_values
    return few and int(odd.sum()) <= _ODD_DISTINCT_SHARE * len(odd)
