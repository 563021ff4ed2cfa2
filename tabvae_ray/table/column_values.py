"""The values of one column as plain numbers or positions of categories, and back in its dtype."""

from typing import Any

import numpy as np
import pandas as pd

from tabvae_ray.errors import DataError
from tabvae_ray.table.column import Column
from tabvae_ray.table.discretizer import Codes, Floats
from tabvae_ray.table.dtypes import dtype_from_name, moment_dtype
from tabvae_ray.table.parsing import as_datetimes, as_numbers, datetime_ticks

__all__ = ["categories_at", "column_numbers", "column_positions", "column_range", "restored"]


def column_range(column: Column) -> tuple[int | None, float, float]:
    """Decimals, minimum and maximum of a column as :func:`column_numbers` gives it."""
    assert column.minimum is not None and column.maximum is not None
    if column.kind == "datetime":
        return 0, 0.0, float((int(column.maximum) - int(column.minimum)) // (column.step or 1))
    if _is_integer(column):
        return 0, 0.0, float(int(column.maximum) - int(column.minimum))
    low, high = float(column.minimum), float(column.maximum)
    if column.decimals is not None:
        low, high = round(low, column.decimals), round(high, column.decimals)
    return column.decimals, low, high


def column_numbers(values: pd.Series, column: Column) -> Floats:
    """The column as float64, NaN where missing.

    Integers count from the column's minimum, datetimes in its steps from there: float64 holds those
    exactly where it would not hold the values themselves.
    """
    assert column.minimum is not None and column.maximum is not None
    if column.kind == "datetime":
        dtype = moment_dtype(column.dtype)
        # Where no time zone is said, the column's own is meant.
        zone = getattr(dtype, "tz", None)
        moments = as_datetimes(values, "table", written=column.format, zone=zone)
        try:
            ticks = datetime_ticks(moments.astype(dtype))
        except (TypeError, ValueError):
            raise DataError(
                f"column {column.name!r}: must be datetimes like {column.dtype}, but is of dtype "
                f"{moments.dtype}"
            ) from None
        steps = (ticks - int(column.minimum)) / (column.step or 1)
        return np.where(moments.isna(), np.nan, steps)
    if _is_integer(column) and pd.api.types.is_integer_dtype(values.dtype):
        absent = values.isna().to_numpy()
        whole = values.fillna(int(column.minimum)) if absent.any() else values
        bits = np.uint64 if pd.api.types.is_unsigned_integer_dtype(values.dtype) else np.int64
        exact = np.clip(whole.to_numpy(bits), *_limits(column, bits))
        # Modulo 2**64, the distance from the minimum is right for all integers of 64 bits.
        offsets = exact.astype(np.uint64) - np.uint64(int(column.minimum) % 2**64)
        return np.where(absent, np.nan, offsets.astype(np.float64))
    numbers = as_numbers(values, "table")
    if _is_integer(column):
        return numbers - float(column.minimum)
    if column.decimals is not None:
        # 0.1 of 32 bits is another number in 64, and fewer decimals may be declared than there are:
        # what is drawn and rounded has to be equal to it.
        numbers = np.round(numbers, column.decimals)
    return numbers


def _limits(column: Column, bits: type[np.int64] | type[np.uint64]) -> tuple[Any, Any]:
    """Smallest and largest value of an integer column, as far as the integers of a type go."""
    assert column.minimum is not None and column.maximum is not None
    info = np.iinfo(bits)
    low, high = int(column.minimum), int(column.maximum)
    return bits(min(max(low, info.min), info.max)), bits(min(max(high, info.min), info.max))


def restored(numbers: Floats, column: Column) -> Any:
    """Numbers as :func:`column_numbers` gives them, in the column's dtype."""
    dtype = dtype_from_name(column.dtype)
    absent = np.isnan(numbers) if column.missing else None
    if absent is not None and not absent.any():
        absent = None
    if column.kind == "datetime":
        return _moments(numbers, absent, column)
    if _is_integer(column):
        whole = _integers(numbers, column)
        if isinstance(dtype, np.dtype):
            return whole.astype(dtype)
        mask = np.zeros(len(whole), dtype=bool) if absent is None else absent
        masked = pd.arrays.IntegerArray(whole, mask)
        return masked.astype(dtype)
    if isinstance(dtype, np.dtype):
        return numbers.astype(dtype)
    if absent is None:
        return pd.array(numbers, dtype=dtype)
    return pd.Series(numbers).astype(object).mask(absent, pd.NA).astype(dtype).array


def _moments(
    numbers: Floats, absent: np.ndarray[Any, np.dtype[np.bool_]] | None, column: Column
) -> pd.Series:
    assert column.minimum is not None
    dtype = moment_dtype(column.dtype)
    whole = np.rint(np.nan_to_num(numbers)).astype(np.int64)
    ticks = whole * (column.step or 1) + int(column.minimum)
    if isinstance(dtype, pd.DatetimeTZDtype):
        moments = pd.Series(ticks.view(f"M8[{dtype.unit}]")).dt.tz_localize("UTC")
        moments = moments.dt.tz_convert(dtype.tz)
    else:
        moments = pd.Series(ticks.view(dtype))
    if absent is not None:
        moments = moments.mask(absent)
    own = dtype_from_name(column.dtype)
    return moments.astype(own) if isinstance(own, pd.ArrowDtype) else moments


def _integers(numbers: Floats, column: Column) -> np.ndarray[Any, Any]:
    """Offsets from the column's minimum -> int64, or uint64 where the dtype is unsigned."""
    assert column.minimum is not None and column.maximum is not None
    span = int(column.maximum) - int(column.minimum)
    # Of a span beyond 2**53, the largest float may lie above the largest offset.
    offsets = np.rint(np.nan_to_num(numbers))
    exact = np.where(offsets >= float(span), 0, offsets).astype(np.uint64)
    exact = np.where(offsets >= float(span), np.uint64(span), exact)
    whole = exact + np.uint64(int(column.minimum) % 2**64)
    unsigned = pd.api.types.is_unsigned_integer_dtype(dtype_from_name(column.dtype))
    return whole if unsigned else whole.view(np.int64)


def column_positions(values: pd.Series, column: Column) -> Codes:
    """Position of each value among the column's categories, -1 where missing.

    Raises:
        DataError: If a value is none of them.
    """
    index = pd.Index(list(column.categories), dtype=object)
    if isinstance(values.dtype, pd.CategoricalDtype):
        lookup = np.append(index.get_indexer(values.cat.categories.astype(object)), -1)
        positions = lookup[values.cat.codes.to_numpy()]
    else:
        # Few distinct values stand in many rows: look up each once.
        numbers, distinct = pd.factorize(values)
        known = index.get_indexer(pd.Index(distinct).astype(object))
        positions = np.append(known, -1)[numbers]
    strange = np.flatnonzero((positions < 0) & values.notna().to_numpy())
    if len(strange):
        raise DataError(
            f"column {column.name!r}: {values.iloc[strange[0]]!r} is none of its "
            f"{len(column.categories)} categories"
        )
    return positions.astype(np.int32)


def categories_at(positions: Codes, column: Column, compact: bool) -> Any:
    """Values of the column's dtype at the given positions, missing at -1."""
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
        base = pd.Series([*values, None], dtype=dtype).array
        taken = base.take(np.where(positions < 0, len(values), positions))
    else:
        taken = pd.Series(values, dtype=dtype).array.take(positions)
    # As a bare array, a DataFrame would take texts of dtype object for those of dtype str.
    return pd.Series(taken, dtype=dtype, copy=False)


def _is_integer(column: Column) -> bool:
    if column.kind != "continuous":
        return False
    return bool(pd.api.types.is_integer_dtype(dtype_from_name(column.dtype)))
