"""The schema that the files of a table share."""

from collections.abc import Callable, Sequence

import pyarrow as pa

from tabvae_ray.errors import DataError
from tabvae_ray.table.dataset.files import MISSING, TableFile

__all__ = ["common_schema"]

_TEXT: tuple[Callable[[pa.DataType], bool], ...] = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_string_view,
)


def common_schema(files: Sequence[TableFile], schemas: Sequence[pa.Schema]) -> pa.Schema:
    """Return the schema of a table, its partition columns last.

    A column without values in a file may have the type ``null`` there. Columns may be in another
    order.

    Args:
        files: The files, at least one.
        schemas: Their schemas.

    Raises:
        DataError: If a file lacks a column, has a further one, or has another type, naming it.
    """
    first, schema = files[0], schemas[0]
    # The file that each type comes from.
    origins = dict.fromkeys(schema.names, first)
    for file, own in zip(files[1:], schemas[1:], strict=True):
        _check_names(file, own, first, schema)
        for i, field in enumerate(schema):
            other = own.field(field.name)
            if pa.types.is_null(field.type) and not pa.types.is_null(other.type):
                schema, origins[field.name] = schema.set(i, other), file
            elif not _is_readable_as(other.type, field.type):
                raise DataError(
                    f"{file.location}: column {field.name!r}: is {other.type}, but {field.type} "
                    f"in {origins[field.name].location}"
                )
    for key in first.keys:
        if key not in schema.names:
            values = [file.keys[key] for file in files]
            schema = schema.append(pa.field(key, _partition_type(values)))
    return schema


def _check_names(file: TableFile, own: pa.Schema, first: TableFile, schema: pa.Schema) -> None:
    lacking = [name for name in schema.names if name not in own.names]
    if lacking:
        raise DataError(
            f"{file.location}: column {lacking[0]!r}: is not there, but in {first.location}"
        )
    further = [name for name in own.names if name not in schema.names]
    if further:
        raise DataError(f"{file.location}: column {further[0]!r}: is not in {first.location}")


def _is_readable_as(kind: pa.DataType, wanted: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind) and pa.types.is_dictionary(wanted):
        return _is_readable_as(kind.value_type, wanted.value_type)
    if pa.types.is_null(kind) or kind == wanted:
        return True
    return all(any(is_kind(one) for is_kind in _TEXT) for one in (kind, wanted))


def _partition_type(values: Sequence[str]) -> pa.DataType:
    """Return int64 for whole numbers, and text for others: leading zeros are part of a code."""
    present = {value for value in values if value != MISSING}
    is_whole = all(
        value.removeprefix("-").isdecimal() and str(int(value)) == value and len(value) < 19
        for value in present
    )
    return pa.int64() if present and is_whole else pa.string()
