"""Singling out: descriptions taken from synthetic rows that fit a single real row.

An attacker takes a synthetic row and a few of its columns. The description says of a category that
it is equal, and of a number that it is at least or at most as extreme. The attacker keeps the
descriptions that fit one synthetic row. An attack succeeds if the description also fits exactly one
real row (Giomi et al. 2023).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tabvae_ray.comparison.reading.table_columns import Integers, TableColumns
from tabvae_ray.comparison.scores.disclosure.risk import DisclosureRisk

__all__ = ["singling_out", "size_correction"]

# Columns of a description.
_N_COLUMNS = 3
_MOST_ATTEMPTS = 10
# A correction from the held-out rows to so many times as many training rows is rough.
_MOST_EXTRAPOLATED = 3


@dataclass(frozen=True)
class _Predicate:
    """A condition on one column: ``=``, ``<=`` or ``>=`` a value, or ``missing``."""

    column: str
    sign: str
    value: float

    def matches(self, table: TableColumns) -> npt.NDArray[np.bool_]:
        """Return a mask of the rows that it fits."""
        values = table.numbers.get(self.column)
        if values is None:
            found: npt.NDArray[np.bool_] = table.codes[self.column] == self.value
        elif self.sign == "missing":
            found = np.isnan(values)
        else:
            found = values <= self.value if self.sign == "<=" else values >= self.value
        return found


_Description = tuple[_Predicate, ...]


def singling_out(
    synthetic: TableColumns,
    training: TableColumns,
    held_out: TableColumns,
    columns: Sequence[str],
    *,
    n_attacks: int = 500,
    seed: int = 0,
) -> DisclosureRisk | None:
    """Attack training rows and held-out rows; return None if nothing singles out a synthetic row.

    Fewer rows are singled out by chance in a small table than in a large one. The success on
    held-out rows is therefore corrected for their number. The correction is rough where there are
    far fewer of them than training rows.

    Args:
        synthetic: The synthetic table.
        training: The training rows.
        held_out: The held-out rows.
        columns: Columns that descriptions are made of.
        n_attacks: Number of descriptions.
        seed: Seed of the descriptions.
    """
    rng = np.random.default_rng(seed)
    descriptions = _descriptions(synthetic, columns, n_attacks, rng)
    if not descriptions:
        return None
    success = sum(_n_fits(part, training) == 1 for part in descriptions)
    counts = np.array([_n_fits(part, held_out) for part in descriptions])
    control = float(np.count_nonzero(counts == 1))
    if training.n_rows != held_out.n_rows and control:
        control *= size_correction(counts, held_out.n_rows, training.n_rows)
    n = len(descriptions)
    return DisclosureRisk(
        *(n, float(success), n, min(control, float(n))),
        is_rough=training.n_rows > _MOST_EXTRAPOLATED * held_out.n_rows,
    )


def _descriptions(
    synthetic: TableColumns, columns: Sequence[str], n_wanted: int, rng: np.random.Generator
) -> list[_Description]:
    """Return different descriptions that each fit one synthetic row."""
    medians = {
        name: float(np.median(known))
        for name in columns
        if name in synthetic.numbers and len(known := synthetic.sorted_numbers(name))
    }
    size = min(_N_COLUMNS, len(columns))
    found: dict[_Description, None] = {}
    for _ in range(_MOST_ATTEMPTS * n_wanted):
        row = int(rng.integers(synthetic.n_rows))
        chosen = sorted(rng.choice(len(columns), size, replace=False).tolist())
        description = tuple(_predicate(synthetic, columns[place], row, medians) for place in chosen)
        if description not in found and _n_fits(description, synthetic) == 1:
            found[description] = None
            if len(found) == n_wanted:
                break
    return list(found)


def _predicate(table: TableColumns, name: str, row: int, medians: dict[str, float]) -> _Predicate:
    if name in table.codes:
        return _Predicate(name, "=", float(table.codes[name][row]))
    value = float(table.numbers[name][row])
    if np.isnan(value):
        return _Predicate(name, "missing", 0.0)
    return _Predicate(name, ">=" if value > medians[name] else "<=", value)


def _n_fits(description: _Description, table: TableColumns) -> int:
    found = np.ones(table.n_rows, dtype=np.bool_)
    for predicate in description:
        found &= predicate.matches(table)
    return int(np.count_nonzero(found))


def size_correction(counts: Integers, n_held_out: int, n_training: int) -> float:
    """Return the factor from successes on held-out rows to those on as many as training rows.

    The number of rows that a description fits is Poisson distributed. The rate of a row is taken
    as gamma distributed over descriptions, which is fitted to the counts on held-out rows.

    Args:
        counts: Number of held-out rows that each description fits.
        n_held_out: Number of held-out rows.
        n_training: Number of training rows.
    """
    # Takes over a second to import, which no trial needs.
    from scipy.stats import nbinom

    mean = float(counts.mean())
    shapes = np.logspace(-3, 2, 300)
    values, numbers = np.unique(counts, return_counts=True)
    chances = nbinom.logpmf(
        values[None], shapes[:, None], shapes[:, None] / (shapes + mean)[:, None]
    )
    shape = float(shapes[int((chances @ numbers).argmax())])
    at_training = mean * n_training / n_held_out
    here, there = (nbinom.pmf(1, shape, shape / (shape + rate)) for rate in (mean, at_training))
    return float(there / here)
