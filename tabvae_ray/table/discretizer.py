"""Numbers to codes and back.

A discretizer has *atoms*, exact values with a code each, and *bins* for the values between them.
Inside a bin, values are drawn from a piecewise linear inverse distribution function: a grid of
quantiles, between whose points the draw is uniform.

What is copied from the training rows: atoms, which are frequent values (or all values of a column
that has few), and the smallest and largest value. The points of a grid are quantiles interpolated
between rows, at most one for every two training values of the bin.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from tabvae_ray.config import TransformersConfig
from tabvae_ray.errors import ExportError

__all__ = ["Discretizer"]

Floats = np.ndarray[Any, np.dtype[np.float64]]
Codes = np.ndarray[Any, np.dtype[np.int32]]

_MAX_GRID = 64
_MAX_SAMPLE = 2_000_000


@dataclass(frozen=True, eq=False)
class Discretizer:
    """Atoms and bins of one column.

    Codes are the atoms first, then the bins, both ascending.

    Args:
        atoms: ``(A,)`` ascending exact values.
        grid: ``(B, G + 1)`` quantiles within each bin, ascending; a bin ends where the next begins.
        decimals: Decimal places that drawn values are rounded to, None for no rounding.
        minimum: Smallest value that is ever drawn.
        maximum: Largest.
    """

    atoms: Floats
    grid: Floats
    decimals: int | None
    minimum: float
    maximum: float

    @classmethod
    def fit(
        cls,
        values: Floats,
        config: TransformersConfig,
        *,
        decimals: int | None,
        minimum: float,
        maximum: float,
    ) -> Self:
        """Fit to the present values of a column.

        Args:
            values: ``(N,)`` finite numbers; none at all is allowed where rows are held out.
            config: Strategy and number of bins.
            decimals: Decimal places of the column.
            minimum: Smallest value of the whole column.
            maximum: Largest.
        """
        if config.strategy == "uniform":
            edges = np.linspace(minimum, maximum, config.n_bins_cts + 1)
            grid = np.stack([edges[:-1], edges[1:]], axis=1)
            return cls(np.empty(0), grid, decimals, minimum, maximum)
        distinct, counts = np.unique(values, return_counts=True)
        atoms = np.empty(0)
        if config.strategy == "atoms":
            frequent = counts >= max(2.0, config.atom_share * len(values))
            atoms = distinct[frequent | (len(distinct) <= config.max_atoms)]
        rest = np.repeat(distinct, np.where(np.isin(distinct, atoms), 0, counts))
        if len(atoms) == 0 and len(rest) == 0:
            rest = np.array([minimum, maximum])
        grid = _quantile_grid(_spread(rest, decimals), config.n_bins_cts)
        return cls(atoms, np.clip(grid, minimum, maximum), decimals, minimum, maximum)

    @property
    def n_codes(self) -> int:
        """Number of codes."""
        return len(self.atoms) + len(self.grid)

    def encode(self, values: Floats) -> Codes:
        """Finite numbers ``(N,)`` -> codes ``(N,)``; what lies outside goes to the nearest bin."""
        n_atoms = len(self.atoms)
        if len(self.grid):
            codes = n_atoms + np.searchsorted(self.grid[1:, 0], values, side="right")
        else:
            middles = (self.atoms[1:] + self.atoms[:-1]) / 2
            return np.searchsorted(middles, values).astype(np.int32)
        if n_atoms:
            nearest = np.minimum(np.searchsorted(self.atoms, values), n_atoms - 1)
            codes = np.where(self.atoms[nearest] == values, nearest, codes)
        return codes.astype(np.int32)

    def decode(self, codes: Codes, rng: np.random.Generator) -> Floats:
        """Codes ``(N,)`` -> numbers ``(N,)``, drawn inside the bins."""
        n_atoms = len(self.atoms)
        if len(self.grid) == 0:
            return self.atoms[codes]
        n_segments = self.grid.shape[1] - 1
        position = rng.random(len(codes)) * n_segments
        segment = position.astype(np.int64)
        bins = np.maximum(codes - n_atoms, 0)
        low, high = self.grid[bins, segment], self.grid[bins, segment + 1]
        values = low + (position - segment) * (high - low)
        if self.decimals is not None:
            values = np.round(values, self.decimals)
        values = np.clip(values, self.minimum, self.maximum)
        if n_atoms:
            values = np.where(codes < n_atoms, self.atoms[np.minimum(codes, n_atoms - 1)], values)
        return values

    def to_mapping(self) -> dict[str, Any]:
        """Atoms and grid as plain numbers for JSON; the rest is the spec's."""
        return {"atoms": self.atoms.tolist(), "grid": self.grid.tolist()}

    @classmethod
    def from_mapping(
        cls,
        mapping: Mapping[str, Any],
        *,
        decimals: int | None,
        minimum: float,
        maximum: float,
    ) -> Self:
        """Read what :meth:`to_mapping` wrote.

        Raises:
            ExportError: If atoms or grid are not what a fit can give.
        """
        try:
            atoms = np.array(mapping["atoms"], dtype=np.float64).reshape(-1)
            grid = np.array(mapping["grid"], dtype=np.float64)
        except (KeyError, TypeError, ValueError) as error:
            raise ExportError(f"encoder: a discretizer needs atoms and a grid: {error}") from None
        if grid.size == 0:
            grid = np.empty((0, 2))
        sound = (
            grid.ndim == 2
            and grid.shape[1] >= 2
            and len(atoms) + len(grid) >= 1
            and bool(np.isfinite(atoms).all() and np.isfinite(grid).all())
            and bool((np.diff(atoms) > 0).all() and (np.diff(grid.reshape(-1)) >= 0).all())
        )
        if not sound:
            raise ExportError("encoder: atoms and grid must be finite, ascending and not empty")
        return cls(atoms, grid, decimals, minimum, maximum)


def _spread(values: Floats, decimals: int | None) -> Floats:
    """Equal values spread evenly over the interval that rounds to them.

    Otherwise a draw between two grid points would give the values next to a frequent one too often.
    ``values`` is ascending and stays so.
    """
    if decimals is None or len(values) == 0:
        return values
    _, first, counts = np.unique(values, return_index=True, return_counts=True)
    rank = np.arange(len(values)) - np.repeat(first, counts)
    return values + ((rank + 0.5) / np.repeat(counts, counts) - 0.5) * 10.0**-decimals


def _quantile_grid(values: Floats, n_bins: int) -> Floats:
    """``(B, G + 1)`` quantiles of ascending values, in at most ``n_bins`` bins of equal mass."""
    if len(values) == 0:
        return np.empty((0, 2))
    n_bins = max(1, min(n_bins, len(values) // 2))
    n_segments = max(1, min(_MAX_GRID, len(values) // (2 * n_bins)))
    levels = np.linspace(0, len(values) - 1, n_bins * n_segments + 1)
    points = np.interp(levels, np.arange(len(values)), values)
    index = np.arange(n_bins)[:, None] * n_segments + np.arange(n_segments + 1)
    grid: Floats = points[index]
    # Bins that ties have left without width can never be told from the bin before them.
    return grid[np.r_[True, np.diff(grid[:, 0]) > 0]]
