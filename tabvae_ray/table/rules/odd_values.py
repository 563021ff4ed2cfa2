"""Exceptions of a dependence: the values that rows have beside the usual one of their key."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from tabvae_ray.table.rules.column_views import Codes, Floats

__all__ = ["OddValues"]


@dataclass(frozen=True, eq=False)
class OddValues:
    """Values beside a key that are not its most frequent one.

    Args:
        places: ``(E,)`` places of the keys, in ascending order.
        values: ``(E,)`` the values, as those of a :class:`Lookup`.
        counts: ``(E,)`` rows of each.
    """

    places: Codes
    values: Floats
    counts: Codes

    def put(self, values: Floats, places: Codes, levels: Floats) -> Floats:
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

    def total(self, n_keys: int) -> Codes:
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
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Self:
        """Read what :meth:`to_mapping` wrote.

        Raises:
            ValueError: If it does not hold together, as KeyError and TypeError are.
        """
        places, counts = (np.array(mapping[key], dtype=np.int64) for key in ("places", "counts"))
        values = np.array(mapping["values"], dtype=np.float64)
        if len(places) == 0 or not places.shape == values.shape == counts.shape:
            raise ValueError("odd values must have places and counts")
        if places.ndim != 1 or (np.diff(places) < 0).any() or places[0] < 0 or (counts < 1).any():
            raise ValueError("places of odd values must be in ascending order")
        return cls(places, values, counts)
