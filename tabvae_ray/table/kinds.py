"""Inference of the kind of a column from its values."""

from collections.abc import Collection
from decimal import Decimal

import numpy as np
import pandas as pd

from tabvae_ray.errors import DataError, warn
from tabvae_ray.table.dtypes import advice_to_convert
from tabvae_ray.table.parsing import as_numbers, parse_iso
from tabvae_ray.table.values.decimals import as_decimals, is_decimal
from tabvae_ray.table.values.spans import is_span
from tabvae_ray.table.values.spec_types import Kind

__all__ = ["as_numeric", "common_type", "infer_kind", "plain_type", "text_names_rows"]

# Integers with at most this many distinct values are codes rather than quantities.
_FEW_INTEGERS = 10
# Fewer values than this may all differ by chance.
_IDENTIFIER_MIN_ROWS = 20
# An identifier column may hold a few duplicates. Then it must have more rows than one without, and
# values as long as names.
_IDENTIFIER_MIN_SHARE = 0.95
_IDENTIFIER_MANY_ROWS = 100
_IDENTIFIER_MIN_LENGTH = 5
# If no value is in so many rows, as many as an export asks for, there are no categories to model.
# Then more than half of the values must differ, as of addresses or remarks.
_CATEGORY_MIN_ROWS = 5
_UNSHARED_MIN_SHARE = 0.5


def infer_kind(values: pd.Series, source: str) -> Kind:
    """Infer the kind of a column.

    Raises:
        DataError: If its values are of a type that is not supported.
    """
    dtype = values.dtype
    where = f"{source}: column {values.name!r}"
    if isinstance(dtype, pd.CategoricalDtype):
        kinds = dtype.categories.inferred_type
        if kinds in ("datetime64", "datetime", "date"):
            warn(
                f"{where}: its categories are dates, so it is modelled as dates; generated rows "
                "may have dates between them"
            )
            return "datetime"
        return "identifier" if kinds == "string" and text_names_rows(values) else "categorical"
    if pd.api.types.is_bool_dtype(dtype):
        return "categorical"
    if pd.api.types.is_datetime64_any_dtype(dtype):
        return "datetime"
    moments = ("date", "datetime", "time", "timedelta", "timedelta64")
    if is_span(dtype) or _object_type(values) in moments:
        return "datetime"
    if pd.api.types.is_numeric_dtype(dtype):
        if is_decimal(dtype):
            whole = all(value == int(value) for value in values.dropna().unique())
            return "categorical" if whole and values.nunique() <= _FEW_INTEGERS else "continuous"
        if pd.api.types.is_integer_dtype(dtype):
            # As floats, different integers beyond 2**53 may be equal.
            return "categorical" if values.nunique() <= _FEW_INTEGERS else "continuous"
        numbers = as_numbers(values, source)
        present = np.unique(numbers[~np.isnan(numbers)])
        few = len(present) <= _FEW_INTEGERS and bool((present % 1 == 0).all())
        return "categorical" if few else "continuous"
    _check_is_flat(values, where)
    texts = values.dropna()
    first = texts.iloc[0]
    if plain_type(first) is None:
        type_name = type(first).__name__
        raise DataError(
            f"{where}: values of type {type_name} are not supported; {advice_to_convert()}"
        )
    try:
        names_rows = text_names_rows(texts)
    except TypeError as error:
        raise DataError(f"{where}: must be text, but has an {error}") from None
    if isinstance(first, str) and parse_iso(texts) is not None:
        return "datetime"
    return "identifier" if names_rows else "categorical"


def _check_is_flat(values: pd.Series, where: str) -> None:
    """Refuse lists, mappings and bytes.

    Raises:
        DataError: Naming the type and what to do.
    """
    first = values.dropna().iloc[0]
    nested = isinstance(first, list | tuple | dict | set | np.ndarray)
    if nested or isinstance(first, bytes | bytearray | memoryview):
        what = "lists or structs" if nested else "binary data"
        advice = "write their parts as columns" if nested else "convert it to text or numbers"
        raise DataError(
            f"{where}: holds {what}, which cannot be modelled; {advice}, or leave the column out "
            f"with `drop: [{values.name}]` in the spec"
        )


