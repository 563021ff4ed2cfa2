"""Type that a declaration asks of a column when a CSV file is read."""

from typing import Any, Literal

import pandas as pd

from tabvae_ray.table.coders.category_values import positions_in_other_types
from tabvae_ray.table.declaration import ColumnDeclaration, SpecDeclaration
from tabvae_ray.table.dtypes import dtype_from_name, is_dtype_name
from tabvae_ray.table.values.decimals import is_decimal

__all__ = ["CellKind", "declared_type", "full_dtype", "matching_categories"]

CellKind = Literal["text", "number", "decimal", "truth", "moment"]

_SHORT_NAMES = {"int": "int64", "float": "float64", "string": "str"}


def declared_type(name: str, declared: SpecDeclaration) -> CellKind | None:
    """Return the type that the cells of a column must have, None where that is inferred."""
    kind = declared.kind_of(name)
    column = declared.columns.get(name)
    if column is not None and _of_dtype(column.dtype) == "decimal":
        return "decimal"
    if column is not None and column.categories:
        types = {type(value) for value in column.categories}
        if types == {bool}:
            return "truth"
        return "text" if str in types else "number"
    if kind == "datetime":
        return "text" if column is not None and column.format else "moment"
    wanted = None if column is None else _of_dtype(column.dtype)
    return "number" if wanted is None and kind == "continuous" else wanted


def full_dtype(declaration: ColumnDeclaration, *, missing: bool) -> ColumnDeclaration:
    """Replace a short name of a dtype, such as ``int``, by the name of the dtype that holds it.

    A dtype without missing values is replaced by the nullable one if values are missing.
    """
    name = declaration.dtype
    if name is None:
        return declaration
    if missing and name in ("int", "bool"):
        name = {"int": "Int64", "bool": "boolean"}[name]
    return declaration.model_copy(update={"dtype": _SHORT_NAMES.get(name, name)})


def matching_categories(declared: tuple[Any, ...], found: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return declared categories in the type of those of the table, where both mean the same.

    Text ``"9.90"`` of the table is what ``9.9`` in a YAML file declares, and so is ``12`` of the
    table what ``"12"`` declares.
    """
    if not found or {type(value) for value in declared} == {type(found[0])}:
        return declared
    of_text = isinstance(found[0], str)
    places = positions_in_other_types(pd.Series(list(declared), dtype=object), found)
    return tuple(
        found[place] if place >= 0 else str(value) if of_text else value
        for value, place in zip(declared, places, strict=True)
    )


def _of_dtype(name: str | None) -> CellKind | None:
    if name == "decimal":
        return "decimal"
    name = _SHORT_NAMES.get(name or "", name)
    if name is None or name in ("object", "category") or not is_dtype_name(name):
        return None
    dtype = dtype_from_name(name)
    if pd.api.types.is_bool_dtype(dtype):
        return "truth"
    if is_decimal(dtype):
        return "decimal"
    if pd.api.types.is_numeric_dtype(dtype):
        return "number"
    return "text" if pd.api.types.is_string_dtype(dtype) else None
