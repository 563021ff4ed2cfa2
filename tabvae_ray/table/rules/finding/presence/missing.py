"""Find columns whose missing values another column explains."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from tabvae_ray.table.rules.column_views import Floats, Mask, TableView
from tabvae_ray.table.rules.finding.evidence import MAX_EXCEPTIONS, unlikely
from tabvae_ray.table.rules.rule import MissingTogether

__all__ = ["find_missing"]

_MAX_CATEGORIES = 50
# Cells that are multiplied at once.
_BLOCK = 2**22


def find_missing(table: TableView) -> list[MissingTogether]:
    """Find columns whose missing values another column explains."""
    if not table.columns:
        return []
    gaps = _Gaps(table)
    found: list[MissingTogether] = []
    for name in gaps.names:
        n = gaps.count(name)
        if n == table.n_rows:
            continue
        by_chance = (n / table.n_rows) ** 2 + (1 - n / table.n_rows) ** 2
        best: MissingTogether | None = None
        for rule in gaps.explanations(name):
            exceptions = float(rule.broken(table).mean())
            if exceptions >= (MAX_EXCEPTIONS if best is None else best.exceptions):
                continue
            if unlikely(by_chance, table.n_rows, exceptions):
                best = rule.model_copy(update={"exceptions": exceptions})
            if exceptions == 0:
                break
        found += [] if best is None else [best]
    return found


class _Gaps:
    """The missing values of all columns, and what may explain them.

    All pairs of columns are compared at once, by products of matrices.

    Attributes:
        names: Columns with missing values.
    """

    def __init__(self, table: TableView) -> None:
        self._table = table
        self.names = [name for name, view in table.columns.items() if view.missing.any()]
        self._place = {name: i for i, name in enumerate(self.names)}
        self._missing: Mask = np.array(
            [table[name].missing for name in self.names], dtype=np.bool_
        ).reshape(len(self.names), table.n_rows)
        self._counts = self._missing.sum(axis=1, dtype=np.float64)
        # Rows in which only one of two columns is missing.
        both = self._together(self._missing)
        self._apart = self._counts + self._counts[:, None] - 2.0 * both
        # Of every column of few categories, the categories that may explain each of the columns.
        self._by_category = {
            name: found
            for name, view in table.columns.items()
            if self.names
            and view.column.kind == "categorical"
            and view.n_codes <= _MAX_CATEGORIES
            and (found := self._categories(name))
        }

    def count(self, name: str) -> int:
        """Return in how many rows a column is missing."""
        return int(self._counts[self._place[name]])

    def explanations(self, name: str) -> Iterator[MissingTogether]:
        """Yield what may explain a column: an earlier one's missing values, then categories."""
        own = self._place[name]
        for place in np.flatnonzero(self._few(self._apart[own, :own])):
            yield MissingTogether(column=name, other=self.names[int(place)])
        for other, by_column in self._by_category.items():
            if other == name or own not in by_column:
                continue
            view = self._table[other]
            first = np.unique(view.codes, return_index=True)[1]
            values = [view.value_at(int(first[code])) for code in np.flatnonzero(by_column[own])]
            if not any(pd.isna(value) for value in values):
                values.sort(key=str)
                yield MissingTogether(column=name, other=other, values=tuple(values))

    def _categories(self, name: str) -> dict[int, Mask]:
        """Return the categories in which another column is mostly missing, by its place."""
        view = self._table[name]
        missing = self._together(view.codes == np.arange(view.n_codes)[:, None])
        sizes = np.bincount(view.codes).astype(np.float64)[:, None]
        where = missing > 0.5 * sizes
        apart = np.where(where, sizes - missing, missing).sum(axis=0)
        usable = self._few(apart) & where.any(axis=0) & ~where.all(axis=0)
        return {int(i): where[:, i] for i in np.flatnonzero(usable)}

    def _together(self, masks: Mask) -> Floats:
        """Count the rows where a mask ``(M, N)`` is true and a column is missing, ``(M, K)``."""
        total: Floats = np.zeros((len(masks), len(self.names)))
        n_rows = max(_BLOCK // max(len(masks) + len(self.names), 1), 1)
        for start in range(0, self._table.n_rows, n_rows):
            block = slice(start, start + n_rows)
            # Counts of a block are exact in 32 bits.
            one, other = (part[:, block].astype(np.float32) for part in (masks, self._missing))
            total += one @ other.T
        return total

    def _few(self, n_broken: Floats) -> Mask:
        """Return True where so few rows break a rule that it may be one."""
        return n_broken < MAX_EXCEPTIONS * self._table.n_rows
