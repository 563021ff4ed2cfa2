"""Numbers to codes and back.

A discretizer has *atoms*, exact values with a code each, and *bins* for the values between them.
Inside a bin, values are drawn from a piecewise linear inverse distribution function: a grid of
quantiles, between whose points the draw is uniform. In the first and the last bin the points lie
closer and closer towards the end, so that a long tail keeps its mean and its high quantiles.

What is copied from the training rows: atoms, which are frequent values (or all values of a column
that has few, where they repeat or are whole numbers of a short range), a value that fills a whole
quantile bin on its own, and the smallest and largest value. The other points of a grid are means of
neighbouring rows, at most one for every two training values of the bin, in the tails as well. A
drawn value may equal a training value by chance, as it will where a column has few decimals.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal, Self

import numpy as np

from tabvae_ray.config import TransformersConfig
from tabvae_ray.errors import ExportError
from tabvae_ray.table.quantiles import Counts, Floats, even_cdf, quantile_grid

__all__ = ["Codes", "Discretizer", "Floats"]

Codes = np.ndarray[Any, np.dtype[np.int32]]

# A bin may hold no value that its column can have, such as one of ten bins of the integers 0 to 3.
_REDRAWS = 64
# What rounding leaves of the difference of two equal masses.
_LEAST_MASS = 1e-12
# How often each value of a column has to occur on average for all of them to be atoms.
_REPEATED = 2


@dataclass(frozen=True, eq=False)
class Discretizer:
    """Atoms and bins of one column.

    Codes are the atoms first, then the bins, both ascending.

    Args:
        atoms: ``(A,)`` ascending exact values.
        edges: ``(B - 1,)`` where the second bin begins, the third, ...
        grid: ``(B, G + 1)`` quantiles within each bin, ascending; a bin ends where the next begins,
            or before.
        levels: ``(B, G + 1)`` the share of a bin's mass below each point of its grid, from 0 to 1.
        decimals: Decimal places that drawn values are rounded to, None for no rounding.
        minimum: Smallest value that is ever drawn.
        maximum: Largest.
    """

    atoms: Floats
    edges: Floats
    grid: Floats
    levels: Floats
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
            levels = even_cdf(grid)
            return cls(np.empty(0), edges[1:-1], grid, levels, decimals, minimum, maximum)
        distinct, counts = np.unique(np.clip(values, minimum, maximum), return_counts=True)
        atoms = np.empty(0)
        if config.strategy == "atoms":
            frequent = counts >= max(2.0, config.atom_share * len(values))
            # Numbers that each occur about once say whose row they are from; those of a short range
            # of whole numbers do not.
            tells_little = _REPEATED * len(distinct) <= len(values) or (
                decimals == 0 and maximum - minimum < config.max_atoms
            )
            atoms = distinct[frequent | (tells_little and len(distinct) <= config.max_atoms)]
        rest = ~np.isin(distinct, atoms)
        distinct, counts = distinct[rest], counts[rest]
        if len(atoms) == 0 and len(distinct) == 0:
            distinct, counts = np.unique([minimum, maximum], return_counts=True)
        grid, levels = quantile_grid(distinct, counts, decimals, config.n_bins_cts)
        grid = np.clip(grid, minimum, maximum)
        return cls(atoms, grid[1:, 0], grid, levels, decimals, minimum, maximum)

    @property
    def n_codes(self) -> int:
        """Number of codes."""
        return len(self.atoms) + len(self.grid)

    @property
    def order(self) -> list[int]:
        """All codes in ascending order of their values; a bin's are those of its middle."""
        lowest = np.concatenate([self.atoms, self.grid[:, self.grid.shape[1] // 2]])
        order: list[int] = np.argsort(lowest, kind="stable").tolist()
        return order

    def encode(self, values: Floats) -> Codes:
        """Finite numbers ``(N,)`` -> codes ``(N,)``; what lies outside goes to the nearest bin."""
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
            strays = np.flatnonzero(self.encode(values) != codes)
            for _ in range(_REDRAWS):
                if len(strays) == 0:
                    break
                values[strays] = self._draw(codes[strays], rng)
                strays = strays[self.encode(values[strays]) != codes[strays]]
        return values

    def between(self, low: float, high: float) -> tuple[Self, Floats]:
        """The same codes with only those of their values that lie between two ends.

        Args:
            low: The smallest value, as the column counts it; with decimals, one that it can have.
            high: The largest.

        Returns:
            A discretizer that draws as this one does when draws outside are dropped, and the share
            ``(K,)`` of every code's draws that lie between the ends. Of codes with a share of zero
            it draws anything.
        """
        atoms = ((self.atoms >= low) & (self.atoms <= high)).astype(np.float64)
        if len(self.grid) == 0:
            return self, atoms
        unit = 0.0 if self.decimals is None else 10.0**-self.decimals
        bins = np.arange(len(self.grid))
        start = self._below(bins, low - unit / 2, "left")[:, None]
        end = self._below(bins, high + unit / 2, "right")[:, None]
        held = end - start
        levels = (np.clip(self.levels, start, end) - start) / np.where(held > 0, held, 1)
        part = replace(
            self,
            grid=np.clip(self.grid, low - unit / 2, high + unit / 2),
            levels=np.where(held > 0, levels, even_cdf(self.grid)),
        )
        # Draws that rounding led astray are drawn again, unless there are no others.
        lasting = self._lasting(-np.inf, np.inf)
        shares = np.divide(
            self._lasting(low, high), lasting, out=held[:, 0].copy(), where=lasting > 0
        )
        return part, np.append(atoms, np.minimum(shares, 1))

    def _lasting(self, low: float, high: float) -> Floats:
        """``(B,)`` mass of each bin that is between two ends, and the bin's still when rounded."""
        bins = np.arange(len(self.grid))
        if self.decimals is None:
            return self._below(bins, high, "right") - self._below(bins, low, "left")
        unit = 10.0**-self.decimals
        first = np.append(-np.inf, np.ceil(self.edges / unit) * unit)
        last = np.append(first[1:] - unit, np.inf)
        begin, end = np.maximum(first, low) - unit / 2, np.minimum(last, high) + unit / 2
        mass = self._below(bins, end, "right") - self._below(bins, begin, "left")
        atoms = self.atoms[(self.atoms >= low) & (self.atoms <= high)]
        bins = np.searchsorted(self.edges, atoms, side="right")
        taken = self._below(bins, atoms + unit / 2, "right")
        taken -= self._below(bins, atoms - unit / 2, "left")
        mass -= np.bincount(bins, weights=taken, minlength=len(mass))
        return np.where(mass > _LEAST_MASS, mass, 0)

    def _below(self, bins: Counts, ends: Floats | float, side: Literal["left", "right"]) -> Floats:
        """The share ``(P,)`` of bins ``(P,)`` that is < ends, or <= with side ``right``."""
        rows, levels = self.grid[bins], self.levels[bins]
        end = np.broadcast_to(ends, bins.shape)[:, None]
        n_below = (rows < end if side == "left" else rows <= end).sum(axis=1)
        segment = np.clip(n_below - 1, 0, rows.shape[1] - 2)
        here = np.arange(len(bins))
        low, high = rows[here, segment], rows[here, segment + 1]
        wide = high > low
        part = np.where(wide, (end[:, 0] - low) / np.where(wide, high - low, 1), n_below > 0)
        before, after = levels[here, segment], levels[here, segment + 1]
        share: Floats = before + np.clip(part, 0, 1) * (after - before)
        return share

    def _draw(self, codes: Codes, rng: np.random.Generator) -> Floats:
        """Numbers inside the bins of codes; of the first bin where the code is an atom."""
        n_segments = self.grid.shape[1] - 1
        level = rng.random(len(codes))
        bins = np.maximum(codes - len(self.atoms), 0)
        segment = (level * n_segments).astype(np.int64)
        part = level * n_segments - segment
        uneven = np.flatnonzero(self._uneven[bins])
        if len(uneven):
            bin_, own = bins[uneven], level[uneven]
            ends = (self.levels + np.arange(len(self.levels))[:, None]).reshape(-1)
            found = np.searchsorted(ends, bin_ + own, side="right") - 1 - bin_ * (n_segments + 1)
            found = np.clip(found, 0, n_segments - 1)
            before, after = self.levels[bin_, found], self.levels[bin_, found + 1]
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
        """Which bins have segments of different mass: ``(B,)``."""
        uneven: np.ndarray[Any, np.dtype[np.bool_]]
        uneven = (self.levels != even_cdf(self.grid)).any(axis=1)
        return uneven

    def to_mapping(self) -> dict[str, Any]:
        """Atoms and grid as plain numbers for JSON, and the levels of the first and the last bin.

        Those of the others are even; the rest is the spec's.
        """
        tails = self.levels[[0, -1]] if len(self.levels) else self.levels
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
        """Read what :meth:`to_mapping` wrote.

        Raises:
            ExportError: If atoms, grid or tails are not what a fit can give.
        """
        try:
            atoms = np.array(mapping["atoms"], dtype=np.float64).reshape(-1)
            grid = np.array(mapping["grid"], dtype=np.float64)
            tails = np.array(mapping["tails"], dtype=np.float64)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise ExportError(
                f"encoder: a discretizer needs atoms, a grid and tails: {error}"
            ) from None
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
            raise ExportError("encoder: atoms and grid must be finite, ascending and not empty")
        if points.min() < minimum or points.max() > maximum:
            raise ExportError(
                f"encoder: atoms and grid must lie between {minimum} and {maximum}, "
                f"but go from {points.min()} to {points.max()}"
            )
        levels = even_cdf(grid)
        if len(grid):
            if tails.shape != (2, grid.shape[1]):
                raise ExportError("encoder: tails must be the levels of the first and last bin")
            levels[0], levels[-1] = tails
        steps = np.diff(levels, axis=1)
        # Written so that NaN is refused as well.
        if not ((steps > 0).all() and (levels[:, 0] == 0).all() and (levels[:, -1] == 1).all()):
            raise ExportError("encoder: tails must ascend from 0 to 1")
        return cls(atoms, grid[1:, 0], grid, levels, decimals, minimum, maximum)
