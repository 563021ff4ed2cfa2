"""Date-times that follow others by some days, business days or months, and ends of periods."""

from typing import Any, Literal, Self, get_args

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, model_validator

__all__ = [
    "LASTING",
    "OFFSET_UNITS",
    "Offset",
    "OffsetUnit",
    "after_business_days",
    "business_days_between",
    "on_calendar",
    "period_end",
]

OffsetUnit = Literal[
    "seconds", "minutes", "hours", "days", "weeks", "business days", "months", "years"
]
OFFSET_UNITS: tuple[OffsetUnit, ...] = get_args(OffsetUnit)

Clock = npt.NDArray[np.datetime64]
Whole = npt.NDArray[np.int64]

# Units that last as long on every day, and roughly the others, in seconds.
LASTING = {"seconds": 1, "minutes": 60, "hours": 3600}
_ROUGHLY = LASTING | {
    **{"days": 86_400, "weeks": 604_800, "business days": 120_960},
    **{"months": 2_629_746, "years": 31_556_952},
}
_LONGEST = 2_000 * 31_556_952


class Offset(BaseModel):
    """A step in time, such as 30 days or -1 month.

    Seconds, minutes and hours last as long on any day. The others keep the time that clocks show.
    A day that a month does not have becomes its last one. Business days are Monday to Friday, and
    count as those of pandas: 0 is the next of them where a day is none.

    Args:
        count: How many units later, or earlier below 0.
        unit: The unit.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    count: int
    unit: OffsetUnit

    @model_validator(mode="after")
    def _check_length(self) -> Self:
        if abs(self.count) * _ROUGHLY[self.unit] > _LONGEST:
            raise ValueError("must be shorter than 2000 years")
        return self

    def __str__(self) -> str:
        unit = self.unit.removesuffix("s") if abs(self.count) == 1 else self.unit
        return f"{'-' if self.count < 0 else '+'} {abs(self.count)} {unit}"


def on_calendar(shown: Clock, offset: Offset) -> Clock:
    """Return what clocks show a step later, whose unit is a day or longer."""
    days = shown.astype("M8[D]")
    within = shown - days
    if offset.unit == "business days":
        later = after_business_days(days, offset.count)
    elif offset.unit in ("days", "weeks"):
        later = days + offset.count * (7 if offset.unit == "weeks" else 1)
    else:
        months = days.astype("M8[M]")
        of_month = days - months.astype("M8[D]")
        months = months + offset.count * (12 if offset.unit == "years" else 1)
        later = np.minimum(months.astype("M8[D]") + of_month, (months + 1).astype("M8[D]") - 1)
    moved_days: Clock = later + within
    return moved_days


def after_business_days(days: Clock, counts: Any) -> Clock:
    """Return the days some business days later, as pandas' ``BDay`` counts.

    Args:
        days: ``(N,)`` days, of which some may be on weekends.
        counts: How many; of a day on a weekend, 0 is the Monday after it, and 1, too.
    """
    counts = np.asarray(counts)
    forward = np.busday_offset(days, np.minimum(counts, 0), roll="forward")
    later: Clock = np.busday_offset(days, np.maximum(counts, 0), roll="backward")
    return np.where(counts > 0, later, forward)


def business_days_between(start: Clock, end: Clock) -> npt.NDArray[np.float64]:
    """Return business days from one day, included, to another, excluded; NaN where missing."""
    known = ~(np.isnat(start) | np.isnat(end))
    epoch = np.datetime64("1970-01-01", "D")
    first, last = (np.where(known, days, epoch) for days in (start, end))
    counted = np.busday_count(first, last).astype(np.float64)
    return np.where(known, counted, np.nan)


def period_end(shown: Clock, which: str, period: str) -> Clock:
    """Return the ``start`` of periods, their ``end``, which is the last day, or ``last second``.

    Args:
        shown: ``(N,)`` what clocks show.
        which: One of these.
        period: A day, week, month, quarter or year.
    """
    first = _start_of(shown, period)
    if which == "start":
        return first
    days = {"day": 1, "week": 7}.get(period)
    months = {"month": 1, "quarter": 3, "year": 12}.get(period, 0)
    after = first + days if days else (first.astype("M8[M]") + months).astype("M8[D]")
    return after - 1 if which == "end" else after.astype("M8[s]") - 1


def _start_of(shown: Clock, period: str) -> Clock:
    days: Clock = shown.astype("M8[D]")
    if period == "day":
        return days
    if period == "week":
        # 1970-01-01 was a Thursday.
        return days - np.where(np.isnat(days), 0, (days.view(np.int64) + 3) % 7)
    if period == "quarter":
        months = shown.astype("M8[M]")
        months = months - np.where(np.isnat(months), 0, months.view(np.int64) % 3)
        return months.astype("M8[D]")
    return shown.astype("M8[M]" if period == "month" else "M8[Y]").astype("M8[D]")
