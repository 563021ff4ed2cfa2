"""Integer codes of a categorical column, and back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from tabvae_ray.errors import ExportError
from tabvae_ray.table.coders.discretizer import Codes, Floats

__all__ = ["CategoryEncoder"]


@dataclass(frozen=True, eq=False)
class CategoryEncoder:
    """Categories and codes of one categorical column.

    Up to a limit, every category has its own code. Above the limit, the most frequent categories
    take half of the codes. The others share the rest: each shared code stands for a run of
    neighbouring categories, in the order of the spec, and all runs have about the same mass.
    Decoding a shared code draws one of its categories by frequency. Thus every category of the
    spec can be generated, and there is no category "other".

    Values that are not in the spec, because too few rows have them, have a code of their own, the
    last one. Decoding it draws one of all categories by frequency.

    Args:
        codes: ``(K,)`` code of each category of the spec.
        weights: ``(K,)`` frequency of each category within its code.
        in_place_of_rare: ``(K,)`` share of each category among the draws for a rare value; None
            if there are no such values.
    """

    codes: Codes
    weights: Floats
    in_place_of_rare: Floats | None = None

    @classmethod
    def fit(
        cls, positions: Codes, n_categories: int, max_codes: int, *, has_rare: bool = False
    ) -> Self:
        """Fit to the present values.

        Args:
            positions: ``(N,)`` position of each value among the categories of the spec.
            n_categories: Number of categories in the spec.
            max_codes: Largest number of codes, without that of rare values.
            has_rare: Whether there are values that are not in the spec.
        """
        drawn = None
        if has_rare:
            times = np.bincount(positions, minlength=n_categories).astype(np.float64)
            drawn = times / times.sum() if times.any() else np.full(n_categories, 1 / n_categories)
        if n_categories <= max_codes:
            return cls(np.arange(n_categories, dtype=np.int32), np.ones(n_categories), drawn)
        # Plus one, so that categories that occur only in held-out rows remain possible.
        counts = np.bincount(positions, minlength=n_categories) + 1.0
        n_own = max_codes // 2
        own = np.argsort(-counts, kind="stable")[:n_own]
        codes = np.full(n_categories, -1, dtype=np.int32)
        codes[np.sort(own)] = np.arange(n_own)
        shared = np.flatnonzero(codes < 0)
        mass = np.cumsum(counts[shared])
        run = (mass - counts[shared] / 2) / mass[-1] * (max_codes - n_own)
        # Renumbered without empty runs, whose codes would never occur.
        _, codes[shared] = np.unique(run.astype(np.int32), return_inverse=True)
        codes[shared] += n_own
        return cls(codes, counts / np.bincount(codes, weights=counts)[codes], drawn)

    @property
    def n_codes(self) -> int:
        """Number of codes."""
        return self._n_own + (self.in_place_of_rare is not None)

    @property
    def _n_own(self) -> int:
        """Number of codes of categories."""
        return int(self.codes.max()) + 1

    def encode(self, positions: Codes) -> Codes:
        """Encode positions ``(N,)``; negative ones are those of rare values."""
        return np.append(self.codes, np.int32(self._n_own))[np.maximum(positions, -1)]

    def decode(self, codes: Codes, rng: np.random.Generator) -> Codes:
        """Decode codes ``(N,)`` to positions of categories ``(N,)``; shared codes are drawn."""
        rare = codes == self._n_own
        if self.in_place_of_rare is None or not rare.any():
            return self._decode_own(codes, rng)
        positions = self._decode_own(np.where(rare, 0, codes).astype(np.int32), rng).copy()
        ends = np.cumsum(self.in_place_of_rare)
        level = rng.random(int(rare.sum())) * ends[-1]
        # Categories without a share have none of the levels.
        drawn = np.searchsorted(ends, level, side="right")
        last = int(np.flatnonzero(self.in_place_of_rare)[-1])
        positions[rare] = np.minimum(drawn, last)
        return positions

    def _decode_own(self, codes: Codes, rng: np.random.Generator) -> Codes:
        if self._n_own == len(self.codes):
            return codes
        order = np.argsort(self.codes, kind="stable")
        # Cumulative mass at each category, plus 1 for each lower code.
        ends = np.cumsum(self.weights[order])
        drawn = np.searchsorted(ends, codes + rng.random(len(codes)) * (1 - 1e-9), side="right")
        return order[np.minimum(drawn, len(order) - 1)].astype(np.int32)

    def only(self, positions: Sequence[int]) -> tuple[Self, Floats]:
        """Limit the codes to some of their categories.

        Returns:
            An encoder whose codes stand for the given categories only, and the share ``(K,)`` of
            each code that belonged to these. Codes with a share of zero are unchanged.
        """
        wanted = np.zeros(len(self.codes))
        wanted[list(positions)] = 1
        shares = np.bincount(self.codes, weights=self.weights * wanted).astype(np.float64)
        held = shares[self.codes]
        weights = np.where(held > 0, self.weights * wanted / np.where(held > 0, held, 1), 0)
        drawn = self.in_place_of_rare
        if drawn is not None:
            left = drawn * wanted
            shares = np.append(shares, left.sum())
            drawn = left / left.sum() if left.any() else drawn
        return type(self)(self.codes, np.where(held > 0, weights, self.weights), drawn), shares

    def to_mapping(self) -> dict[str, Any]:
        """Return the fields as numbers for JSON, without codes and weights if none is shared."""
        mapping: dict[str, Any] = {}
        if self._n_own < len(self.codes):
            mapping = {"codes": self.codes.tolist(), "weights": self.weights.tolist()}
        if self.in_place_of_rare is not None:
            mapping["in_place_of_rare"] = self.in_place_of_rare.tolist()
        return mapping

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any], n_categories: int) -> Self:
        """Read the result of :meth:`to_mapping`.

        Raises:
            ExportError: If it does not fit the number of categories.
        """
        drawn = _shares(mapping, n_categories)
        if not mapping.keys() - {"in_place_of_rare"}:
            return cls(np.arange(n_categories, dtype=np.int32), np.ones(n_categories), drawn)
        try:
            codes = np.array(mapping["codes"], dtype=np.int32)
            weights = np.array(mapping["weights"], dtype=np.float64)
        except (KeyError, TypeError, ValueError, OverflowError):
            raise ExportError("must have codes and weights, two lists of numbers") from None
        sound = (
            codes.shape == weights.shape == (n_categories,)
            and np.array_equal(np.unique(codes), np.arange(len(np.unique(codes))))
            and bool((weights > 0).all())
            and np.allclose(np.bincount(codes, weights=weights), 1)
        )
        if not sound:
            raise ExportError("shared codes must be 0, 1, ... with weights that add to 1")
        return cls(codes, weights, drawn)


def _shares(mapping: Mapping[str, Any], n_categories: int) -> Floats | None:
    if mapping.get("in_place_of_rare") is None:
        return None
    try:
        shares = np.array(mapping["in_place_of_rare"], dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise ExportError(f"in_place_of_rare must be numbers: {error}") from None
    sound = shares.shape == (n_categories,) and bool((shares >= 0).all())
    if not (sound and np.isclose(shares.sum(), 1)):
        raise ExportError("in_place_of_rare must be a share of each category")
    return shares
