"""Privacy: distances from synthetic rows to the training rows and to other real rows."""

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from tabvae_ray.comparison.reading.table_columns import Floats, TableColumns
from tabvae_ray.comparison.scores.nearest_rows import Scaler, closest_rows
from tabvae_ray.errors import DataError

__all__ = ["Privacy", "is_copy_of", "privacy", "share_text", "share_tone"]


# Shares of the distance between real rows: nearer is suspicious, and nearer is not the same.
_CLOSE, _ALIKE = 0.5, 0.9
# Shares this far above chance are those of a model that copies three rows in ten.
_REPEATS = 0.15
# What chance may do to a share whose error is not known.
_UNKNOWN_ERROR = 0.05


@dataclass(frozen=True)
class Privacy:
    """Distances from synthetic rows to real rows, and exact copies.

    Attributes:
        dcr_share: Share of synthetic rows whose closest real row is a training row, corrected for
            the numbers of training and held-out rows: 0.5 is chance, 1 is copying. None without
            held-out rows.
        standard_error: Standard error of ``dcr_share`` if the held-out rows were chosen at random.
        raw_share: The share before the correction.
        exact_copies: Number of synthetic rows that equal a training row.
        exact_copies_share: Share of these rows.
        held_out_copies_share: Share of held-out rows that equal a training row, as happens in
            tables with few or coarse columns.
        fifth_percentile: Fifth percentile of the distances from synthetic rows to their closest
            training row.
        held_out_fifth_percentile: The same from held-out rows. Without held-out rows, the same from
            each training row to the closest other one.
        n_synthetic: Number of synthetic rows that were looked at.
        n_training: Number of training rows.
        n_held_out: Number of held-out rows.
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
        """Meaning of the numbers, in words."""
        return " ".join((self.share_verdict, self.copies_verdict))

    def to_mapping(self) -> dict[str, Any]:
        """Return the numbers and the verdict for JSON."""
        return {**asdict(self), "verdict": self.verdict}

    @property
    def is_close(self) -> bool:
        """Tell whether synthetic rows are as near to training rows as copies with noise would be.

        It is never so where the real rows have copies themselves.
        """
        return self.fifth_percentile < _CLOSE * self.held_out_fifth_percentile

    @property
    def share_verdict(self) -> str:
        """Meaning of the share; without held-out rows, of the distances."""
        if self.dcr_share is None or self.standard_error is None:
            if self.is_close:
                return (
                    "Synthetic rows lie closer to real rows than real rows lie to each other: "
                    "look for copies."
                )
            if self.held_out_fifth_percentile == 0:
                return (
                    "So many real rows have copies among the real rows that distances do not tell "
                    "copies by a model. Whether it memorised its training rows shows only with "
                    "held-out rows."
                )
            near = self.fifth_percentile < _ALIKE * self.held_out_fifth_percentile
            return (
                f"Synthetic rows lie {'somewhat' if near else 'no'} closer to real rows than real "
                "rows to each other. Whether the model memorised its training rows shows only with "
                "held-out rows."
            )
        share = f"{self.dcr_share:.2f} ± {self.standard_error:.2f} of the synthetic rows are nearer"
        if self.n_training != self.n_held_out:
            share += (
                f" (corrected from {self.raw_share:.2f}, because there are {self.n_training:,} "
                f"training rows and {self.n_held_out:,} held-out ones)"
            )
        tone = share_tone(self.dcr_share, self.standard_error)
        if tone != "good" and self.dcr_share > 0.5:
            much = "The model repeats its training rows" if tone == "poor" else "Some memorising"
            return f"{much}: {share} to training than to held-out rows, where chance gives 0.50."
        if tone != "good":
            return (
                f"Only {share} to training than to held-out rows, where chance gives 0.50: was "
                "the model trained on the held-out rows?"
            )
        sign = 0.5 + _most_by_chance(self.standard_error)
        return (
            f"No sign of copying by distance: {share} to training than to held-out rows; chance is "
            f"0.50, and above {sign:.2f} would be a sign with so many held-out rows. "
            "Leaks can pass this test: see the attacks on membership."
        )

    @property
    def copies_verdict(self) -> str:
        """Number of exact copies, in words."""
        if not self.exact_copies:
            return "No synthetic row is an exact copy."
        one = self.exact_copies == 1
        copies = (
            f"{self.exact_copies:,} synthetic row{'' if one else 's'} "
            f"({share_text(self.exact_copies_share)}) "
            f"{'is an exact copy' if one else 'are exact copies'}"
        )
        if self.held_out_copies_share is None:
            return f"{copies} of {'a real row' if one else 'real rows'}."
        return (
            f"{copies} of {'a training row' if one else 'training rows'}; of the held-out rows "
            f"{share_text(self.held_out_copies_share)} are."
        )


def share_tone(share: float, standard_error: float | None) -> Literal["good", "fair", "poor"]:
    """Return how bad a ``dcr_share`` is.

    It is ``good`` if chance explains it, on either side, and ``poor`` if the model repeats its
    training rows.

    Args:
        share: The share.
        standard_error: Its standard error; None if it is not known.
    """
    # Without what 0.65 - 0.5 is too much.
    excess = round(share - 0.5, 9)
    if abs(excess) <= _most_by_chance(standard_error):
        return "good"
    return "poor" if excess > _REPEATS else "fair"


def _most_by_chance(standard_error: float | None) -> float:
    return _UNKNOWN_ERROR if standard_error is None else max(3 * standard_error, 0.02)


def privacy(
    synthetic: TableColumns,
    training: TableColumns,
    held_out: TableColumns | None = None,
    *,
    most_rows: int = 10_000,
    seed: int = 0,
) -> Privacy:
    """Measure the distances of synthetic rows to their closest real rows.

    If k real rows are equally close to a synthetic row, and t of them are training rows, the row
    adds t / k to the share. For a model that has learnt the population and memorised no row,
    training and held-out rows are exchangeable. The expected share is then the share e of training
    rows among the real rows. The correction maps 0, e and 1 to 0, 0.5 and 1, linearly between
    them. A model that copies a share c of its rows thus gets 0.5 + c / 2, as it does with equal
    numbers of training and held-out rows.

    Args:
        synthetic: The synthetic table.
        training: The rows that the model was trained on.
        held_out: Real rows that it was not trained on.
        most_rows: Largest number of synthetic rows to look at, drawn at random. Exact copies are
            counted among all rows.
        seed: Seed of the rows drawn.

    Raises:
        DataError: If there are no columns to compare, or no training rows.
    """
    if not training.names or not training.n_rows:
        raise DataError("distances need at least one column and one training row")
    rng = np.random.default_rng(seed)
    rows = synthetic.sample(most_rows, rng)
    held = held_out if held_out is not None and held_out.n_rows else None
    references = [training] if held is None else [training, held]
    scaler = Scaler(references)
    real = scaler.rows(*references)
    is_training = np.zeros(len(real), dtype=bool)
    is_training[: training.n_rows] = True
    found = closest_rows(scaler.rows(rows), real, is_training)
    share = error = raw = None
    if held is None:
        others = training.sample(most_rows, rng)
        between = closest_rows(scaler.rows(others), real, is_training, skip_one_copy=True)
    else:
        raw = float(found.training_share.mean())
        share, error = _corrected(raw, found.weights, training.n_rows, held.n_rows)
        between = closest_rows(scaler.rows(held.sample(most_rows, rng)), real, is_training)
    is_copy = is_copy_of(synthetic, training)
    return Privacy(
        dcr_share=share,
        standard_error=error,
        raw_share=raw,
        exact_copies=int(is_copy.sum()),
        exact_copies_share=float(is_copy.mean()),
        held_out_copies_share=None if held is None else float(is_copy_of(held, training).mean()),
        fifth_percentile=float(np.quantile(found.to_training, 0.05)),
        held_out_fifth_percentile=float(np.quantile(between.to_training, 0.05)),
        n_synthetic=rows.n_rows,
        n_training=training.n_rows,
        n_held_out=0 if held is None else held.n_rows,
    )


def _corrected(
    raw: float, weights: Floats, n_training: int, n_held_out: int
) -> tuple[float, float]:
    """Return the share, corrected so that chance is 0.5, and its standard error.

    The error is that of a sum of weights over rows drawn without replacement, because only the
    choice of held-out rows is random.
    """
    n = n_training + n_held_out
    expected = n_training / n
    spread = float(np.var(weights, ddof=1)) if n > 1 else 0.0
    raw_error = math.sqrt(n_held_out * expected * spread) / float(weights.sum())
    if raw <= expected:
        return 0.5 * raw / expected, 0.5 * raw_error / expected
    return 0.5 + 0.5 * (raw - expected) / (1 - expected), 0.5 * raw_error / (1 - expected)


def share_text(share: float, *, places: int = 2) -> str:
    """Return a share as text, in which a few rows are not none, and no number is unknown.

    Args:
        share: The share.
        places: Decimals of the percentage.
    """
    if not math.isfinite(share):
        return "unknown"
    least = 0.01 / 10**places
    return f"under {least:.{places}%}" if 0 < share < least / 2 else f"{share:.{places}%}"


def is_copy_of(table: TableColumns, reference: TableColumns) -> npt.NDArray[np.bool_]:
    """Return a mask (N,) of the rows that equal some row of the reference."""
    # Rows as bytes, because a merge of pandas takes time that is quadratic in the columns.
    rows, known = (
        np.column_stack([*side.numbers.values(), *side.codes.values()]).astype(np.float64)
        for side in (table, reference)
    )
    for values in (rows, known):
        values[np.isnan(values)] = np.nan
        values += 0.0
    seen = {row.tobytes() for row in known}
    return np.array([row.tobytes() in seen for row in rows], dtype=np.bool_)
