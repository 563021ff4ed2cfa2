"""Moments of a column as numbers: steps from its first moment.

Steps count in UTC, or on the local clock of the column's time zone, so that midnight stays
midnight when summer time begins. In a column of some days, such as weekdays or the first of each
month, they leave out the others.
"""

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from tabvae_ray.table.column import Column
from tabvae_ray.table.dtypes import moment_dtype
from tabvae_ray.table.formats.zones import at_wall_clock, wall_clock
from tabvae_ray.table.grids.steps import common_step, ends_on_grid
from tabvae_ray.table.parsing import datetime_ticks
from tabvae_ray.table.values.days import WEEKDAYS, find_days, from_line, of_line, off_days

__all__ = [
    "can_hold",
    "date_grid",
    "last_number",
    "moment_numbers",
    "moments_at",
    "numbers_at_seconds",
    "on_line",
    "seconds_at",
    "ticks_at",
]

Floats = npt.NDArray[np.float64]
Ticks = npt.NDArray[np.int64]

_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_DAY_SECONDS = 86_400
_YEAR_1, _YEAR_10000 = -62_135_596_800, 253_402_300_800


def date_grid(
    moments: pd.Series,
    clock: Literal["local"] | None,
    weekdays: bool | None,
    days: str | None,
) -> dict[str, Any]:
    """Return the properties of a column that say where its moments lie: range, step and days.

    Args:
        moments: The moments that are not missing.
        clock: Declared clock; None if it is to be inferred.
        weekdays: Declared, whether there are weekdays only; None if that is to be inferred.
        days: Declared days; None if they are to be inferred.
    """
    day = _DAY_SECONDS * _PER_SECOND[moments.dt.unit]
    ticks = _ticks_of(moments, clock)
    step, start = common_step(ticks)
    local = _ticks_of(moments, "local")
    infers = weekdays is None and days is None
    if infers and clock is None and not np.array_equal(local, ticks):
        local_step, local_start = common_step(local)
        if local_step > step or find_days(local, local_step, day):
            clock, ticks, step, start = "local", local, local_step, local_start
    if infers:
        days = find_days(ticks, step, day)
    days = WEEKDAYS if weekdays else days
    if days:
        ticks = of_line(ticks, days, day, nearest=True)
        step, start = common_step(ticks)
    ends = np.array(ends_on_grid(ticks, step, start))
    low, high = from_line(ends, days, day) if days else ends
    return {
        "minimum": int(low),
        "maximum": int(high),
        "step": step,
        "clock": clock,
        "weekdays": days == WEEKDAYS,
        "days": None if days == WEEKDAYS else days,
    }


def on_line(ticks: int, column: Column) -> int:
    """Return ticks as the column counts them, without other days in a column of some days."""
    return int(_line(np.array([ticks]), column)[0])


