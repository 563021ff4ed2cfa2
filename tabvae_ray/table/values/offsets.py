"""Date-times that follow others by some days, business days or months, and ends of periods."""

import re
from collections.abc import Sequence
from typing import Any, Literal, Self, get_args

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, model_validator

__all__ = [
    "COUNT",
    "FRIDAY",
    "LASTING",
    "OFFSET_UNITS",
    "STEP_UNITS",
    "SUNDAY",
    "Clock",
    "Offset",
    "OffsetUnit",
    "after_business_days",
    "are_bearable",
    "business_days_between",
    "is_bearable",
    "known_years",
    "offsets_of",
    "on_calendar",
    "period_end",
    "weekdays",
]

OffsetUnit = Literal[
    "seconds", "minutes", "hours", "days", "weeks", "business days", "months", "years"
]
OFFSET_UNITS: tuple[OffsetUnit, ...] = get_args(OffsetUnit)

Clock = npt.NDArray[np.datetime64]
Whole = npt.NDArray[np.int64]

# Pattern of a number of units; more digits are too long in any of them.
COUNT = r"\d{1,15}"
# Pattern of a unit, also of one of them.
STEP_UNITS = "|".join(f"{unit}?" for unit in OFFSET_UNITS)
FRIDAY, SUNDAY = 4, 6
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
        if not is_bearable(self.count, self.unit):
            raise ValueError("must be shorter than 2000 years")
        return self

    def __str__(self) -> str:
        unit = self.unit.removesuffix("s") if abs(self.count) == 1 else self.unit
        return f"{'-' if self.count < 0 else '+'} {abs(self.count)} {unit}"


def offsets_of(text: str) -> list[Offset]:
    """Return the steps of a text such as `` + 1 month - 1 day``."""
    steps = re.findall(rf"([+-]) ({COUNT}) ({STEP_UNITS})", text)
    return [
        Offset.model_validate({"count": int(sign + count), "unit": unit.removesuffix("s") + "s"})
        for sign, count, unit in steps
    ]


def is_bearable(counts: Any, unit: OffsetUnit) -> npt.NDArray[np.bool_]:
    """Return which counts of a unit are whole, and shorter than 2000 years."""
    counts = np.asarray(counts)
    bearable: npt.NDArray[np.bool_] = (counts % 1 == 0) & (
        np.abs(counts * _ROUGHLY[unit]) < _LONGEST
    )
    return bearable


def are_bearable(offsets: Sequence[Offset]) -> bool:
    """Return whether steps one after the other are shorter than 2000 years, whichever way."""
    return sum(abs(step.count) * _ROUGHLY[step.unit] for step in offsets) < _LONGEST


def known_years(shown: Clock, *, zoned: bool) -> npt.NDArray[np.bool_]:
    """Return which of ``(N,)`` moments are in the years 1 to 9999, in UTC too if in a zone."""
    first = np.datetime64("0001-01-02" if zoned else "0001-01-01")
    after = np.datetime64("9999-12-31" if zoned else "10000-01-01")
    known: npt.NDArray[np.bool_] = (shown >= first) & (shown < after)
    return known


def on_calendar(shown: Clock, counts: Any, unit: OffsetUnit) -> Clock:
    """Return what clocks show some units later, each of which is a day or longer.

    Args:
        shown: ``(N,)`` what clocks show.
        counts: How many units, one number or ``(N,)``.
        unit: The unit.
    """
    days = shown.astype("M8[D]")
    within = shown - days
    if unit == "business days":
        later = after_business_days(days, counts)
    elif unit in ("days", "weeks"):
        later = days + counts * (7 if unit == "weeks" else 1)
    else:
        months = days.astype("M8[M]")
        of_month = days - months.astype("M8[D]")
        months = months + counts * (12 if unit == "years" else 1)
        later = np.minimum(months.astype("M8[D]") + of_month, (months + 1).astype("M8[D]") - 1)
    moved: Clock = later + within
    return moved


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
        return days - np.where(np.isnat(days), 0, weekdays(days))
    if period == "quarter":
        months = shown.astype("M8[M]")
        months = months - np.where(np.isnat(months), 0, months.view(np.int64) % 3)
        return months.astype("M8[D]")
    return shown.astype("M8[M]" if period == "month" else "M8[Y]").astype("M8[D]")


def weekdays(days: Clock) -> Whole:
    """Return the weekdays of days, Monday as 0; that of a missing one is arbitrary."""
    # 1970-01-01 was a Thursday.
    found: Whole = (days.astype("M8[D]").view(np.int64) + 3) % 7
    return found
