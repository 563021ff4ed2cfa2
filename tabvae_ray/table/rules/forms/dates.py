"""The date of a date-time as a column of its own, and days and months between two dates."""

from typing import Literal

import numpy as np
import pandas as pd

from tabvae_ray.table.rules.column_views import Floats, Mask, TableView, seconds_of
from tabvae_ray.table.rules.forms.column_rule import ColumnRule

__all__ = ["DateOf", "days_between", "months_between"]


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


def days_between(start: pd.Series, end: pd.Series) -> Floats:
    """Return ``(N,)`` midnights between moments, NaN where one is missing."""
    days = _wall(end).dt.normalize() - _wall(start).dt.normalize()
    found: Floats = (days / pd.Timedelta(days=1)).to_numpy(np.float64, na_value=np.nan)
    return found


def months_between(start: pd.Series, end: pd.Series) -> Floats:
    """Return ``(N,)`` whole months between moments, NaN where one is missing."""
    first, last = _wall(start), _wall(end)
    months = 12 * (last.dt.year - first.dt.year) + last.dt.month - first.dt.month
    of_month = [
        86400 * part.dt.day + (part - part.dt.normalize()).dt.total_seconds()
        for part in (first, last)
    ]
    whole = months - (of_month[1] < of_month[0])
    found: Floats = whole.to_numpy(np.float64, na_value=np.nan)
    return np.where(first.isna() | last.isna(), np.nan, found)


def _wall(moments: pd.Series) -> pd.Series:
    """Return what a clock shows in the time zone of moments."""
    return moments if moments.dt.tz is None else moments.dt.tz_localize(None)
