"""Tables in memory, of whatever library, as DataFrames of pandas."""

import io
import os
import warnings
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, Protocol, TypeGuard, runtime_checkable

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from tabvae_ray.errors import DataError, one_line
from tabvae_ray.storage import Location
from tabvae_ray.table.arrow_types import ARROW_TYPES, as_arrow, frame_of, typed_schema
from tabvae_ray.table.dtypes import advice_to_convert, check_labels
from tabvae_ray.table.values.object_types import OBJECT_TYPES, in_plain_types

__all__ = [
    "ArrowTable",
    "Frame",
    "Source",
    "as_frame",
    "is_frame",
    "is_location",
    "parquet_form",
    "say_if_index_is_left_out",
]


@runtime_checkable
class ArrowTable(Protocol):
    """A table that other libraries can read through the Arrow PyCapsule interface."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Return a capsule with a stream of Arrow arrays."""


Frame = pd.DataFrame | ArrowTable
Source = str | PurePath | Location


def is_location(source: object) -> TypeGuard[Source]:
    """Return True for a path or URI, and False for rows in memory."""
    return isinstance(source, str | os.PathLike | Location)


def is_frame(rows: object) -> TypeGuard[Frame]:
    """Return True for a table in memory, and False for an array or a list."""
    return isinstance(rows, pd.DataFrame) or hasattr(rows, "columns")


def as_frame(rows: Any, what: str = "table") -> pd.DataFrame:
    """Return rows as a DataFrame; rows of pandas are returned as they are.

    Named levels of an index become columns. An index without a name is left out.

    Args:
        rows: A DataFrame of pandas, an Arrow table, or anything that offers the Arrow PyCapsule or
            the DataFrame interchange interface, such as a DataFrame of polars.
        what: The name of the table in error messages.

    Raises:
        DataError: If they are none of these.
    """
    if isinstance(rows, pd.DataFrame):
        named = [name for name in rows.index.names if name is not None]
        if not named:
            return in_plain_types(rows.reset_index(drop=True))
        twice = [name for name in named if name in rows.columns]
        if twice:
            raise DataError(f"{what}: {twice[0]!r} is the name of a column and of the index")
        unnamed = [i for i, name in enumerate(rows.index.names) if name is None]
        return in_plain_types(rows.reset_index(level=unnamed, drop=True).reset_index())
    try:
        if hasattr(rows, "__arrow_c_stream__"):
            table = pa.table(rows)
        elif hasattr(rows, "__dataframe__"):
            from pyarrow.interchange import from_dataframe

            table = from_dataframe(rows)
        else:
            hint = "; call its collect()" if hasattr(rows, "collect") else ""
            raise DataError(
                f"{what}: must be a path, a DataFrame of pandas or polars, or an Arrow table, but "
                f"got {type(rows).__name__}{hint}"
            )
    except (pa.ArrowException, TypeError, ValueError, NotImplementedError) as error:
        if isinstance(error, DataError):
            raise
        hint = "; call its to_frame()" if hasattr(rows, "to_frame") else ""
        raise DataError(
            f"{what}: a {type(rows).__name__} cannot be read through Arrow: {one_line(error)}{hint}"
        ) from None
    twice = [name for name in table.column_names if table.column_names.count(name) > 1]
    if twice:
        raise DataError(f"{what}: column {twice[0]!r}: occurs more than once")
    return frame_of(table, what)


def say_if_index_is_left_out(rows: pd.DataFrame, what: str) -> None:
    """Warn of an index that tells more than the order of the rows.

    Args:
        rows: Rows of a user.
        what: The name of the table in the warning.
    """
    index = rows.index
    names = ", ".join(repr(name) for name in index.names if name is not None)
    if isinstance(index, pd.RangeIndex) or not (
        names or isinstance(index, pd.DatetimeIndex | pd.MultiIndex)
    ):
        return
    named = f"its index {names}" if names else "its index, which has no name,"
    warnings.warn(
        f"{what}: {named} is left out; call reset_index() to have it modelled", stacklevel=3
    )


def parquet_form(rows: pd.DataFrame, what: str = "table") -> pd.DataFrame:
    """Return rows as they will be once written to a Parquet file and read again.

    Raises:
        DataError: If a column's name is not text or occurs twice, or its values have no common
            type; or if there are no rows or columns.
    """
    check_labels(rows.columns, what)
    if len(rows.columns) == 0:
        raise DataError(f"{what}: has no columns")
    if len(rows) == 0:
        raise DataError(f"{what}: has no rows")
    types: Mapping[str, str] = rows.attrs.get(ARROW_TYPES, {})
    buffer = io.BytesIO()
    try:
        pq.write_table(as_arrow(rows, typed_schema(rows, types)), buffer)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise DataError(f"{what}: {_culprit(rows, types) or one_line(error)}") from None
    made = frame_of(pq.read_table(buffer))
    made.attrs[OBJECT_TYPES] = rows.attrs.get(OBJECT_TYPES, {})
    return made


def _culprit(rows: pd.DataFrame, types: Mapping[str, str]) -> str | None:
    """Return what is wrong with the first column that no Arrow type can hold."""
    for name in rows.columns:
        one = rows[[name]]
        try:
            as_arrow(one, typed_schema(one, types))
        except (pa.ArrowException, TypeError, ValueError, OverflowError):
            kinds = sorted({type(value).__name__ for value in rows[name].dropna()})
            return (
                f"column {name!r}: must have values of one type, but has {', '.join(kinds[:5])}; "
                f"{advice_to_convert(rows[name].dtype)}"
            )
    return None
