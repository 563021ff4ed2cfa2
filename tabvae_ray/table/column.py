"""One column of a table's spec, and the rules that it keeps."""

from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field

from tabvae_ray.errors import DataError
from tabvae_ray.table.declaration import Kind, Scalar
from tabvae_ray.table.dtypes import (
    dtype_from_name,
    is_dtype_name,
    number_limits,
)

__all__ = ["MAX_DECIMALS", "Column", "check_column"]


MAX_DECIMALS = 15


class Column(BaseModel):
    """One column of a table.

    Args:
        name: Its name.
        kind: What its values are.
        dtype: Its pandas dtype, as text; see :func:`dtype_name`.
        missing: Whether values are missing.
        categories: Categorical only: the values, in the order of their text, or in their own order
            where the dtype has one.
        ordered: Whether a category dtype is ordered.
        levels: All categories of a category dtype in its order, if no row has some of them: those
            are never generated.
        levels_dtype: The dtype of a category dtype's categories, as text.
        minimum: Continuous and datetime only: the smallest value; ticks of the dtype for a
            datetime.
        maximum: Likewise the largest.
        decimals: Continuous only: decimal places that hold every value, None for more than 15.
        step: Datetime only: the greatest number of ticks that divides all distances.
        format: Datetime only: how its text is written, as ``strptime`` reads it; ISO 8601 if None.
        fill: Identifier only: ``drop`` leaves the column out of synthetic rows, ``number`` fills it
            with 0, 1, 2, ...
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: str
    kind: Kind
    dtype: str = Field(max_length=200)
    missing: bool = False
    categories: tuple[Scalar, ...] = ()
    ordered: bool = False
    levels: tuple[Scalar, ...] = ()
    levels_dtype: str | None = Field(None, max_length=200)
    minimum: int | float | None = None
    maximum: int | float | None = None
    decimals: int | None = Field(None, ge=0, le=MAX_DECIMALS)
    step: int | None = Field(None, ge=1)
    format: str | None = Field(None, max_length=200)
    fill: Literal["drop", "number"] = "drop"


def check_column(column: Column, source: str) -> None:
    """Check the rules that a spec read from a file has to keep; an inferred one does.

    Raises:
        DataError: Saying which one it breaks.
    """
    where = f"{source}: column {column.name!r}"
    for name in filter(None, (column.dtype, column.levels_dtype)):
        if not is_dtype_name(name):
            raise DataError(f"{where}: {name!r} is no dtype of a table's column")
    dtype = dtype_from_name(column.dtype)
    if not _suits(dtype, column.kind):
        raise DataError(f"{where}: {column.dtype!r} is no dtype of a {column.kind} column")
    if column.kind == "categorical":
        kinds = {type(value) for value in column.categories}
        if len(kinds) != 1 or len(set(column.categories)) != len(column.categories):
            raise DataError(f"{where}: categories must be different values of one type, at least 1")
        levels = set(column.levels)
        if levels and not (len(levels) == len(column.levels) and levels >= {*column.categories}):
            raise DataError(f"{where}: levels must be different values, the categories among them")
        try:
            _ = pd.Series(column.categories, dtype=dtype)
            _ = pd.Index(column.levels, dtype=dtype_from_name(column.levels_dtype or "object"))
        except (ArithmeticError, TypeError, ValueError, pa.ArrowException):
            raise DataError(f"{where}: its categories are not of dtype {column.dtype}") from None
    if column.kind in ("continuous", "datetime"):
        _check_range(column, dtype, where)


def _check_range(column: Column, dtype: Any, where: str) -> None:
    low, high = column.minimum, column.maximum
    if low is None or high is None or low > high:
        raise DataError(f"{where}: must have minimum <= maximum, but got {low} and {high}")
    span = f"{_brief(low)} to {_brief(high)}"
    limits: tuple[int | float, int | float] = (-(2**63) + 1, 2**63 - 1)
    if column.kind == "datetime":
        if column.step is None or column.step > limits[1]:
            raise DataError(f"{where}: a datetime must have a step below 2**63")
    else:
        limits = number_limits(dtype)
    whole = column.kind == "datetime" or pd.api.types.is_integer_dtype(dtype)
    if not (limits[0] <= low and high <= limits[1]) or (whole and (low % 1 or high % 1)):
        raise DataError(f"{where}: {span} are no values of dtype {column.dtype}")
    if not np.isfinite(float(high) - float(low)):
        raise DataError(f"{where}: must span less than 1.8e308, but is {span}")
    largest = float(np.finfo(np.float64).max) / 10.0 ** (column.decimals or 0)
    if max(-low, high) > largest:
        raise DataError(f"{where}: {column.decimals} decimals are too many for {_brief(high)}")


def _brief(number: int | float) -> str:
    text = str(number)
    return text if len(text) <= 25 else f"{text[:20]}..."


def _suits(dtype: Any, kind: Kind) -> bool:
    types = pd.api.types
    if kind == "continuous":
        return types.is_numeric_dtype(dtype) and not types.is_complex_dtype(dtype)
    if kind == "datetime":
        if isinstance(dtype, pd.ArrowDtype):
            arrow = dtype.pyarrow_dtype
            return bool(pa.types.is_timestamp(arrow) or pa.types.is_date(arrow))
        return types.is_datetime64_any_dtype(dtype)
    return True
