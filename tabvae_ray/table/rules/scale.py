"""Numbers of two columns on one scale, so that they can be compared and exchanged.

A column's own numbers are those of :func:`tabvae_ray.table.column_values.column_numbers`: integers
count from the column's minimum, date-times in its steps from there.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from tabvae_ray.table.column import Column
from tabvae_ray.table.dtypes import dtype_from_name, moment_dtype
from tabvae_ray.table.rules.views import PER_SECOND, Floats

__all__ = ["in_right_order", "moments_after"]

# The smallest step of a column of numbers with more than 15 decimals.
_TINY = 1e-9


def in_right_order(
    lows: Floats, highs: Floats, low: Column, high: Column, *, strict: bool
) -> tuple[Floats, Floats]:
    """Exchange numbers that are in the wrong order; equal ones move apart if ``strict``.

    Args:
        lows: ``(N,)`` own numbers of the smaller column, all of them in the wrong order.
        highs: ``(N,)`` own numbers of the larger one.
        low: The smaller column.
        high: The larger one.
        strict: Whether they must differ.

    Returns:
        Own numbers of both, each not beyond the minimum of its column.
    """
    first, second = _on_one_scale(lows, low), _on_one_scale(highs, high)
    lows = np.maximum(_own(second, low, np.floor), _bottom(low))
    highs = np.maximum(_own(first, high, np.ceil), _bottom(high))
    if strict:
        tied = _on_one_scale(lows, low) >= _on_one_scale(highs, high)
        up = tied & (highs + _step(high) <= _top(high))
        highs = np.where(up, highs + _step(high), highs)
        lows = np.where(tied & ~up, lows - _step(low), lows)
    return lows, highs


def moments_after(low: Floats, within: Floats, column: Column) -> Floats:
    """Return own numbers of moments from ``low`` on.

    Args:
        low: ``(N,)`` seconds since 1970 that a moment must not be before.
        within: ``(N,)`` seconds that it should be after that, as far as its steps allow.
        column: The column of the moments.
    """
    wanted, least = _own(low + within, column, np.floor), _own(low, column, np.ceil)
    return np.maximum(wanted, least)


def _counts(column: Column) -> bool:
    """Return whether own numbers count from the column's minimum."""
    whole = pd.api.types.is_integer_dtype(dtype_from_name(column.dtype))
    return column.kind == "datetime" or bool(whole)


def _on_one_scale(numbers: Floats, column: Column) -> Floats:
    """Return values, or seconds since 1970, of own numbers."""
    if column.kind == "datetime":
        return (numbers * (column.step or 1) + float(column.minimum or 0)) / _per_second(column)
    return numbers + float(column.minimum or 0) if _counts(column) else numbers


def _own(values: Floats, column: Column, rounded: Callable[[Floats], Floats]) -> Floats:
    """Return own numbers of values, rounded down or up to what the column holds."""
    if column.kind == "datetime":
        ticks = values * _per_second(column) - float(column.minimum or 0)
        # Seconds since 1970 are exact to a quarter of a microsecond only.
        return np.asarray(rounded(np.round(ticks / (column.step or 1), 3)))
    if _counts(column):
        whole: Floats = np.asarray(rounded(values)) - float(column.minimum or 0)
        return whole
    if column.decimals is None:
        return values
    scale = 10.0**column.decimals
    exact: Floats = np.round(rounded(np.round(values * scale, 6)) / scale, column.decimals)
    return exact


def _per_second(column: Column) -> float:
    dtype = moment_dtype(column.dtype)
    unit = dtype.unit if isinstance(dtype, pd.DatetimeTZDtype) else np.datetime_data(dtype)[0]
    return PER_SECOND[unit]


def _step(column: Column) -> float:
    if _counts(column):
        return 1.0
    return _TINY if column.decimals is None else 10.0**-column.decimals


def _bottom(column: Column) -> float:
    return 0.0 if _counts(column) else float(column.minimum or 0)


def _top(column: Column) -> float:
    minimum, maximum = float(column.minimum or 0), float(column.maximum or 0)
    if column.kind == "datetime":
        return (maximum - minimum) / (column.step or 1)
    return maximum - minimum if _counts(column) else maximum
