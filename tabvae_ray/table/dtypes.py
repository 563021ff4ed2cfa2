"""Supported dtypes of columns, and their names."""

import re
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from tabvae_ray.errors import DataError
from tabvae_ray.table.arrow_types import arrow_type_from_name
from tabvae_ray.table.values.decimals import decimal_limit, is_decimal
from tabvae_ray.table.values.spans import is_span

__all__ = [
    "advice_to_convert",
    "check_labels",
    "dtype_from_name",
    "dtype_name",
    "float_type",
    "is_dtype_name",
    "moment_dtype",
    "number_limits",
]

_ARROW_STRING = "arrow[string]"
_ARROW = re.compile(
    r"(decimal(32|64|128|256)\(\d{1,2}, \d{1,2}\)|time32\[(s|ms)\]|time64\[(us|ns)\]"
    r"|duration\[(s|ms|us|ns)\])\[pyarrow\]"
)
_ZONE = r"[A-Za-z0-9_+\-:/]{1,64}"
# pandas would read other names too, such as V2000000000 or 9i8, which no column of a table has.
_DTYPE = re.compile(
    "bool|boolean|object|str|category|float(16|32|64)|Float(32|64)|u?int(8|16|32|64)"
    rf"|U?Int(8|16|32|64)|string\[(python|pyarrow)\]|datetime64\[(s|ms|us|ns)(, {_ZONE})?\]"
    r"|timedelta64\[(s|ms|us|ns)\]"
    r"|(u?int(8|16|32|64)|halffloat|float|double|bool|large_string|string_view)\[pyarrow\]"
    rf"|(date32\[day\]|date64\[ms\]|timestamp\[(s|ms|us|ns)(, tz={_ZONE})?\])\[pyarrow\]"
    rf"|{re.escape(_ARROW_STRING)}|{_ARROW.pattern}"
)


def check_labels(labels: pd.Index, source: str) -> None:
    """Check that the columns of a DataFrame have different names that are text.

    Raises:
        DataError: With what to do.
    """
    odd = [name for name in labels if not isinstance(name, str)]
    if odd:
        raise DataError(
            f"{source}: column names must be text, but one is {odd[0]!r}; give it names "
            "such as `table.columns = [str(name) for name in table.columns]`"
        )
    twice = labels[labels.duplicated()]
    if len(twice):
        raise DataError(f"{source}: column {twice[0]!r}: occurs more than once; rename one of them")


def advice_to_convert(dtype: Any = None) -> str:
    """Return what to do with values that are not supported, to end a message with.

    Args:
        dtype: Their dtype, if that is what is not supported.
    """
    method = ".astype(str)"
    if isinstance(dtype, pd.SparseDtype):
        method = ".sparse.to_dense()"
    elif pd.api.types.is_datetime64_any_dtype(dtype):
        method = ".dt.tz_convert('UTC')"
    elif dtype is not None and pd.api.types.is_complex_dtype(dtype):
        method = ".abs()"
    return f"convert them, such as by {method}, or name the column under drop in the spec"


def dtype_name(dtype: Any) -> str:
    """Return the name of a dtype, which :func:`dtype_from_name` reads.

    ``str(dtype)`` would be ambiguous: Arrow's ``string`` and pandas' string dtype with Arrow
    storage have the same text, and the storage of a string dtype is left out.
    """
    if isinstance(dtype, pd.ArrowDtype) and dtype.pyarrow_dtype == pa.string():
        return _ARROW_STRING
    if isinstance(dtype, pd.StringDtype) and dtype.na_value is pd.NA:
        return f"string[{dtype.storage}]"
    return str(dtype)


def dtype_from_name(name: str) -> Any:
    """Return the dtype with a name that :func:`dtype_name` gave.

    Raises:
        TypeError: If no dtype has that name.
    """
    if name == _ARROW_STRING:
        return pd.ArrowDtype(pa.string())
    if _ARROW.fullmatch(name):
        kind = arrow_type_from_name(name.removesuffix("[pyarrow]"))
        if kind is None:
            raise TypeError(f"{name!r} is not a dtype")
        return pd.ArrowDtype(kind)
    return pd.api.types.pandas_dtype(name)


def is_dtype_name(name: str) -> bool:
    """Return True if a text, which may come from a stranger, is the name of a supported dtype."""
    if not _DTYPE.fullmatch(name):
        return False
    try:
        dtype_from_name(name)
    except (TypeError, ValueError, NotImplementedError, KeyError, OSError):
        # The last two come from names of time zones that do not exist or are directories.
        return False
    return True


def moment_dtype(name: str) -> Any:
    """Return the dtype of a datetime column by its name; NumPy's or pandas' in place of Arrow's.

    Times of day and durations are moments that count from 1970-01-01.
    """
    dtype = dtype_from_name(name)
    if is_span(dtype):
        own = getattr(dtype, "pyarrow_dtype", None)
        unit = np.datetime_data(dtype)[0] if own is None else own.unit
        return np.dtype(f"M8[{unit}]")
    if not isinstance(dtype, pd.ArrowDtype):
        return dtype
    arrow = dtype.pyarrow_dtype
    if not pa.types.is_timestamp(arrow):
        return np.dtype("M8[s]")
    return (
        np.dtype(f"M8[{arrow.unit}]")
        if arrow.tz is None
        else pd.DatetimeTZDtype(arrow.unit, arrow.tz)
    )


def number_limits(dtype: Any) -> tuple[Any, Any]:
    """Return the smallest and the largest number of a numeric or boolean dtype."""
    if is_decimal(dtype):
        largest = decimal_limit(dtype)
        return -largest, largest
    own = np.dtype(getattr(dtype, "numpy_dtype", dtype))
    if own.kind == "b":
        return 0, 1
    if own.kind in "iu":
        whole = np.iinfo(own)
        return int(whole.min), int(whole.max)
    real = np.finfo(own)
    return float(real.min), float(real.max)


def float_type(name: str) -> type[np.floating[Any]]:
    """Return the NumPy type that holds the numbers of a dtype."""
    dtype = dtype_from_name(name)
    if is_decimal(dtype):
        return np.float64
    kind = np.dtype(getattr(dtype, "numpy_dtype", dtype)).type
    return kind if issubclass(kind, np.floating) else np.float64
