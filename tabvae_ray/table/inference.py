"""What the columns of a table are, judged by their values."""

import math
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pydantic import ValidationError

from tabvae_ray.documents import validation_messages
from tabvae_ray.errors import DataError
from tabvae_ray.table.column import MAX_DECIMALS, Column, check_column
from tabvae_ray.table.declaration import ColumnDeclaration, SpecDeclaration
from tabvae_ray.table.dtypes import dtype_from_name, dtype_name, is_dtype_name, moment_dtype
from tabvae_ray.table.parsing import as_datetimes, as_numbers, datetime_ticks, parse_iso
from tabvae_ray.table.spec import Kind

__all__ = ["infer_column"]

# Integers with no more distinct values than this are codes rather than quantities.
_FEW_INTEGERS = 10
# Fewer values than this may well differ by chance.
_IDENTIFIER_MIN_ROWS = 50
# A duplicate or two do not make categories of values that name rows. More is asked of them than of
# values that all differ: that they are many, and as long as names are.
_IDENTIFIER_MIN_SHARE = 0.95
_IDENTIFIER_MANY_ROWS = 100
_IDENTIFIER_MIN_LENGTH = 5


def infer_column(values: pd.Series, declared: SpecDeclaration, source: str) -> Column:
    """The column of a spec that a column of a table is.

    Raises:
        DataError: If it has no values, or cannot be what it is declared to be.
    """
    name = str(values.name)
    where = f"{source}: column {name!r}"
    if values.isna().all():
        raise DataError(f"{where}: has no values, all {len(values)} are missing; drop it")
    kind = declared.kind_of(name)
    said = declared.columns.get(name) or ColumnDeclaration(kind=kind or "categorical")
    values = _as_numeric(values)
    if kind is None:
        kind = _infer_kind(values, source)
        if kind == "identifier":
            n, n_distinct = int(values.notna().sum()), values.nunique()
            differ = f"all {n}" if n == n_distinct else f"{n_distinct} of {n}"
            warnings.warn(
                f"{where}: {differ} values differ, so it is taken for an identifier and "
                "not modelled; declare its kind in the spec to change that",
                stacklevel=2,
            )
    if kind == "identifier":
        return Column(name=name, kind=kind, dtype=dtype_name(values.dtype), fill=said.fill)
    missing = bool(values.isna().any())
    if kind == "datetime":
        column = _infer_datetime(values, name, missing, source, said)
    else:
        values = _of_dtype(values, said.dtype, where)
        if kind == "continuous":
            column = _infer_continuous(values, name, missing, source)
        else:
            column = _infer_categorical(values, name, missing, where)
    return _as_said(column, said, source)


def _of_dtype(values: pd.Series, name: str | None, where: str) -> pd.Series:
    if name is None:
        return values
    if not is_dtype_name(name):
        raise DataError(f"{where}: {name!r} is no dtype of a table's column")
    dtype = dtype_from_name(name)
    try:
        with np.errstate(all="ignore"):
            converted = values.astype(dtype)
        if pd.api.types.is_integer_dtype(dtype) and not bool((converted == values).dropna().all()):
            raise ValueError("some change when they become integers")
        return converted
    except (ArithmeticError, TypeError, ValueError, pa.ArrowException) as error:
        reason = str(error).partition("\n")[0]
        raise DataError(f"{where}: its values are not of dtype {name}: {reason}") from None


def _as_said(found: Column, said: ColumnDeclaration, source: str) -> Column:
    """A column with what a user says of it in place of what was found.

    Raises:
        DataError: If values of the table are not as said.
    """
    where = f"{source}: column {found.name!r}"
    changes = said.said
    if not changes:
        return found
    try:
        column = Column.model_validate({**found.model_dump(), **changes})
    except ValidationError as error:
        lines = (f"{where}: {line}" for line in validation_messages(error))
        raise DataError("\n".join(lines)) from None
    if column.kind == "datetime" and said.step is None:
        assert column.minimum is not None and found.minimum is not None and found.step is not None
        # Moments count from the smallest one that there may be.
        shift = int(found.minimum) - int(column.minimum)
        step = found.step if found.minimum != found.maximum else 0
        column = column.model_copy(update={"step": math.gcd(step, shift) or 1})
    check_column(column, source)
    if found.missing and not column.missing:
        raise DataError(f"{where}: has missing values, but is declared to have none")
    strange = [value for value in found.categories if value not in column.categories]
    if strange:
        raise DataError(
            f"{where}: {strange[0]!r} is none of the {len(column.categories)} categories declared"
        )
    if found.minimum is not None and found.maximum is not None:
        assert column.minimum is not None and column.maximum is not None
        if not column.minimum <= found.minimum <= found.maximum <= column.maximum:
            raise DataError(
                f"{where}: goes from {found.minimum} to {found.maximum}, but is declared to go "
                f"from {column.minimum} to {column.maximum}"
            )
    if said.step is not None and found.step is not None:
        shift = int(found.minimum or 0) - int(column.minimum or 0)
        if found.step % said.step or shift % said.step:
            raise DataError(f"{where}: has moments between steps of {said.step} ticks")
    return column


