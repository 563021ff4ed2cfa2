"""The values that one or two columns give another."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from tabvae_ray.table.column import Column
from tabvae_ray.table.column_values import column_numbers, column_positions, column_range
from tabvae_ray.table.rules.views import Floats

__all__ = ["Lookup", "check_values"]

# Below all positions and numbers: the key of a missing value.
_MISSING = -(2.0**60)
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
        odd: Other values that rows of the table have beside a key, which are exceptions.
    """

    on: tuple[Column, ...]
    column: Column
    keys: Floats
    values: Floats
    counts: npt.NDArray[np.int64]
    odd: "OddValues | None" = None

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
        keys = np.stack([_keys(table[part.name], part) for part in on], axis=1)
        values = _keys(table[column.name], column)
        pairs, counts = np.unique(np.column_stack([keys, values]), axis=0, return_counts=True)
        # Within a group, the most frequent value comes last.
        order = np.lexsort((counts, *pairs[:, :-1].T[::-1]))
        pairs, counts = pairs[order], counts[order]
        last = np.append((np.diff(pairs[:, :-1], axis=0) != 0).any(axis=1), True)
        ends = np.flatnonzero(last)
        totals = np.diff(np.append(0, np.cumsum(counts)[ends]))
        absent = -1.0 if column.kind == "categorical" else np.nan
        given = np.where(pairs[:, -1] == _MISSING, absent, pairs[:, -1])
        others = ~last
        odd = OddValues((np.cumsum(last) - last)[others], given[others], counts[others])
        return cls(
            tuple(on),
            column,
            pairs[ends, :-1],
            given[ends],
            totals,
            None if exact or not others.any() else odd,
        )

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
        return (
            values
            if self.odd is None
            else self.odd.put(values, places, shares * self.counts[places])
        )

    def known_keys(self, rows: pd.DataFrame, rng: np.random.Generator) -> Floats:
        """Return ``(N,)`` values of the last column of ``on`` that the table has.

        Those of a pair are values that the table has beside the first one. What it has stays; other
        values are drawn by their frequency. Numbers of a single column stay, too: they are near one
        that the table has.
        """
        column = self.on[-1]
        own = _keys(rows[column.name], column)
        places = self._places(rows)
        if len(self.on) == 1:
            known = (self.keys[places, 0] == own) | (column.kind != "categorical")
            starts = np.zeros(len(rows), dtype=np.int64)
            ends = np.full(len(rows), len(self.keys))
        else:
            first = _nearest(np.unique(self.keys[:, 0]), _keys(rows[self.on[0].name], self.on[0]))
            known = (self.keys[places, 0] == first) & (self.keys[places, 1] == own)
            starts = np.searchsorted(self.keys[:, 0], first)
            ends = np.searchsorted(self.keys[:, 0], first, side="right")
        mass = np.append(0, np.cumsum(self.counts))
        level = mass[starts] + rng.random(len(rows)) * (mass[ends] - mass[starts])
        drawn = np.clip(np.searchsorted(mass[1:], level, side="right"), starts, ends - 1)
        found = np.where(known, own, self.keys[drawn, -1])
        absent = -1.0 if column.kind == "categorical" else np.nan
        return np.where(found == _MISSING, absent, found)

    def _places(self, rows: pd.DataFrame) -> Places:
        """Return ``(N,)`` the place of each row's key among the keys."""
        first = _keys(rows[self.on[0].name], self.on[0])
        if len(self.on) == 1:
            return _nearest_place(self.keys[:, 0], first)
        first = _nearest(np.unique(self.keys[:, 0]), first)
        second = _keys(rows[self.on[1].name], self.on[1])
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
        } | ({} if self.odd is None else {"odd": self.odd.to_mapping()})

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any], on: Sequence[Column], column: Column) -> Self:
        """Read what :meth:`to_mapping` wrote.

        Raises:
            ValueError: If it does not hold together, as KeyError and TypeError are.
        """
        keys = np.array(mapping["keys"], dtype=np.float64)
        values = np.array(mapping["values"], dtype=np.float64)
        counts = np.array(mapping["counts"], dtype=np.int64)
        n = len(values)
        if n == 0 or keys.shape != (n, len(on)) or counts.shape != (n,) or (counts < 1).any():
            raise ValueError(f"{column.name}: must have as many keys as values")
        order = np.lexsort(keys.T[::-1])
        if np.isnan(keys).any() or not np.array_equal(order, np.arange(n)):
            raise ValueError(f"{column.name}: keys must be in ascending order")
        check_values(values, column)
        for i, part in enumerate(on):
            absent = -1.0 if part.kind == "categorical" else np.nan
            check_values(np.where(keys[:, i] == _MISSING, absent, keys[:, i]), part)
        odd = None
        if mapping.get("odd") is not None:
            odd = OddValues.from_mapping(mapping["odd"], column)
            if (odd.places >= n).any() or (odd.total(n) >= counts).any():
                raise ValueError(f"{column.name}: odd values must be of known keys")
        return cls(tuple(on), column, keys, values, counts, odd)


