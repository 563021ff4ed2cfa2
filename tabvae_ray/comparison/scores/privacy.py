"""Whether synthetic rows are nearer to the rows a model was trained on than to other real rows.

The distance between two rows is the mean over columns of |difference| / range for numbers (the
range of the real rows) and of 0 or 1 for categories; a value missing on one side alone counts 1.
"""

import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tabvae_ray.comparison.reading.table_columns import Floats, TableColumns
from tabvae_ray.errors import DataError

__all__ = ["Privacy", "privacy"]

Floats32 = npt.NDArray[np.float32]

# Distances computed at once: as many as a processor's cache holds.
_BLOCK = 2**18


@dataclass(frozen=True)
class Privacy:
    """How near synthetic rows come to real ones.

    Attributes:
        dcr_share: The share of synthetic rows whose closest real row is a training row, corrected
            for how many training and held-out rows there are: 0.5 is chance, 1 is copying. None
            without held-out rows.
        standard_error: Of ``dcr_share``, had chance alone chosen which rows are held out.
        raw_share: The share before the correction.
        exact_copies: Synthetic rows equal to a training row.
        exact_copies_share: Their share.
        held_out_copies_share: The share of held-out rows that are equal to a training row: what
            few and coarse columns explain.
        fifth_percentile: Of the distances from synthetic rows to their closest training row.
        held_out_fifth_percentile: The same from held-out rows; where there are none, from each
            training row to its closest other one.
        n_synthetic: Synthetic rows looked at.
        n_training: Training rows.
        n_held_out: Held-out rows.
    """

    dcr_share: float | None
    standard_error: float | None
    raw_share: float | None
    exact_copies: int
    exact_copies_share: float
    held_out_copies_share: float | None
    fifth_percentile: float
    held_out_fifth_percentile: float
    n_synthetic: int
    n_training: int
    n_held_out: int

    @property
    def share_or_fail(self) -> float:
        """``dcr_share``, which needs held-out rows."""
        assert self.dcr_share is not None
        return self.dcr_share

    @property
    def verdict(self) -> str:
        """What the numbers say, in words."""
        return " ".join((self.share_verdict, self.copies_verdict))

    def to_mapping(self) -> dict[str, Any]:
        """The numbers and the verdict, for JSON."""
        return {**asdict(self), "verdict": self.verdict}

    @property
    def share_verdict(self) -> str:
        """What the share, or without held-out rows the distances, says."""
        if self.dcr_share is None or self.standard_error is None:
            if self.fifth_percentile < 0.5 * self.held_out_fifth_percentile:
                return (
                    "Synthetic rows lie closer to real rows than real rows lie to each other: "
                    "look for copies."
                )
            return (
                "Synthetic rows lie no closer to real rows than real rows to each other. Whether "
                "the model memorised its training rows shows only with held-out rows."
            )
        said = f"{self.dcr_share:.2f} ± {self.standard_error:.2f} of the synthetic rows are nearer"
        if self.n_training != self.n_held_out:
            said += (
                f" (corrected from {self.raw_share:.2f}, because there are {self.n_training} "
                f"training rows and {self.n_held_out} held-out ones)"
            )
        excess = self.dcr_share - 0.5
        if excess > max(3 * self.standard_error, 0.02):
            much = "The model repeats its training rows" if excess > 0.25 else "Some memorising"
            return f"{much}: {said} to training than to held-out rows, where chance gives 0.50."
        if -excess > max(3 * self.standard_error, 0.02):
            return (
                f"Only {said} to training than to held-out rows, where chance gives 0.50: was the "
                "model trained on the held-out rows?"
            )
        return f"No sign of memorising: {said} to training than to held-out rows; chance is 0.50."

    @property
    def copies_verdict(self) -> str:
        """How many copies there are."""
        if not self.exact_copies:
            return "No synthetic row is an exact copy."
        said = (
            f"{self.exact_copies} synthetic rows ({self.exact_copies_share:.2%}) are exact copies"
        )
        if self.held_out_copies_share is None:
            return f"{said} of real rows."
        return (
            f"{said} of training rows; of the held-out rows {self.held_out_copies_share:.2%} are."
        )


