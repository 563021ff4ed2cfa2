"""The values that one or two columns give another."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from tabvae_ray.table.column import Column
from tabvae_ray.table.column_values import column_numbers, column_positions, column_range
from tabvae_ray.table.rules.column_views import Floats
from tabvae_ray.table.rules.odd_values import OddValues

__all__ = ["MISSING", "Lookup", "check_values", "keys_of"]

# Below all positions and numbers: the key of a missing value.
MISSING = -(2.0**60)
Places = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Lookup:
    """A value for each value, or pair of values, of the columns that determine a column.

    Args:
        on: The columns that determine it.
        column: The column that they determine.
        keys: ``(G, n)`` their values, in ascending order: positions of categories, or numbers.
        values: ``(G,)`` the values that they give; positions, -1 for missing, or numbers, NaN.
        counts: ``(G,)`` rows of each.
        closed: Whether there are keys that too few rows have to be kept, so that no other value
            than those of the keys may be generated: ``keys``; with ``runs``, numbers between two
            neighbouring keys of the same value may be, too. Empty if all keys are there.
        odd: Other values that rows of the table have beside a key, which are exceptions.
    """

    on: tuple[Column, ...]
    column: Column
    keys: Floats
    values: Floats
    counts: npt.NDArray[np.int64]
    closed: Literal["", "keys", "runs"] = ""
    odd: OddValues | None = None

    @classmethod
    def fit(
        cls, table: pd.DataFrame, on: Sequence[Column], column: Column, *, exact: bool = True
    ) -> Self:
        """Take the most frequent value of each group of rows.

        Args:
            table: Training rows.
            on: The columns that determine the other one.
            column: The column that they determine.
            exact: Whether to forget the other values of a group.
        """
        keys = np.stack([keys_of(table[part.name], part) for part in on], axis=1)
        values = keys_of(table[column.name], column)
        # Odd values of the table may lie beyond the ends of a column's grid.
        inside = _inside(values, column)
        for i, part in enumerate(on):
            inside &= _inside(keys[:, i], part)
        if inside.any():
            keys, values = keys[inside], values[inside]
        pairs, counts = np.unique(np.column_stack([keys, values]), axis=0, return_counts=True)
        # Within a group, the most frequent value comes last.
        order = np.lexsort((counts, *pairs[:, :-1].T[::-1]))
        pairs, counts = pairs[order], counts[order]
        last = np.append((np.diff(pairs[:, :-1], axis=0) != 0).any(axis=1), True)
        ends = np.flatnonzero(last)
        totals = np.diff(np.append(0, np.cumsum(counts)[ends]))
        given, others = _as_values(pairs[:, -1], column), ~last
        odd = None
        if not exact and others.any():
            odd = OddValues((np.cumsum(last) - last)[others], given[others], counts[others])
        return cls(tuple(on), column, pairs[ends, :-1], given[ends], totals, odd=odd)

    def values_of(self, rows: pd.DataFrame) -> Floats:
        """Return ``(N,)`` the value that each row has to have.

        A number that the table has not goes with the nearest one that it has. So does a pair: of
        those with the nearest first value, the one with the nearest second value.
        """
        return self.values[self._places(rows)]

    def drawn_values(self, rows: pd.DataFrame, rng: np.random.Generator) -> Floats:
        """Return ``(N,)`` values as frequent beside their keys as in the table."""
        places, shares = self._places(rows), rng.random(len(rows))
        values = self.values[places]
        if self.odd is None:
            return values
        return self.odd.put(values, places, shares * self.counts[places])

    def known_keys(self, rows: pd.DataFrame, rng: np.random.Generator) -> Floats:
        """Return ``(N,)`` values of the last column of ``on`` that the table has.

        Those of a pair are values that the table has beside the first one. What it has stays; other
        values are drawn by their frequency. Numbers of a single column stay, too: they are near one
        that the table has.
        """
        column = self.on[-1]
        own = keys_of(rows[column.name], column)
        if self.closed and len(self.on) == 1 and column.kind != "categorical":
            return _as_values(self._near_keys(own), column)
        places = self._places(rows)
        if len(self.on) == 1:
            known = (self.keys[places, 0] == own) | (column.kind != "categorical")
            starts = np.zeros(len(rows), dtype=np.int64)
            ends = np.full(len(rows), len(self.keys))
        else:
            first = _nearest(np.unique(self.keys[:, 0]), keys_of(rows[self.on[0].name], self.on[0]))
            known = (self.keys[places, 0] == first) & (self.keys[places, 1] == own)
            starts = np.searchsorted(self.keys[:, 0], first)
            ends = np.searchsorted(self.keys[:, 0], first, side="right")
        mass = np.append(0, np.cumsum(self.counts))
        level = mass[starts] + rng.random(len(rows)) * (mass[ends] - mass[starts])
        drawn = np.clip(np.searchsorted(mass[1:], level, side="right"), starts, ends - 1)
        return _as_values(np.where(known, own, self.keys[drawn, -1]), column)

    def known_firsts(self, rows: pd.DataFrame, rng: np.random.Generator) -> Floats:
        """Return ``(N,)`` values of the first column of a pair that the keys have.

        Numbers become the nearest one of the keys; other categories are drawn by frequency.
        """
        column = self.on[0]
        own = keys_of(rows[column.name], column)
        firsts, codes = np.unique(self.keys[:, 0], return_inverse=True)
        if column.kind != "categorical":
            return _as_values(_nearest(firsts, own), column)
        counts = np.bincount(codes, weights=self.counts)
        drawn = rng.choice(firsts, len(rows), p=counts / counts.sum())
        return _as_values(np.where(np.isin(own, firsts), own, drawn), column)

    def knows(self, rows: pd.DataFrame) -> npt.NDArray[np.bool_]:
        """Return ``(N,)`` true where a row may be generated, since its key is known."""
        if not self.closed:
            return np.ones(len(rows), dtype=bool)
        keys = np.stack([keys_of(rows[part.name], part) for part in self.on], axis=1)
        if len(self.on) == 1:
            known: npt.NDArray[np.bool_] = self._near_keys(keys[:, 0]) == keys[:, 0]
            return known
        both: npt.NDArray[np.bool_] = (self.keys[self._places(rows)] == keys).all(axis=1)
        return both

    def _near_keys(self, own: Floats) -> Floats:
        """Return ``(N,)`` the nearest key of one column; numbers inside a run stay."""
        known = self.keys[:, 0]
        found = _nearest(known, own)
        if self.closed != "runs":
            return found
        above = np.clip(np.searchsorted(known, own), 1, max(len(known) - 1, 1))
        below = above - 1
        above = np.minimum(above, len(known) - 1)
        same = (self.values[below] == self.values[above]) | (
            np.isnan(self.values[below]) & np.isnan(self.values[above])
        )
        inside = same & (known[below] <= own) & (own <= known[above]) & (known[below] > MISSING)
        return np.where(inside, own, found)

    def _places(self, rows: pd.DataFrame) -> Places:
        """Return ``(N,)`` the place of each row's key among the keys."""
        first = keys_of(rows[self.on[0].name], self.on[0])
        if len(self.on) == 1:
            return _nearest_place(self.keys[:, 0], first)
        first = _nearest(np.unique(self.keys[:, 0]), first)
        second = keys_of(rows[self.on[1].name], self.on[1])
        seconds = np.unique(self.keys[:, 1])
        width = len(seconds) + 1
        firsts = np.unique(self.keys[:, 0])
        codes = np.searchsorted(firsts, self.keys[:, 0]) * width + np.searchsorted(
            seconds, self.keys[:, 1]
        )
        wanted = np.searchsorted(firsts, first) * width + np.searchsorted(seconds, second)
        place = np.clip(np.searchsorted(codes, wanted), 0, len(codes) - 1)
        # Not past the first value: the last pair that has it will do.
        beyond = self.keys[place, 0] != first
        return np.where(beyond, np.maximum(place - 1, 0), place)

    def to_mapping(self) -> dict[str, Any]:
        """Return it as plain values for JSON."""
        return {
            "keys": self.keys.tolist(),
            "values": [None if np.isnan(value) else value for value in self.values.tolist()],
            "counts": self.counts.tolist(),
            **({"closed": self.closed} if self.closed else {}),
            **({} if self.odd is None else {"odd": self.odd.to_mapping()}),
        }

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any], on: Sequence[Column], column: Column) -> Self:
        """Read what :meth:`to_mapping` wrote.

        Raises:
            ValueError: If it does not hold together, as KeyError and TypeError are.
        """
        keys = np.array(mapping["keys"], dtype=np.float64)
        values = np.array(mapping["values"], dtype=np.float64)
        counts = np.array(mapping["counts"], dtype=np.int64)
        closed = mapping.get("closed", "")
        if closed not in ("", "keys", "runs"):
            raise ValueError(f"{column.name}: closed must be keys or runs")
        n = len(values)
        if n == 0 or keys.shape != (n, len(on)) or counts.shape != (n,) or (counts < 1).any():
            raise ValueError(f"{column.name}: must have as many keys as values")
        order = np.lexsort(keys.T[::-1])
        if np.isnan(keys).any() or not np.array_equal(order, np.arange(n)):
            raise ValueError(f"{column.name}: keys must be in ascending order")
        check_values(values, column)
        for i, part in enumerate(on):
            absent = -1.0 if part.kind == "categorical" else np.nan
            check_values(np.where(keys[:, i] == MISSING, absent, keys[:, i]), part)
        odd = None
        if mapping.get("odd") is not None:
            odd = OddValues.from_mapping(mapping["odd"])
            check_values(odd.values, column)
            if (odd.places >= n).any() or (odd.total(n) >= counts).any():
                raise ValueError(f"{column.name}: odd values must be of known keys")
        return cls(tuple(on), column, keys, values, counts, closed, odd)


