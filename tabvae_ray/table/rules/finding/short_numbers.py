"""Numbers between two others that somebody would have chosen."""

from collections.abc import Iterable

import numpy as np

__all__ = ["fewest_decimals", "shortest"]


def fewest_decimals(low: float, high: float, decimals: Iterable[int]) -> float:
    """Return the middle of two numbers, rounded as much as it may be to stay between them.

    Args:
        low: The smaller number.
        high: The larger one.
        decimals: Decimal places that are tried, the fewest first; negative for tens and more.
    """
    middle = (low + high) / 2
    rounded = (round(middle, places) for places in decimals)
    return next((number for number in rounded if low <= number <= high), middle)


def shortest(low: float, high: float) -> float:
    """Return the number above one and not above another that takes the fewest digits."""
    for decimals in range(-12, 12):
        step = 10.0**-decimals
        found = round(float(np.floor(high / step) * step), max(decimals, 0))
        if low < found <= high:
            return found
    return float(high)
