"""The columns of a table as arrays that can be compared: numbers, and codes of shared labels.

A room of its own because every measure here starts from it: a table is read once, and counts,
sorted values and the like are kept for whatever asks next.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

__all__ = ["Floats", "Integers", "TableColumns"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.intp]

T = TypeVar("T")


@dataclass
class TableColumns:
    """One table, read for comparison.

    Attributes:
        n_rows: Rows of the table.
        numbers: Per continuous or datetime column, its values (n_rows,); NaN where missing.
            Datetimes are days since ``epochs``.
        codes: Per categorical column, the index of each value's label (n_rows,); -1 where missing.
        labels: Per categorical column, what the codes stand for. The first ``n_known`` are those
            of the real table, the same in both tables; the others occur in this table alone.
        n_known: Per categorical column, how many labels the real table has.
        epochs: Per datetime column, the moment that days are counted from.
        warnings: What was odd about the table, one sentence each.
    """

    n_rows: int
    numbers: dict[str, Floats]
    codes: dict[str, Integers]
    labels: dict[str, tuple[str, ...]]
    n_known: dict[str, int]
    epochs: dict[str, pd.Timestamp] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    _kept: dict[tuple[str, ...], Any] = field(default_factory=dict, repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        """The columns: continuous and datetime ones first, then categorical ones."""
        return (*self.numbers, *self.codes)

    def keep(self, key: tuple[str, ...], compute: Callable[[], T]) -> T:
        """What ``compute`` returns, computed once per table and key."""
        if key not in self._kept:
            self._kept[key] = compute()
        kept: T = self._kept[key]
        return kept

    def take(self, rows: Integers | Mapping[str, Integers]) -> "TableColumns":
        """Some of the rows, in the order given.

        Args:
            rows: Row numbers; as a mapping, row numbers of each column's own.
        """
        if not isinstance(rows, Mapping):
            rows = dict.fromkeys(self.names, rows)
        return TableColumns(
            n_rows=len(next(iter(rows.values()))),
            numbers={name: values[rows[name]] for name, values in self.numbers.items()},
            codes={name: codes[rows[name]] for name, codes in self.codes.items()},
            labels=self.labels,
            n_known=self.n_known,
            epochs=self.epochs,
        )

    def sample(self, n_rows: int, rng: np.random.Generator) -> "TableColumns":
        """Draw at most ``n_rows`` rows without replacement, in the order of the table."""
        if self.n_rows <= n_rows:
            return self
        return self.take(np.sort(rng.choice(self.n_rows, n_rows, replace=False)))

    def without_rows(self) -> "TableColumns":
        """What is known of its columns one by one, and of their associations, if it was kept.

        Half of what the table takes, or less; asked for a row, it has none.
        """
        kept = {
            key: value
            for key, value in self._kept.items()
            if key[0] in ("sorted", "counts", "associations")
        }
        return replace(
            self,
            numbers={name: np.empty(0) for name in self.numbers},
            codes={name: np.empty(0, dtype=np.intp) for name in self.codes},
            _kept=kept,
        )

    def sorted_numbers(self, name: str) -> Floats:
        """The values of a continuous column that are not missing, ascending."""

        def compute() -> Floats:
            values = np.sort(self.numbers[name])
            return values[: np.searchsorted(values, np.nan)]

        return self.keep(("sorted", name), compute)

    def complete_numbers(self, name: str) -> Floats:
        """The values of a continuous column, zero where missing (as the reference has it)."""
        values = self.numbers[name]
        if len(self.sorted_numbers(name)) == self.n_rows:
            return values
        return self.keep(("complete", name), lambda: np.where(np.isnan(values), 0.0, values))

    def counts(self, name: str) -> Integers:
        """Rows per label of a categorical column (n_labels + 1,); the last entry: missing."""

        def compute() -> Integers:
            counts = np.bincount(self.codes[name] + 1, minlength=len(self.labels[name]) + 1)
            return np.concatenate((counts[1:], counts[:1]))

        return self.keep(("counts", name), compute)

    def complete_codes(self, name: str) -> Integers:
        """The codes of a categorical column, ``n_labels`` where missing: a label of its own."""
        codes, n_labels = self.codes[name], len(self.labels[name])
        if self.counts(name)[-1] == 0:
            return codes
        return self.keep(("complete", name), lambda: np.where(codes < 0, n_labels, codes))

    def n_missing(self, name: str) -> int:
        """Rows whose value is missing."""
        if name in self.codes:
            return int(self.counts(name)[-1])
        return self.n_rows - len(self.sorted_numbers(name))
