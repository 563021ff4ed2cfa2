"""Date or time of a date-time as a column of its own, and days and months between two dates."""

from datetime import date
from typing import Literal, get_args

import numpy as np
import pandas as pd

from tabvae_ray.table.formats.zones import at_wall_clock, midnights, wall_clock
from tabvae_ray.table.rules.column_views import Floats, Mask, TableView, seconds_of
from tabvae_ray.table.rules.forms.column_rule import ColumnRule, ComputingRule

__all__ = ["MOMENT_PARTS", "Age", "DateOf", "MomentPart", "days_between", "months_between"]

MomentPart = Literal[
    "date",
    "time",
    "time to the minute",
    "start of the hour",
    "start of the week",
    "start of the month",
    "start of the quarter",
    "start of the year",
]
MOMENT_PARTS: tuple[MomentPart, ...] = get_args(MomentPart)
_PERIODS: dict[str, str] = {
    "start of the week": "W",
    "start of the month": "M",
    "start of the quarter": "Q",
    "start of the year": "Y",
}
_DAY = 86_400


class DateOf(ColumnRule):
    """``column = date of another date-time``, in its own time zone, or its time of day.

    Args:
        of: The other date-time.
        part: Its date, at midnight, its time of day, or the start of a longer period. Times of day
            are moments of 1970-01-01.
    """

    kind: Literal["date"] = "date"
    of: str
    part: MomentPart = "date"

    @property
    def given(self) -> tuple[str, ...]:
        """Return the name of the date-time."""
        return (self.of,)

    def expected(self, table: TableView) -> Floats:
        """Return ``(N,)`` seconds since 1970 of the parts, NaN where missing."""
        moments = table[self.of].moments
        assert moments is not None
        if self.part in ("time", "time to the minute"):
            seconds = seconds_of(wall_clock(moments)) % _DAY
            return seconds if self.part == "time" else 60 * np.floor(seconds / 60)
        if self.part == "start of the hour":
            wall = wall_clock(moments)
            within: pd.Series = 60 * wall.dt.minute + wall.dt.second + wall.dt.microsecond / 1e6
            passed: Floats = within.to_numpy(np.float64, na_value=np.nan)
            return seconds_of(moments) - passed
        if self.part == "date":
            return seconds_of(midnights(moments))
        starts = wall_clock(moments).dt.to_period(_PERIODS[self.part]).dt.start_time
        return seconds_of(at_wall_clock(starts, moments.dt.tz))

    def broken(self, table: TableView) -> Mask:
        """Return ``(N,)`` true where a value is another one; missing values break nothing."""
        own, expected = table[self.column].seconds, self.expected(table)
        assert own is not None
        wrong: Mask = (own != expected) & ~np.isnan(own) & ~np.isnan(expected)
        return wrong

    def __str__(self) -> str:
        return f"{self.column} = {self.part} of {self.of}"


class Age(ComputingRule):
    """``column = whole years from a date to a day`` on which the table was made, or months.

    Args:
        of: The date.
        day: The day, as in 2023-06-30.
        unit: What is counted.
    """

    kind: Literal["age"] = "age"
    of: str
    day: date
    unit: Literal["months", "years"] = "years"

    @property
    def given(self) -> tuple[str, ...]:
        """Return the name of the date."""
        return (self.of,)

    def expected(self, table: TableView) -> Floats:
        """Return ``(N,)`` whole years or months."""
        moments = table[self.of].moments
        assert moments is not None
        end = pd.Timestamp(self.day) + pd.Timedelta(days=1) - pd.Timedelta(seconds=1)
        months = months_between(moments, pd.Series(end, index=moments.index))
        return np.floor(months / 12) if self.unit == "years" else months

    def __str__(self) -> str:
        return f"{self.column} = whole {self.unit} from {self.of} to {self.day}"


def days_between(start: pd.Series, end: pd.Series) -> Floats:
    """Return ``(N,)`` midnights between moments, NaN where one is missing."""
    # In seconds, because nanoseconds span 584 years only.
    first, last = (wall_clock(part).dt.normalize().dt.as_unit("s") for part in (start, end))
    days = last - first
    found: Floats = (days / pd.Timedelta(days=1)).to_numpy(np.float64, na_value=np.nan)
    return found


def months_between(start: pd.Series, end: pd.Series) -> Floats:
    """Return ``(N,)`` whole months between moments, NaN where one is missing."""
    first, last = wall_clock(start), wall_clock(end)
    months = 12 * (last.dt.year - first.dt.year) + last.dt.month - first.dt.month
    of_month = [
        86400 * part.dt.day + (part - part.dt.normalize()).dt.total_seconds()
        for part in (first, last)
    ]
    whole = months - (of_month[1] < of_month[0])
    found: Floats = whole.to_numpy(np.float64, na_value=np.nan)
    return np.where(first.isna() | last.isna(), np.nan, found)
