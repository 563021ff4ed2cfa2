"""Discretizers whose draws are limited to a range, without changing their codes."""

from dataclasses import replace
from typing import Literal

import numpy as np

from tabvae_ray.table.coders.discretizer import Discretizer
from tabvae_ray.table.coders.quantiles import Counts, Floats, even_cdf

__all__ = ["truncate"]

# Two equal masses differ by less than this after rounding.
_LEAST_MASS = 1e-12


def truncate(discretizer: Discretizer, low: float, high: float) -> tuple[Discretizer, Floats]:
    """Limit the draws of a discretizer to the range from ``low`` to ``high``.

    Args:
        discretizer: The discretizer of a column.
        low: Smallest value, as the encoder counts the column. If the column has a number of
            decimals, so has this value.
        high: Largest value, likewise.

    Returns:
        A discretizer that draws from the original distribution given the range, and the share
        ``(K,)`` of the draws of each code that lie in the range. Where that share is zero, the
        draws of the code are arbitrary.
    """
    atoms = ((discretizer.atoms >= low) & (discretizer.atoms <= high)).astype(np.float64)
    if len(discretizer.grid) == 0:
        return discretizer, atoms
    unit = 0.0 if discretizer.decimals is None else 10.0**-discretizer.decimals
    bins = np.arange(len(discretizer.grid))
    start = _mass_below(discretizer, bins, low - unit / 2, "left")[:, None]
    end = _mass_below(discretizer, bins, high + unit / 2, "right")[:, None]
    held = end - start
    points = (np.clip(discretizer.cdf_points, start, end) - start) / np.where(held > 0, held, 1)
    truncated = replace(
        discretizer,
        grid=np.clip(discretizer.grid, low - unit / 2, high + unit / 2),
        cdf_points=np.where(held > 0, points, even_cdf(discretizer.grid)),
    )
    # A draw that rounds out of its bin is drawn again, unless the whole bin does.
    whole = _kept_mass(discretizer, -np.inf, np.inf)
    kept = _kept_mass(discretizer, low, high)
    shares = np.divide(kept, whole, out=held[:, 0].copy(), where=whole > 0)
    return truncated, np.append(atoms, np.minimum(shares, 1))


def _kept_mass(discretizer: Discretizer, low: float, high: float) -> Floats:
    """Return the mass ``(B,)`` of each bin that is in a range and does not round out of the bin."""
    bins = np.arange(len(discretizer.grid))
    if discretizer.decimals is None:
        up_to_high = _mass_below(discretizer, bins, high, "right")
        return up_to_high - _mass_below(discretizer, bins, low, "left")
    unit = 10.0**-discretizer.decimals
    first = np.append(-np.inf, np.ceil(discretizer.edges / unit) * unit)
    last = np.append(first[1:] - unit, np.inf)
    begin, end = np.maximum(first, low) - unit / 2, np.minimum(last, high) + unit / 2
    mass = _mass_below(discretizer, bins, end, "right")
    mass -= _mass_below(discretizer, bins, begin, "left")
    atoms = discretizer.atoms[(discretizer.atoms >= low) & (discretizer.atoms <= high)]
    bins = np.searchsorted(discretizer.edges, atoms, side="right")
    at_atoms = _mass_below(discretizer, bins, atoms + unit / 2, "right")
    at_atoms -= _mass_below(discretizer, bins, atoms - unit / 2, "left")
    mass -= np.bincount(bins, weights=at_atoms, minlength=len(mass))
    return np.where(mass > _LEAST_MASS, mass, 0)


def _mass_below(
    discretizer: Discretizer, bins: Counts, ends: Floats | float, side: Literal["left", "right"]
) -> Floats:
    """Return the share ``(P,)`` of bins ``(P,)`` that is < ends, or <= ends with side ``right``."""
    rows, points = discretizer.grid[bins], discretizer.cdf_points[bins]
    end = np.broadcast_to(ends, bins.shape)[:, None]
    n_below = (rows < end if side == "left" else rows <= end).sum(axis=1)
    segment = np.clip(n_below - 1, 0, rows.shape[1] - 2)
    here = np.arange(len(bins))
    low, high = rows[here, segment], rows[here, segment + 1]
    wide = high > low
    part = np.where(wide, (end[:, 0] - low) / np.where(wide, high - low, 1), n_below > 0)
    before, after = points[here, segment], points[here, segment + 1]
    share: Floats = before + np.clip(part, 0, 1) * (after - before)
    return share
