"""Arrow types of columns: their names, Parquet tables as DataFrames, and DataFrames in a schema."""

import json
import re
from collections.abc import Mapping
from typing import Any

import pandas as pd
import pyarrow as pa

from tabvae_ray.errors import DataError, warn
from tabvae_ray.table.values.decimals import is_decimal, plain_text
from tabvae_ray.table.values.object_types import in_plain_types

__all__ = [
    "ARROW_TYPES",
    "arrow_type_from_name",
    "as_arrow",
    "frame_of",
    "typed_schema",
    "with_decimals",
]

# Key of a DataFrame's attrs: the names of the Arrow types of its columns, by column.
ARROW_TYPES = "arrow_types"

_SIMPLE: dict[str, pa.DataType] = {
    str(kind): kind
    for kind in (
        *(pa.bool_(), pa.int8(), pa.int16(), pa.int32(), pa.int64()),
        *(pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()),
        *(pa.float16(), pa.float32(), pa.float64(), pa.date32(), pa.date64()),
        *(pa.string(), pa.large_string(), pa.string_view()),
        *(pa.timestamp(unit) for unit in ("s", "ms", "us", "ns")),
        *(pa.duration(unit) for unit in ("s", "ms", "us", "ns")),
        *(pa.time32("s"), pa.time32("ms"), pa.time64("us"), pa.time64("ns")),
    )
}
_NULLABLE = {
    f"{sign}int{bits}": f"{'U' if sign else ''}Int{bits}"
    for sign in ("", "u")
    for bits in (8, 16, 32, 64)
}
_ZONED = re.compile(r"timestamp\[(s|ms|us|ns), tz=([A-Za-z0-9_+\-:/]{1,64})\]")
_DECIMAL = re.compile(r"decimal(32|64|128|256)\((\d{1,2}), (-?\d{1,2})\)")
_DICTIONARY = re.compile(r"dictionary<values=(.{1,150}), indices=(u?int\d+), ordered=([01])>")


def arrow_type_from_name(name: str) -> pa.DataType | None:
    """Return the Arrow type with a name, None if it is not the type of a supported column."""
    if name in _SIMPLE:
        return _SIMPLE[name]
    if zoned := _ZONED.fullmatch(name):
        return pa.timestamp(zoned[1], zoned[2])
    if decimal := _DECIMAL.fullmatch(name):
        makers = {
            "32": pa.decimal32, "64": pa.decimal64, "128": pa.decimal128, "256": pa.decimal256,
        }  # fmt: skip
        try:
            return makers[decimal[1]](int(decimal[2]), int(decimal[3]))
        except (ValueError, pa.ArrowException):
            return None
    if dictionary := _DICTIONARY.fullmatch(name):
        values = None if name.count("dictionary<") > 1 else arrow_type_from_name(dictionary[1])
        indices = _SIMPLE.get(dictionary[2])
        if values == pa.string_view():
            # Categories of polars, of which Arrow writes no Parquet.
            values = pa.large_string()
        if values is not None and indices is not None:
            return pa.dictionary(indices, values, dictionary[3] == "1")
    return None


def frame_of(table: pa.Table, what: str = "table") -> pd.DataFrame:
    """Convert an Arrow table to a DataFrame without loss.

    Integers with missing values get a nullable dtype rather than become floats. Dates, times of
    day and decimals keep their Arrow type. Index columns that have a name become columns. The Arrow
    types are kept in ``attrs``.

    Args:
        table: The table.
        what: Its name in warnings.
    """
    described = json.loads((table.schema.metadata or {}).get(b"pandas", b"{}"))
    unnamed = [
        name
        for name in described.get("index_columns", [])
        if isinstance(name, str) and re.fullmatch(r"__index_level_\d+__", name)
    ]
    if unnamed:
        warn(f"{what}: its index has no name, so it is left out; name it to have it modelled")
    for entry in described.get("index_columns", []):
        if isinstance(entry, dict) and entry.get("name") is not None:
            warn(f"{what}: its index {entry['name']!r} only counts the rows, so it is left out")
    table = table.drop_columns([name for name in unnamed if name in table.column_names])
    if described:
        changed = {**described, "index_columns": [], "column_indexes": []}
        metadata = {**table.schema.metadata, b"pandas": json.dumps(changed).encode()}
        table = table.replace_schema_metadata(metadata)
    frame: pd.DataFrame = table.to_pandas(
        types_mapper=lambda kind: _lossless(kind) if _has_lossless(kind) else None
    )
    for i, field in enumerate(table.schema):
        gaps = pa.types.is_integer(field.type) and frame[field.name].dtype.kind == "f"
        if gaps:
            frame[field.name] = table.column(i).to_pandas(types_mapper=_lossless)
    names = {field.name: str(field.type) for field in table.schema}
    frame.attrs = {
        ARROW_TYPES: {
            name: kind for name, kind in names.items() if arrow_type_from_name(kind) is not None
        }
    }
    return in_plain_types(frame)


