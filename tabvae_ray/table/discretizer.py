"""Numbers to codes and back.

A discretizer has *atoms*, exact values with a code each, and *bins* for the values between them.
Inside a bin, values are drawn from a piecewise linear inverse distribution function: a grid of
quantiles, between whose points the draw is uniform.

What is copied from the training rows: atoms, which are frequent values (or all values of a column
that has few), a value that fills a whole quantile bin on its own, and the smallest and largest
value. The other points of a grid are quantiles interpolated between rows, at most one for every two
training values of the bin.
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
Counts = np.ndarray[Any, np.dtype[np.int64]]

_MAX_GRID = 64
# A bin may hold no value that its column can have, such as one of ten bins of the integers 0 to 3.
_REDRAWS = 4


@dataclass(frozen=True, eq=False)
class Discretizer:
    """Atoms and bins of one column.

    Codes are the atoms first, then the bins, both ascending.

    Args:
        atoms: ``(A,)`` ascending exact values.
        grid: ``(B, G + 1)`` quantiles within each bin, ascending; a bin ends where the next begins,
            or before.
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
            n_bins = config.n_bins_cts if minimum < maximum else 1
            edges = np.linspace(minimum, maximum, n_bins + 1)
            grid = np.stack([edges[:-1], edges[1:]], axis=1)
            return cls(np.empty(0), grid, decimals, minimum, maximum)
        distinct, counts = np.unique(values, return_counts=True)
        atoms = np.empty(0)
        if config.strategy == "atoms":
            frequent = counts >= max(2.0, config.atom_share * len(values))
            atoms = distinct[frequent | (len(distinct) <= config.max_atoms)]
        rest = ~np.isin(distinct, atoms)
        distinct, counts = distinct[rest], counts[rest]
        if len(atoms) == 0 and len(distinct) == 0:
            distinct, counts = np.unique([minimum, maximum], return_counts=True)
        grid = _quantile_grid(distinct, counts, decimals, config.n_bins_cts)
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
            exact: Floats = self.atoms[codes]
            return exact
        values = self._draw(codes, rng)
        if n_atoms:
            values = np.where(codes < n_atoms, self.atoms[np.minimum(codes, n_atoms - 1)], values)
        if self.decimals is not None:
            # Rounding can lead to the next bin, or to an atom, which would then come too often.
            for _ in range(_REDRAWS):
                strays = np.flatnonzero(self.encode(values) != codes)
                if len(strays) == 0:
                    break
                values[strays] = self._draw(codes[strays], rng)
        return values

    def _draw(self, codes: Codes, rng: np.random.Generator) -> Floats:
        """Numbers inside the bins of codes; of the first bin where the code is an atom."""
        n_segments = self.grid.shape[1] - 1
        position = rng.random(len(codes)) * n_segments
        segment = position.astype(np.int64)
        bins = np.maximum(codes - len(self.atoms), 0)
        low, high = self.grid[bins, segment], self.grid[bins, segment + 1]
        values = low + (position - segment) * (high - low)
        if self.decimals is not None:
            values = np.round(values, self.decimals)
        drawn: Floats = np.clip(values, self.minimum, self.maximum)
        return drawn

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


def _quantile_grid(distinct: Floats, counts: Counts, decimals: int | None, n_bins: int) -> Floats:
    """``(B, G + 1)`` quantiles in at most ``n_bins`` bins of about equal mass.

    Bins are cut between different values, never within equal ones: what was drawn from a bin, and
    rounded, is encoded as that bin again.

    Args:
        distinct: ``(D,)`` ascending values.
        counts: ``(D,)`` how often each occurs.
        decimals: Decimal places of the values, None if they have more than a float can tell.
        n_bins: Most bins.
    """
    if len(distinct) == 0:
        return np.empty((0, 2))
    n = int(counts.sum())
    n_bins = max(1, min(n_bins, n // 2))
    n_segments = max(1, min(_MAX_GRID, n // (2 * n_bins)))
    starts = _cuts(counts, n_bins)
    ends = np.append(starts[1:], n)

    # Where a bin has few values, fewer quantiles than segments, and straight lines between them.
    held = np.clip((ends - starts) // 2, 1, n_segments)[:, None]
    position = np.arange(n_segments + 1) / n_segments * held
    below = np.minimum(np.floor(position), held - 1)
    step = (ends - starts)[:, None] / held
    values = _spread(distinct, counts, decimals)
    rank = starts[:, None] - 0.5 + below * step
    low, high = (np.interp(level, np.arange(n), values) for level in (rank, rank + step))
    grid: Floats = low + (position - below) * (high - low)

    if decimals is not None:
        # Exactly between two values that can occur, so that rounding never leaves the bin.
        unit = 10.0**-decimals
        grid[1:, 0] = (np.floor(grid[1:, 0] / unit) + 0.5) * unit
    grid[:-1, -1] = grid[1:, 0]
    alone = np.repeat(distinct, counts)[starts]
    single = (alone == np.repeat(distinct, counts)[ends - 1]) & (ends - starts > 1)
    return np.maximum.accumulate(np.where(single[:, None], alone[:, None], grid), axis=1)


def _cuts(counts: Counts, n_bins: int) -> Counts:
    """Ranks of the first value of each bin: of all cuts between values, those nearest to equal."""
    cuts = np.concatenate([[0], np.cumsum(counts)])
    wanted = np.arange(n_bins) * (cuts[-1] / n_bins)
    above = np.searchsorted(cuts, wanted)
    nearer = wanted - cuts[above - 1] < cuts[above] - wanted
    chosen = cuts[np.where(nearer & (above > 0), above - 1, above)]
    starts: Counts = np.unique(np.append(0, chosen[chosen < cuts[-1]]))
    return starts


def _spread(distinct: Floats, counts: Counts, decimals: int | None) -> Floats:
    """Every value as often as it occurs, spread evenly over the interval that rounds to it.

    Otherwise a draw between two grid points would give the values next to a frequent one too often.
    """
    values = np.repeat(distinct, counts)
    if decimals is None:
        return values
    first = np.repeat(np.cumsum(counts) - counts, counts)
    rank = np.arange(len(values)) - first
    return values + ((rank + 0.5) / np.repeat(counts, counts) - 0.5) * 10.0**-decimals