def _as_numeric(values: pd.Series) -> pd.Series:
    """Python's numbers in an object column, and Arrow's decimals, as numbers of NumPy."""
    dtype = values.dtype
    if isinstance(dtype, pd.ArrowDtype) and pa.types.is_decimal(dtype.pyarrow_dtype):
        return pd.Series(values.to_numpy(np.float64, na_value=np.nan), name=values.name)
    numbers = ("integer", "floating", "mixed-integer-float", "decimal")
    if _sort(values) in numbers:
        converted = pd.to_numeric(values)
        # Python's integers of more than 64 bits stay objects.
        return converted.astype(np.float64) if _sort(converted) else converted
    return values


def _sort(values: pd.Series) -> str:
    """What sort of Python objects an object column holds; nothing for any other dtype."""
    if not pd.api.types.is_object_dtype(values.dtype):
        return ""
    return str(pd.api.types.infer_dtype(values, skipna=True))


def _infer_kind(values: pd.Series, source: str) -> Kind:
    dtype = values.dtype
    where = f"{source}: column {values.name!r}"
    if isinstance(dtype, pd.CategoricalDtype):
        kinds = dtype.categories.inferred_type
        if kinds in ("datetime64", "datetime", "date"):
            return "datetime"
        return "identifier" if kinds == "string" and _names_rows(values) else "categorical"
    if pd.api.types.is_bool_dtype(dtype):
        return "categorical"
    if pd.api.types.is_datetime64_any_dtype(dtype):
        return "datetime"
    if _sort(values) in ("date", "datetime"):
        return "datetime"
    if pd.api.types.is_numeric_dtype(dtype):
        numbers = as_numbers(values, source)
        present = np.unique(numbers[~np.isnan(numbers)])
        few = len(present) <= _FEW_INTEGERS and bool((present % 1 == 0).all())
        return "categorical" if few else "continuous"
    texts = values.dropna()
    if _plain_type(texts.iloc[0]) is None:
        sort = type(texts.iloc[0]).__name__
        raise DataError(f"{where}: values of type {sort} are not supported; convert or drop them")
    try:
        names_rows = _names_rows(texts)
    except TypeError as error:
        raise DataError(f"{where}: must be text, but has an {error}") from None
    if isinstance(texts.iloc[0], str) and parse_iso(texts) is not None:
        return "datetime"
    return "identifier" if names_rows else "categorical"


def _names_rows(values: pd.Series) -> bool:
    """Whether values differ so much that they name rows: all of them, or nearly."""
    present = values.dropna()
    n_distinct = present.nunique()
    if n_distinct == len(present):
        return len(present) >= _IDENTIFIER_MIN_ROWS
    if len(present) < _IDENTIFIER_MANY_ROWS or n_distinct < _IDENTIFIER_MIN_SHARE * len(present):
        return False
    lengths = present.astype(object).map(lambda value: len(str(value)))
    return bool(lengths.median() >= _IDENTIFIER_MIN_LENGTH)


def _infer_datetime(
    values: pd.Series, name: str, missing: bool, source: str, said: ColumnDeclaration
) -> Column:
    where = f"{source}: column {name!r}"
    moments = as_datetimes(values, source, written=said.format, zone=said.timezone)
    if said.dtype is not None:
        _ = _of_dtype(moments.head(0), said.dtype, where)
        zone = getattr(moment_dtype(said.dtype), "tz", None)
        moments = as_datetimes(moments, source, zone=zone)
        moments = _of_dtype(moments, dtype_name(moment_dtype(said.dtype)), where)
    arrow = isinstance(values.dtype, pd.ArrowDtype) and (
        pa.types.is_timestamp(values.dtype.pyarrow_dtype)
        or pa.types.is_date(values.dtype.pyarrow_dtype)
    )
    dtype = said.dtype or _dtype(
        values.dtype if arrow and said.timezone is None else moments.dtype, where
    )
    ticks = datetime_ticks(moments.dropna().astype(moment_dtype(dtype)))
    return Column(
        name=name,
        kind="datetime",
        dtype=dtype,
        missing=missing,
        minimum=int(ticks.min()),
        maximum=int(ticks.max()),
        step=max(1, int(np.gcd.reduce(ticks - ticks.min()))),
    )


