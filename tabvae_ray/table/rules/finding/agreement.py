"""Compare computed results with all columns of a sample."""

from collections.abc import Callable, Iterator

import numpy as np

from tabvae_ray.table.rules.column_views import Floats, Mask

__all__ = ["AGREEING", "SampledColumns"]

# Share of the sample that must agree.
AGREEING = 0.97
# The first few rows rule out nearly all candidates, many at once.
_FIRST_ROWS = 16
# Of these, rows that a constant must fit: a few fit by chance.
_MIN_PRESENT = 6
# Comparisons that are made at once, which take a few megabytes.
_MOST_COMPARED = 2**20


class SampledColumns:
    """Some rows of all columns of numbers.

    Args:
        sample: ``(S, C)`` their values, NaN where missing.
        tolerances: ``(C,)`` half of the last decimal place of each column.
        results: ``(C,)`` true for columns that may be computed.
    """

    def __init__(self, sample: Floats, tolerances: Floats, results: Mask) -> None:
        self._sample, self._tolerances, self._results = sample, tolerances, results
        # Rows of the whole sample that may disagree.
        self._most = (1 - AGREEING) * len(sample) + 1e-9

    def pairs(self, result: Callable[[Floats, Floats], Floats]) -> Iterator[tuple[int, int]]:
        """Yield the ordered pairs of columns whose result may agree with a column.

        A pair is left out if too many of the first rows disagree with every column.

        Args:
            result: Function of the values of two columns, ``(R, 1)`` and ``(R, C)``.
        """
        few = self._sample[:_FIRST_ROWS]
        n_columns = few.shape[1]
        targets, tolerances = few[:, self._results], self._tolerances[self._results]
        step = max(_MOST_COMPARED // max(targets.size, 1), 1)
        for a in range(n_columns):
            results = result(few[:, [a]], few)
            for start in range(0, n_columns, step):
                part = results[:, start : start + step, None]
                slack = tolerances + 1e-9 * np.maximum(1.0, np.abs(part))
                # Comparisons with missing values are false.
                far = (np.abs(part - targets[:, None, :]) > slack).sum(0)
                for b in start + np.flatnonzero((far <= self._most).any(1)):
                    if b != a:
                        yield a, int(b)

    def scaled(self, result: Callable[[Floats, Floats], Floats]) -> Iterator[tuple[int, int, int]]:
        """Yield two columns and a third that may be their result times a constant.

        The constant is that of the row with the largest value, which rounding changes least, or
        of the third largest, as the largest may be an exception. A third column of which rounding
        leaves few values is left out.

        Args:
            result: As for :meth:`pairs`.
        """
        present = (self._sample != 0) & ~np.isnan(self._sample)
        few = self._sample[np.argsort(-present.sum(axis=1), kind="stable")[:_FIRST_ROWS]]
        n_columns = few.shape[1]
        present = (few != 0) & ~np.isnan(few)
        known = ~np.isnan(few)
        # A column that these rows do not know at all has no spread.
        spread = np.std(np.where(known.any(axis=0), few, 0.0), axis=0, where=known | ~known.any(0))
        clear = self._results & (spread > 6 * self._tolerances)
        clear &= present.sum(axis=0) >= _MIN_PRESENT
        places = np.flatnonzero(clear)
        targets = few[:, places]
        largest = np.argsort(-np.where(present, np.abs(few), -1)[:, places], 0, kind="stable")
        slack = 2 * self._tolerances[places] + 1e-9 * np.maximum(1.0, np.abs(targets))
        for a in range(n_columns):
            if not len(places):
                return
            results = result(few[:, [a]], few)
            step = max(_MOST_COMPARED // targets.size, 1)
            for start in range(0, n_columns, step):
                part = results[:, start : start + step]
                near = np.zeros((part.shape[1], len(places)), dtype=bool)
                for pivot in (largest[0], largest[min(2, len(few) - 1)]):
                    scale = targets[pivot, np.arange(len(places))] / part[pivot].T
                    apart = np.abs(scale * part[:, :, None] - targets[:, None])
                    close = (apart <= slack[:, None]) & present[:, None, places]
                    far = (apart > slack[:, None]).sum(0)
                    near |= (far <= self._most) & (close.sum(0) >= _MIN_PRESENT) & (scale > 0)
                for b, place in np.argwhere(near):
                    column = int(places[place])
                    if len({a, start + int(b), column}) == 3:
                        yield a, start + int(b), column

    def some_agree(self, results: Floats) -> list[int]:
        """Return which of some results ``(S, K)`` may agree with a column, by the first rows."""
        targets, few = self._sample[:_FIRST_ROWS, self._results], results[:_FIRST_ROWS, :, None]
        slack = self._tolerances[self._results] + 1e-9 * np.maximum(1.0, np.abs(few))
        # Comparisons with missing values are false.
        far = (np.abs(few - targets[:, None, :]) > slack).sum(axis=0)
        return [int(i) for i in np.flatnonzero((far <= self._most).any(axis=1))]

    def keepers(self, results: Floats, *, skip: set[int]) -> list[int]:
        """Return the columns that a result ``(S,)`` agrees with on most of the sample."""
        agree = self._agree(results, slice(None))
        return [int(i) for i in np.flatnonzero(agree & self._results) if i not in skip]

    def keeps(self, results: Floats, column: int, *, slack: float = 1.0) -> bool:
        """Return True if a result ``(S,)`` agrees with a column on most of the sample.

        Args:
            results: The results.
            column: Position of the column.
            slack: Factor of what rounding may change.
        """
        first = results[:_FIRST_ROWS]
        most = slack * self._tolerances[column] + 1e-9 * np.maximum(1.0, np.abs(first))
        far = np.abs(first - self._sample[:_FIRST_ROWS, column]) > most
        if far.sum() > self._most:
            return False
        return bool(self._agree(results, slice(column, column + 1), slack)[0])

    def _agree(self, results: Floats, columns: slice, slack: float = 1.0) -> Mask:
        sample = self._sample[:, columns]
        most = slack * self._tolerances[columns]
        most = most + 1e-9 * np.maximum(1.0, np.abs(results[:, None]))
        known = ~(np.isnan(results[:, None]) | np.isnan(sample))
        close = (np.abs(results[:, None] - sample) <= most) & known
        n = known.sum(0)
        agree: Mask = (close.sum(0) >= AGREEING * n) & (n >= min(30, len(results)) * 0.5)
        return agree
