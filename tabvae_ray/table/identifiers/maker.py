"""New identifiers by the number of their row.

Row ``i`` has the same identifier whatever other rows are made with it, and on any machine. The
texts of each shape come in the order of a keyed permutation, in groups: the next group of rows
takes the next group of texts, without those in marked cells.
"""

import math
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from tabvae_ray.errors import DataError
from tabvae_ray.table.dtypes import dtype_from_name
from tabvae_ray.table.identifiers.pattern import Shape, parse_pattern
from tabvae_ray.table.identifiers.source import IdentifierSource
from tabvae_ray.table.identifiers.texts import Permutation, Words, key_of, mixed, texts_of
from tabvae_ray.table.values.decimals import decimal_limit, is_decimal, series_of

__all__ = ["IdentifierMaker", "largest_of", "maker_of"]

_GROUP_ROWS = 1024
# Texts of a smaller shape are one group.
_SMALL = 65_536
_SLOTS = 1024
_UNBOUNDED = 2**62
_MAX_WHOLE_FLOAT = 2**53


@dataclass
class _Supply:
    """Texts of one shape that are in no marked cell."""

    permutation: Permutation
    maker: "IdentifierMaker"
    weight: float
    candidates: int = 0
    capacity: int = 0

    def __post_init__(self) -> None:
        size = self.permutation.size
        if size <= _SMALL:
            self.candidates = size
            self.capacity = len(self._group(0))
            return
        # Ten standard deviations more than are expected to be marked.
        share = self.maker.marked_share
        spare = 10 * math.sqrt(_GROUP_ROWS * share) + 10 * (share > 0)
        self.candidates = math.ceil((_GROUP_ROWS + spare) / (1 - share))
        self.capacity = min(size // self.candidates * _GROUP_ROWS, _UNBOUNDED)

    def texts(self, numbers: Any) -> Any:
        """Return the texts with some numbers below ``capacity``."""
        if self.candidates == self.permutation.size:
            return self._group(0)[numbers]
        groups, places = np.divmod(numbers, _GROUP_ROWS)
        found: Any = np.empty(len(numbers), dtype=object)
        # Numbers ascend, so that those of a group are together.
        starts = np.flatnonzero(np.diff(groups, prepend=-1))
        for start, end in zip(starts, [*starts[1:], len(groups)], strict=True):
            group = self._group(int(groups[start]))
            if len(group) < _GROUP_ROWS:
                raise DataError("too few texts of a pattern differ from the real identifiers")
            found[start:end] = group[places[start:end]]
        return found

    def _group(self, group: int) -> Any:
        first = group * self.candidates
        numbers: Words = np.arange(first, first + self.candidates, dtype=np.uint64)
        points = self.permutation.points(numbers)
        if self.maker.bits is not None:
            assert self.maker.source.real is not None
            points = points[~self.maker.bits[self.maker.source.real.cells(points)]]
        return texts_of(points).astype(object)


@dataclass
class _Phase:
    """Rows among which the same shapes take turns, by fixed numbers of rows in each cycle."""

    first_row: int
    rows: int
    slots: np.ndarray[Any, Any]
    ranks: np.ndarray[Any, Any]
    used: dict[int, int] = field(default_factory=dict)


class IdentifierMaker:
    """Maker of the values of one identifier column.

    Args:
        source: What is known of the column.
        name: Name of the column.
        seed: The same seed gives the same identifiers.
    """

    def __init__(self, source: IdentifierSource, name: str, seed: int) -> None:
        self.source, self.name, self.key = source, name, key_of("identifiers", seed, name)
        self.bits = None if source.real is None else source.real.bits()
        self.marked_share = 0.0 if self.bits is None else min(float(self.bits.mean()), 0.99)
        shapes = [
            (shape, _weight(shape, all_of, part.weight))
            for part in source.patterns
            for all_of in [parse_pattern(part.pattern)]
            for shape in all_of
        ]
        self._supplies = [
            _Supply(Permutation(shape, key_of(self.key, i)), self, weight)
            for i, (shape, weight) in enumerate(shapes)
        ]
        self._phases: list[_Phase] = []
        if source.counter is None:
            self._plan()

    @property
    def capacity(self) -> int:
        """Number of rows for which there are identifiers."""
        if self.source.counter is not None:
            return _UNBOUNDED
        return sum(phase.rows for phase in self._phases)

    def check(self, n_rows: int) -> None:
        """Check that there are identifiers for a number of rows.

        Raises:
            DataError: If there are not.
        """
        if n_rows <= self.capacity:
            return
        patterns = " or ".join(part.pattern[:60] for part in self.source.patterns[:3])
        texts = sum(supply.permutation.size for supply in self._supplies)
        raise DataError(
            f"column {self.name!r}: {n_rows:,} rows need as many identifiers, but its pattern "
            f"{patterns} has {texts:,} texts, of which {self.capacity:,} can be used without "
            "those of real rows; declare a pattern with more texts, or `fill: drop`"
        )

    def missing(self, first_row: int, n: int) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Return a mask ``(n,)`` of the rows whose identifier is missing."""
        rate = self.source.missing_rate
        if not rate:
            return np.zeros(n, dtype=np.bool_)
        rows: Words = np.arange(first_row, first_row + n, dtype=np.uint64)
        draws = mixed(mixed(rows ^ np.uint64(key_of(self.key, "missing"))) + np.uint64(self.key))
        return (draws >> np.uint64(11)).astype(np.float64) / 2.0**53 < rate

    def texts(self, first_row: int, n: int) -> Any:
        """Return the texts of ``n`` rows from one on, as an object array ``(n,)``.

        Raises:
            DataError: If there are too few texts.
        """
        self.check(first_row + n)
        if self.source.counter is not None:
            first = self.source.counter + first_row
            return np.array([str(number) for number in range(first, first + n)], dtype=object)
        found: Any = np.empty(n, dtype=object)
        for phase in self._phases:
            low = max(first_row, phase.first_row)
            high = min(first_row + n, phase.first_row + phase.rows)
            if low < high:
                found[low - first_row : high - first_row] = self._of_phase(phase, low, high)
        return found

    def values(self, dtype: str, first_row: int, n: int, *, complete: bool = False) -> pd.Series:
        """Return the values of ``n`` rows from one on, in the dtype of the column.

        With ``complete``, none is missing.

        Raises:
            DataError: If there are too few texts, or a number is too large for the dtype.
        """
        texts, absent = self.texts(first_row, n), self.missing(first_row, n)
        if complete:
            absent = np.zeros(n, dtype=np.bool_)
        wanted = dtype_from_name(dtype)
        if not pd.api.types.is_numeric_dtype(wanted):
            return pd.Series(texts, dtype=object).mask(absent, None).astype(wanted)
        numbers = np.array([int(text) for text in texts], dtype=object)
        limit = largest_of(wanted)
        if n and int(numbers.max()) > limit:
            raise DataError(
                f"column {self.name!r}: identifiers above {limit} are no values of {dtype}"
            )
        if isinstance(wanted, np.dtype) and wanted.kind == "f":
            floats = numbers.astype(wanted)
            floats[absent] = np.nan
            return pd.Series(floats)
        if is_decimal(wanted):
            return series_of(pd.Series(numbers).mask(absent, None).tolist(), wanted)
        return pd.Series(numbers).mask(absent, pd.NA).astype(wanted)

    def _of_phase(self, phase: _Phase, low: int, high: int) -> Any:
        offsets = np.arange(low - phase.first_row, high - phase.first_row)
        cycles, places = np.divmod(offsets, len(phase.slots))
        shapes = phase.slots[places]
        found: Any = np.empty(len(offsets), dtype=object)
        counts = np.bincount(phase.slots, minlength=len(self._supplies))
        for shape in np.unique(shapes):
            mine = shapes == shape
            numbers = phase.used[int(shape)] + cycles[mine] * counts[shape]
            numbers += phase.ranks[places[mine]]
            order = np.argsort(numbers, kind="stable")
            texts: Any = np.empty(len(order), dtype=object)
            texts[order] = self._supplies[int(shape)].texts(numbers[order])
            found[mine] = texts
        return found

    def _plan(self) -> None:
        """Divide rows into phases; at the end of each one, a shape has no texts left."""
        left = {i: supply.capacity for i, supply in enumerate(self._supplies)}
        used = dict.fromkeys(left, 0)
        waiting = [i for i in left if not self._supplies[i].weight]
        active = [i for i in left if self._supplies[i].weight]
        rng = np.random.default_rng(key_of(self.key, "order"))
        first_row = 0
        while active or waiting:
            if not active:
                active.append(waiting.pop(0))
            counts = self._turns(active)
            exhausted = [i for i in active if left[i] < counts[i]]
            if exhausted:
                active = [i for i in active if i not in exhausted]
                continue
            cycles = min(left[i] // counts[i] for i in active)
            slots = rng.permutation(np.repeat(active, [counts[i] for i in active]))
            ranks = np.zeros(len(slots), dtype=np.int64)
            for i in active:
                ranks[slots == i] = np.arange(counts[i])
            rows = min(cycles * len(slots), _UNBOUNDED - first_row)
            if rows <= 0:
                break
            self._phases.append(_Phase(first_row, rows, slots, ranks, dict(used)))
            first_row += rows
            for i in active:
                left[i] -= cycles * counts[i]
                used[i] += cycles * counts[i]

    def _turns(self, active: list[int]) -> dict[int, int]:
        if len(active) == 1:
            return {active[0]: 1}
        total = sum(self._supplies[i].weight for i in active) or 1
        return {i: max(1, round((self._supplies[i].weight or 1) / total * _SLOTS)) for i in active}


@lru_cache(maxsize=32)
def maker_of(source: IdentifierSource, name: str, seed: int) -> IdentifierMaker:
    """Return the maker of a column's values, the same one for the same arguments."""
    return IdentifierMaker(source, name, seed)


def largest_of(dtype: Any) -> int:
    """Return the largest whole number that a dtype holds, and all below it."""
    if is_decimal(dtype):
        return int(decimal_limit(dtype))
    if pd.api.types.is_float_dtype(dtype):
        return _MAX_WHOLE_FLOAT
    return int(np.iinfo(np.dtype(getattr(dtype, "numpy_dtype", dtype))).max)


def _weight(shape: Shape, all_of: tuple[Shape, ...], weight: int) -> float:
    """Return the share of a pattern's weight that one of its shapes has, by number of texts."""
    if len(all_of) == 1:
        return float(weight)
    return weight * (shape.size / sum(part.size for part in all_of))
