"""Values in a declared dtype, and the name of a dtype."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from tabvae_ray.errors import DataError, brief
from tabvae_ray.table.dtypes import advice_to_convert, dtype_from_name, dtype_name, is_dtype_name
from tabvae_ray.table.formats.number_texts import odd_text
from tabvae_ray.table.values.decimals import as_decimals, is_decimal, series_of

__all__ = ["checked_name", "of_dtype"]


def of_dtype(
    values: pd.Series, name: str | None, where: str, *, written: str | None = None
) -> pd.Series:
    """Convert a column to a declared dtype.

    Args:
        values: The column.
        name: The dtype; None for the one that they have.
        where: The table and the column in error messages.
        written: The format of the column; a text that is in it is not what is wrong.

    Raises:
        DataError: If its values are not of that dtype.
    """
    if name is None:
        return values
    if not is_dtype_name(name):
        raise DataError(f"{where}: {name!r} is not a supported dtype")
    dtype = dtype_from_name(name)
    try:
        with np.errstate(all="ignore"):
            converted = _converted(values, dtype, where)
        if pd.api.types.is_integer_dtype(dtype) and not bool((converted == values).dropna().all()):
            raise ValueError("some change when they become integers")
        return converted
    except (ArithmeticError, TypeError, ValueError, pa.ArrowException) as error:
        reason = str(error).partition("\n")[0]
        if pd.api.types.is_numeric_dtype(dtype) and (odd := odd_text(values, written)) is not None:
            reason = f"{brief(odd)} is no number"
        raise DataError(f"{where}: its values are not of dtype {name}: {reason}") from None


def _converted(values: pd.Series, dtype: Any, where: str) -> pd.Series:
    if not is_decimal(dtype):
        converted: pd.Series = values.astype(dtype)
        return converted
    exact = as_decimals(values, where).tolist()
    made = series_of([None if pd.isna(value) else value for value in exact], dtype)
    return made.set_axis(values.index).rename(str(values.name))


def checked_name(dtype: Any, where: str) -> str:
    """Return the name of a dtype that the name fully describes.

    Raises:
        DataError: If it does not, as for a time zone without a name.
    """
    if isinstance(dtype, pd.CategoricalDtype):
        return "category"
    if isinstance(dtype, pd.ArrowDtype) and pa.types.is_dictionary(dtype.pyarrow_dtype):
        return "category"
    name = dtype_name(dtype)
    if not is_dtype_name(name) or dtype_from_name(name) != dtype:
        advice = advice_to_convert(dtype)
        raise DataError(f"{where}: values of dtype {dtype} are not supported; {advice}")
    return name
