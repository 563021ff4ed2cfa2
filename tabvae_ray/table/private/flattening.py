"""Noisy counts without the noise that shows no structure."""

import math

import numpy as np

from tabvae_ray.table.coders.quantiles import Floats

__all__ = ["flattened"]

# Noise exceeds these multiples of its standard deviation in 1 of 40 and in 1 of 30,000 cases.
_CLEAR, _VERY_CLEAR = 2.0, 4.0


def flattened(noisy: Floats, sigma: float) -> Floats:
    """Return counts of at least 0, even where nothing but noise tells cells apart.

    The cells are halved again and again. Two halves that do not clearly differ are even, unless
    one of their cells stands out.

    Args:
        noisy: ``(D,)`` noisy counts of neighbouring cells.
        sigma: Standard deviation of the noise.
    """
    counts = np.zeros(len(noisy))
    _fill(counts, noisy, sigma, 0, len(noisy), max(float(noisy.sum()), 0.0))
    return counts


def _fill(counts: Floats, noisy: Floats, sigma: float, start: int, end: int, total: float) -> None:
    """Share a total out among the cells from ``start`` to ``end``."""
    n = end - start
    if n <= 1 or total <= 0:
        counts[start:end] = total
        return
    middle = start + n // 2
    sides = [(start, middle), (middle, end)]
    sums = [float(noisy[first:last].sum()) for first, last in sides]
    wanted = [total * (last - first) / n for first, last in sides]
    differ = abs(sums[0] - sums[1] - wanted[0] + wanted[1]) > _CLEAR * sigma * math.sqrt(n)
    stands_out = noisy[start:end].max() > total / n + _VERY_CLEAR * sigma
    if not differ and not stands_out:
        counts[start:end] = total / n
        return
    noise = [_CLEAR * sigma * math.sqrt(last - first) for first, last in sides]
    held = [value if value > least else 0.0 for value, least in zip(sums, noise, strict=True)]
    if not any(held):
        held = wanted
    for (first, last), value in zip(sides, held, strict=True):
        _fill(counts, noisy, sigma, first, last, total * value / sum(held))
