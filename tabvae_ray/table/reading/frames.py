"""Tables in memory, of whatever library, as DataFrames of pandas."""

import io
import os
from collections.abc import Hashable, Mapping
from pathlib import PurePath
from typing import Any, Protocol, TypeGuard, runtime_checkable

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from tabvae_ray.errors import DataError, one_line, warn
from tabvae_ray.storage import Location
from tabvae_ray.table.arrow_types import ARROW_TYPES, as_arrow, frame_of, typed_schema
from tabvae_ray.table.dtypes import advice_to_convert, check_labels
from tabvae_ray.table.values.object_types import OBJECT_TYPES, in_plain_types

__all__ = [
    "ArrowTable",
    "Frame",
    "Source",
    "as_frame",
    "culprit",
    "index_columns",
    "is_frame",
    "is_location",
    "parquet_form",
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


def as_frame(rows: Any, what: str = "table", *, keeps_index: bool = False) -> pd.DataFrame:
    """Return rows as a DataFrame without an index of its own.

    Named levels of an index of pandas become columns. Those without a name are left out, with a
    warning if they tell more than the order of the rows.

    Args:
        rows: A DataFrame of pandas, an Arrow table, or anything that offers the Arrow PyCapsule or
            the DataFrame interchange interface, such as a DataFrame of polars.
        what: The name of the table in error messages.
        keeps_index: Whether the caller keeps the index, so that none is missed.

    Raises:
        DataError: If they are none of these.
    """
    if isinstance(rows, pd.DataFrame):
        return in_plain_types(_without_index(rows, what, say=not keeps_index))
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
        if isinstance(rows, pd.Series) and rows.dtype == object:
            hint = "; a row is a table as table.iloc[[0]]"
        raise DataError(
            f"{what}: a {type(rows).__name__} cannot be read through Arrow: {one_line(error)}{hint}"
        ) from None
    twice = [name for name in table.column_names if table.column_names.count(name) > 1]
    if twice:
        raise DataError(f"{what}: column {twice[0]!r}: occurs more than once")
    return frame_of(table, what)


def index_columns(rows: pd.DataFrame) -> list[Hashable]:
    """Return the names of the levels of an index that become columns."""
    names = [name for name in rows.index.names if name is not None]
    return [name for name in names if not _is_column(rows, name)]


def _is_column(rows: pd.DataFrame, name: Hashable) -> bool:
    """Return whether a level of the index is also a column, as ``set_index`` may leave it."""
    levels = [i for i, other in enumerate(rows.index.names) if other == name]
    columns = np.flatnonzero(rows.columns == name)
    if len(levels) != 1 or len(columns) != 1:
        return False
    values = rows.iloc[:, columns[0]]
    return bool(rows.index.get_level_values(levels[0]).equals(pd.Index(values)))


def _without_index(rows: pd.DataFrame, what: str, *, say: bool) -> pd.DataFrame:
    index = rows.index
    named = index_columns(rows)
    twice = [name for name in named if name in rows.columns]
    if twice:
        raise DataError(f"{what}: {twice[0]!r} is the name of a column and of the index")
    twice = [name for name in named if named.count(name) > 1]
    if twice:
        raise DataError(f"{what}: {twice[0]!r} is the name of two levels of the index")
    if say:
        _say_if_left_out(index, what)
    if not named:
        only_counts = index.name is None and index.equals(pd.RangeIndex(len(rows)))
        return rows if only_counts else rows.reset_index(drop=True)
    dropped = [i for i, name in enumerate(index.names) if name not in named]
    return rows.reset_index(level=dropped, drop=True).reset_index()


def _say_if_left_out(index: pd.Index, what: str) -> None:
    """Warn of an index that is left out and tells more than the order of the rows."""
    unnamed = [name for name in index.names if name is None]
    # Integers are what is left of a count after rows were chosen or put in another order.
    if unnamed and not pd.api.types.is_integer_dtype(index.dtype):
        part = "its index" if len(unnamed) == index.nlevels else "a level of its index"
        warn(f"{what}: {part} has no name, so it is left out; name it to have it as a column")


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
        raise DataError(f"{what}: {culprit(rows, types) or one_line(error)}") from None
    made = frame_of(pq.read_table(buffer))
    made.attrs[OBJECT_TYPES] = rows.attrs.get(OBJECT_TYPES, {})
    return made


def culprit(rows: pd.DataFrame, types: Mapping[str, str]) -> str | None:
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
