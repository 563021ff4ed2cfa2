"""Compare computed results with all columns of a sample."""

from collections.abc import Callable, Iterator

import numpy as np

from tabvae_ray.table.rules.column_views import Floats, Mask

__all__ = ["AGREEING", "SampledColumns"]

# Share of the sample that must agree.
AGREEING = 0.97
# The first few rows rule out nearly all candidates, many at once.
_FIRST_ROWS = 16
# Comparisons that are made at once, which take a few megabytes.
_MOST_COMPARED = 2**20


class SampledColumns:
    """Some rows of all columns of numbers.

    Args:
        sample: ``(S, C)`` their values, NaN where missing.
        tolerances: ``(C,)`` half of the last decimal place of each column.
    """

    def __init__(self, sample: Floats, tolerances: Floats) -> None:
        self._sample, self._tolerances = sample, tolerances
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
        step = max(_MOST_COMPARED // max(few.size, 1), 1)
        for a in range(n_columns):
            results = result(few[:, [a]], few)
            for start in range(0, n_columns, step):
                part = results[:, start : start + step, None]
                slack = self._tolerances + 1e-9 * np.maximum(1.0, np.abs(part))
                # Comparisons with missing values are false.
                far = (np.abs(part - few[:, None, :]) > slack).sum(0)
                for b in start + np.flatnonzero((far <= self._most).any(1)):
                    if b != a:
                        yield a, int(b)

    def keepers(self, results: Floats, *, skip: set[int]) -> list[int]:
        """Return the columns that a result ``(S,)`` agrees with on most of the sample."""
        agree = self._agree(results, slice(None))
        return [int(i) for i in np.flatnonzero(agree) if i not in skip]

    def keeps(self, results: Floats, column: int) -> bool:
        """Return True if a result ``(S,)`` agrees with a column on most of the sample."""
        first = results[:_FIRST_ROWS]
        slack = self._tolerances[column] + 1e-9 * np.maximum(1.0, np.abs(first))
        far = np.abs(first - self._sample[:_FIRST_ROWS, column]) > slack
        if far.sum() > self._most:
            return False
        return bool(self._agree(results, slice(column, column + 1))[0])

    def _agree(self, results: Floats, columns: slice) -> Mask:
        sample = self._sample[:, columns]
        slack = self._tolerances[columns] + 1e-9 * np.maximum(1.0, np.abs(results[:, None]))
        known = ~(np.isnan(results[:, None]) | np.isnan(sample))
        close = (np.abs(results[:, None] - sample) <= slack) & known
        n = known.sum(0)
        agree: Mask = (close.sum(0) >= AGREEING * n) & (n >= min(30, len(results)) * 0.5)
        return agree
