"""Conversion of one column to float64 or category positions, and back to its dtype."""

from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from tabvae_ray.errors import DataError
from tabvae_ray.table.coders.category_values import positions_in_other_types
from tabvae_ray.table.coders.discretizer import Codes, Floats
from tabvae_ray.table.column import Column
from tabvae_ray.table.dtypes import dtype_from_name, moment_dtype
from tabvae_ray.table.grids.digits import with_digits
from tabvae_ray.table.grids.steps import with_unit
from tabvae_ray.table.grids.timeline import (
    last_number,
    moment_numbers,
    moments_at,
    on_line,
    ticks_at,
)
from tabvae_ray.table.kinds import as_numeric
from tabvae_ray.table.parsing import as_datetimes, as_numbers
from tabvae_ray.table.values.decimals import (
    decimals_at,
    decimals_from_numbers,
    is_decimal,
    series_of,
    units_from,
)
from tabvae_ray.table.values.object_types import period_start
from tabvae_ray.table.values.spans import is_span, spans_of

__all__ = [
    "as_last_digits",
    "categories_at",
    "column_numbers",
    "column_positions",
    "column_range",
    "is_counted",
    "origin_shift",
    "restored",
    "value_at",
]


def column_range(column: Column) -> tuple[int | None, float, float]:
    """Return decimals, minimum and maximum of the numbers that :func:`column_numbers` returns."""
    assert column.minimum is not None and column.maximum is not None
    if column.kind == "datetime":
        return 0, 0.0, last_number(column)
    if column.step is not None:
        return 0, 0.0, float(np.rint(_distance(column.minimum, column.maximum) / column.step))
    if _is_integer(column):
        return 0, 0.0, float(int(column.maximum) - int(column.minimum))
    if is_counted(column):
        dtype = dtype_from_name(column.dtype)
        return 0, 0.0, float(units_from([column.maximum], column.minimum, column.maximum, dtype)[0])
    low, high = float(column.minimum), float(column.maximum)
    if column.decimals is not None:
        low, high = round(low, column.decimals), round(high, column.decimals)
    return column.decimals, low, high


def column_numbers(values: pd.Series, column: Column, *, between: bool = False) -> Floats:
    """Convert a column to float64, NaN where missing.

    Integers count from the minimum of the column, and datetimes and numbers with a step in steps
    from there, because float64 holds these differences exactly where it would not hold the values
    themselves. So do decimals that float64 does not tell apart, in units of their last place.

    Args:
        values: The values.
        column: Their column.
        between: Whether values between those that the column can have stay between; otherwise they
            become the nearest one.
    """
    assert column.minimum is not None and column.maximum is not None
    if column.kind == "datetime":
        dtype = moment_dtype(column.dtype)
        # A moment without a time zone is in the time zone of the column.
        zone = getattr(dtype, "tz", None)
        moments = as_datetimes(values, "table", written=column.format, zone=zone)
        try:
            numbers = moment_numbers(moments.astype(dtype), column, between=between)
        except (TypeError, ValueError):
            raise DataError(
                f"column {column.name!r}: must be datetimes like {column.dtype}, but is of dtype "
                f"{moments.dtype}"
            ) from None
        return numbers if between else np.rint(numbers)
    if _is_integer(column) and pd.api.types.is_object_dtype(values.dtype):
        # Floats would lose digits of Python's integers.
        values = as_numeric(values)
    if _is_integer(column) and pd.api.types.is_integer_dtype(values.dtype):
        absent = values.isna().to_numpy()
        whole = values.fillna(int(column.minimum)) if absent.any() else values
        bits = np.uint64 if pd.api.types.is_unsigned_integer_dtype(values.dtype) else np.int64
        exact = np.clip(whole.to_numpy(bits), *_limits(column, bits))
        # Modulo 2**64, the difference is right for all 64-bit integers.
        offsets = exact.astype(np.uint64) - np.uint64(int(column.minimum) % 2**64)
        return _in_steps(np.where(absent, np.nan, offsets.astype(np.float64)), column, between)
    if is_counted(column):
        dtype = dtype_from_name(column.dtype)
        return units_from(values.astype(object), column.minimum, column.maximum, dtype)
    numbers = as_numbers(values, "table", written=column.format)
    if _is_integer(column) or column.step is not None:
        return _in_steps(numbers - float(column.minimum), column, between)
    if column.decimals is not None and not between:
        # Rounded like generated values: 0.1 in float32 is another number in float64, and fewer
        # decimals may be declared than the table has.
        numbers = np.round(numbers, column.decimals)
    return numbers