def text_names_rows(values: pd.Series) -> bool:
    """Return True if values name rows: all or nearly all differ, or most do and none is common."""
    present = values.dropna()
    n_distinct = present.nunique()
    if n_distinct == len(present):
        return len(present) >= _IDENTIFIER_MIN_ROWS
    if len(present) < _IDENTIFIER_MANY_ROWS or n_distinct <= _UNSHARED_MIN_SHARE * len(present):
        return False
    if (
        n_distinct < _IDENTIFIER_MIN_SHARE * len(present)
        and present.value_counts().iloc[0] >= _CATEGORY_MIN_ROWS
    ):
        return False
    lengths = present.astype(object).map(lambda value: len(str(value)))
    return bool(lengths.median() >= _IDENTIFIER_MIN_LENGTH)


def as_numeric(values: pd.Series) -> pd.Series:
    """Convert Python numbers in an object column to NumPy numbers or to Arrow decimals."""
    where = f"column {str(values.name)!r}"
    if isinstance(values.dtype, pd.CategoricalDtype):
        is_decimal_level = values.cat.categories.inferred_type == "decimal"
        return as_decimals(values.astype(object), where) if is_decimal_level else values
    kind = _object_type(values)
    if kind == "decimal" or (kind == "mixed" and _are_decimals_among_numbers(values)):
        return as_decimals(values, where)
    numbers = ("integer", "floating", "mixed-integer-float")
    if _object_type(values) in numbers:
        is_nullable = _object_type(values) == "integer" and bool(values.isna().any())
        converted = _nullable(values) if is_nullable else pd.to_numeric(values)
        # Python integers of more than 64 bits stay objects. Those that repeat are codes, whose
        # digits a float would lose.
        if _object_type(converted) == "integer" and 2 * values.nunique() <= values.count():
            return values.map(str, na_action="ignore").astype("str")
        if _object_type(converted) == "integer":
            return as_decimals(values, where)
        return converted.astype(np.float64) if _object_type(converted) else converted
    return values


def _nullable(values: pd.Series) -> pd.Series:
    """Convert Python integers of which some are missing; those of more bits stay objects."""
    for dtype in ("Int64", "UInt64"):
        try:
            return values.astype(pd.api.types.pandas_dtype(dtype))
        except (OverflowError, TypeError, ValueError):
            continue
    return values


def plain_type(value: object) -> type[bool] | type[int] | type[float] | type[str] | None:
    """Return the Python type that holds a scalar of Python or NumPy, None for other objects."""
    if isinstance(value, bool | np.bool_):
        return bool
    if isinstance(value, int | np.integer):
        return int
    if isinstance(value, float | np.floating):
        return float
    return str if isinstance(value, str) else None


def common_type(
    categories: Collection[object], where: str
) -> type[bool] | type[int] | type[float] | type[str]:
    """Return the Python type that holds all categories of a column.

    Raises:
        DataError: If they are of several types, or of one that is not supported.
    """
    kinds = {plain_type(value) for value in categories}
    only = kinds.pop() if len(kinds) == 1 else None
    if only is None:
        names = ", ".join(sorted({type(value).__name__ for value in categories}))
        raise DataError(
            f"{where}: categories must be all text, all booleans, all integers or all floats, "
            f"but are {names}; {advice_to_convert()}"
        )
    return only


def _are_decimals_among_numbers(values: pd.Series) -> bool:
    present = values.dropna()
    are_numbers = all(
        isinstance(value, int | float | Decimal) and not isinstance(value, bool)
        for value in present
    )
    return are_numbers and any(isinstance(value, Decimal) for value in present)


def _object_type(values: pd.Series) -> str:
    """Return the name that pandas gives to the objects of an object column, else an empty text."""
    if not pd.api.types.is_object_dtype(values.dtype):
        return ""
    return str(pd.api.types.infer_dtype(values, skipna=True))
