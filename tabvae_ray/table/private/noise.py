"""Noisy counts: the only way in which a private encoding sees the rows."""

import math
from typing import Any

import numpy as np

from tabvae_ray.table.coders.quantiles import Floats

__all__ = ["NoisyCounts", "noisy_number"]

Codes = np.ndarray[Any, np.dtype[np.integer[Any]]]


class NoisyCounts:
    """Counts rows with Gaussian noise, a limited number of times.

    Each histogram counts each row once at most, so one row changes all histograms together by the
    square root of their number.

    Args:
        sigma: Standard deviation of the noise of each count.
        threshold: Noisy count from which a value that is not declared is released.
        n_histograms: Histograms that may be drawn.
        rng: Source of the noise, from a secret seed.
    """

    def __init__(
        self, sigma: float, threshold: float, n_histograms: int, rng: np.random.Generator
    ) -> None:
        self.sigma, self.threshold = sigma, threshold
        self._left, self._rng = n_histograms, rng

    def histogram(self, codes: Codes, n_codes: int) -> Floats:
        """Return ``(n_codes,)`` noisy whole numbers, which may be negative.

        Args:
            codes: ``(N,)`` code of each row; a negative one is not counted.
            n_codes: Number of codes, which must not depend on the rows.
        """
        if self._left == 0:
            raise RuntimeError("the histograms of this encoding are used up")
        self._left -= 1
        counts = np.bincount(codes[codes >= 0], minlength=n_codes)
        noise = self._rng.normal(0, self.sigma, n_codes)
        # Sums of whole numbers are exact; the last bits of a float could show the count.
        noisy: Floats = counts.astype(np.float64) + np.rint(noise)
        return noisy

    def least(self, n_cells: int) -> float:
        """Return the count that noise alone exceeds in one of ``n_cells`` with a chance of 5%."""
        return self.sigma * math.sqrt(2 * math.log(max(20 * n_cells, 2)))


def noisy_number(n: int, epsilon: float, rng: np.random.Generator) -> int:
    """Return a number of rows with discrete Laplace noise, at least 1.

    Args:
        n: The number.
        epsilon: What it spends.
        rng: Source of the noise, from a secret seed.
    """
    p = -math.expm1(-epsilon)
    return max(1, n + int(rng.geometric(p)) - int(rng.geometric(p)))
