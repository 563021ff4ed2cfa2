"""The date of a date-time, as a column of its own."""

from typing import Literal

import numpy as np

from tabvae_ray.table.rules.column_views import Floats, Mask, TableView, seconds_of
from tabvae_ray.table.rules.forms.column_rule import ColumnRule

__all__ = ["DateOf"]


class DateOf(ColumnRule):
    """``column = date of another date-time``: the midnight before it, in its own time zone."""

    kind: Literal["date"] = "date"
    of: str

    @property
    def given(self) -> tuple[str, ...]:
        """Return the name of the date-time."""
        return (self.of,)

    def expected(self, table: TableView) -> Floats:
        """Return ``(N,)`` seconds since 1970 at which the dates begin, NaN where missing."""
        moments = table[self.of].moments
        assert moments is not None
        return seconds_of(moments.dt.normalize())

    def broken(self, table: TableView) -> Mask:
        """Return ``(N,)`` true where a value is another date; missing values break nothing."""
        own, expected = table[self.column].seconds, self.expected(table)
        assert own is not None
        wrong: Mask = (own != expected) & ~np.isnan(own) & ~np.isnan(expected)
        return wrong

    def __str__(self) -> str:
        return f"{self.column} = date of {self.of}"