def privacy(
    synthetic: TableColumns,
    training: TableColumns,
    held_out: TableColumns | None = None,
    *,
    most_rows: int = 10_000,
    seed: int = 0,
) -> Privacy:
    """Measure the distances of synthetic rows to their closest real rows.

    A row whose closest real rows are k, t of them training rows, adds t / k. If a model has learnt
    the population and no row by heart, training and held-out rows are exchangeable, and the
    expected share is the training rows' share e of the real ones, however large either is. The
    corrected share moves e to 0.5 and leaves 0 and 1, linearly between: a model that copies a
    share c of its rows gets 0.5 + c / 2, as it does with as many held-out rows as training rows.

    Args:
        synthetic: The synthetic table.
        training: The rows that the model was trained on.
        held_out: Real rows that it was not trained on.
        most_rows: Synthetic rows to look at, drawn at random; exact copies are counted among all.
        seed: Of the rows drawn.

    Raises:
        DataError: If there are no columns to compare, or no training rows.
    """
    if not training.names or not training.n_rows:
        raise DataError("distances need at least one column and one training row")
    rng = np.random.default_rng(seed)
    rows = _at_most(synthetic, most_rows, rng)
    held = held_out if held_out is not None and held_out.n_rows else None
    references = [training] if held is None else [training, held]
    scaled = _Scaled(references)
    real = scaled.rows(*references)
    is_training = np.zeros(len(real), dtype=bool)
    is_training[: training.n_rows] = True
    found = _closest(scaled.rows(rows), real, is_training)
    share = error = raw = None
    if held is None:
        others = _at_most(training, most_rows, rng)
        between = _closest(scaled.rows(others), real, is_training, skip_one_copy=True)
    else:
        raw = float(found.training_share.mean())
        share, error = _corrected(raw, found.weights, training.n_rows, held.n_rows)
        between = _closest(scaled.rows(_at_most(held, most_rows, rng)), real, is_training)
    is_copy = _is_copy(synthetic, training)
    return Privacy(
        dcr_share=share,
        standard_error=error,
        raw_share=raw,
        exact_copies=int(is_copy.sum()),
        exact_copies_share=float(is_copy.mean()),
        held_out_copies_share=None if held is None else float(_is_copy(held, training).mean()),
        fifth_percentile=float(np.quantile(found.to_training, 0.05)),
        held_out_fifth_percentile=float(np.quantile(between.to_training, 0.05)),
        n_synthetic=rows.n_rows,
        n_training=training.n_rows,
        n_held_out=0 if held is None else held.n_rows,
    )


@dataclass
class _Rows:
    """Rows as arrays, a column of the table in each row of the arrays.

    Attributes:
        numbers: Scaled, missing as 0 (n, N).
        missing: Which numbers are missing (n, N), None if none is.
        codes: Categories, missing as -1 (c, N).
    """

    numbers: Floats32
    missing: npt.NDArray[np.bool_] | None
    codes: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return int(self.numbers.shape[1])


class _Scaled:
    """Puts numbers on the scale of the real rows."""

    def __init__(self, references: list[TableColumns]) -> None:
        self.scale: dict[str, tuple[float, float]] = {}
        for name in references[0].numbers:
            ends = [v[[0, -1]] for t in references if len(v := t.sorted_numbers(name))]
            low, high = (float(np.min(ends)), float(np.max(ends))) if ends else (0.0, 0.0)
            # Halved, because the range of the largest numbers is no number.
            self.scale[name] = (low, (high / 2 - low / 2) or 0.5)

    def rows(self, *tables: TableColumns) -> _Rows:
        n_rows = sum(table.n_rows for table in tables)
        numbers = np.empty((len(self.scale), n_rows), dtype=np.float32)
        missing = np.zeros_like(numbers, dtype=bool)
        for i, (name, (low, half_range)) in enumerate(self.scale.items()):
            values = np.concatenate([table.numbers[name] for table in tables])
            missing[i] = np.isnan(values)
            scaled = (values / 2 - low / 2) / half_range
            numbers[i] = np.clip(np.where(missing[i], 0.0, scaled), -1e18, 1e18)
        categories = list(tables[0].codes)
        codes = np.empty((len(categories), n_rows), dtype=np.int32)
        for i, name in enumerate(categories):
            codes[i] = np.concatenate([table.codes[name] for table in tables])
        return _Rows(numbers, missing if missing.any() else None, codes)


