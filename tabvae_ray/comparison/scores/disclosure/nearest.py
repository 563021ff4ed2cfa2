"""Linking and guessing by the nearest synthetic row, in some of the columns.

- Linking: the attacker has two tables of the same people, one with the known columns and one with
  the secret ones. A person is linked if both parts have the same nearest synthetic row.
- Guessing: the attacker knows the known columns of a person, and takes the secret of the nearest
  synthetic row for that person's.

Where several synthetic rows are equally near, the attacker takes one of them at random, and the
expected success counts (Anonymeter takes the first one).
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tabvae_ray.comparison.reading.table_columns import Floats, TableColumns
from tabvae_ray.comparison.scores.nearest_rows import Rows, Scaler, pair_distances

__all__ = ["NearestRows", "part_of"]

# Number of distances computed at once, which fit the cache of a processor.
_BLOCK = 2**18
# Rounding of sums of float32.
_TOLERANCE = 1e-5
# A guess of a number is right within this share of it, as in Anonymeter.
_RIGHT = 0.05
# A guess of a moment is right within this share of the range.
_RIGHT_MOMENT = 0.01


def part_of(table: TableColumns, names: Sequence[str]) -> TableColumns:
    """Return some columns of a table."""
    return TableColumns(
        n_rows=table.n_rows,
        numbers={name: table.numbers[name] for name in names if name in table.numbers},
        codes={name: table.codes[name] for name in names if name in table.codes},
        labels=table.labels,
        n_known=table.n_known,
        epochs=table.epochs,
        spans=table.spans,
    )


class NearestRows:
    """The nearest synthetic rows of some real rows, by known columns and by secret ones.

    Args:
        synthetic: The synthetic table.
        real: Tables of real rows; numbers are scaled to their common range.
        known: Columns that the attacker knows.
        secret: Columns that the attacker wants to know.
    """

    def __init__(
        self,
        synthetic: TableColumns,
        real: Sequence[TableColumns],
        known: Sequence[str],
        secret: Sequence[str],
    ) -> None:
        self.synthetic, self.secret = synthetic, secret
        self._known, self._secret = known, secret
        tables = [synthetic, *real]
        self._scalers = [
            Scaler([part_of(table, names) for table in tables]) for names in (known, secret)
        ]
        self._sides = [
            scaler.rows(part_of(synthetic, names))
            for scaler, names in zip(self._scalers, (known, secret), strict=True)
        ]

    def successes(self, rows: TableColumns) -> tuple[Floats, dict[str, Floats]]:
        """Return the chance of each row to be linked, and of each of its secrets to be guessed."""
        known, secret = (
            scaler.rows(part_of(rows, names))
            for scaler, names in zip(self._scalers, (self._known, self._secret), strict=True)
        )
        linked = np.empty(rows.n_rows)
        guessed = {name: np.empty(rows.n_rows) for name in self.secret}
        step = max(_BLOCK // self.synthetic.n_rows, 1)
        for start in range(0, rows.n_rows, step):
            block = slice(start, min(start + step, rows.n_rows))
            by_known = self._nearest(known, block, self._sides[0])
            by_secret = self._nearest(secret, block, self._sides[1])
            both = np.count_nonzero(by_known & by_secret, axis=1)
            sizes = np.count_nonzero(by_known, axis=1)
            linked[block] = both / (sizes * np.count_nonzero(by_secret, axis=1))
            for name, chances in guessed.items():
                right = self._is_right(rows, name, block)
                chances[block] = np.count_nonzero(by_known & right, axis=1) / sizes
        return linked, guessed

    def baseline(self, rows: TableColumns, name: str) -> float:
        """Return the chance that the secret of a random synthetic row is right."""
        total, step = 0.0, max(_BLOCK // self.synthetic.n_rows, 1)
        for start in range(0, rows.n_rows, step):
            block = slice(start, min(start + step, rows.n_rows))
            total += float(self._is_right(rows, name, block).mean(axis=1).sum())
        return total / rows.n_rows

    def _nearest(self, rows: Rows, block: slice, others: Rows) -> npt.NDArray[np.bool_]:
        distances = pair_distances(rows, block, others)
        nearest: npt.NDArray[np.bool_] = (
            distances <= distances.min(axis=1, keepdims=True) + _TOLERANCE
        )
        return nearest

    def _is_right(self, rows: TableColumns, name: str, block: slice) -> npt.NDArray[np.bool_]:
        """Return which synthetic rows have the right secret for each row of a block."""
        right: npt.NDArray[np.bool_]
        if name in rows.codes:
            right = rows.codes[name][block, None] == self.synthetic.codes[name][None]
            return right
        true, guess = rows.numbers[name][block, None], self.synthetic.numbers[name][None]
        if name in rows.epochs:
            ends = (
                self.synthetic.sorted_numbers(name)[[0, -1]] if np.isfinite(guess).any() else (0, 0)
            )
            allowed: Floats | float = _RIGHT_MOMENT * float(ends[1] - ends[0])
        else:
            allowed = _RIGHT * np.abs(guess)
        with np.errstate(invalid="ignore"):
            right = np.abs(true - guess) <= allowed
        return right | (np.isnan(true) & np.isnan(guess))
