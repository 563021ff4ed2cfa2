"""What the columns of a table are, judged by their values."""

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from tabvae_ray.errors import DataError
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.spec import (
    MAX_DECIMALS,
    Column,
    Kind,
    as_datetimes,
    as_numbers,
    datetime_ticks,
    dtype_from_name,
    dtype_name,
    is_dtype_name,
    moment_dtype,
)

__all__ = ["infer_column"]

# Integers with no more distinct values than this are codes rather than quantities.
_FEW_INTEGERS = 10
# Fewer rows than this may well differ by chance.
_IDENTIFIER_MIN_ROWS = 50


def infer_column(values: pd.Series, declared: SpecDeclaration, source: str) -> Column:
    """The column of a spec that a column of a table is.

    Raises:
        DataError: If it has no values, or cannot be what it is declared to be.
    """
    name = str(values.name)
    where = f"{source}: column {name!r}"
    if values.isna().all():
        raise DataError(f"{where}: has no values, all {len(values)} are missing; drop it")
    said = declared.kind_of(name)
    values = _as_numeric(values)
    kind: Kind = said or _infer_kind(values, source)
    if kind == "identifier":
        if said is None:
            warnings.warn(
                f"{where}: all {len(values)} values differ, so it is taken for an identifier and "
                "not modelled; declare its kind in the spec to change that",
                stacklevel=2,
            )
        return Column(
            name=name,
            kind=kind,
            dtype=dtype_name(values.dtype),
            fill=declared.identifiers.get(name, "drop"),
        )
    missing = bool(values.isna().any())
    if kind == "datetime":
        return _infer_datetime(values, name, missing, source)
    if kind == "continuous":
        return _infer_continuous(values, name, missing, source)
    return _infer_categorical(values, name, missing, where)


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
    if isinstance(dtype, pd.CategoricalDtype) or pd.api.types.is_bool_dtype(dtype):
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
        all_differ = texts.is_unique and len(texts) == len(values)
    except TypeError as error:
        raise DataError(f"{where}: must be text, but has an {error}") from None
    return "identifier" if all_differ and len(values) >= _IDENTIFIER_MIN_ROWS else "categorical"


def _infer_datetime(values: pd.Series, name: str, missing: bool, source: str) -> Column:
    moments = as_datetimes(values, source)
    arrow = isinstance(values.dtype, pd.ArrowDtype) and (
        pa.types.is_timestamp(values.dtype.pyarrow_dtype)
        or pa.types.is_date(values.dtype.pyarrow_dtype)
    )
    dtype = _dtype(values.dtype if arrow else moments.dtype, f"{source}: column {name!r}")
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
