"""Parts of date-times as numbers and as text."""

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
import pandas as pd

from tabvae_ray.table.formats.zones import wall_clock
from tabvae_ray.table.rules.column_views import Floats, seconds_of

__all__ = ["DAY", "PARTS", "Part", "date_part", "later", "part_name"]

Part = Literal[
    "year",
    "quarter",
    "month",
    "week",
    "week from Sunday",
    "week from Monday",
    "week of seven days",
    "week of the month",
    "day",
    "day of the year",
    "weekday",
    "weekday from Sunday",
    "hour",
    "minute",
    "second",
    "half-year",
    "ISO year",
    "yyyymmdd",
    "yyyymm",
    "hhmm",
    "hhmmss",
    "minute of the day",
    "second of the day",
    "days since 1970",
    "seconds since 1970",
    "milliseconds since 1970",
]
PARTS: tuple[Part, ...] = get_args(Part)

# Seconds.
DAY = 86_400


def part_name(part: Part) -> str:
    """Return a part as rules are printed with it."""
    return "weekday (Monday = 0)" if part == "weekday" else part


def later(of: str, months: int) -> str:
    """Return a date-time some months later as rules are printed with it."""
    if not months:
        return of
    unit = "month" if abs(months) == 1 else "months"
    return f"({of} {'-' if months < 0 else '+'} {abs(months)} {unit})"


def date_part(moments: pd.Series, part: Part) -> Floats:
    """Return ``(N,)`` a part of date-times as numbers, NaN where missing."""
    made = _MADE.get(part)
    if made is not None:
        found = made(moments)
    else:
        names = {"weekday": "day_of_week", "day of the year": "day_of_year"}
        found = getattr(moments.dt, names.get(part, part))
    numbers: Floats = found.to_numpy(dtype=np.float64, na_value=np.nan)
    return numbers


def _since_1970(moments: pd.Series) -> pd.Series:
    return pd.Series(seconds_of(moments))


def _days(moments: pd.Series) -> pd.Series:
    return pd.Series(np.floor(seconds_of(wall_clock(moments)) / DAY))


_MADE: dict[str, Callable[[pd.Series], pd.Series]] = {
    "week": lambda m: m.dt.isocalendar().week,
    "weekday from Sunday": lambda m: (m.dt.day_of_week + 1) % 7,
    # As those of %U and %W, of which the days before the first Sunday or Monday are week 0.
    "week from Sunday": lambda m: (m.dt.day_of_year + 6 - (m.dt.day_of_week + 1) % 7) // 7,
    "week from Monday": lambda m: (m.dt.day_of_year + 6 - m.dt.day_of_week) // 7,
    "week of seven days": lambda m: (m.dt.day_of_year + 6) // 7,
    "week of the month": lambda m: (m.dt.day + 6) // 7,
    "ISO year": lambda m: m.dt.isocalendar().year,
    "half-year": lambda m: (m.dt.month > 6) + 1 + 0 * m.dt.month,
    "yyyymmdd": lambda m: 10_000 * m.dt.year + 100 * m.dt.month + m.dt.day,
    "yyyymm": lambda m: 100 * m.dt.year + m.dt.month,
    "hhmm": lambda m: 100 * m.dt.hour + m.dt.minute,
    "hhmmss": lambda m: 10_000 * m.dt.hour + 100 * m.dt.minute + m.dt.second,
    "minute of the day": lambda m: 60 * m.dt.hour + m.dt.minute,
    "second of the day": lambda m: 3600 * m.dt.hour + 60 * m.dt.minute + m.dt.second,
    "days since 1970": _days,
    "seconds since 1970": _since_1970,
    "milliseconds since 1970": lambda m: 1000 * _since_1970(m),
}
