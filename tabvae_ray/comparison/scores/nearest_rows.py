"""Closest real rows of synthetic rows.

The distance between two rows is the mean over columns of |difference| / range for numbers, with the
range of the real rows, and of 0 or 1 for categories. A value that is missing on one side only
counts 1.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tabvae_ray.comparison.reading.table_columns import Floats, TableColumns

__all__ = ["Closest", "Floats32", "Rows", "Scaler", "closest_rows", "pair_distances"]

Floats32 = npt.NDArray[np.float32]

# Number of distances computed at once, which fit the cache of a processor.
_BLOCK = 2**18


@dataclass
class Rows:
    """Rows as arrays, with a column of the table in each row of an array.

    Attributes:
        numbers: Scaled numbers (n, N), NaN where missing.
        missing: Masks (N) of missing numbers of each column, None for a column without any.
        codes: Codes of categories (c, N), -1 where missing.
    """

    numbers: Floats32
    missing: list[npt.NDArray[np.bool_] | None]
    codes: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return int(self.numbers.shape[1])


class Scaler:
    """Scaler of numbers to the range of the real rows.

    Args:
        references: Tables of real rows.
    """

    def __init__(self, references: list[TableColumns]) -> None:
        self.scale: dict[str, tuple[float, float]] = {}
        for name in references[0].numbers:
            ends = [v[[0, -1]] for t in references if len(v := t.sorted_numbers(name))]
            low, high = (float(np.min(ends)), float(np.max(ends))) if ends else (0.0, 0.0)
            # Halved, because the range of the largest floats would overflow.
            self.scale[name] = (low, (high / 2 - low / 2) or 0.5)

    def rows(self, *tables: TableColumns) -> Rows:
        """Scale the rows of all tables, one table after the other."""
        n_rows = sum(table.n_rows for table in tables)
        numbers = np.empty((len(self.scale), n_rows), dtype=np.float32)
        missing: list[npt.NDArray[np.bool_] | None] = []
        for i, (name, (low, half_range)) in enumerate(self.scale.items()):
            values = np.concatenate([table.numbers[name] for table in tables])
            numbers[i] = np.clip((values / 2 - low / 2) / half_range, -1e18, 1e18)
            mask = np.isnan(values)
            missing.append(mask if mask.any() else None)
        categories = list(tables[0].codes)
        codes = np.empty((len(categories), n_rows), dtype=np.int32)
        for i, name in enumerate(categories):
            codes[i] = np.concatenate([table.codes[name] for table in tables])
        return Rows(numbers, missing, codes)


@dataclass
class Closest:
    """Closest real rows of synthetic rows.

    Attributes:
        to_training: ``(N,)`` distance to the closest training row.
        training_share: ``(N,)`` share of training rows among the closest real rows.
        weights: ``(R,)`` number of synthetic rows that each real row is closest to.
    """

    to_training: Floats
    training_share: Floats
    weights: Floats


def closest_rows(
    rows: Rows, real: Rows, is_training: npt.NDArray[np.bool_], *, skip_one_copy: bool = False
) -> Closest:
    """Find the closest real rows, block by block to save memory.

    Args:
        rows: Rows to find the closest real rows of.
        real: Real rows, training rows first.
        is_training: Mask of the training rows among them.
        skip_one_copy: Skip the nearest training row, because ``rows`` are training rows themselves.
    """
    n_columns = len(rows.numbers) + len(rows.codes)
    n_training = int(is_training.sum())
    to_training = np.empty(len(rows))
    share = np.empty(len(rows))
    weights = np.zeros(len(real))
    step = max(_BLOCK // len(real), 1)
    for start in range(0, len(rows), step):
        block = slice(start, start + step)
        distances = pair_distances(rows, block, real)
        nearest_training = distances[:, :n_training].min(axis=1)
        if skip_one_copy and n_training > 1:
            nearest_training = np.partition(distances[:, :n_training], 1, axis=1)[:, 1]
        to_training[block] = nearest_training / n_columns
        closest = distances == distances.min(axis=1)[:, None]
        n_closest = np.count_nonzero(closest, axis=1)
        share[block] = np.count_nonzero(closest[:, :n_training], axis=1) / n_closest
        weights += (1.0 / n_closest) @ closest
    return Closest(to_training, share, weights)


def pair_distances(rows: Rows, block: slice, real: Rows) -> Floats32:
    """Sum the distances of a block of rows to all real rows over the columns (B, R)."""
    n_rows = len(rows.numbers[0, block]) if len(rows.numbers) else len(rows.codes[0, block])
    unequal = np.zeros((n_rows, len(real)), dtype=np.uint16)
    for ours, theirs in zip(rows.codes, real.codes, strict=True):
        unequal += ours[block, None] != theirs[None]
    has_missing = []
    for one, other in zip(rows.missing, real.missing, strict=True):
        has_missing.append(one is not None or other is not None)
        if has_missing[-1]:
            unequal += (np.False_ if one is None else one[block, None]) != (
                np.False_ if other is None else other[None]
            )
    total = unequal.astype(np.float32)
    difference = np.empty_like(total)
    columns = zip(rows.numbers, real.numbers, has_missing, strict=True)
    for numbers, others, is_missing in columns:
        np.subtract(numbers[block, None], others[None], out=difference)
        np.abs(difference, out=difference)
        if is_missing:
            np.fmax(difference, np.float32(0), out=difference)  # 0 in place of NaN
        total += difference
    return total
