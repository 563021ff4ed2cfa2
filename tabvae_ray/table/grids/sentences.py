"""Say in words which values the grid of a column allows."""

from decimal import Decimal

import numpy as np
import pandas as pd

from tabvae_ray.table.column import Column
from tabvae_ray.table.dtypes import moment_dtype
from tabvae_ray.table.values.days import WEEKDAYS, sentence

__all__ = ["grid_sentence"]

_PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
_UNITS = {"week": 604_800, "day": 86_400, "hour": 3_600, "minute": 60, "second": 1}
_DAY = 86_400


def grid_sentence(column: Column) -> str:
    """Return what all values of a column have in common, such as ``multiples of 100``.

    Values that are only known to be integers, decimals or moments have no sentence.
    """
    if column.step is None:
        return ""
    if column.kind == "continuous":
        return _numbers(column)
    return _moments(column) if column.kind == "datetime" else ""


def _numbers(column: Column) -> str:
    step, least = Decimal(str(column.step)), Decimal(str(column.minimum))
    offset = least % step
    # The remainder of Decimal has the sign of the dividend.
    offset += step if offset < 0 else 0
    if offset == 0:
        return f"multiples of {_plain(step)}"
    if step == 1:
        return f"always end in {_plain(offset).removeprefix('0')}"
    return f"steps of {_plain(step)} from {_plain(least)}"


def _moments(column: Column) -> str:
    dtype = moment_dtype(column.dtype)
    zone = getattr(dtype, "tz", None)
    per_second = _PER_SECOND[getattr(dtype, "unit", None) or np.datetime_data(dtype)[0]]
    assert column.step is not None and column.minimum is not None
    seconds, rest = divmod(int(column.step), per_second)
    if rest or seconds == 0:
        return ""
    unit, size = next((unit, size) for unit, size in _UNITS.items() if seconds % size == 0)
    n = seconds // size
    steps = f"every {unit}" if n == 1 else f"every {n:,} {unit}s"
    if seconds % _DAY == 0:
        of_day = pd.Timestamp(int(column.minimum) // per_second % _DAY, unit="s")
        clock = "" if zone is None else " local time" if column.clock == "local" else " UTC"
        time = "midnight" if of_day.value == 0 else f"{of_day:%H:%M:%S}".removesuffix(":00")
        is_daily = (n == 1 and unit == "day") or column.days is not None
        steps = f"{'always' if is_daily else steps + ' at'} {time}{clock}"
    elif n == 1 and unit == "second":
        steps = ""
    days = ""
    if written := WEEKDAYS if column.weekdays else column.days:
        days = sentence(written, seconds // _DAY)
    return ", ".join(filter(None, (steps, days)))


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}"
