"""Columns of a table as arrays: numbers, and codes of labels that both tables share.

All scores start from these arrays. A table is read once, and counts, sorted values and the like are
kept for the next score that needs them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from tabvae_ray.table.dataset.packed import PackedArray
from tabvae_ray.table.rules.counting import RuleCounts

__all__ = ["Floats", "Integers", "TableColumns"]

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.intp]

T = TypeVar("T")
# The attributes with arrays by name or key.
_ARRAYS = ("numbers", "codes", "_kept")


@dataclass
class TableColumns:
    """One table, read for comparison.

    Attributes:
        n_rows: Number of rows.
        numbers: Values (n_rows,) of each continuous or datetime column, NaN where missing.
            Datetimes are days since ``epochs``.
        codes: Index (n_rows,) of the label of each value of each categorical column, -1 where
            missing.
        labels: Labels of each categorical column, by code. The first ``n_known`` are those of the
            real table, the same in both tables. The others occur in this table only.
        n_known: Number of labels that the real table has, for each categorical column.
        epochs: Moment that days are counted from, for each datetime column.
        spans: Datetime columns that hold times of day or durations, which count from 1970.
        warnings: Oddities of the table, one sentence each.
        rules: How far its rows keep the rules of the real table, if that is needed.
    """

    n_rows: int
    numbers: dict[str, Floats]
    codes: dict[str, Integers]
    labels: dict[str, tuple[str, ...]]
    n_known: dict[str, int]
    epochs: dict[str, pd.Timestamp] = field(default_factory=dict)
    spans: frozenset[str] = frozenset()
    warnings: tuple[str, ...] = ()
    rules: RuleCounts | None = None
    _kept: dict[tuple[str, ...], Any] = field(default_factory=dict, repr=False)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.n_rows:,} rows, {len(self.names)} columns)"

    def __getstate__(self) -> dict[str, Any]:
        """Return the state with arrays in few bytes per row; they are whole again once loaded."""
        return {**self.__dict__, **{name: _packed(getattr(self, name)) for name in _ARRAYS}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, **{name: _unpacked(state[name]) for name in _ARRAYS})

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns: continuous and datetime ones first, then categorical ones."""
        return (*self.numbers, *self.codes)

    def keep(self, key: tuple[str, ...], compute: Callable[[], T]) -> T:
        """Return the result of ``compute``, computed once per table and key."""
        if key not in self._kept:
            self._kept[key] = compute()
        kept: T = self._kept[key]
        return kept

    def take(self, rows: Integers | Mapping[str, Integers]) -> "TableColumns":
        """Select rows, in the order given.

        Args:
            rows: Row numbers; as a mapping, separate row numbers for each column.
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
            spans=self.spans,
        )

    def beside(self, other: "TableColumns") -> "TableColumns":
        """Return this table with the codes that another has for labels that the real one lacks.

        Codes are those of the table that they were read from, so that two tables may have the same
        code for different labels.
        """
        codes, labels = dict(self.codes), dict(self.labels)
        for name, n_known in self.n_known.items():
            own, others = labels[name][n_known:], other.labels[name][n_known:]
            if own and others:
                labels[name] = tuple(dict.fromkeys((*other.labels[name], *own)))
                places = {label: i for i, label in enumerate(labels[name])}
                lookup = np.array([*range(n_known), *(places[label] for label in own), -1])
                codes[name] = lookup[codes[name]]
        return (
            self if labels == self.labels else replace(self, codes=codes, labels=labels, _kept={})
        )

    def sample(self, n_rows: int, rng: np.random.Generator) -> "TableColumns":
        """Draw at most ``n_rows`` rows without replacement, in the order of the table."""
        if self.n_rows <= n_rows:
            return self
        return self.take(np.sort(rng.choice(self.n_rows, n_rows, replace=False)))

    def without_rows(self) -> "TableColumns":
        """Return a copy without rows, which holds only kept results of columns and associations.

        It takes at most half the memory of the table.
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
        """Return the values of a continuous column that are not missing, ascending."""

        def compute() -> Floats:
            values = np.sort(self.numbers[name])
            return values[: np.searchsorted(values, np.nan)]

        return self.keep(("sorted", name), compute)

    def complete_numbers(self, name: str) -> Floats:
        """Return the values of a continuous column, zero where missing, as artifact-core does."""
        values = self.numbers[name]
        if len(self.sorted_numbers(name)) == self.n_rows:
            return values
        return self.keep(("complete", name), lambda: np.where(np.isnan(values), 0.0, values))

    def counts(self, name: str) -> Integers:
        """Count the rows per label of a categorical column (n_labels + 1,); missing ones last."""

        def compute() -> Integers:
            counts = np.bincount(self.codes[name] + 1, minlength=len(self.labels[name]) + 1)
            return np.concatenate((counts[1:], counts[:1]))

        return self.keep(("counts", name), compute)

    def complete_codes(self, name: str) -> Integers:
        """Return the codes of a categorical column, ``n_labels`` where missing, like a label."""
        codes, n_labels = self.codes[name], len(self.labels[name])
        if self.counts(name)[-1] == 0:
            return codes
        return self.keep(("complete", name), lambda: np.where(codes < 0, n_labels, codes))

    def n_missing(self, name: str) -> int:
        """Count the rows whose value is missing."""
        if name in self.codes:
            return int(self.counts(name)[-1])
        return self.n_rows - len(self.sorted_numbers(name))


def _packed(arrays: Mapping[Any, Any]) -> dict[Any, Any]:
    return {
        key: PackedArray.of(value) if isinstance(value, np.ndarray) and value.ndim == 1 else value
        for key, value in arrays.items()
    }


def _unpacked(arrays: Mapping[Any, Any]) -> dict[Any, Any]:
    return {
        key: value.array() if isinstance(value, PackedArray) else value
        for key, value in arrays.items()
    }
