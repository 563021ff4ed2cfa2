"""Date-times that are parts of others, or some time after them, and days and months between two."""

from collections.abc import Sequence
from datetime import date
from typing import Literal, Self, get_args

import numpy as np
import pandas as pd
import pyarrow as pa
from pydantic import Field, model_validator

from tabvae_ray.table.dtypes import dtype_from_name
from tabvae_ray.table.formats.zones import at_wall_clock, midnights, wall_clock
from tabvae_ray.table.rules.column_views import (
    ColumnView,
    Floats,
    Label,
    Mask,
    TableView,
    plain,
    seconds_of,
)
from tabvae_ray.table.rules.forms.column_rule import ColumnRule, ComputingRule, numbers_of
from tabvae_ray.table.rules.forms.parts import DAY, later
from tabvae_ray.table.values.offsets import (
    LASTING,
    Offset,
    OffsetUnit,
    are_bearable,
    business_days_between,
    is_bearable,
    known_years,
    on_calendar,
    period_end,
)

__all__ = [
    "MOMENT_PARTS",
    "Age",
    "DateAfter",
    "DateBy",
    "DateOf",
    "MomentPart",
    "MomentRule",
    "days_between",
    "is_clock",
    "months_between",
    "moved",
    "moved_by",
    "part_of",
    "working_days_between",
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
# What float64 may lose of seconds since 1970, and what is lost of nanoseconds.
_ERROR = 2e-6


class _MomentRule(ColumnRule):
    """A rule that computes a date-time from another one.

    Args:
        of: The other date-time.
        part: Its date, at midnight, its time of day, or the start or end of a longer period: its
            first or last day, or its last second. Times of day are moments of 1970-01-01.
        offsets: How much later the part is, one step after the other.
    """

    of: str
    part: MomentPart = "moment"
    offsets: tuple[Offset, ...] = Field((), max_length=3)

    @model_validator(mode="after")
    def _check_offsets(self) -> Self:
        if self.offsets and self.part.startswith("time"):
            raise ValueError("must have no offsets for a time of day")
        if not are_bearable(self.offsets):
            raise ValueError("must have offsets shorter than 2000 years in all")
        return self

    @property
    def given(self) -> tuple[str, ...]:
        """Return the name of the date-time."""
        return (self.of,)

    @property
    def is_chosen_of_many(self) -> bool:
        """Return whether so many rules are of its kind that one may fit few values by chance."""
        n_words = len(self.offsets) + (self.part != "moment") + (_months(self) != 0)
        return n_words > 1 or any(step.unit == "business days" for step in self.offsets)

    def expected(self, table: TableView) -> Floats:
        """Return ``(N,)`` seconds since 1970 of the results, NaN where missing."""
        moments = table[self.of].moments
        assert moments is not None
        if months := _months(self):
            moments = moved(moments, [Offset(count=months, unit="months")])
        if self.part in ("time", "time to the minute"):
            seconds = seconds_of(wall_clock(moments)) % DAY
            return seconds if self.part == "time" else 60 * np.floor(seconds / 60)
        found = self._later(part_of(moments, self.part), table)
        seconds = seconds_of(moved(found, self.offsets))
        # Clocks begin again at midnight.
        return seconds % DAY if is_clock(table[self.of]) else seconds

    def broken(self, table: TableView) -> Mask:
        """Return ``(N,)`` true where a value is another one; missing values break nothing."""
        own, expected = table[self.column].seconds, self.expected(table)
        assert own is not None
        # Comparisons with missing values are false.
        wrong: Mask = np.abs(own - expected) > _ERROR
        return wrong

    def _later(self, moments: pd.Series, table: TableView) -> pd.Series:
        """Return moments as much later as other columns say."""
        return moments

    def _said_by_others(self) -> str:
        return ""

    def __str__(self) -> str:
        part = "" if self.part == "moment" else f"{self.part} of "
        steps = [self._said_by_others(), *map(str, self.offsets)]
        start = f"{self.column} = {part}{later(self.of, _months(self))}"
        return " ".join([start, *filter(None, steps)])


class DateOf(_MomentRule):
    """``column = date of another date-time``, in its own time zone, or its time of day.

    And what is some days, business days or months after the other date-time, or after its date or
    the start or end of its month.

    Args:
        months: How many months later the other date-time counts, as in a fiscal year.
    """

    kind: Literal["date"] = "date"
    part: MomentPart = "date"
    months: int = Field(0, ge=-11, le=11)


class DateAfter(_MomentRule):
    """``column = another date-time + a number of days``, business days, months or years.

    Args:
        number: The column of the number.
        unit: What it counts.
    """

    kind: Literal["date after"] = "date after"
    number: str
    unit: OffsetUnit

    @property
    def given(self) -> tuple[str, ...]:
        """Names of the date-time and of the number."""
        return self.of, self.number

    def _later(self, moments: pd.Series, table: TableView) -> pd.Series:
        return moved_by(moments, numbers_of(table, self.number), self.unit)

    def _said_by_others(self) -> str:
        return f"+ {self.number} {self.unit}"


class DateBy(_MomentRule):
    """``column = another date-time + a number of days that a category says``.

    Args:
        by: The column of the categories.
        labels: Its categories; rows of others break nothing.
        counts: How many days, months or others each of them says.
        unit: What is counted.
    """

    kind: Literal["date by"] = "date by"
    by: str
    labels: tuple[Label, ...] = Field(min_length=1)
    counts: tuple[int, ...]
    unit: OffsetUnit

    @model_validator(mode="after")
    def _check_counts(self) -> Self:
        if len(self.labels) != len(self.counts):
            raise ValueError("must have as many counts as labels")
        if not all(is_bearable(count, self.unit) for count in self.counts):
            raise ValueError("must have counts shorter than 2000 years")
        return self

    @property
    def given(self) -> tuple[str, ...]:
        """Names of the date-time and of the category."""
        return self.of, self.by

    def _later(self, moments: pd.Series, table: TableView) -> pd.Series:
        codes, values = pd.factorize(table[self.by].values)
        known = dict(zip(self.labels, self.counts, strict=True))
        counts = np.array([*(known.get(plain(value), np.nan) for value in values), np.nan])
        return moved_by(moments, counts[codes], self.unit)

    def _said_by_others(self) -> str:
        said = [
            f"{count} where {f'{self.by} is ' if i == 0 else ''}{label}"
            for i, (label, count) in enumerate(zip(self.labels, self.counts, strict=True))
        ]
        return f"+ ({', '.join(said)}) {self.unit}"


MomentRule = DateOf | DateAfter | DateBy


def _months(rule: _MomentRule) -> int:
    return rule.months if isinstance(rule, DateOf) else 0


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
    for offset in offsets:
        moments = moved_by(moments, np.full(len(moments), float(offset.count)), offset.unit)
    return moments


def moved_by(moments: pd.Series, numbers: Floats, unit: OffsetUnit) -> pd.Series:
    """Return moments as many units later as numbers say.

    They are missing where a number is not whole, and beyond the years 1 to 9999.
    """
    sound = is_bearable(numbers, unit)
    counts = np.where(sound, numbers, 0).astype(np.int64)
    # Nanoseconds span 584 years only.
    found: pd.Series = moments.dt.as_unit("us")
    zone = found.dt.tz
    if unit in LASTING:
        found = found + (counts * LASTING[unit]).astype("m8[s]")
        in_utc = found if zone is None else found.dt.tz_convert("UTC").dt.tz_localize(None)
        return found.where(sound & known_years(in_utc.to_numpy(), zoned=zone is not None))
    shown = on_calendar(wall_clock(found).to_numpy(), counts, unit)
    sound &= known_years(shown, zoned=zone is not None)
    later = pd.Series(np.where(sound, shown, np.datetime64("NaT")), index=moments.index)
    return at_wall_clock(later, zone)


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


def working_days_between(start: pd.Series, end: pd.Series, *, both: bool) -> Floats:
    """Return ``(N,)`` days of Monday to Friday between moments, NaN where one is missing.

    Args:
        start: The moments that they are counted from.
        end: Those that they are counted to.
        both: Whether the day of the end is counted, as that of the start is.
    """
    first, last = (wall_clock(part).to_numpy().astype("M8[D]") for part in (start, end))
    return business_days_between(first, last + both)


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
