"""Given cells in the places of drawn ones, as rules read them."""

import numpy as np
import pandas as pd

from tabvae_ray.errors import DataError
from tabvae_ray.table.column import Column
from tabvae_ray.table.column_values import categories_at, column_numbers, column_positions, restored
from tabvae_ray.table.dtypes import dtype_from_name, moment_dtype
from tabvae_ray.table.parsing import as_datetimes, as_numbers
from tabvae_ray.table.rules.column_views import Mask
from tabvae_ray.table.values.decimals import is_decimal

__all__ = ["placed"]


def placed(values: pd.Series, drawn: pd.Series, given: Mask, column: Column) -> pd.Series:
    """Return drawn values of a column with given ones in their places, as rules read them.

    A given value is not rounded and may lie beyond the range of the column. What stands for a rare
    category stays as it is drawn.

    Args:
        values: ``(N,)`` given values.
        drawn: ``(N,)`` decoded values.
        given: ``(N,)`` true where a value is given.
        column: The column.
    """
    values = values.reset_index(drop=True)
    if column.kind == "categorical":
        positions = column_positions(values, column, strangers=True)
        given = given & (positions != -2)
        made = pd.Series(categories_at(np.where(positions < 0, -1, positions), column, False))
    elif column.kind == "datetime":
        made = _moments(values, column)
    else:
        made = _numbers(values, column)
    if given.all():
        return made
    try:
        return drawn.where(~given, made.astype(drawn.dtype))
    except (TypeError, ValueError):
        # Such as 2.5 in a column of integers.
        return drawn.astype(object).where(~given, made.astype(object)).infer_objects()


def _moments(values: pd.Series, column: Column) -> pd.Series:
    nearest = pd.Series(restored(column_numbers(values, column), column))
    dtype = moment_dtype(column.dtype)
    if nearest.dtype != dtype:
        return nearest
    zone = getattr(dtype, "tz", None)
    try:
        moments = as_datetimes(values, "table", written=column.format, zone=zone).astype(dtype)
    except (TypeError, ValueError, DataError):
        return nearest
    return pd.Series(moments.array)


def _numbers(values: pd.Series, column: Column) -> pd.Series:
    dtype = dtype_from_name(column.dtype)
    if is_decimal(dtype) or values.dtype == dtype:
        try:
            return values.astype(dtype)
        except (TypeError, ValueError, ArithmeticError):
            return pd.Series(restored(column_numbers(values, column), column))
    numbers = as_numbers(values, "table", written=column.format)
    absent = np.isnan(numbers)
    if pd.api.types.is_integer_dtype(dtype):
        if (numbers[~absent] % 1 != 0).any():
            return pd.Series(numbers)
        if absent.any() and isinstance(dtype, np.dtype):
            return pd.Series(numbers)
        return pd.Series(numbers).astype("Int64").astype(dtype)
    return pd.Series(numbers).astype(dtype)
