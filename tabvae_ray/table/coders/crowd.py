"""Rows, or persons, that share a value."""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

__all__ = ["Crowd", "Floats", "Places"]

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Crowd:
    """The rows that values are counted in, and how many of them a stored value needs.

    Args:
        min_rows: Least number of rows that share a stored value; 0 for no limit.
        n_rows: Number of rows.
        entities: ``(N,)`` number of the entity, such as a person, that each row belongs to. Rows
            of one entity count once. None if each row counts.
    """

    min_rows: int
    n_rows: int
    entities: Places | None = None

    @classmethod
    def of(cls, table: pd.DataFrame, entity: str | None, min_rows: int) -> Self:
        """Return the crowd of a table.

        Args:
            table: The rows.
            entity: Name of the column that tells entities apart; rows without a value in it count
                as one entity. None if there is no such column.
            min_rows: Least number of rows or entities.
        """
        if entity is None or not min_rows:
            return cls(min_rows, len(table))
        codes, _ = pd.factorize(table[entity])
        return cls(min_rows, len(table), codes.astype(np.int64) + 1)

    @property
    def noun(self) -> str:
        """``rows`` or ``entities``, whichever are counted."""
        return "rows" if self.entities is None else "entities"

    @property
    def size(self) -> int:
        """Number of rows, or of entities."""
        return self.n_rows if self.entities is None else len(np.unique(self.entities))

    def part(self, rows: npt.NDArray[Any]) -> Self:
        """Return the crowd of some rows, given by a mask or by their positions in any order."""
        n_rows = int(rows.sum()) if rows.dtype == bool else len(rows)
        entities = None if self.entities is None else self.entities[rows]
        return replace(self, n_rows=n_rows, entities=entities)

    def sizes(self, codes: npt.NDArray[Any], n_codes: int) -> Places:
        """Return ``(n_codes,)`` the number of rows, or entities, that have each code ``(N,)``."""
        if self.entities is None:
            return np.bincount(codes, minlength=n_codes)
        width = int(self.entities.max(initial=0)) + 1
        pairs = np.unique(codes.astype(np.int64) * width + self.entities)
        return np.bincount(pairs // width, minlength=n_codes)

    def enough(self, codes: npt.NDArray[Any], n_codes: int) -> npt.NDArray[np.bool_]:
        """Return ``(n_codes,)`` a mask of the codes that enough rows or entities have."""
        mask: npt.NDArray[np.bool_] = self.sizes(codes, n_codes) >= self.min_rows
        return mask

    def extremes(self, values: Floats) -> tuple[float, float] | None:
        """Return the smallest and the largest value that may be known of values ``(N,)``.

        At least ``min_rows`` rows are as small, and at least as many are as large. None if there
        are no two such values in this order.
        """
        ordered = np.argsort(values, kind="stable")
        ends = []
        for order in (ordered, ordered[::-1]):
            firsts = order
            if self.entities is not None:
                _, places = np.unique(self.entities[order], return_index=True)
                firsts = order[np.sort(places)]
            if len(firsts) < max(self.min_rows, 1):
                return None
            ends.append(float(values[firsts[max(self.min_rows, 1) - 1]]))
        return (ends[0], ends[1]) if ends[0] <= ends[1] else None

    def middle(self, values: Floats) -> float | None:
        """Return the mean of ``min_rows`` values in the middle of values ``(N,)``; None if too few.

        Each entity has one of them at most.
        """
        if self.entities is not None:
            values = values[np.unique(self.entities, return_index=True)[1]]
        size = max(self.min_rows, 1)
        if len(values) < size:
            return None
        start = (len(values) - size) // 2
        return float(np.sort(values)[start : start + size].mean())

    def groups(self) -> Places:
        """Return where consecutive groups of enough rows or entities begin, none if too few.

        The groups cover all rows in their order.
        """
        if self.entities is None:
            n_groups = self.n_rows // max(self.min_rows, 1)
            return np.arange(n_groups, dtype=np.int64) * self.n_rows // max(n_groups, 1)
        starts, seen, start = [], set[int](), 0
        for row, entity in enumerate(self.entities.tolist()):
            seen.add(entity)
            if len(seen) >= self.min_rows:
                starts.append(start)
                seen, start = set(), row + 1
        # Rows after the last complete group belong to it.
        return np.array(starts, dtype=np.int64)
