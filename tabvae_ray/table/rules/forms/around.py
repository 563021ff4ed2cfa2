"""Sums that begin again: on a clock, in a week, or around a circle."""

from typing import Literal

import numpy as np
from pydantic import Field

from tabvae_ray.table.rules.column_views import Floats, TableView
from tabvae_ray.table.rules.forms.column_rule import ComputingRule, numbers_of

__all__ = ["ClockSum", "Wrapped", "minutes_of"]

_MINUTES = 1440.0


class ClockSum(ComputingRule):
    """``column = start + minutes`` where column and start are times of day such as 1755."""

    kind: Literal["clock sum"] = "clock sum"
    start: str
    minutes: str
    midnight: Literal[0, 2400] = 0

    @property
    def given(self) -> tuple[str, ...]:
        """Names of the time and of the minutes."""
        return self.start, self.minutes

    def expected(self, table: TableView) -> Floats:
        """Return ``(N,)`` the times of day."""
        passed = minutes_of(numbers_of(table, self.start)) + numbers_of(table, self.minutes)
        wrapped = np.mod(passed, _MINUTES)
        times = 100 * np.floor(wrapped / 60) + np.mod(wrapped, 60)
        return np.where(times == 0, float(self.midnight), times)

    def __str__(self) -> str:
        midnight = " (midnight = 2400)" if self.midnight else ""
        return f"{self.column} = {self.start} + {self.minutes} minutes, as hhmm{midnight}"


class Wrapped(ComputingRule):
    """``column = a + b`` or ``a - b``, from ``low`` up to ``low + period``, where it begins again.

    Args:
        terms: Factors of the two columns, 1 or -1.
        period: What is added or subtracted until the result is in its range.
        low: The smallest result.
    """

    kind: Literal["wrapped"] = "wrapped"
    terms: dict[str, float] = Field(min_length=2, max_length=2)
    period: float = Field(gt=0)
    low: float = 0.0

    @property
    def given(self) -> tuple[str, ...]:
        """Names of the two columns."""
        return tuple(self.terms)

    def expected(self, table: TableView) -> Floats:
        """Return ``(N,)`` the sums within their range."""
        parts = [factor * numbers_of(table, name) for name, factor in self.terms.items()]
        total: Floats = np.sum(parts, axis=0) - self.low
        # A hair below the end of the range is its beginning.
        turns = np.floor(total / self.period + 1e-12)
        return total - self.period * turns + self.low

    def __str__(self) -> str:
        (a, first), (b, second) = self.terms.items()
        sign = "-" if second < 0 else "+"
        low = f" from {self.low:.12g}" if self.low else ""
        return (
            f"{self.column} = {'-' if first < 0 else ''}{a} {sign} {b}, "
            f"modulo {self.period:.12g}{low}"
        )


def minutes_of(times: Floats) -> Floats:
    """Return minutes since midnight of times of day such as 1755."""
    return 60 * np.floor(times / 100) + np.mod(times, 100)
