"""Integer codes of a numeric column, and back.

A discretizer has *atoms*, exact values with a code each, and *bins* for the values between them.
Inside a bin, values are drawn from a piecewise linear distribution: a grid of quantiles, and
uniform draws between neighbouring grid points. In the first and the last bin the grid points lie
closer and closer towards the end, so that a long tail keeps its mean and its high quantiles.

A discretizer copies few values of the training rows: the atoms, a value that fills a whole bin on
its own, and the smallest and the largest value. Atoms are frequent values. In a column with few
distinct values all of them are atoms if they repeat or are integers of a short range. All other
grid points are means of neighbouring rows, at most one for every two training values of the bin,
also in the tails. A drawn value may equal a training value by chance, most of all in a column with
few decimals. With a least number of rows for a stored value (``min_rows``), atoms, ends and single
values have so many rows, and the other grid points are means of so many.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np

from tabvae_ray.config import TransformersConfig
from tabvae_ray.errors import ExportError
from tabvae_ray.table.coders.crowd import Crowd
from tabvae_ray.table.coders.quantiles import Floats, even_cdf, quantile_grid
from tabvae_ray.table.coders.shared_numbers import (
    are_better_atoms,
    merged_bins,
    shared_atoms,
    shared_grid,
)

__all__ = ["Codes", "Discretizer", "Floats"]

Codes = np.ndarray[Any, np.dtype[np.int32]]

# Limited because a bin may hold no possible value, such as one of ten bins of the integers 0 to 3.
_MAX_REDRAWS = 64
# All values of a column may be atoms if they occur this often on average.
_MIN_MEAN_COUNT = 2


@dataclass(frozen=True, eq=False)
class Discretizer:
    """Atoms and bins of one column.

    Codes are the atoms first, then the bins, both ascending.

    Args:
        atoms: ``(A,)`` ascending exact values.
        edges: ``(B - 1,)`` where the second bin begins, the third, ...
        grid: ``(B, G + 1)`` quantiles within each bin, ascending; a bin ends where the next begins,
            or before.
        cdf_points: ``(B, G + 1)`` distribution function of each bin at its grid points, from 0
            to 1.
        decimals: Decimal places that drawn values are rounded to, None for no rounding.
        minimum: Smallest value that is ever drawn.
        maximum: Largest value that is ever drawn.
    """

    atoms: Floats
    edges: Floats
    grid: Floats
    cdf_points: Floats
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
        crowd: Crowd | None = None,
    ) -> Self:
        """Fit to the present values of a column.

        Args:
            values: ``(N,)`` finite numbers. It may be empty, if all present values are held out.
            config: Strategy and number of bins.
            decimals: Decimal places of the column.
            minimum: Smallest value of the whole column, held-out rows included.
            maximum: Largest value of the whole column.
            crowd: Rows of the values, if a least number of them must share a stored value. Then
                ``minimum`` and ``maximum`` are values that so many rows reach.
        """
        crowd = crowd if crowd is not None and crowd.min_rows else None
        if config.strategy == "uniform":
            n_bins = config.n_bins_cts if minimum < maximum else 1
            edges = np.linspace(minimum, maximum, n_bins + 1)
            # A bin that holds one possible value is a code of that value.
            is_fine = decimals is not None and (maximum - minimum) / n_bins < 2 * 10.0**-decimals
            if crowd is not None and is_fine:
                edges = merged_bins(edges, np.clip(values, minimum, maximum), crowd)
            grid = np.stack([edges[:-1], edges[1:]], axis=1)
            cdf_points = even_cdf(grid)
            return cls(np.empty(0), edges[1:-1], grid, cdf_points, decimals, minimum, maximum)

        def may_be_atoms(distinct: Floats) -> bool:
            # A value that occurs once reveals a row, unless it is an integer of a short range.
            return _MIN_MEAN_COUNT * len(distinct) <= len(values) or (
                decimals == 0 and maximum - minimum < config.max_atoms
            )

        if crowd is not None and len(values):
            return cls._fit_shared(
                values, config, decimals, (minimum, maximum), crowd, may_be_atoms
            )
        distinct, counts = np.unique(np.clip(values, minimum, maximum), return_counts=True)
        atoms = np.empty(0)
        if config.strategy == "atoms":
            frequent = counts >= max(2.0, config.atom_share * len(values))
            reveals_no_row = may_be_atoms(distinct)
            atoms = distinct[frequent | (reveals_no_row and len(distinct) <= config.max_atoms)]
        rest = ~np.isin(distinct, atoms)
        distinct, counts = distinct[rest], counts[rest]
        if len(atoms) == 0 and len(distinct) == 0:
            distinct, counts = np.unique([minimum, maximum], return_counts=True)
        grid, cdf_points = quantile_grid(distinct, counts, decimals, config.n_bins_cts)
        grid = np.clip(grid, minimum, maximum)
        return cls(atoms, grid[1:, 0], grid, cdf_points, decimals, minimum, maximum)

    @classmethod
    def _fit_shared(
        cls,
        values: Floats,
        config: TransformersConfig,
        decimals: int | None,
        ends: tuple[float, float],
        crowd: Crowd,
        may_be_atoms: Callable[[Floats], bool],
    ) -> Self:
        atoms, is_complete = np.empty(0), False
        if config.strategy == "atoms":
            atoms, is_complete = shared_atoms(values, crowd, config, may_be_atoms)
        rest = ~np.isin(values, atoms)
        found = None
        if rest.any():
            n_bins = config.n_bins_cts
            found = shared_grid(values[rest], crowd.part(rest), decimals, n_bins, ends)
            if (
                is_complete
                and found is not None
                and are_better_atoms(values[rest], atoms, found[0])
            ):
                found = None
        if found is None:
            # The other values become the nearest atom.
            atoms = atoms if len(atoms) else np.unique(ends)
            found = np.empty((0, 2)), np.empty((0, 2))
        grid, cdf_points = np.clip(found[0], *ends), found[1]
        return cls(atoms, grid[1:, 0], grid, cdf_points, decimals, *ends)

    @property
    def n_codes(self) -> int:
        """Number of codes."""
        return len(self.atoms) + len(self.grid)

    @property
    def order(self) -> list[int]:
        """All codes in ascending order of their values, where a bin counts as its middle."""
        middles = np.concatenate([self.atoms, self.grid[:, self.grid.shape[1] // 2]])
        order: list[int] = np.argsort(middles, kind="stable").tolist()
        return order

    def encode(self, values: Floats) -> Codes:
        """Encode finite numbers ``(N,)`` as codes ``(N,)``; outliers go to the nearest bin."""
        values = np.clip(values, self.minimum, self.maximum)
        n_atoms = len(self.atoms)
        if len(self.grid):
            codes = n_atoms + np.searchsorted(self.edges, values, side="right")
        else:
            middles = (self.atoms[1:] + self.atoms[:-1]) / 2
            return np.searchsorted(middles, values).astype(np.int32)
        if n_atoms:
            nearest = np.minimum(np.searchsorted(self.atoms, values), n_atoms - 1)
            codes = np.where(self.atoms[nearest] == values, nearest, codes)
        return codes.astype(np.int32)

    def decode(self, codes: Codes, rng: np.random.Generator) -> Floats:
        """Decode codes ``(N,)`` to numbers ``(N,)``, drawn inside the bins."""
        n_atoms = len(self.atoms)
        if len(self.grid) == 0:
            exact: Floats = self.atoms[codes]
            return exact
        values = self._draw(codes, rng)
        if n_atoms:
            values = np.where(codes < n_atoms, self.atoms[np.minimum(codes, n_atoms - 1)], values)
        if self.decimals is not None:
            # Rounding can move a value to the next bin or to an atom, which would then be too
            # frequent.
            strays = np.flatnonzero(self.encode(values) != codes)
            for _ in range(_MAX_REDRAWS):
                if len(strays) == 0:
                    break
                values[strays] = self._draw(codes[strays], rng)
                strays = strays[self.encode(values[strays]) != codes[strays]]
        return values

    def _draw(self, codes: Codes, rng: np.random.Generator) -> Floats:
        """Draw numbers inside the bins of codes; the code of an atom stands for the first bin."""
        n_segments = self.grid.shape[1] - 1
        level = rng.random(len(codes))
        bins = np.maximum(codes - len(self.atoms), 0)
        segment = (level * n_segments).astype(np.int64)
        part = level * n_segments - segment
        uneven = np.flatnonzero(self._uneven[bins])
        if len(uneven):
            bin_, own = bins[uneven], level[uneven]
            ends = (self.cdf_points + np.arange(len(self.cdf_points))[:, None]).reshape(-1)
            found = np.searchsorted(ends, bin_ + own, side="right") - 1 - bin_ * (n_segments + 1)
            found = np.clip(found, 0, n_segments - 1)
            before, after = self.cdf_points[bin_, found], self.cdf_points[bin_, found + 1]
            held = np.where(after > before, after - before, 1)
            segment[uneven], part[uneven] = found, np.clip((own - before) / held, 0, 1)
        low, high = self.grid[bins, segment], self.grid[bins, segment + 1]
        values = low + part * (high - low)
        if self.decimals is not None:
            values = np.round(values, self.decimals)
        drawn: Floats = np.clip(values, self.minimum, self.maximum)
        return drawn

    @cached_property
    def _uneven(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Mask ``(B,)`` of the bins whose segments differ in mass."""
        uneven: np.ndarray[Any, np.dtype[np.bool_]]
        uneven = (self.cdf_points != even_cdf(self.grid)).any(axis=1)
        return uneven

    def to_mapping(self) -> dict[str, Any]:
        """Return atoms, grid, and the CDF points of the first and last bin as numbers for JSON.

        The CDF points of all other bins are even. The other fields come from the spec.
        """
        tails = self.cdf_points[[0, -1]] if len(self.cdf_points) else self.cdf_points
        return {
            "atoms": self.atoms.tolist(), "grid": self.grid.tolist(), "tails": tails.tolist(),
        }  # fmt: skip

    @classmethod
    def from_mapping(
        cls,
        mapping: Mapping[str, Any],
        *,
        decimals: int | None,
        minimum: float,
        maximum: float,
    ) -> Self:
        """Read the result of :meth:`to_mapping`.

        Raises:
            ExportError: If no fit gives such atoms, grid or tails.
        """
        try:
            atoms = np.array(mapping["atoms"], dtype=np.float64).reshape(-1)
            grid = np.array(mapping["grid"], dtype=np.float64)
            tails = np.array(mapping["tails"], dtype=np.float64)
        except (KeyError, TypeError, ValueError, OverflowError):
            raise ExportError("must have atoms, a grid and tails, all of numbers") from None
        if grid.size == 0:
            grid, tails = np.empty((0, 2)), np.empty((0, 2))
        points = np.append(atoms, grid)
        sound = (
            grid.ndim == 2
            and grid.shape[1] >= 2
            and len(points) >= 1
            and bool(np.isfinite(points).all())
            and bool((np.diff(atoms) > 0).all() and (np.diff(grid.reshape(-1)) >= 0).all())
        )
        if not sound:
            raise ExportError("atoms and grid must be finite, ascending and not empty")
        if points.min() < minimum or points.max() > maximum:
            raise ExportError(
                f"atoms and grid must lie between {minimum} and {maximum}, "
                f"but go from {points.min()} to {points.max()}"
            )
        cdf_points = even_cdf(grid)
        if len(grid):
            if tails.shape != (2, grid.shape[1]):
                raise ExportError("tails must be the CDF points of the first and last bin")
            cdf_points[0], cdf_points[-1] = tails
        steps = np.diff(cdf_points, axis=1)
        # Written so that NaN is refused as well.
        ends_are_right = (cdf_points[:, 0] == 0).all() and (cdf_points[:, -1] == 1).all()
        if not ((steps > 0).all() and ends_are_right):
            raise ExportError("tails must ascend from 0 to 1")
        return cls(atoms, grid[1:, 0], grid, cdf_points, decimals, minimum, maximum)