def _infer_continuous(values: pd.Series, name: str, missing: bool, source: str) -> Column:
    numbers = as_numbers(values, source)
    present = numbers[~np.isnan(numbers)]
    where = f"{source}: column {name!r}"
    if not np.isfinite(float(present.max()) - float(present.min())):
        raise DataError(
            f"{where}: must span less than 1.8e308, but is {present.min()} to {present.max()}"
        )
    # Text that holds numbers comes back as numbers.
    numeric = pd.api.types.is_numeric_dtype(values.dtype)
    dtype = _dtype(values.dtype, where) if numeric else "float64"
    if pd.api.types.is_integer_dtype(values.dtype):
        exact = values.dropna()
        return Column(
            name=name,
            kind="continuous",
            dtype=dtype,
            missing=missing,
            minimum=int(exact.min()),
            maximum=int(exact.max()),
            decimals=0,
        )
    return Column(
        name=name,
        kind="continuous",
        dtype=dtype,
        missing=missing,
        minimum=float(present.min()),
        maximum=float(present.max()),
        decimals=_decimals(present, _precision(dtype)),
    )


def _infer_categorical(values: pd.Series, name: str, missing: bool, where: str) -> Column:
    dtype = values.dtype
    levels: list[Any] = []
    try:
        found = values.dropna().unique().tolist()
    except TypeError as error:
        raise DataError(f"{where}: must be text or numbers, but has an {error}") from None
    if isinstance(dtype, pd.CategoricalDtype):
        used, levels = set(found), dtype.categories.tolist()
        found = [value for value in levels if value in used]
    kinds = {_plain_type(value) for value in found}
    if len(kinds) != 1 or None in kinds:
        names = ", ".join(sorted({type(value).__name__ for value in found}))
        raise DataError(
            f"{where}: categories must be all text, all booleans, all integers or all floats, "
            f"but are {names}"
        )
    (plain,) = kinds
    assert plain is not None
    categories = [plain(value) for value in found]
    if not isinstance(dtype, pd.CategoricalDtype):
        categories.sort(key=lambda value: str(value))
    if any(isinstance(value, float) and not np.isfinite(value) for value in categories):
        raise DataError(f"{where}: must be finite, but has an infinity")
    column = Column(
        name=name,
        kind="categorical",
        dtype=_dtype(dtype, where),
        missing=missing,
        categories=tuple(categories),
    )
    if not isinstance(dtype, pd.CategoricalDtype):
        return column
    unused = len(levels) > len(categories) and {_plain_type(value) for value in levels} == kinds
    return column.model_copy(
        update={
            "ordered": bool(dtype.ordered),
            "levels": tuple(map(plain, levels)) if unused else (),
            "levels_dtype": _dtype(dtype.categories.dtype, where),
        }
    )


def _dtype(dtype: Any, where: str) -> str:
    """The dtype's name, which has to be all that there is to know of it.

    Raises:
        DataError: If it is not, as that of a time zone without a name.
    """
    if isinstance(dtype, pd.CategoricalDtype):
        return "category"
    if isinstance(dtype, pd.ArrowDtype) and pa.types.is_dictionary(dtype.pyarrow_dtype):
        return "category"
    name = dtype_name(dtype)
    if not is_dtype_name(name) or dtype_from_name(name) != dtype:
        raise DataError(f"{where}: values of dtype {dtype} are not supported; convert or drop them")
    return name


def _plain_type(value: object) -> type[bool] | type[int] | type[float] | type[str] | None:
    if isinstance(value, bool | np.bool_):
        return bool
    if isinstance(value, int | np.integer):
        return int
    if isinstance(value, float | np.floating):
        return float
    return str if isinstance(value, str) else None


def _precision(name: str) -> type[np.floating[Any]]:
    """The NumPy type that holds the numbers of a dtype."""
    dtype = dtype_from_name(name)
    kind = np.dtype(getattr(dtype, "numpy_dtype", dtype)).type
    return kind if issubclass(kind, np.floating) else np.float64


def _decimals(present: np.ndarray[Any, Any], precision: type[np.floating[Any]]) -> int | None:
    """Decimal places that hold every value, or None if there are more than 15."""
    sample = np.unique(present).astype(precision)
    for decimals in range(MAX_DECIMALS + 1):
        # Rounding the largest floats overflows: they are not equal to what comes out.
        with np.errstate(over="ignore", invalid="ignore"):
            rounded = np.round(sample.astype(np.float64), decimals).astype(precision)
        if np.array_equal(rounded, sample):
            return decimals
    return None
