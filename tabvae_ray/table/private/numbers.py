"""Discretizers of numeric columns from noisy counts."""

import numpy as np

from tabvae_ray.table.coders.discretizer import Discretizer
from tabvae_ray.table.coders.quantiles import Floats, even_cdf
from tabvae_ray.table.private.cells import Cells

__all__ = ["private_discretizer"]

# Straight lines of the distribution within a bin.
_SEGMENTS = 8
_RISE = 1e-9


def private_discretizer(
    cells: Cells, n_bins: int, decimals: int | None, minimum: float, maximum: float
) -> tuple[Discretizer, Floats]:
    """Return bins of about equal mass, and the noisy count ``(B,)`` of each.

    Args:
        cells: Cells with noisy counts.
        n_bins: Largest number of bins.
        decimals: Decimal places of drawn values.
        minimum: Smallest value that is ever drawn.
        maximum: Largest value that is ever drawn.
    """
    counts = cells.counts
    if not counts.any():
        counts = np.diff(cells.edges) if cells.edges[0] < cells.edges[-1] else counts + 1
    starts = _starts(counts, n_bins)
    mass = np.add.reduceat(counts, starts)
    below = np.append(0, np.cumsum(counts))
    ends = np.append(starts[1:], len(counts))
    # A little more than flat where no row is: a flat part would have no inverse.
    below = below + np.arange(len(below)) * _RISE * below[-1]
    grid = np.stack(
        [
            np.interp(np.linspace(below[start], below[end], _SEGMENTS + 1), below, cells.edges)
            for start, end in zip(starts, ends, strict=True)
        ]
    )
    grid[:, 0], grid[:, -1] = cells.edges[starts], cells.edges[ends]
    grid = np.clip(grid, minimum, maximum)
    coder = Discretizer(np.empty(0), grid[1:, 0], grid, even_cdf(grid), decimals, minimum, maximum)
    return coder, mass if cells.counts.any() else np.zeros(len(mass))


def _starts(counts: Floats, n_bins: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the first cell of each bin. A cell with more than a bin's share is a bin."""
    share = counts.sum() / n_bins
    starts, mass = [0], 0.0
    for i, count in enumerate(counts):
        if mass > 0 and (mass >= share or mass + count > 1.5 * share):
            starts.append(i)
            mass = 0.0
        mass += count
    if len(starts) > 1 and mass <= 0:
        starts.pop()
    return np.array(starts)
