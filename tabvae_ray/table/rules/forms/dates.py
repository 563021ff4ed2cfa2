"""Date-times that are parts of others, or some time after them, and days and months between two."""

from collections.abc import Sequence
from datetime import date
from typing import Literal, Self, get_args

import numpy as np
import pandas as pd
import pyarrow as pa
from pydantic import model_validator

from tabvae_ray.table.dtypes import dtype_from_name
from tabvae_ray.table.formats.zones import at_wall_clock, midnights, wall_clock
from tabvae_ray.table.rules.column_views import ColumnView, Floats, Mask, TableView, seconds_of
from tabvae_ray.table.rules.forms.column_rule import ColumnRule, ComputingRule
from tabvae_ray.table.values.offsets import LASTING, Offset, on_calendar, period_end

__all__ = [
    "MOMENT_PARTS",
    "Age",
    "DateOf",
    "MomentPart",
    "days_between",
    "is_clock",
    "months_between",
    "moved",
    "part_of",
]

MomentPart = Literal[
    "moment",
    "date",
    "time",
    "time to the minute",
    "start of the hour",
    "start of the week",
    "start of the month",
    "start of the quarter",
    "start of the year",
    "end of the week",
    "end of the month",
    "end of the quarter",
    "end of the year",
    "last second of the day",
    "last second of the month",
    "last second of the quarter",
    "last second of the year",
]
# What a sentence names; without a part, it speaks of the moment itself.
MOMENT_PARTS: tuple[MomentPart, ...] = get_args(MomentPart)[1:]
_DAY = 86_400
# What float64 may lose of seconds since 1970.
_ERROR = 1e-6


class DateOf(ColumnRule):
    """``column = date of another date-time``, in its own time zone, or its time of day.

    And what is some days, business days or months after the other date-time, or after its date or
    the start or end of its month.

    Args:
        of: The other date-time.
        part: Its date, at midnight, its time of day, or the start or end of a longer period: its
            first or last day, or its last second. Times of day are moments of 1970-01-01.
        offsets: How much later, one step after the other.
    """

    kind: Literal["date"] = "date"
    of: str
    part: MomentPart = "date"
    offsets: tuple[Offset, ...] = ()

    @model_validator(mode="after")
    def _check_offsets(self) -> Self:
        if self.offsets and self.part.startswith("time"):
            raise ValueError("a time of day must have no offsets")
        return self

    @property
    def given(self) -> tuple[str, ...]:
        """Return the name of the date-time."""
        return (self.of,)

    @property
    def is_chosen_of_many(self) -> bool:
        """Whether there are so many rules of its kind that one may fit a few values by chance."""
        n_words = len(self.offsets) + (self.part != "moment")
        return n_words > 1 or any(step.unit == "business days" for step in self.offsets)

    def expected(self, table: TableView) -> Floats:
        """Return ``(N,)`` seconds since 1970 of the results, NaN where missing."""
        moments = table[self.of].moments
        assert moments is not None
        if self.part in ("time", "time to the minute"):
            seconds = seconds_of(wall_clock(moments)) % _DAY
            return seconds if self.part == "time" else 60 * np.floor(seconds / 60)
        found = seconds_of(moved(part_of(moments, self.part), self.offsets))
        # Clocks begin again at midnight.
        return found % _DAY if self.offsets and is_clock(table[self.of]) else found

    def broken(self, table: TableView) -> Mask:
        """Return ``(N,)`` true where a value is another one; missing values break nothing."""
        own, expected = table[self.column].seconds, self.expected(table)
        assert own is not None
        # Comparisons with missing values are false.
        wrong: Mask = np.abs(own - expected) > _ERROR
        return wrong

    def __str__(self) -> str:
        part = "" if self.part == "moment" else f"{self.part} of "
        return " ".join([f"{self.column} = {part}{self.of}", *map(str, self.offsets)])


def is_clock(view: ColumnView) -> bool:
    """Return True for a column of times of day, which are moments of 1970-01-01."""
    dtype = dtype_from_name(view.column.dtype)
    return isinstance(dtype, pd.ArrowDtype) and pa.types.is_time(dtype.pyarrow_dtype)


def part_of(moments: pd.Series, part: MomentPart) -> pd.Series:
    """Return the date of moments, or the start or end of a longer period, in their time zone."""
    if part == "moment":
        return moments
    if part == "date":
        return midnights(moments)
    if part == "start of the hour":
        wall = wall_clock(moments)
        begun: pd.Series = moments - (wall - wall.dt.floor("h"))
        return begun
    which, _, period = part.partition(" of the ")
    shown = pd.Series(
        period_end(wall_clock(moments).to_numpy(), which, period), index=moments.index
    )
    return at_wall_clock(shown, moments.dt.tz)


def moved(moments: pd.Series, offsets: Sequence[Offset]) -> pd.Series:
    """Return moments some steps later, one after the other, in their own time zone."""
    if not offsets:
        return moments
    # Nanoseconds span 584 years only.
    zone = moments.dt.tz
    found: pd.Series = moments.dt.as_unit("us")
    for offset in offsets:
        if offset.unit in LASTING:
            found = found + np.timedelta64(offset.count * LASTING[offset.unit], "s")
        else:
            shown = on_calendar(wall_clock(found).to_numpy(), offset)
            found = at_wall_clock(pd.Series(shown, index=moments.index), zone)
    return found


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
