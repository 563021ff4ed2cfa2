"""Numbers from which quantiles can be computed that show no value of a single row."""

import numpy as np

from tabvae_ray.table.coders.crowd import Crowd, Floats, Places

__all__ = ["smoothed"]


def smoothed(values: Floats, crowd: Crowd, unit: float) -> Floats:
    """Replace the values that too few rows have by numbers that depend on groups of rows only.

    Neighbouring rare values form groups of at least ``min_rows`` rows. The rows of a group are
    spread evenly around its mean, half way to the means of its neighbours. Too few rare values
    between two that enough rows have become the nearer one of those.

    Args:
        values: ``(N,)`` values; the smallest and the largest are those of enough rows.
        crowd: The rows.
        unit: Smallest distance of two values, 0 if there is none.

    Returns:
        ``(N,)`` numbers in ascending order.
    """
    order = np.argsort(values, kind="stable")
    ascending, crowd = values[order], crowd.part(order)
    _, codes = np.unique(ascending, return_inverse=True)
    rare = ~crowd.enough(codes, int(codes[-1]) + 1)[codes]
    changes = np.flatnonzero(np.diff(rare.astype(np.int8), prepend=0, append=0))
    made = ascending.copy()
    for start, end in changes.reshape(-1, 2):
        rows = slice(int(start), int(end))
        low, high = ascending[start - 1], ascending[end]
        groups = crowd.part(np.arange(start, end)).groups()
        if len(groups):
            made[rows] = _spread(ascending[rows], groups, low + unit / 2, high - unit / 2)
        else:
            middle = (low + high) / 2
            made[rows] = np.where(ascending[rows] <= middle, low, high)
    return made


def _spread(values: Floats, groups: Places, low: float, high: float) -> Floats:
    """Spread each group of values around its mean, between two limits."""
    sizes = np.diff(np.append(groups, len(values)))
    means = np.clip(np.add.reduceat(values, groups) / sizes, low, high)
    borders = means[:-1] + np.diff(means) / 2
    first = means[0] - (
        borders[0] - means[0] if len(borders) else min(means[0] - low, high - means[0])
    )
    last = means[-1] + (means[-1] - borders[-1] if len(borders) else means[0] - first)
    ends = np.clip(np.concatenate([[first], borders, [last]]), low, high)
    group = np.repeat(np.arange(len(groups)), sizes)
    part = (np.arange(len(values)) - groups[group] + 0.5) / sizes[group]
    spread: Floats = ends[group] + part * (ends[group + 1] - ends[group])
    return spread