def check_values(values: Floats, column: Column) -> None:
    """Check values that an export has of a column.

    Raises:
        ValueError: If one is no value of it.
    """
    if column.kind == "categorical":
        low, high = (-1.0 if column.missing else 0.0), float(len(column.categories) - 1)
        sound = (values % 1 == 0) & (values >= low) & (values <= high)
    else:
        _, low, high = column_range(column)
        sound = ((values >= low) & (values <= high)) | (np.isnan(values) & column.missing)
    if not sound.all():
        raise ValueError(f"{column.name}: must be values of the column")


def keys_of(values: pd.Series, column: Column) -> Floats:
    """Return ``(N,)`` positions or numbers, with one key for missing values."""
    if column.kind == "categorical":
        positions = column_positions(values, column).astype(np.float64)
        return np.where(positions < 0, MISSING, positions)
    numbers = column_numbers(values, column)
    return np.where(np.isnan(numbers), MISSING, numbers)


def _inside(keys: Floats, column: Column) -> npt.NDArray[np.bool_]:
    """Return ``(N,)`` true where a key is missing or a value that the column can have."""
    if column.kind == "categorical":
        return np.ones(len(keys), dtype=bool)
    _, low, high = column_range(column)
    inside: npt.NDArray[np.bool_] = (keys == MISSING) | ((keys >= low) & (keys <= high))
    return inside


def _as_values(keys: Floats, column: Column) -> Floats:
    """Return keys as positions, -1 for missing, or numbers, NaN."""
    absent = -1.0 if column.kind == "categorical" else np.nan
    return np.where(keys == MISSING, absent, keys)


def _nearest_place(known: Floats, wanted: Floats) -> Places:
    """Return ``(N,)`` places in ascending numbers of those that are nearest."""
    above = np.clip(np.searchsorted(known, wanted), 0, len(known) - 1)
    below = np.maximum(above - 1, 0)
    nearer = np.abs(wanted - known[below]) < np.abs(known[above] - wanted)
    places: Places = np.where(nearer, below, above)
    return places


def _nearest(known: Floats, wanted: Floats) -> Floats:
    return known[_nearest_place(known, wanted)]