def _in_steps(offsets: Floats, column: Column, between: bool) -> Floats:
    if column.step is None:
        return offsets
    # A quotient may be slightly off a whole number.
    steps: Floats = np.round(offsets / column.step, 6)
    return steps if between else np.rint(steps)


def origin_shift(column: Column, other: Column) -> float:
    """Return by how much the numbers of a column exceed those of another with a later minimum."""
    assert column.minimum is not None and other.minimum is not None
    if column.kind == "datetime":
        steps = on_line(int(other.minimum), column) - on_line(int(column.minimum), column)
        return float(steps // int(column.step or 1))
    if column.step is not None:
        return float(np.rint(_distance(column.minimum, other.minimum) / column.step))
    if _is_integer(column):
        return float(int(other.minimum) - int(column.minimum))
    if is_counted(column):
        dtype = dtype_from_name(column.dtype)
        return float(units_from([other.minimum], column.minimum, column.maximum, dtype)[0])
    return 0.0


def value_at(number: float, column: Column) -> int | float | Decimal:
    """Return the value of a numeric column, or the ticks of a datetime, at one of its numbers."""
    assert column.minimum is not None and column.maximum is not None
    if column.kind == "datetime":
        return ticks_at(number, column)
    if _is_integer(column):
        whole = int(column.minimum) + round(number) * int(column.step or 1)
        return min(whole, int(column.maximum))
    if is_counted(column):
        dtype = dtype_from_name(column.dtype)
        units = np.array([number])
        value: Decimal = decimals_at(units, column.minimum, column.maximum, dtype)[0]
        return value
    if column.step is not None:
        number = float(column.minimum) + round(number) * column.step
    if column.decimals is None:
        return number
    number = round(number, column.decimals)
    if column.unit is None:
        return number
    return float(with_unit(np.array([number]), column.unit, column.decimals)[0])


def _distance(low: int | float | Decimal, high: int | float | Decimal) -> float:
    """Return the distance of two numbers, that of whole numbers before it is rounded."""
    if isinstance(low, int) and isinstance(high, int):
        return float(high - low)
    return float(high) - float(low)


def _limits(column: Column, bits: type[np.int64] | type[np.uint64]) -> tuple[Any, Any]:
    """Return the range of an integer column, clipped to the range of an integer type."""
    assert column.minimum is not None and column.maximum is not None
    info = np.iinfo(bits)
    low, high = int(column.minimum), int(column.maximum)
    return bits(min(max(low, info.min), info.max)), bits(min(max(high, info.min), info.max))


def restored(numbers: Floats, column: Column) -> Any:
    """Convert numbers that :func:`column_numbers` returned back to the dtype of the column."""
    dtype = dtype_from_name(column.dtype)
    absent = np.isnan(numbers) if column.missing else None
    if absent is not None and not absent.any():
        absent = None
    if column.kind == "datetime":
        return _moments(numbers, absent, column)
    if column.step is not None:
        numbers = numbers * column.step
        if not _is_integer(column):
            numbers = np.round(numbers + float(column.minimum or 0), column.decimals or 0)
    if _is_integer(column):
        whole = _integers(numbers, column)
        if isinstance(dtype, np.dtype):
            return whole.astype(dtype)
        mask = np.zeros(len(whole), dtype=bool) if absent is None else absent
        masked = pd.arrays.IntegerArray(whole, mask)
        return masked.astype(dtype)
    if is_counted(column):
        return decimals_at(numbers, column.minimum, column.maximum, dtype)
    if is_decimal(dtype):
        return decimals_from_numbers(numbers, column.decimals, dtype)
    numbers = as_last_digits(numbers, column)
    if isinstance(dtype, np.dtype):
        return numbers.astype(dtype)
    if absent is None:
        return pd.array(numbers, dtype=dtype)
    return pd.Series(numbers).astype(object).mask(absent, pd.NA).astype(dtype).array


def as_last_digits(numbers: Floats, column: Column) -> Floats:
    """Return numbers with the significant digits, or as the float64 products, of a column."""
    if column.digits is not None:
        numbers = with_digits(numbers, column.digits)
    if column.unit is not None and column.decimals is not None:
        numbers = with_unit(numbers, column.unit, column.decimals)
    return numbers


def _moments(
    numbers: Floats, absent: np.ndarray[Any, np.dtype[np.bool_]] | None, column: Column
) -> pd.Series:
    moments = moments_at(numbers, column)
    if absent is not None:
        moments = moments.mask(absent)
    own = dtype_from_name(column.dtype)
    if column.written_dtype is not None:
        moments = period_start(moments, column.written_dtype)
    if is_span(own):
        return spans_of(moments, own)
    return moments.astype(own) if isinstance(own, pd.ArrowDtype) else moments


def _integers(numbers: Floats, column: Column) -> np.ndarray[Any, Any]:
    """Convert offsets from the minimum to int64, or to uint64 if the dtype is unsigned."""
    assert column.minimum is not None and column.maximum is not None
    span = int(column.maximum) - int(column.minimum)
    # If the span exceeds 2**53, it may round to a float that is larger than it.
    offsets = np.rint(np.nan_to_num(numbers))
    exact = np.where(offsets >= float(span), 0, offsets).astype(np.uint64)
    exact = np.where(offsets >= float(span), np.uint64(span), exact)
    whole = exact + np.uint64(int(column.minimum) % 2**64)
    unsigned = pd.api.types.is_unsigned_integer_dtype(dtype_from_name(column.dtype))
    return whole if unsigned else whole.view(np.int64)


def column_positions(values: pd.Series, column: Column, *, strangers: bool = False) -> Codes:
    """Find the position of each value among the categories of a column, -1 where missing.

    With ``strangers``, values that are not among the categories have the position -2.

    Raises:
        DataError: If a value is not one of the categories, without ``strangers``.
    """
    index = pd.Index(list(column.categories), dtype=object)
    if isinstance(values.dtype, pd.CategoricalDtype):
        lookup = np.append(index.get_indexer(values.cat.categories.astype(object)), -1)
        positions = lookup[values.cat.codes.to_numpy()]
    else:
        # Looks up each distinct value once, as most columns have few.
        numbers, distinct = pd.factorize(values)
        known = index.get_indexer(pd.Index(distinct).astype(object))
        positions = np.append(known, -1)[numbers]
    strange = np.flatnonzero((positions < 0) & values.notna().to_numpy())
    if len(strange):
        others = positions_in_other_types(values.iloc[strange], column.categories)
        positions = positions.copy()
        positions[strange] = others
    strange = np.flatnonzero((positions < 0) & values.notna().to_numpy())
    if len(strange) and strangers:
        positions[strange] = -2
    elif len(strange):
        raise DataError(
            f"column {column.name!r}: {values.iloc[strange[0]]!r} is none of its "
            f"{len(column.categories)} categories"
        )
    return positions.astype(np.int32)


def categories_at(positions: Codes, column: Column, compact: bool) -> Any:
    """Return the categories at positions in the dtype of the column, missing at -1.

    With ``compact``, return a pandas categorical of the categories that occur instead.
    """
    values = list(column.categories)
    if compact:
        return pd.Categorical.from_codes(
            positions, dtype=pd.CategoricalDtype(values, ordered=column.ordered)
        )
    if column.dtype == "category":
        levels = list(column.levels) or values
        index = pd.Index(levels, dtype=dtype_from_name(column.levels_dtype or "object"))
        place = {value: i for i, value in enumerate(levels)}
        moved = np.append([place[value] for value in values], -1)[positions]
        dtype = pd.CategoricalDtype(index, ordered=column.ordered)
        return pd.Categorical.from_codes(moved, dtype=dtype)
    dtype = dtype_from_name(column.dtype)
    if column.missing:
        base = series_of([*values, None], dtype).array
        taken = base.take(np.where(positions < 0, len(values), positions))
    else:
        taken = series_of(values, dtype).array.take(positions)
    # A Series, because a DataFrame would infer dtype str for a bare array of text objects.
    return pd.Series(taken, dtype=dtype, copy=False)


def is_counted(column: Column) -> bool:
    """Return True for decimals that are counted in units of their last place."""
    bounds = (column.minimum, column.maximum)
    return column.kind == "continuous" and any(isinstance(end, Decimal) for end in bounds)


def _is_integer(column: Column) -> bool:
    if column.kind != "continuous":
        return False
    return bool(pd.api.types.is_integer_dtype(dtype_from_name(column.dtype)))
