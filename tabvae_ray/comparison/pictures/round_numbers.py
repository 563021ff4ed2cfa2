"""Round numbers for the axes of pictures and charts, with their texts."""

import math

from matplotlib.ticker import LogLocator, MaxNLocator

__all__ = ["round_numbers", "round_powers"]

_STEPS = [1, 2, 2.5, 5, 10]
# From this many decades on, an axis shows powers of ten alone.
_MANY_DECADES = 3


def round_numbers(
    low: float, high: float, n: int, *, whole: bool = False
) -> list[tuple[float, str]]:
    """Return about ``n`` evenly spaced round numbers in a range.

    The ends of the range are returned if fewer than two lie inside; a single whole number is
    enough.

    Args:
        low: Start of the range.
        high: End of the range; more than ``low``.
        n: Most intervals between the numbers.
        whole: Whether to keep to whole numbers.
    """
    locator = MaxNLocator(n, steps=_STEPS, integer=whole, min_n_ticks=1 if whole else 2)
    found = [float(value) for value in locator.tick_values(low, high)]
    places = [value for value in found if low <= value <= high]
    if len(places) < 2 and not whole:
        places = [low, high]
    step = places[1] - places[0] if len(places) > 1 else 1.0
    return [(value, _text(value, step)) for value in places]


def round_powers(low: float, high: float) -> list[tuple[float, str]]:
    """Return round numbers in a range of a logarithmic scale, or else its two ends.

    Args:
        low: Start of the range; more than 0.
        high: End of the range; more than ``low``.
    """
    decades = math.floor(math.log10(high)) - math.floor(math.log10(low))
    factors = (1.0,) if decades >= _MANY_DECADES else (1.0, 2.0, 5.0)
    found = LogLocator(subs=factors, numticks=7).tick_values(low, high)
    places = [float(value) for value in found if low <= value <= high]
    if len(places) < 2:
        places = [low, high]
    return [(value, f"{value:.3g}") for value in places]


def _text(value: float, step: float) -> str:
    """Return a number with as many digits as tell it from its neighbours."""
    if abs(value) < step / 1e6:
        return "0"
    if not 1e-5 < step < 1e6:
        return f"{value:.{max(math.ceil(math.log10(abs(value) / step)) + 1, 2)}g}"
    text = f"{value:.{max(1 - math.floor(math.log10(step)), 1)}f}"
    return text.rstrip("0").rstrip(".")