@dataclass(frozen=True, eq=False)
class OddValues:
    """Values beside a key that are not its most frequent one.

    Args:
        places: ``(E,)`` places of the keys, in ascending order.
        values: ``(E,)`` the values, as those of a :class:`Lookup`.
        counts: ``(E,)`` rows of each.
    """

    places: Places
    values: Floats
    counts: npt.NDArray[np.int64]

    def put(self, values: Floats, places: Places, levels: Floats) -> Floats:
        """Return values with odd ones in some places.

        Args:
            values: ``(N,)`` the usual values.
            places: ``(N,)`` places of the keys.
            levels: ``(N,)`` uniform draws below the number of rows of each key.
        """
        mass = np.append(0, np.cumsum(self.counts))
        starts = mass[np.searchsorted(self.places, places)]
        is_odd = levels < mass[np.searchsorted(self.places, places, side="right")] - starts
        drawn = np.searchsorted(mass[1:], starts + levels, side="right")
        return np.where(is_odd, self.values[np.minimum(drawn, len(self.values) - 1)], values)

    def total(self, n_keys: int) -> npt.NDArray[np.int64]:
        """Return ``(G,)`` the rows of each key that have odd values."""
        return np.bincount(self.places, self.counts, minlength=n_keys).astype(np.int64)

    def to_mapping(self) -> dict[str, Any]:
        """Return them as plain values for JSON."""
        return {
            "places": self.places.tolist(),
            "values": [None if np.isnan(value) else value for value in self.values.tolist()],
            "counts": self.counts.tolist(),
        }

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any], column: Column) -> Self:
        """Read what :meth:`to_mapping` wrote.

        Raises:
            ValueError: If it does not hold together, as KeyError and TypeError are.
        """
        places, counts = (np.array(mapping[key], dtype=np.int64) for key in ("places", "counts"))
        values = np.array(mapping["values"], dtype=np.float64)
        if len(places) == 0 or not places.shape == values.shape == counts.shape:
            raise ValueError(f"{column.name}: odd values must have places and counts")
        if places.ndim != 1 or (np.diff(places) < 0).any() or places[0] < 0 or (counts < 1).any():
            raise ValueError(f"{column.name}: places of odd values must be in ascending order")
        check_values(values, column)
        return cls(places, values, counts)


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


def _keys(values: pd.Series, column: Column) -> Floats:
    """Return ``(N,)`` positions or numbers, with one key for missing values."""
    if column.kind == "categorical":
        positions = column_positions(values, column).astype(np.float64)
        return np.where(positions < 0, _MISSING, positions)
    # Odd values of the table may lie beyond the ends of the column's grid.
    numbers = np.clip(column_numbers(values, column), *column_range(column)[1:])
    return np.where(np.isnan(numbers), _MISSING, numbers)


def _nearest_place(known: Floats, wanted: Floats) -> Places:
    """Return ``(N,)`` places in ascending numbers of those that are nearest."""
    above = np.clip(np.searchsorted(known, wanted), 0, len(known) - 1)
    below = np.maximum(above - 1, 0)
    nearer = np.abs(wanted - known[below]) < np.abs(known[above] - wanted)
    places: Places = np.where(nearer, below, above)
    return places


def _nearest(known: Floats, wanted: Floats) -> Floats:
    return known[_nearest_place(known, wanted)]
