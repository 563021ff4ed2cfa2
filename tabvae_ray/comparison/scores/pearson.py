"""Pearson's r of all pairs of number columns, over the rows where both are present."""

import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from tabvae_ray.comparison.reading.table_columns import Floats, TableColumns
from tabvae_ray.comparison.scores.column_pairs import MOST_PAIRS

__all__ = ["pearson_blocks"]

# Rows of the matrix that are computed at once.
_BLOCK = 256
# Below this share of the sum of squares, a variance is too inexact to divide by.
_INEXACT, _CONSTANT = 1e-4, 1e-13


def pearson_blocks(table: TableColumns) -> Iterator[Floats]:
    """Compute the matrix of Pearson's r, a block of rows after the other.

    Yields:
        The next rows of the matrix (B, C). An entry is NaN if it is not defined, because one of
        the columns is constant in the rows where both are present.
    """
    names = list(table.numbers)
    units, complete = table.keep(("units",), lambda: _units(table))
    incomplete = np.flatnonzero(~complete)
    sums = _MaskedSums(table, names) if len(incomplete) else None
    for start in range(0, len(names), _BLOCK):
        block = slice(start, start + _BLOCK)
        matrix: Floats = np.clip(units[block] @ units.T, -1.0, 1.0)
        if sums is not None:
            holes = ~complete[block, None] | ~complete[None]
            masked = sums.correlations(block, holes)
            matrix[holes] = masked[holes]
        yield matrix


def _units(table: TableColumns) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Return centred columns of length 1 (C, N), and a mask of the columns without missing ones.

    A constant column becomes NaN, and a column with missing values zero.
    """
    units = np.zeros((len(table.numbers), table.n_rows))
    complete = np.ones(len(units), dtype=bool)
    for i, (name, values) in enumerate(table.numbers.items()):
        present = table.sorted_numbers(name)
        if not len(present) or present[0] == present[-1]:
            units[i] = np.nan
        elif len(present) < table.n_rows:
            complete[i] = False
        else:
            unit = _unit(values)
            units[i] = np.nan if unit is None else unit
    return units, complete


class _MaskedSums:
    """Sums over the rows where both columns of a pair are present, as matrix products."""

    def __init__(self, table: TableColumns, names: list[str]) -> None:
        self.table, self.names = table, names
        self.present = np.empty((len(names), table.n_rows))
        self.values = np.zeros((len(names), table.n_rows))
        self.n_exact = 0
        for i, (name, values) in enumerate(table.numbers.items()):
            ascending = table.sorted_numbers(name)
            self.present[i] = ~np.isnan(values)
            if not len(ascending):
                continue
            # Halved, because the largest floats would overflow.
            middle = ascending[len(ascending) // 2] / 2
            largest = max(ascending[-1] / 2 - middle, middle - ascending[0] / 2) or 1.0
            self.values[i] = np.nan_to_num((values / 2 - middle) / largest)
        self.squares = self.values**2

    def correlations(self, block: slice, wanted: npt.NDArray[np.bool_]) -> Floats:
        """Compute r for a block of columns with all columns (B, C), NaN if not defined."""
        present, values, squares = self.present, self.values, self.squares
        n = np.maximum(present[block] @ present.T, 1.0)
        sum_x, sum_y = values[block] @ present.T, present[block] @ values.T
        square_x, square_y = squares[block] @ present.T, present[block] @ squares.T
        covariance = values[block] @ values.T - sum_x * sum_y / n
        variance_x, variance_y = square_x - sum_x**2 / n, square_y - sum_y**2 / n
        share = np.minimum(
            variance_x / np.where(square_x > 0, square_x, 1.0),
            variance_y / np.where(square_y > 0, square_y, 1.0),
        )
        share[n < 2] = 0.0
        with np.errstate(divide="ignore", invalid="ignore"):
            found: Floats = np.clip(covariance / np.sqrt(variance_x * variance_y), -1.0, 1.0)
        found[share <= _CONSTANT] = np.nan
        doubtful = np.argwhere((share <= _INEXACT) & (n >= 2) & wanted)
        self.n_exact += len(doubtful)
        # In a table of mostly missing values nearly all pairs are doubtful.
        if self.n_exact <= MOST_PAIRS:
            for row, column in doubtful:
                found[row, column] = self._exact(block.start + row, column)
        return found

    def _exact(self, first: int, second: int) -> float:
        x, y = (self.table.numbers[self.names[i]] for i in (first, second))
        both = ~(np.isnan(x) | np.isnan(y))
        units = _unit(x[both]), _unit(y[both])
        if units[0] is None or units[1] is None:
            return math.nan
        return float(np.clip(units[0] @ units[1], -1.0, 1.0))


def _unit(values: Floats) -> Floats | None:
    """Centre values and scale them to Euclidean length 1; None if they are all equal."""
    if len(values) < 2 or values.min() == values.max():
        return None
    centred = values / np.abs(values).max()
    centred = centred - centred.mean()
    norm = float(np.linalg.norm(centred))
    unit: Floats = centred / norm
    return unit if norm > 0 else None
