"""Numbers of two columns on one scale, so that they can be compared and exchanged.

A column's own numbers are those of :func:`tabvae_ray.table.column_values.column_numbers`: integers
count from the column's minimum, datetimes and numbers with a step in steps from there. Of
categories that are numbers, in ascending order, own numbers are positions.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from tabvae_ray.table.column import Column
from tabvae_ray.table.column_values import column_range
from tabvae_ray.table.dtypes import dtype_from_name
from tabvae_ray.table.grids.timeline import can_hold, numbers_at_seconds, seconds_at
from tabvae_ray.table.rules.column_views import Floats

__all__ = [
    "at_distance",
    "beside",
    "distances",
    "in_right_order",
    "moments_after",
    "on_one_scale",
]

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
    first, second = on_one_scale(lows, low), on_one_scale(highs, high)
    lows = np.maximum(_own(second, low, np.floor), _bottom(low))
    highs = np.maximum(_own(first, high, np.ceil), _bottom(high))
    if strict:
        tied = on_one_scale(lows, low) >= on_one_scale(highs, high)
        up = tied & (highs + _step(high) <= _top(high))
        highs = np.where(up, highs + _step(high), highs)
        lows = np.where(tied & ~up, lows - _step(low), lows)
    return lows, highs


def distances(lows: Floats, highs: Floats, low: Column, high: Column) -> Floats:
    """Return ``(N,)`` how far one column's own numbers are above another's, on their scale."""
    return on_one_scale(highs, high) - on_one_scale(lows, low)


def at_distance(
    own: Floats, apart: Floats, column: Column, other: Column, *, above: bool
) -> Floats:
    """Return own numbers of another column that are so far above, or below, those of a column.

    Args:
        own: ``(N,)`` own numbers of the column.
        apart: ``(N,)`` distances.
        column: The column.
        other: The other column, whose range is not left.
        above: Whether the other one is the larger one.
    """
    start = on_one_scale(own, column)
    if above:
        return np.minimum(_own(start + apart, other, np.ceil), _top(other))
    return np.maximum(_own(start - apart, other, np.floor), _bottom(other))


def beside(own: Floats, column: Column, other: Column, *, above: bool, strict: bool) -> Floats:
    """Return the own numbers of another column next to those of a column, beyond its range perhaps.

    Args:
        own: ``(N,)`` own numbers of the column.
        column: The column.
        other: The other column.
        above: Whether the other one is the larger one.
        strict: Whether they must differ.
    """
    start = on_one_scale(own, column)
    found = _own(start, other, np.ceil if above else np.floor)
    if strict:
        tied = on_one_scale(found, other) == start
        found = np.where(tied, found + (_step(other) if above else -_step(other)), found)
    return found


def moments_after(low: Floats, within: Floats, column: Column) -> Floats:
    """Return own numbers of moments from ``low`` on.

    Args:
        low: ``(N,)`` seconds since 1970 that a moment must not be before.
        within: ``(N,)`` seconds that it should be after that, as far as its steps allow.
        column: The column of the moments. What its dtype cannot hold is NaN.
    """
    held = can_hold(low, column) & can_hold(low + within, column)
    wanted = _own(np.where(held, low + within, np.nan), column, np.floor)
    found = np.maximum(wanted, _own(np.where(held, low, np.nan), column, np.ceil))
    return np.where(can_hold(on_one_scale(found, column), column), found, np.nan)


def _counts(column: Column) -> bool:
    """Return True if own numbers count from the column's minimum."""
    whole = pd.api.types.is_integer_dtype(dtype_from_name(column.dtype))
    return column.kind == "datetime" or column.step is not None or bool(whole)


def on_one_scale(numbers: Floats, column: Column) -> Floats:
    """Return values, or seconds since 1970, of own numbers."""
    if column.kind == "categorical":
        values = np.array([*map(float, column.categories), np.nan])
        return values[numbers.astype(np.int64)]
    if column.kind == "datetime":
        return seconds_at(numbers, column)
    if not _counts(column):
        return numbers
    return numbers * (column.step or 1) + float(column.minimum or 0)


def _own(values: Floats, column: Column, rounded: Callable[[Floats], Floats]) -> Floats:
    """Return own numbers of values, rounded down or up to what the column holds."""
    if column.kind == "categorical":
        known = np.array([float(value) for value in column.categories])
        below = np.searchsorted(known, values, side="right") - 1
        places = below if rounded is np.floor else np.searchsorted(known, values)
        return np.clip(places, 0, len(known) - 1).astype(np.float64)
    if column.kind == "datetime":
        return numbers_at_seconds(values, column, rounded)
    if column.step is not None:
        steps = (values - float(column.minimum or 0)) / column.step
        return np.asarray(rounded(np.round(steps, 6)))
    if _counts(column):
        whole: Floats = np.asarray(rounded(values)) - float(column.minimum or 0)
        return whole
    if column.decimals is None:
        return values
    scale = 10.0**column.decimals
    exact: Floats = np.round(rounded(np.round(values * scale, 6)) / scale, column.decimals)
    return exact


def _step(column: Column) -> float:
    if _counts(column) or column.kind == "categorical":
        return 1.0
    return _TINY if column.decimals is None else 10.0**-column.decimals


def _bottom(column: Column) -> float:
    counted = _counts(column) or column.kind == "categorical"
    return 0.0 if counted else float(column.minimum or 0)


def _top(column: Column) -> float:
    if column.kind == "categorical":
        return float(len(column.categories) - 1)
    return column_range(column)[2] if _counts(column) else float(column.maximum or 0)
