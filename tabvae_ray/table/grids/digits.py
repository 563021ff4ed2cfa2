"""Significant digits that the numbers of a column have, where other programs wrote no more."""

from typing import Any

import numpy as np
import numpy.typing as npt

from tabvae_ray.table.column import MAX_DIGITS, MIN_DIGITS
from tabvae_ray.table.grids.steps import float_unit, number_step

__all__ = ["digits_of", "number_grid", "with_digits"]

Floats = npt.NDArray[np.float64]

_FEWEST_VALUES = 20
# Nine in ten numbers of limited digits need the last of them, fewer where some are short, such as
# means of two whole numbers.
_SHARE_OF_FULL = 0.5
# Odd values, such as one typing error in 600 rows, may have more.
_ODD_SHARE = 0.005
# A reader of text may miss the nearest float by a few units in its last place.
_NOISE = 4.0
_LOOKED_AT = 2_000
# Powers of ten that floats hold exactly.
_POWERS: Floats = np.array([float(10**power) for power in range(23)])


def number_grid(present: Floats, decimals: int | None, *, doubles: bool) -> dict[str, Any]:
    """Return what a column says of its numbers: digits, unit, step, minimum and maximum.

    Numbers of limited digits have no step: that of the smallest would say nothing of the others.

    Args:
        present: The numbers.
        decimals: Their decimal places, None for more than 15.
        doubles: Whether the column has 64 bits for each.
    """
    digits = digits_of(present, decimals)
    stepped = None if digits else number_step(present, decimals)
    step, low, high = stepped or (None, present.min(), present.max())
    unit = float_unit(present, decimals) if doubles and not digits else None
    return {
        "digits": digits,
        "unit": unit,
        "step": step,
        "minimum": float(low),
        "maximum": float(high),
    }


def digits_of(present: Floats, decimals: int | None) -> int | None:
    """Return the significant digits that all numbers but odd ones have at most.

    Args:
        present: The numbers.
        decimals: Their decimal places, None for more than 15.

    Returns:
        None if decimals say as much, or numbers have more than 15 digits.
    """
    distinct = np.unique(np.abs(present[present != 0]))
    if len(distinct) < _FEWEST_VALUES or (decimals is not None and decimals < MIN_DIGITS):
        return None
    if len(distinct) > _LOOKED_AT:
        distinct = np.random.default_rng(0).choice(distinct, _LOOKED_AT, replace=False)
    possible = range(MIN_DIGITS, MAX_DIGITS + 1)
    needed = next((n for n in possible if (~_has(distinct, n)).mean() <= _ODD_SHARE), None)
    if needed is None:
        return None
    largest = int(_exponents(distinct).max()) + 1
    if decimals is not None and largest + decimals <= needed:
        return None
    is_full = ~_has(distinct, needed - 1)
    return needed if is_full.mean() >= _SHARE_OF_FULL else None


def with_digits(numbers: Floats, digits: int) -> Floats:
    """Round ``(N,)`` numbers to significant digits; NaN stays."""
    places = digits - 1 - _exponents(numbers)
    power = _POWERS[np.minimum(np.abs(places), len(_POWERS) - 1)]
    with np.errstate(over="ignore", invalid="ignore"):
        after = np.rint(numbers * power) / power
        before = np.rint(numbers / power) * power
    rounded: Floats = np.where(places >= 0, after, before)
    # Beyond these powers, that would add noise.
    far = (np.abs(places) >= len(_POWERS)) | ~np.isfinite(rounded)
    rounded[far] = [float(f"{number:.{digits}g}") for number in numbers[far]]
    return rounded


def _has(numbers: Floats, digits: int) -> npt.NDArray[np.bool_]:
    off = np.abs(with_digits(numbers, digits) - numbers)
    found: npt.NDArray[np.bool_] = off <= _NOISE * np.spacing(np.abs(numbers))
    return found


def _exponents(numbers: Floats) -> npt.NDArray[Any]:
    """Return the power of ten of the first digit of each number, 0 for zero and NaN."""
    size = np.abs(numbers)
    known = np.isfinite(size) & (size > 0)
    return np.floor(np.log10(np.where(known, size, 1.0))).astype(np.int64)
