"""What the columns of a table are, judged by their values."""

import warnings
from typing import Any

import numpy as np
import pandas as pd

from tabvae_ray.errors import DataError
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.spec import (
    MAX_DECIMALS,
    Column,
    Kind,
    as_datetimes,
    as_numbers,
    datetime_ticks,
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
    kind: Kind = said or _infer_kind(values, where)
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
            dtype=str(values.dtype),
            fill=declared.identifiers.get(name, "drop"),
        )
    missing = bool(values.isna().any())
    if kind == "datetime":
        moments = as_datetimes(values, source)
        ticks = datetime_ticks(moments.dropna())
        return Column(
            name=name,
            kind=kind,
            dtype=str(moments.dtype),
            missing=missing,
            minimum=int(ticks.min()),
            maximum=int(ticks.max()),
            step=max(1, int(np.gcd.reduce(ticks - ticks.min()))),
        )
    if kind == "continuous":
        return _infer_continuous(values, name, missing, source)
    return _infer_categorical(values, name, missing, where)


def _infer_kind(values: pd.Series, where: str) -> Kind:
    dtype = values.dtype
    if isinstance(dtype, pd.CategoricalDtype) or pd.api.types.is_bool_dtype(dtype):
        return "categorical"
    if pd.api.types.is_datetime64_any_dtype(dtype):
        return "datetime"
    present = values.dropna()
    if pd.api.types.is_complex_dtype(dtype) or isinstance(dtype, pd.PeriodDtype | pd.IntervalDtype):
        raise DataError(f"{where}: values of dtype {dtype} are not supported; convert them")
    if pd.api.types.is_numeric_dtype(dtype):
        whole = bool((present.to_numpy(np.float64) % 1 == 0).all())
        few = present.nunique() <= _FEW_INTEGERS
        return "categorical" if whole and few else "continuous"
    if len(values) >= _IDENTIFIER_MIN_ROWS and present.is_unique and len(present) == len(values):
        return "identifier"
    return "categorical"


def _infer_continuous(values: pd.Series, name: str, missing: bool, source: str) -> Column:
    numbers = as_numbers(values, source)
    present = numbers[~np.isnan(numbers)]
    # Text that holds numbers comes back as numbers.
    numeric = pd.api.types.is_numeric_dtype(values.dtype)
    dtype = str(values.dtype) if numeric else "float64"
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
        decimals=_decimals(
            present, np.float32 if dtype.lower().startswith("float32") else np.float64
        ),
    )


def _infer_categorical(values: pd.Series, name: str, missing: bool, where: str) -> Column:
    dtype = values.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        used = set(values.dropna().unique())
        found = [value for value in dtype.categories.tolist() if value in used]
        ordered = bool(dtype.ordered)
    else:
        found, ordered = values.dropna().unique().tolist(), False
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
    text = str(dtype)
    return Column(
        name=name,
        kind="categorical",
        dtype=text,
        missing=missing,
        categories=tuple(categories),
        ordered=ordered,
    )


def _plain_type(value: object) -> type[bool] | type[int] | type[float] | type[str] | None:
    if isinstance(value, bool | np.bool_):
        return bool
    if isinstance(value, int | np.integer):
        return int
    if isinstance(value, float | np.floating):
        return float
    return str if isinstance(value, str) else None


def _decimals(present: np.ndarray[Any, Any], precision: type[np.floating[Any]]) -> int | None:
    """Decimal places that hold every value, or None if there are more than 15."""
    sample = np.unique(present).astype(precision)
    for decimals in range(MAX_DECIMALS + 1):
        if np.array_equal(np.round(sample.astype(np.float64), decimals).astype(precision), sample):
            return decimals
    return None
