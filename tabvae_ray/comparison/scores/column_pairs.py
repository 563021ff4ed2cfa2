"""Pairs of columns, and their contingency tables, many at a time.

The number of pairs is quadratic in the number of columns. Above a bound, pairs are therefore
drawn at random, always the same ones for the same numbers of columns.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from tabvae_ray.comparison.reading.table_columns import Integers

__all__ = [
    "MOST_BINCOUNT",
    "MOST_PAIRS",
    "PairSample",
    "contingency_tables",
    "is_large",
    "larger_first",
    "n_large_pairs",
    "occupied_cells",
    "sample_pairs",
    "total_variation",
]

# More pairs are sampled. A table of 141 categorical columns has fewer.
MOST_PAIRS = 10_000
# A single contingency table with more cells is kept as its occupied cells only.
MOST_BINCOUNT = 2**20
# Contingency tables with more cells are counted one by one.
_MOST_CELLS = 4_096
# Cells and rows that are counted at once, which take a few megabytes.
_BATCH = 2**20


@dataclass(frozen=True)
class PairSample:
    """Pairs of columns whose contingency tables are compared.

    Attributes:
        first: Position of the first column of each pair (P,).
        second: Position of the second column (P,), larger than that of the first.
        n_pairs: Number of pairs that the sample stands for.
    """

    first: Integers
    second: Integers
    n_pairs: int

    @property
    def weight(self) -> float:
        """Number of pairs that each drawn pair stands for."""
        return self.n_pairs / len(self.first) if len(self.first) else 1.0

    @property
    def is_partial(self) -> bool:
        """True if there are pairs that were not drawn."""
        return self.n_pairs > len(self.first)


@lru_cache(maxsize=8)
def sample_pairs(n_numbers: int, n_codes: int, kinds: str) -> PairSample:
    """Return the pairs of columns of some kinds; a sample if there are more than ``MOST_PAIRS``.

    Args:
        n_numbers: Number of columns of numbers, which come first.
        n_codes: Number of categorical columns.
        kinds: ``categorical`` for pairs of categorical columns, ``unmixed`` for those and pairs
            of numbers, ``tables`` for all pairs but those of numbers.
    """
    of_codes = n_codes * (n_codes - 1) // 2
    of_numbers = n_numbers * (n_numbers - 1) // 2
    other = {"categorical": 0, "unmixed": of_numbers, "tables": n_numbers * n_codes}[kinds]
    n_pairs = of_codes + other
    drawn = np.arange(n_pairs)
    if n_pairs > MOST_PAIRS:
        rng = np.random.default_rng([n_numbers, n_codes])
        drawn = np.sort(rng.choice(n_pairs, MOST_PAIRS, replace=False))
    in_codes = drawn[drawn < of_codes]
    rest = drawn[drawn >= of_codes] - of_codes
    first, second = _triangle(in_codes)
    first, second = first + n_numbers, second + n_numbers
    more = _triangle(rest) if kinds == "unmixed" else (rest // max(n_codes, 1), rest)
    if kinds == "tables":
        more = more[0], n_numbers + rest % max(n_codes, 1)
    return PairSample(np.concatenate((first, more[0])), np.concatenate((second, more[1])), n_pairs)


def contingency_tables(
    tables: Sequence[npt.NDArray[np.int32]], sizes: Integers, first: Integers, second: Integers
) -> Iterator[tuple[Integers, list[Integers]]]:
    """Count the contingency tables of many pairs of columns, in batches.

    Larger tables than 4,096 cells are left out.

    Args:
        tables: Codes (C, N) of each table.
        sizes: Number of codes of each column (C,).
        first: Column of the rows of each contingency table (P,).
        second: Column of its columns (P,).

    Yields:
        The positions (B,) of the pairs of a batch, and for each of ``tables`` the counts
        (B, n, m), padded with zeros.
    """
    cells = sizes[first] * sizes[second]
    order = np.lexsort((cells, sizes[second]))
    order = order[cells[order] <= _MOST_CELLS]
    most_rows = max(codes.shape[1] for codes in tables)
    start = 0
    while start < len(order):
        batch = order[start : start + max(_BATCH // max(most_rows, _MOST_CELLS), 1)]
        while True:
            n, m = int(sizes[first[batch]].max()), int(sizes[second[batch]].max())
            if len(batch) == 1 or len(batch) * n * m <= _BATCH:
                break
            # Tables of different shapes would need much padding.
            batch = batch[: len(batch) // 2]
        start += len(batch)
        offsets = (np.arange(len(batch)) * (n * m))[:, None]
        counts = []
        for codes in tables:
            found = codes[first[batch]].astype(np.intp) * m + codes[second[batch]] + offsets
            flat = np.bincount(found.ravel(), minlength=len(batch) * n * m)
            counts.append(flat.reshape(len(batch), n, m))
        yield batch, counts


def is_large(sizes: Integers, first: Integers, second: Integers) -> npt.NDArray[np.bool_]:
    """Return a mask of the pairs that :func:`contingency_tables` leaves out."""
    mask: npt.NDArray[np.bool_] = sizes[first] * sizes[second] > _MOST_CELLS
    return mask


def n_large_pairs(sizes: Integers) -> int:
    """Return how many pairs of columns with so many codes :func:`contingency_tables` leaves out."""
    ordered = np.sort(sizes)
    # For each column, the others from the first one on that is large enough.
    first = np.searchsorted(ordered, _MOST_CELLS // np.maximum(ordered, 1), side="right")
    return int((len(ordered) - np.maximum(first, np.arange(len(ordered)) + 1)).sum())


def larger_first(sizes: Integers, pairs: PairSample) -> tuple[Integers, Integers]:
    """Return the columns of each pair, the one with more codes first, so that batches are alike."""
    swapped = sizes[pairs.first] < sizes[pairs.second]
    return (
        np.where(swapped, pairs.second, pairs.first),
        np.where(swapped, pairs.first, pairs.second),
    )


def occupied_cells(first: Integers, second: Integers, n_second: int) -> tuple[Integers, Integers]:
    """Return the occupied cells of a large contingency table, and the rows in each of them.

    Args:
        first: Codes of one column (N,).
        second: Codes of the other (N,).
        n_second: Number of codes of the other. Cell ``(i, j)`` has the number ``i * n_second + j``.
    """
    ordered = np.sort(_compact(first.astype(np.int64) * n_second + second))
    starts = _starts(ordered)
    counts = np.diff(np.append(starts, len(ordered)))
    return ordered[starts].astype(np.intp), counts.astype(np.intp)


def total_variation(pairs: Sequence[tuple[Integers, Integers]], n_second: int) -> float:
    """Return the total variation distance of two large contingency tables.

    Args:
        pairs: For each of the two tables, the codes (N,) of the first and of the second column.
        n_second: Number of codes of the second column.
    """
    cells = [first.astype(np.int64) * n_second + second for first, second in pairs]
    # The last bit says which table a row is of: sorting is much faster than an inverse.
    ordered = np.sort(_compact(np.concatenate((2 * cells[0], 2 * cells[1] + 1))))
    shares = np.where(ordered & 1, -1.0 / len(cells[1]), 1.0 / len(cells[0]))
    differences = np.add.reduceat(shares, _starts(ordered >> 1))
    return float(np.abs(differences).sum()) / 2


def _compact(numbers: Integers) -> npt.NDArray[np.signedinteger[Any]]:
    """Return numbers >= 0 in 32 bits if these hold them, which sort several times as fast."""
    fits = not len(numbers) or int(numbers.max()) < 2**31
    return numbers.astype(np.int32) if fits else numbers


def _starts(ordered: npt.NDArray[np.signedinteger[Any]]) -> Integers:
    """Return where each run of equal numbers starts."""
    return np.flatnonzero(np.append([True], ordered[1:] != ordered[:-1]))


def _triangle(numbers: Integers) -> tuple[Integers, Integers]:
    """Return the pairs (i, j) with i < j that have the numbers j (j - 1) / 2 + i."""
    second = ((1 + np.sqrt(1 + 8 * numbers.astype(np.float64))) / 2).astype(np.intp)
    # The root is rounded.
    second -= second * (second - 1) // 2 > numbers
    second += second * (second + 1) // 2 <= numbers
    return numbers - second * (second - 1) // 2, second
