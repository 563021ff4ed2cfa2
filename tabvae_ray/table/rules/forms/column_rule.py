"""Common ground of rules about a column, and of those that compute it."""

import numpy as np
from pydantic import ConfigDict, Field

from tabvae_ray.command_line.short_repr import ShortRepr
from tabvae_ray.table.rules.column_views import Floats, Mask, TableView

__all__ = ["OF_PRESENT", "ColumnRule", "ComputingRule", "agrees", "numbers_of"]

# How a rule is printed that leaves out what is missing.
OF_PRESENT = ", of those present"
# What adding and multiplying float64 may lose of a result, as a share of it.
_RELATIVE = 1e-9
# And what is lost of the digits that float64 has.
_FLOAT = 1e-14


class ColumnRule(ShortRepr):
    """A rule about a column; the fields that all rules have.

    Args:
        column: The column that the rule is about.
        exceptions: Share of the real rows that break it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    column: str
    exceptions: float = Field(0.0, ge=0, lt=1)

    @property
    def given(self) -> tuple[str, ...]:
        """Names of the other columns."""
        raise NotImplementedError

    def broken(self, table: TableView) -> Mask:
        """Return ``(N,)`` true for each row that breaks the rule."""
        raise NotImplementedError


class ComputingRule(ColumnRule):
    """A rule that computes the column from numbers or moments."""

    def exceptional(self, table: TableView, rng: np.random.Generator) -> Mask:
        """Return ``(N,)`` true for exceptions: drawn rows that may stay as they are."""
        return rng.random(table.n_rows) < self.exceptions

    def expected(self, table: TableView) -> Floats:
        """Return ``(N,)`` exact results, NaN where an input is missing."""
        raise NotImplementedError

    def broken(self, table: TableView) -> Mask:
        """Return ``(N,)`` true where the result is not the column's value.

        A result may be rounded to the column's decimals, either way at a tie. Rows in which a
        value is missing break nothing.
        """
        own = table[self.column]
        assert own.numbers is not None
        return ~agrees(self.expected(table), own.numbers, own.tolerance)


def agrees(expected: Floats, numbers: Floats, tolerance: float) -> Mask:
    """Return true where a number is the expected one, rounded perhaps, or either is missing."""
    lost = _RELATIVE * np.maximum(1.0, np.abs(expected))
    if tolerance:
        # Of large numbers, such as seconds since 1970, that would be more than a last place.
        lost = np.minimum(lost, np.maximum(0.1 * tolerance, _FLOAT * np.abs(expected)))
    close: Mask = np.abs(expected - numbers) <= tolerance + lost
    return close | np.isnan(expected) | np.isnan(numbers)


def numbers_of(table: TableView, name: str) -> Floats:
    """Return ``(N,)`` the numbers of a column."""
    numbers = table[name].numbers
    assert numbers is not None
    return numbers