def typed_schema(example: pd.DataFrame, types: Mapping[str, str]) -> pa.Schema:
    """Return the Arrow schema of rows, in which some columns have types by name."""
    schema = pa.Schema.from_pandas(_plain(example), preserve_index=False)
    spelled: set[str] = set()
    for i, field in enumerate(schema):
        kind = arrow_type_from_name(types.get(field.name, ""))
        if kind is not None:
            schema = schema.set(i, field.with_type(kind))
            if _is_text(kind) and not _is_text(field.type):
                spelled.add(field.name)
    return schema.with_metadata(_as_text(schema.metadata or {}, spelled)) if spelled else schema


def as_arrow(rows: pd.DataFrame, schema: pa.Schema) -> pa.Table:
    """Convert rows to an Arrow table of a schema.

    Raises:
        DataError: If a value does not fit the type of its column.
    """
    arrays = []
    for field in schema:
        values = rows[field.name]
        try:
            arrays.append(_as_array(values, field.type))
        except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
            raise DataError(
                f"column {field.name!r}: cannot be written as {field.type}: {error}"
            ) from None
    return pa.Table.from_arrays(arrays, schema=schema)


def with_decimals(rows: pd.DataFrame, types: Mapping[str, str]) -> pd.DataFrame:
    """Return rows in which columns of decimals are text that shows all their digits."""
    decimals = {
        name: kind
        for name, kind in ((name, arrow_type_from_name(text)) for name, text in types.items())
        if kind is not None and pa.types.is_decimal(kind) and name in rows
    }
    for name, dtype in rows.dtypes.items():
        if is_decimal(dtype):
            decimals[str(name)] = dtype.pyarrow_dtype
    made: dict[str, Any] = {}
    for name, kind in decimals.items():
        values = _as_array(rows[name], kind).to_pandas().astype(object)
        made[name] = values.map(plain_text, na_action="ignore").to_numpy(object)
    return rows.assign(**made)


def _as_array(values: pd.Series, kind: pa.DataType) -> pa.Array | pa.ChunkedArray:
    if isinstance(kind, pa.BaseExtensionType) and not pd.api.types.is_object_dtype(values.dtype):
        return pa.array(values.array)
    try:
        return pa.array(values, type=kind, from_pandas=True)
    except (pa.ArrowException, ValueError, TypeError):
        made = pa.array(values, from_pandas=True)
        if pa.types.is_dictionary(made.type) and not pa.types.is_dictionary(kind):
            made = made.dictionary_decode()
        return made.cast(kind)


def _is_text(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )


def _as_text(metadata: Mapping[bytes, bytes], names: set[str]) -> dict[bytes, bytes]:
    """Return metadata that has pandas read some columns as text, not as the example's numbers."""
    described = json.loads(metadata.get(b"pandas", b"{}"))
    for column in described.get("columns", []):
        if column["name"] in names:
            column["numpy_type"], column["pandas_type"] = "object", "unicode"
    return {**metadata, b"pandas": json.dumps(described).encode()}


def _plain(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows without attrs, which pandas writes into the metadata of a Parquet file."""
    plain = rows.copy(deep=False)
    plain.attrs = {}
    return plain


def _has_lossless(kind: pa.DataType) -> bool:
    """Return True for types whose values pandas would make Python objects."""
    return bool(pa.types.is_date(kind) or pa.types.is_time(kind) or pa.types.is_decimal(kind))


def _lossless(kind: pa.DataType) -> Any:
    """Return the dtype of an Arrow type whose default in pandas loses something."""
    if pa.types.is_decimal32(kind) or pa.types.is_decimal64(kind):
        # Arrow does not compute with the short ones.
        return pd.ArrowDtype(pa.decimal128(kind.precision, kind.scale))
    if _has_lossless(kind):
        return pd.ArrowDtype(kind)
    return pd.api.types.pandas_dtype(_NULLABLE[str(kind)])
