"""Dates and numbers of generated rows, written as the real table has them."""

from typing import TypeGuard

import numpy as np
import pandas as pd
import pyarrow as pa

from tabvae_ray.table.arrow_types import arrow_type_from_name
from tabvae_ray.table.column import Column
from tabvae_ray.table.formats.numerals.number_format import NumberFormat
from tabvae_ray.table.formats.padding import padded
from tabvae_ray.table.formats.spelling import UNIX_UNITS, spelled
from tabvae_ray.table.formats.truth_words import spelled_truths
from tabvae_ray.table.parsing import as_datetimes
from tabvae_ray.table.reading.declared_dtype import of_dtype
from tabvae_ray.table.spec import TableSpec
from tabvae_ray.table.values.object_types import is_object_type, of_object_type

__all__ = ["as_in_memory", "as_written", "in_object_types"]

# Dates of several formats, in text of a Parquet file, become these.
_ISO = "%Y-%m-%d %H:%M:%S"


def as_written(rows: pd.DataFrame, spec: TableSpec, *, as_text: bool) -> pd.DataFrame:
    """Return rows whose dates and numbers are text, or dates numbers, where the table has such.

    Args:
        rows: Generated rows.
        spec: Their spec.
        as_text: Whether they go to CSV. In Parquet, dates and numbers stay what they are unless
            the real table was Parquet with text for them, or with numbers for dates.
    """
    written = {
        column.name: made
        for column in spec.columns
        if column.name in rows
        and (made := _written(rows[column.name], column, as_text=as_text)) is not None
    }
    table = rows.assign(**written) if written else rows
    if not as_text:
        return in_object_types(table, spec)
    spaced = {
        column.name: padded(table[column.name], column.padding)
        for column in spec.columns
        if column.padding is not None and column.name in table
    }
    table = table.assign(**spaced) if spaced else table
    # Readers give such a column a name by its place, which may have changed.
    names = {
        name: "" for i, name in enumerate(table) if name == f"Unnamed: {i}" and spec[name].unnamed
    }
    return table.rename(columns=names) if names else table


def as_in_memory(rows: pd.DataFrame, spec: TableSpec) -> pd.DataFrame:
    """Return rows with the dtypes of the real table, where that has text for dates and numbers.

    Args:
        rows: Generated rows.
        spec: Their spec.
    """
    made: dict[str, pd.Series] = {}
    for column in spec.columns:
        if column.written_dtype is None or column.name not in rows:
            continue
        values = rows[column.name]
        if is_object_type(column.written_dtype):
            made[column.name] = of_object_type(values, column.written_dtype)
            continue
        written = _written(values, column, as_text=False)
        if written is None and column.written_dtype == "category":
            written = values
        if written is not None:
            where = f"column {column.name!r}: written_dtype"
            made[column.name] = of_dtype(written, column.written_dtype, where)
    return rows.assign(**made) if made else rows


def in_object_types(rows: pd.DataFrame, spec: TableSpec) -> pd.DataFrame:
    """Return rows with the types of the real table for Parquet that are modelled in plain ones."""
    made = {
        column.name: of_object_type(rows[column.name], column.written_dtype)
        for column in spec.columns
        if column.name in rows and _has_arrow_type(column.written_dtype)
    }
    return rows.assign(**made) if made else rows


def _has_arrow_type(name: str | None) -> TypeGuard[str]:
    """Return True for periods, intervals and UUIDs; Parquet holds no sparse arrays."""
    return (
        name is not None
        and is_object_type(name)
        and name.startswith(("period", "interval", "uuid"))
    )


def _written(values: pd.Series, column: Column, *, as_text: bool) -> pd.Series | None:
    if column.kind == "datetime":
        return _written_dates(values, column, as_text=as_text)
    if column.format is None or column.kind == "identifier":
        return None
    kind = arrow_type_from_name(column.arrow_type or "")
    is_stored = kind is not None and not pa.types.is_dictionary(kind) and not _is_number(kind)
    if pd.api.types.is_bool_dtype(values.dtype):
        return spelled_truths(values, column.format) if as_text and kind is None else None
    made = NumberFormat.parse(column.format)
    is_number = pd.api.types.is_numeric_dtype(values.dtype)
    if made is None or not is_number or not (is_stored or (as_text and kind is None)):
        return None
    return made.spelled(values)


def _written_dates(values: pd.Series, column: Column, *, as_text: bool) -> pd.Series | None:
    kind = arrow_type_from_name(column.arrow_type or "")
    is_number = kind is not None and (pa.types.is_integer(kind) or pa.types.is_floating(kind))
    is_stored = is_number or (kind is not None and not pa.types.is_temporal(kind))
    if not (is_stored or (as_text and column.format is not None)):
        return None
    moments = as_datetimes(values, "rows")
    written = column.format or (_ISO if moments.dt.tz is None else f"{_ISO}%:z")
    made = spelled(moments, written)
    if not is_number:
        return made
    numbers = made if written in UNIX_UNITS else pd.to_numeric(made).astype("Int64")
    if as_text or not pa.types.is_floating(kind):
        return numbers
    return pd.Series(numbers.to_numpy(np.float64, na_value=np.nan), index=values.index)


def _is_number(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    )
