"""Numbers from which quantiles can be computed that show no value of a single row."""

import numpy as np

from tabvae_ray.table.coders.crowd import Crowd, Floats, Places

__all__ = ["smoothed"]


def smoothed(values: Floats, crowd: Crowd, unit: float, minimum: float, maximum: float) -> Floats:
    """Replace the values that too few rows have by numbers that depend on groups of rows only.

    Neighbouring rare values form groups of at least ``min_rows`` rows. The rows of a group are
    spread evenly around its mean, half way to the means of its neighbours. Too few rare values
    between two that enough rows have become the nearer one of those.

    Args:
        values: ``(N,)`` values of enough rows or entities.
        crowd: The rows.
        unit: Smallest distance of two values, 0 if there is none.
        minimum: Smallest value that enough rows reach.
        maximum: Largest value that enough rows reach.

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
        before = ascending[start - 1] if start else -np.inf
        after = ascending[end] if end < len(ascending) else np.inf
        groups = crowd.part(np.arange(start, end)).groups()
        if len(groups):
            low = before + unit / 2 if start else minimum
            high = after - unit / 2 if end < len(ascending) else maximum
            made[rows] = _spread(ascending[rows], groups, low, high, start > 0, end < len(values))
        else:
            nearer = ascending[rows] - before <= after - ascending[rows]
            made[rows] = np.where(nearer, before, after)
    return np.clip(made, minimum, maximum)


def _spread(
    values: Floats, groups: Places, low: float, high: float, has_before: bool, has_after: bool
) -> Floats:
    """Spread each group of values around its mean, between two limits.

    The first group begins at its mean if nothing comes before it, and the last one ends likewise.
    """
    sizes = np.diff(np.append(groups, len(values)))
    means = np.clip(np.add.reduceat(values, groups) / sizes, low, high)
    borders = means[:-1] + np.diff(means) / 2
    reach = min(means[0] - low, high - means[-1]) if len(means) == 1 else np.inf
    first, last = means[0], means[-1]
    if has_before:
        first -= min(reach, borders[0] - means[0]) if len(borders) else reach
    if has_after:
        last += min(reach, means[-1] - borders[-1]) if len(borders) else reach
    ends = np.clip(np.concatenate([[first], borders, [last]]), low, high)
    group = np.repeat(np.arange(len(groups)), sizes)
    part = (np.arange(len(values)) - groups[group] + 0.5) / sizes[group]
    spread: Floats = ends[group] + part * (ends[group + 1] - ends[group])
    return spread