@dataclass
class _Closest:
    """The closest real rows of synthetic ones.

    Args:
        to_training: ``(N,)`` distance to the closest training row.
        training_share: ``(N,)`` share of training rows among the closest real ones.
        weights: ``(R,)`` for each real row, the number of synthetic rows that it is closest to.
    """

    to_training: Floats
    training_share: Floats
    weights: Floats


def _closest(
    rows: _Rows, real: _Rows, is_training: npt.NDArray[np.bool_], *, skip_one_copy: bool = False
) -> _Closest:
    """Look for the closest real rows, block by block: memory stays a few megabytes.

    ``skip_one_copy`` leaves one training row at distance 0 out: the row itself.
    """
    n_columns = len(rows.numbers) + len(rows.codes)
    n_training = int(is_training.sum())
    to_training = np.empty(len(rows))
    share = np.empty(len(rows))
    weights = np.zeros(len(real))
    step = max(_BLOCK // len(real), 1)
    for start in range(0, len(rows), step):
        block = slice(start, start + step)
        distances = _distances(rows, block, real)
        nearest_training = distances[:, :n_training].min(axis=1)
        if skip_one_copy and n_training > 1:
            nearest_training = np.partition(distances[:, :n_training], 1, axis=1)[:, 1]
        to_training[block] = nearest_training / n_columns
        closest = distances == distances.min(axis=1)[:, None]
        n_closest = np.count_nonzero(closest, axis=1)
        share[block] = np.count_nonzero(closest[:, :n_training], axis=1) / n_closest
        weights += (1.0 / n_closest) @ closest
    return _Closest(to_training, share, weights)


def _distances(rows: _Rows, block: slice, real: _Rows) -> Floats32:
    """Sums over columns (B, R)."""
    shape = len(rows.numbers[0, block]) if len(rows.numbers) else len(rows.codes[0, block])
    unequal = np.zeros((shape, len(real)), dtype=np.uint16)
    for ours, theirs in zip(rows.codes, real.codes, strict=True):
        unequal += ours[block, None] != theirs[None]
    total = unequal.astype(np.float32)
    difference = np.empty_like(total)
    for i, (ours, theirs) in enumerate(zip(rows.numbers, real.numbers, strict=True)):
        np.subtract(ours[block, None], theirs[None], out=difference)
        np.abs(difference, out=difference)
        if rows.missing is not None or real.missing is not None:
            one = np.False_ if rows.missing is None else rows.missing[i, block, None]
            other = np.False_ if real.missing is None else real.missing[i][None]
            difference[np.broadcast_to(one | other, difference.shape)] = 0.0
            total += one ^ other
        total += difference
    return total


def _corrected(
    raw: float, weights: Floats, n_training: int, n_held_out: int
) -> tuple[float, float]:
    """The share with chance at 0.5, and its standard error.

    The error is that of a sum of weights over rows drawn without replacement: which real rows are
    held out is the only chance in it.
    """
    n = n_training + n_held_out
    expected = n_training / n
    spread = float(np.var(weights, ddof=1)) if n > 1 else 0.0
    raw_error = math.sqrt(n_held_out * expected * spread) / float(weights.sum())
    if raw <= expected:
        return 0.5 * raw / expected, 0.5 * raw_error / expected
    return 0.5 + 0.5 * (raw - expected) / (1 - expected), 0.5 * raw_error / (1 - expected)


def _is_copy(table: TableColumns, reference: TableColumns) -> npt.NDArray[np.bool_]:
    """Which rows are equal to some row of the reference (N,)."""
    keys = []
    for side in (table, reference):
        columns = [np.nan_to_num(v, nan=np.inf) + 0.0 for v in side.numbers.values()]
        columns += [codes.astype(np.float64) for codes in side.codes.values()]
        rows = np.ascontiguousarray(np.column_stack(columns))
        keys.append(rows.view(f"V{rows.itemsize * rows.shape[1]}").ravel())
    _, group = np.unique(np.concatenate(keys), return_inverse=True)
    first, second = group[: table.n_rows], group[table.n_rows :]
    known = np.zeros(int(group.max()) + 1, dtype=bool)
    known[second] = True
    copies: npt.NDArray[np.bool_] = known[first]
    return copies


def _at_most(table: TableColumns, most: int, rng: np.random.Generator) -> TableColumns:
    if table.n_rows <= most:
        return table
    return table.take(np.sort(rng.choice(table.n_rows, most, replace=False)))
