"""Bins of about equal mass, and the grid of quantiles within each."""

from typing import Any

import numpy as np

__all__ = ["Counts", "Floats", "even_cdf", "quantile_grid"]

Floats = np.ndarray[Any, np.dtype[np.float64]]
Counts = np.ndarray[Any, np.dtype[np.int64]]

_MAX_GRID = 64


def even_cdf(grid: Floats) -> Floats:
    """Return the CDF points ``(B, G + 1)`` of bins whose segments all have the same mass."""
    return np.tile(np.linspace(0, 1, grid.shape[1]), (len(grid), 1))


def quantile_grid(
    distinct: Floats, counts: Counts, decimals: int | None, n_bins: int
) -> tuple[Floats, Floats]:
    """Compute quantiles ``(B, G + 1)`` in bins of about equal mass, and their CDF points.

    Bins are cut between different values, never within equal ones. A value that is drawn from a bin
    and rounded is therefore encoded as the same bin.

    Args:
        distinct: ``(D,)`` ascending values.
        counts: ``(D,)`` number of rows with each value.
        decimals: Decimal places of the values, None if they have more than a float can hold.
        n_bins: Largest number of bins.
    """
    if len(distinct) == 0:
        return np.empty((0, 2)), np.empty((0, 2))
    n = int(counts.sum())
    n_bins = max(1, min(n_bins, n // 2))
    n_segments = max(1, min(_MAX_GRID, n // (2 * n_bins)))
    starts = _cuts(counts, n_bins)
    ends = np.append(starts[1:], n)
    values = _spread(distinct, counts, decimals)

    # A bin with few values has fewer quantiles than segments, and straight lines between them.
    held = np.clip((ends - starts) // 2, 1, n_segments)
    position = np.arange(n_segments + 1) / n_segments * held[:, None]
    below = np.minimum(np.floor(position), held[:, None] - 1)
    step = ((ends - starts) / held)[:, None]
    rank = starts[:, None] + below * step
    low, high = _quantiles(values, rank), _quantiles(values, rank + step)
    grid: Floats = low + (position - below) * (high - low)
    cdf_points = even_cdf(grid)
    for i in {0, len(grid) - 1}:
        knots = _tail_ranks(
            int(ends[i] - starts[i]), int(held[i]), first=i == 0, last=i == len(grid) - 1
        )
        even = np.linspace(0, len(knots) - 1, n_segments + 1)
        grid[i] = np.interp(even, np.arange(len(knots)), _quantiles(values, starts[i] + knots))
        cdf_points[i] = np.interp(even, np.arange(len(knots)), knots / knots[-1])

    if decimals is not None:
        # Exactly between two values that can occur, so that rounding never leaves the bin.
        unit = 10.0**-decimals
        grid[1:, 0] = (np.floor(grid[1:, 0] / unit) + 0.5) * unit
    grid[:-1, -1] = grid[1:, 0]
    # A mean of neighbouring values may lie beyond the nearest cut.
    grid = np.clip(grid, grid[:, :1], grid[:, -1:])
    alone = np.repeat(distinct, counts)[starts]
    single = (alone == np.repeat(distinct, counts)[ends - 1]) & (ends - starts > 1)
    grid = np.maximum.accumulate(np.where(single[:, None], alone[:, None], grid), axis=1)
    return grid, cdf_points


def _quantiles(values: Floats, rank: Floats) -> Floats:
    """Return the values at ranks, such as 2.0 for one between the second and the third row.

    Each is a mean of two neighbours or more, so that none but the ends is the value of a row.
    """
    n = np.arange(len(values))
    mean: Floats = (np.interp(rank - 1, n, values) + np.interp(rank, n, values)) / 2
    return mean


def _tail_ranks(n: int, n_segments: int, *, first: bool, last: bool) -> Floats:
    """Compute ranks in a bin of ``n`` values, from 0 to n, at most one for every two values.

    Args:
        n: Number of values; at least two for each segment if there is more than one segment.
        n_segments: Segments between the ranks; one less if both ends have tails and it is odd.
        first: Whether the ranks lie closer and closer towards the first value.
        last: Whether they lie closer and closer towards the last value.
    """
    if first and last and n_segments > 1:
        half = _towards_zero(n / 2, n_segments // 2)
        return np.concatenate([half[:-1], n - half[::-1]])
    ranks = _towards_zero(float(n), n_segments)
    return ranks if first else n - ranks[::-1]


def _towards_zero(n: float, n_segments: int) -> Floats:
    """Return ``(n_segments + 1,)`` numbers from 0 to n, at least 2 apart if n is large enough.

    Half of them are evenly spaced. The others divide the first quarter by a constant factor: with
    straight lines between such quantiles, the mean of a power law is off by a small constant share.
    """
    n_near = n_segments // 2
    n_even = n_segments - n_near
    reach = n / 4 if n_near else 0.0
    near = np.geomspace(2.0, max(reach, 2.0), n_near) if n_near else np.empty(0)
    even = np.linspace(reach, n, n_even + 1)[1:]
    wanted = np.concatenate([[0.0], near, even])
    apart: Floats = np.minimum(np.maximum(wanted, 2.0 * np.arange(n_segments + 1)), n)
    return apart


def _cuts(counts: Counts, n_bins: int) -> Counts:
    """Return the rank of the first value of each bin, from the cuts nearest to equal mass."""
    cuts = np.concatenate([[0], np.cumsum(counts)])
    wanted = np.arange(n_bins) * (cuts[-1] / n_bins)
    above = np.searchsorted(cuts, wanted)
    nearer = wanted - cuts[above - 1] < cuts[above] - wanted
    chosen = cuts[np.where(nearer & (above > 0), above - 1, above)]
    starts: Counts = np.unique(np.append(0, chosen[chosen < cuts[-1]]))
    return starts


def _spread(distinct: Floats, counts: Counts, decimals: int | None) -> Floats:
    """Repeat each value as often as it occurs, spread evenly over the interval that rounds to it.

    Otherwise draws between two grid points would overstate the neighbours of a frequent value.
    """
    values = np.repeat(distinct, counts)
    if decimals is None:
        return values
    first = np.repeat(np.cumsum(counts) - counts, counts)
    rank = np.arange(len(values)) - first
    return values + ((rank + 0.5) / np.repeat(counts, counts) - 0.5) * 10.0**-decimals
