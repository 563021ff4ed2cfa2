"""Columns of sparse arrays, periods, intervals and UUIDs, which are modelled in a plain type.

Sparse arrays become dense. Periods become the moments at which they begin; intervals and UUIDs
become text. Generated values are given back in the type of the real column.
"""

import re
import uuid
from typing import Any

import numpy as np
import pandas as pd

from tabvae_ray.table.values.spec_types import Kind

__all__ = [
    "OBJECT_TYPES",
    "PERIOD_FORMATS",
    "in_plain_types",
    "is_object_type",
    "kinds_of_object_type",
    "of_object_type",
    "period_start",
]

# Key of a DataFrame's attrs: the types that columns had, by column.
OBJECT_TYPES = "object_types"

# Formats in CSV of moments that stand for periods; others are dates and times.
PERIOD_FORMATS = {"period[M": "%Y-%m", "period[Y": "%Y"}

_NUMBER = r"u?int(?:8|16|32|64)|float(?:32|64)"
_SPARSE = re.compile(rf"Sparse\[(bool|{_NUMBER})\]")
_PERIOD = re.compile(r"period\[([A-Za-z]{1,3}(?:-[A-Z]{3})?)\]")
_INTERVAL = re.compile(
    rf"(categorical )?interval\[({_NUMBER}|datetime64\[(?:s|ms|us|ns)\]), "
    r"(left|right|both|neither)\]"
)
_ENDS = re.compile(r"[\[(](.+), (.+)[\])]")
_UUID = "uuid"


def is_object_type(name: str) -> bool:
    """Return True if a text, which may come from a stranger, is the name of such a type."""
    if not any(kind.fullmatch(name) for kind in (_SPARSE, _PERIOD, _INTERVAL)):
        return name == _UUID
    try:
        return not name.startswith("period") or bool(pd.api.types.pandas_dtype(name))
    except (TypeError, ValueError):
        return False


def kinds_of_object_type(name: str) -> tuple[Kind, ...]:
    """Return the kinds of columns that may have a type."""
    if name.startswith("Sparse"):
        return ("continuous", "categorical", "identifier")
    return ("datetime",) if name.startswith("period") else ("categorical", "identifier")


def in_plain_types(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows with plain columns, and the types that these had in ``attrs``.

    Rows without such columns are returned as they are.
    """
    made: dict[int, Any] = {}
    names: dict[str, str] = {}
    for place, name in enumerate(rows.columns):
        values = rows.iloc[:, place]
        kind = _type_of(values)
        if kind is not None:
            made[place], names[str(name)] = _plain(values, kind), kind
    if not made:
        return rows
    plain = rows.copy(deep=False)
    for place, values in made.items():
        plain.isetitem(place, values)
    plain.attrs[OBJECT_TYPES] = {**rows.attrs.get(OBJECT_TYPES, {}), **names}
    return plain


def of_object_type(values: pd.Series, name: str) -> pd.Series:
    """Return plain values in the type with a name; as they are if one has no such value."""
    made: Any
    try:
        if sparse := _SPARSE.fullmatch(name):
            made = values.astype(pd.SparseDtype(np.dtype(sparse[1])))
        elif period := _PERIOD.fullmatch(name):
            made = values.dt.to_period(period[1])
        elif name == _UUID:
            own = values.astype(object).map(uuid.UUID, na_action="ignore")
            made = own.where(own.notna(), None)
        elif isinstance(values.dtype, pd.CategoricalDtype):
            levels: Any = pd.Index(_intervals(values.cat.categories.tolist(), name))
            made = values.cat.rename_categories(levels)
        else:
            made = pd.Series(_intervals(values.astype(object).tolist(), name), index=values.index)
    except (AttributeError, ValueError, TypeError, OverflowError):
        return values
    found: pd.Series = made.rename(values.name)
    return found


def period_start(moments: pd.Series, name: str) -> pd.Series:
    """Return the beginnings of the periods in which moments are."""
    found = _PERIOD.fullmatch(name)
    if found is None:
        return moments
    starts: pd.Series = moments.dt.to_period(found[1]).dt.start_time.astype(moments.dtype)
    return starts


def _type_of(values: pd.Series) -> str | None:
    """Return the name of the type of a column, None for a plain one."""
    dtype, name = values.dtype, None
    if isinstance(dtype, pd.SparseDtype):
        name = f"Sparse[{dtype.subtype}]"
    elif isinstance(dtype, pd.PeriodDtype):
        name = str(dtype)
    elif isinstance(dtype, pd.IntervalDtype):
        name = str(dtype)
    elif isinstance(dtype, pd.CategoricalDtype):
        own = dtype.categories.dtype
        name = f"categorical {own}" if isinstance(own, pd.IntervalDtype) else None
    elif pd.api.types.is_object_dtype(dtype):
        present = values.dropna()
        if len(present) and {type(value) for value in present.head(1)} == {uuid.UUID}:
            name = _UUID if {type(value) for value in present} == {uuid.UUID} else None
    return name if name is not None and is_object_type(name) else None


def _plain(values: Any, name: str) -> Any:
    if name.startswith("Sparse"):
        return values.sparse.to_dense()
    if name.startswith("period"):
        return values.dt.start_time
    if isinstance(values.dtype, pd.CategoricalDtype):
        return values.cat.rename_categories([str(level) for level in values.cat.categories])
    return values.astype(object).map(str, na_action="ignore").astype("str")


def _intervals(texts: list[Any], name: str) -> Any:
    """Return the intervals that texts such as ``(0, 10]`` show.

    Raises:
        ValueError: If a text shows none.
    """
    kind = _INTERVAL.fullmatch(name)
    assert kind is not None
    found = [_ENDS.fullmatch(text) if isinstance(text, str) else None for text in texts]
    if any(one is None and isinstance(text, str) for one, text in zip(found, texts, strict=True)):
        raise ValueError("no interval")
    sides: list[Any] = [
        pd.Series([None if one is None else one[side] for one in found]) for side in (1, 2)
    ]
    if kind[2].startswith("datetime64"):
        ends = [pd.to_datetime(side).astype(kind[2]) for side in sides]
    else:
        # Whole numbers cannot be missing.
        number = "float64" if None in found else kind[2]
        ends = [pd.to_numeric(side).astype(number) for side in sides]
    closed: Any = kind[3]
    return pd.arrays.IntervalArray.from_arrays(ends[0], ends[1], closed)
