"""Atoms and bins of numbers that enough rows share."""

from collections.abc import Callable

import numpy as np

from tabvae_ray.config import TransformersConfig
from tabvae_ray.table.coders.crowd import Crowd, Floats
from tabvae_ray.table.coders.quantiles import quantile_grid
from tabvae_ray.table.coders.smoothing import smoothed

__all__ = ["are_better_atoms", "merged_bins", "shared_atoms", "shared_grid"]

# A column may be all atoms if the atoms that enough rows share have this share of the rows or more.
_NEARLY_ALL = 0.9


def shared_atoms(
    values: Floats,
    crowd: Crowd,
    config: TransformersConfig,
    all_may_be_atoms: Callable[[Floats], bool],
) -> tuple[Floats, bool]:
    """Choose the exact values that get codes of their own.

    Args:
        values: ``(N,)`` values.
        crowd: The rows.
        config: Limits of atoms.
        all_may_be_atoms: Tells whether all of the distinct values may be atoms.

    Returns:
        The atoms, and whether all other values may be coded as the nearest atom.
    """
    distinct, codes, counts = np.unique(values, return_inverse=True, return_counts=True)
    shared = crowd.enough(codes, len(distinct))
    if len(distinct) <= config.max_atoms and all_may_be_atoms(distinct):
        atoms = distinct[shared]
        return atoms, bool(counts[shared].sum() >= _NEARLY_ALL * len(values))
    frequent = counts >= max(2.0, config.atom_share * len(values))
    return distinct[frequent & shared], False


def are_better_atoms(values: Floats, atoms: Floats, grid: Floats) -> bool:
    """Return True if values move less when they become the nearest atom than when they are binned.

    Long tails of rare numbers would otherwise pile up at the last atom, or at a common one.

    Args:
        values: ``(N,)`` values that are no atoms.
        atoms: ``(A,)`` ascending atoms.
        grid: ``(B, G + 1)`` quantiles of the bins that the values would have.
    """
    to_atom = np.abs(values[:, None] - atoms).min(axis=1)
    bins = np.searchsorted(grid[1:, 0], values, side="right")
    to_draw = np.abs(values[:, None] - grid[bins]).mean(axis=1)
    return bool(to_atom.sum() <= to_draw.sum())


def shared_grid(
    values: Floats,
    crowd: Crowd,
    decimals: int | None,
    n_bins: int,
    ends: tuple[float, float],
) -> tuple[Floats, Floats] | None:
    """Compute quantiles as :func:`quantile_grid` does, none of which is the value of few rows.

    Args:
        values: ``(N,)`` values.
        crowd: The rows.
        decimals: Decimal places of the values.
        n_bins: Largest number of bins.
        ends: Smallest and largest value that is ever drawn.

    Returns:
        The grid and its CDF points; None if there are too few rows.
    """
    if crowd.size < max(crowd.min_rows, 1):
        return None
    unit = 0.0 if decimals is None else 10.0**-decimals
    made = smoothed(values, crowd, unit, *ends)
    distinct, counts = np.unique(made, return_counts=True)
    n_bins = min(n_bins, max(1, crowd.size // max(crowd.min_rows, 1)))
    grid, cdf_points = quantile_grid(distinct, counts, decimals, n_bins)
    if decimals is not None:
        # Two cuts between the same two possible values leave an empty bin.
        width = grid[:, -1] - grid[:, 0]
        kept = (width > 0) | (np.isin(grid[:, 0], distinct) & (grid[:, 0] == grid[:, -1]))
        kept = kept if kept.any() else np.arange(len(grid)) == 0
        grid, cdf_points = grid[kept], cdf_points[kept]
    return _without(grid, values, crowd), cdf_points


def _without(grid: Floats, values: Floats, crowd: Crowd) -> Floats:
    """Move inner grid points that happen to be the value of few rows half way to a neighbour."""
    distinct, codes = np.unique(values, return_inverse=True)
    rare = distinct[~crowd.enough(codes, len(distinct))]
    grid, is_rare = grid.copy(), np.isin(grid, rare)
    for i in range(1, grid.shape[1] - 1):
        before, own, after = grid[:, i - 1], grid[:, i], grid[:, i + 1]
        moved = (own + np.where(after > own, after, before)) / 2
        grid[:, i] = np.where(is_rare[:, i], moved, own)
    return grid


def merged_bins(edges: Floats, values: Floats, crowd: Crowd) -> Floats:
    """Return edges of bins without those between bins of too few rows.

    Args:
        edges: ``(B + 1,)`` ends of the bins.
        values: ``(N,)`` values.
        crowd: The rows.
    """
    order = np.argsort(values, kind="stable")
    ascending, crowd = values[order], crowd.part(order)
    kept, start = [edges[0]], 0
    for edge in edges[1:-1]:
        end = int(np.searchsorted(ascending, edge))
        if crowd.part(np.arange(start, end)).size >= crowd.min_rows:
            kept.append(edge)
            start = end
    if len(kept) > 1 and crowd.part(np.arange(start, len(ascending))).size < crowd.min_rows:
        kept.pop()
    return np.append(kept, edges[-1])
