"""Rules that compute a number as a smooth function of one or two others."""

from typing import Literal, Self

import numpy as np
from pydantic import Field, model_validator

from tabvae_ray.table.rules.column_views import Floats, Mask, TableView
from tabvae_ray.table.rules.forms.column_rule import ComputingRule, agrees, numbers_of
from tabvae_ray.table.rules.forms.curves.curve import TENTHS, Curve

__all__ = ["MAX_ODD", "Smooth"]

# Share of rows that may break such a rule, of a kind that no chance keeps to the last place.
MAX_ODD = 0.1


class Smooth(ComputingRule):
    """``column`` is a smooth function of one or two others, such as humidity of temperatures.

    Args:
        of: The other columns.
        curve: The function; None where it is still to be fitted to the rows.
    """

    kind: Literal["smooth"] = "smooth"
    of: tuple[str, ...] = Field(min_length=1, max_length=2)
    curve: Curve | None = None

    @model_validator(mode="after")
    def _check_curve(self) -> Self:
        if self.curve is not None and len(self.curve.inputs) != len(self.of):
            raise ValueError("must have as many inputs in its curve as columns in of")
        return self

    @property
    def given(self) -> tuple[str, ...]:
        """Names of the other columns."""
        return self.of

    def expected(self, table: TableView) -> Floats:
        """Return ``(N,)`` results, NaN where one or an input is beyond the range of its column."""
        found, (low, high) = self._results(table), _ends(table, self.column)
        assert self.curve is not None
        near = (found >= low - self.curve.within) & (found <= high + self.curve.within)
        return np.where(near, np.clip(found, low, high), np.nan)

    def broken(self, table: TableView) -> Mask:
        """Return ``(N,)`` true where the column is not the result, within what the curve allows.

        Rows with an input beyond the range of its column break nothing.
        """
        assert self.curve is not None
        return ~agrees(self._results(table), numbers_of(table, self.column), self.curve.within)

    def exceptional(self, table: TableView, rng: np.random.Generator) -> Mask:
        """Return ``(N,)`` true for exceptions: rows drawn as far from the result as those are.

        It matters which rows they are where there are many, as other columns may say it.
        """
        if self.curve is None or not self.curve.odd:
            return super().exceptional(table, rng)
        own, expected = numbers_of(table, self.column), self.expected(table)
        above = self.curve.above(own, expected)
        known = np.flatnonzero(~np.isnan(above))
        # Those whose result is beyond the range are exceptions already.
        n_beyond = int((~np.isnan(self._results(table)) & ~np.isnan(own)).sum()) - len(known)
        n_odd = int(self.exceptions * (len(known) + n_beyond) + rng.random())
        n_odd = max(n_odd - n_beyond, 0)
        known = known[np.argsort(above[known], kind="stable")]
        middles = (above[known][1:] + above[known][:-1]) / 2
        shares = np.arange(1, TENTHS) / TENTHS
        wanted = np.interp(np.sort(rng.random(n_odd)), shares, self.curve.odd)
        # The nearest rows, each only once.
        turns = np.arange(n_odd)
        places = np.maximum.accumulate(np.searchsorted(middles, wanted) - turns) + turns
        places = np.minimum(places, len(known) - n_odd + turns)
        found = np.zeros(len(own), dtype=bool)
        found[known[places]] = True
        return found

    def has_no_result(self, table: TableView) -> bool:
        """Return whether the curve gives none in any of the rows that have all inputs."""
        known = ~np.isnan([numbers_of(table, name) for name in self.of]).any(axis=0)
        return bool(known.any() and np.isnan(self._results(table)).all())

    def _results(self, table: TableView) -> Floats:
        assert self.curve is not None
        inputs = []
        for name in self.of:
            numbers, (low, high) = numbers_of(table, name), _ends(table, name)
            inputs.append(np.where((numbers >= low) & (numbers <= high), numbers, np.nan))
        return self.curve.values(inputs)

    def __str__(self) -> str:
        return f"{self.column} is a smooth function of {' and '.join(self.of)}"


def _ends(table: TableView, name: str) -> tuple[float, float]:
    """Return the smallest and the largest value of a column, by its spec if that is there."""
    if name not in table.columns:
        return -np.inf, np.inf
    column = table[name].column
    ends = column.categories if column.kind == "categorical" else (column.minimum, column.maximum)
    known = [float(end) for end in ends if end is not None]
    return min(known, default=-np.inf), max(known, default=np.inf)