def last_number(column: Column) -> float:
    """Return the number of the last moment of a column."""
    assert column.minimum is not None and column.maximum is not None
    span = on_line(int(column.maximum), column) - on_line(int(column.minimum), column)
    return float(span // _step(column))


def moment_numbers(moments: pd.Series, column: Column, *, between: bool = False) -> Floats:
    """Return moments as numbers, which are whole for moments on the grid; NaN where missing.

    Args:
        moments: The moments.
        column: Their column.
        between: Whether a moment on another day than those of the column stays between these;
            otherwise it is on the nearest of them.
    """
    ticks = _ticks_of(moments, column.clock)
    steps = (_line(ticks, column, nearest=not between) - _start(column)) / _step(column)
    return np.where(moments.isna(), np.nan, steps)


def moments_at(numbers: Floats, column: Column) -> pd.Series:
    """Return the moments of whole numbers; that of NaN is arbitrary.

    A local time that occurs twice when summer time ends is the earlier one. One that is left out
    when summer time begins is the first moment after the gap.
    """
    line = np.rint(np.nan_to_num(numbers)).astype(np.int64) * _step(column) + _start(column)
    ticks = _from_line(line, column)
    dtype = moment_dtype(column.dtype)
    if not isinstance(dtype, pd.DatetimeTZDtype):
        return pd.Series(ticks.view(dtype))
    naive = pd.Series(ticks.view(f"M8[{dtype.unit}]"))
    if column.clock == "local":
        return at_wall_clock(naive, dtype.tz)
    converted: pd.Series = naive.dt.tz_localize("UTC").dt.tz_convert(dtype.tz)
    return converted


def ticks_at(number: float, column: Column) -> int:
    """Return the ticks of the moment at a whole number, on the clock of the column."""
    line = np.array([round(number) * _step(column) + _start(column)])
    return int(_from_line(line, column)[0])


def seconds_at(numbers: Floats, column: Column) -> Floats:
    """Return seconds since 1970 in UTC of numbers."""
    per_second = _PER_SECOND[_unit(column)]
    if column.clock is None and not _days(column):
        return (numbers * _step(column) + float(column.minimum or 0)) / per_second
    seconds = datetime_ticks(moments_at(numbers, column)) / per_second
    return np.where(np.isnan(numbers), np.nan, seconds)


def can_hold(seconds: Floats, column: Column) -> npt.NDArray[np.bool_]:
    """Return which seconds since 1970 in UTC a column can hold: its dtype, in years of 4 digits."""
    top = 2**63 / _PER_SECOND[_unit(column)]
    low, high = max(_YEAR_1, -top), min(_YEAR_10000, top)
    # Time zones, and the way to the next of the days that a column has, must not lead beyond.
    zoned = isinstance(moment_dtype(column.dtype), pd.DatetimeTZDtype)
    spare = 2 * _DAY_SECONDS if zoned else 0
    spare = 31 * _DAY_SECONDS if _days(column) else spare
    held: npt.NDArray[np.bool_] = (seconds >= low + spare) & (seconds < high - spare)
    return held


def numbers_at_seconds(
    seconds: Floats, column: Column, rounded: Callable[[Floats], Floats]
) -> Floats:
    """Return numbers of seconds since 1970 in UTC, rounded down or up to the grid."""
    ticks = seconds * _PER_SECOND[_unit(column)]
    if column.clock is None and not _days(column):
        # Seconds since 1970 are exact to a quarter of a microsecond only.
        steps = np.round((ticks - float(column.minimum or 0)) / _step(column), 3)
        return np.asarray(rounded(steps))
    whole = np.rint(np.nan_to_num(ticks)).astype(np.int64)
    dtype = moment_dtype(column.dtype)
    moments = pd.Series(whole.view(f"M8[{_unit(column)}]"))
    if isinstance(dtype, pd.DatetimeTZDtype):
        moments = moments.dt.tz_localize("UTC").dt.tz_convert(dtype.tz)
    own = _ticks_of(moments, column.clock)
    steps = np.round((_line(own, column) - _start(column)) / _step(column), 3)
    if (days := _days(column)) and rounded is np.floor:
        # Another day counts as the beginning of the next one, which is not rounded down.
        steps = np.where(off_days(own, days, _day(column)), steps - 0.001, steps)
    return np.where(np.isnan(seconds), np.nan, rounded(steps))


def _ticks_of(moments: pd.Series, clock: str | None) -> Ticks:
    return datetime_ticks(wall_clock(moments) if clock == "local" else moments)


def _days(column: Column) -> str | None:
    return WEEKDAYS if column.weekdays else column.days


def _line(ticks: Ticks, column: Column, *, nearest: bool = False) -> Ticks:
    days = _days(column)
    return of_line(ticks, days, _day(column), nearest=nearest) if days else ticks


def _from_line(line: Ticks, column: Column) -> Ticks:
    days = _days(column)
    return from_line(line, days, _day(column)) if days else line


def _start(column: Column) -> int:
    return on_line(int(column.minimum or 0), column)


def _step(column: Column) -> int:
    return int(column.step or 1)


def _day(column: Column) -> int:
    return _DAY_SECONDS * _PER_SECOND[_unit(column)]


def _unit(column: Column) -> str:
    dtype = moment_dtype(column.dtype)
    return dtype.unit if isinstance(dtype, pd.DatetimeTZDtype) else np.datetime_data(dtype)[0]
