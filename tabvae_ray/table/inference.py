"""Inference of the columns of a spec from a table, except where the user declares them."""

import math
import warnings
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from tabvae_ray.errors import DataError
from tabvae_ray.table.column import MAX_DECIMALS, Column, check_column
from tabvae_ray.table.declaration import ColumnDeclaration, SpecDeclaration, validated
from tabvae_ray.table.dtypes import dtype_from_name, dtype_name, moment_dtype
from tabvae_ray.table.identifiers.description import source_of
from tabvae_ray.table.identifiers.recognition import integers_name_rows
from tabvae_ray.table.kinds import as_numeric, infer_kind, plain_type
from tabvae_ray.table.parsing import as_datetimes, as_numbers, datetime_ticks
from tabvae_ray.table.reading.date_formats import find_format, look_like_days
from tabvae_ray.table.reading.declared_dtype import checked_name, of_dtype
from tabvae_ray.table.reading.wanted import full_dtype, matching_categories
from tabvae_ray.table.values.decimals import (
    as_decimals,
    fit_float,
    is_decimal,
    plain_text,
)
from tabvae_ray.table.values.spans import is_span, moments_of_spans, span_dtype

__all__ = ["infer_column"]


def infer_column(values: pd.Series, declared: SpecDeclaration, source: str) -> Column:
    """Infer the spec of one column of a table.

    Args:
        values: The column.
        declared: What the user declares; it overrides what is inferred.
        source: Name of the table in error messages.

    Raises:
        DataError: If the values contradict the declaration.
    """
    name = str(values.name)
    where = f"{source}: column {name!r}"
    kind = declared.kind_of(name)
    declaration = declared.columns.get(name) or ColumnDeclaration(kind=kind or "categorical")
    declaration = full_dtype(declaration, missing=bool(values.isna().any())).model_copy(
        update={"missing_values": declared.missing_values_of(name)}
    )
    values = as_numeric(values)
    if declaration.dtype == "decimal":
        values = as_decimals(values, where)
        declaration = declaration.model_copy(update={"dtype": dtype_name(values.dtype)})
    written = find_format(values, where) if kind is None else None
    if written is not None:
        kind, declaration = "datetime", declaration.model_copy(update={"format": written})
    if kind is None:
        if look_like_days(values):
            warnings.warn(
                f"{where}: its numbers look like days, such as 20240305, but are modelled as "
                "numbers; store them as dates or as text",
                stacklevel=2,
            )
        kind = infer_kind(values, source)
        if kind == "continuous" and name != declared.target and integers_name_rows(values):
            kind = "identifier"
        if kind == "identifier":
            column = _infer_identifier(values, declaration, where, drop=declared.drop_identifiers)
            n, n_distinct = int(values.notna().sum()), values.nunique()
            how_many = f"all {n}" if n == n_distinct else f"{n_distinct} of {n}"
            done = "generated anew" if column.fill == "generate" else "left out"
            warnings.warn(
                f"{where}: {how_many} values differ, so it is taken for an identifier and "
                f"{done}, not modelled; declare its kind in the spec to change that",
                stacklevel=2,
            )
            return column
    if kind == "identifier":
        return _infer_identifier(values, declaration, where, drop=declared.drop_identifiers)
    missing = bool(values.isna().any())
    if kind == "datetime":
        column = _infer_datetime(values, name, missing, source, declaration)
    else:
        values = of_dtype(values, declaration.dtype, where)
        if kind == "continuous":
            column = _infer_continuous(values, name, missing, source)
        else:
            column = _infer_categorical(values, name, missing, where)
    return _as_declared(column, declaration, source)


def _infer_identifier(
    values: pd.Series, declaration: ColumnDeclaration, where: str, *, drop: bool
) -> Column:
    pattern, generator = declaration.pattern, declaration.generator
    fill = declaration.fill
    if fill is None:
        is_wanted = pattern is not None or generator is not None or not drop
        fill = "generate" if is_wanted else "drop"
    source = source_of(values, pattern, generator, where) if fill == "generate" else None
    return Column(
        name=str(values.name),
        kind="identifier",
        dtype=dtype_name(values.dtype),
        missing=source is not None and bool(values.isna().any()),
        fill="drop" if fill == "generate" and source is None else fill,
        pattern=pattern,
        generator=generator,
        missing_values=declaration.missing_values,
        made_of=source,
    )


def _as_declared(found: Column, declaration: ColumnDeclaration, source: str) -> Column:
    """Replace inferred properties of a column by declared ones.

    Raises:
        DataError: If values of the table contradict the declaration.
    """
    where = f"{source}: column {found.name!r}"
    if not declaration.properties:
        return found
    properties = declaration.properties
    for key in {"categories", "levels"} & properties.keys():
        properties[key] = matching_categories(properties[key], found.categories)
    if isinstance(found.minimum, Decimal):
        for key in {"minimum", "maximum"} & properties.keys():
            properties[key] = Decimal(str(properties[key]))
    column = validated(Column, {**found.model_dump(), **properties}, where)
    if column.kind == "datetime" and declaration.step is None:
        assert column.minimum is not None and found.minimum is not None and found.step is not None
        # Steps count from the declared minimum.
        shift = int(found.minimum) - int(column.minimum)
        step = found.step if found.minimum != found.maximum else 0
        column = column.model_copy(update={"step": math.gcd(step, shift) or 1})
    check_column(column, source)
    if found.missing and not column.missing:
        raise DataError(f"{where}: has missing values, but is declared to have none")
    strange = [value for value in found.categories if value not in column.categories]
    if strange:
        raise DataError(
            f"{where}: {strange[0]!r} is none of the {len(column.categories)} declared categories"
        )
    if found.minimum is not None and found.maximum is not None:
        assert column.minimum is not None and column.maximum is not None
        if not column.minimum <= found.minimum <= found.maximum <= column.maximum:
            raise DataError(
                f"{where}: goes from {found.minimum} to {found.maximum}, but is declared to go "
                f"from {column.minimum} to {column.maximum}"
            )
    if declaration.step is not None and found.step is not None:
        shift = int(found.minimum or 0) - int(column.minimum or 0)
        if found.step % declaration.step or shift % declaration.step:
            raise DataError(f"{where}: has moments between steps of {declaration.step} ticks")
    return column


def _infer_datetime(
    values: pd.Series, name: str, missing: bool, source: str, declaration: ColumnDeclaration
) -> Column:
    where = f"{source}: column {name!r}"
    declared_zone = declaration.timezone
    moments = as_datetimes(values, source, written=declaration.format, zone=declared_zone)
    if declaration.dtype is not None:
        _ = of_dtype(moments.head(0), declaration.dtype, where)
        zone = getattr(moment_dtype(declaration.dtype), "tz", None)
        moments = as_datetimes(moments, source, zone=zone)
        moments = of_dtype(moments, dtype_name(moment_dtype(declaration.dtype)), where)
    own = values.dtype
    if moments_of_spans(values) is not None and declaration.format is None:
        own = span_dtype(values, moments)
    arrow = is_span(own) or (
        isinstance(own, pd.ArrowDtype)
        and (pa.types.is_timestamp(own.pyarrow_dtype) or pa.types.is_date(own.pyarrow_dtype))
    )
    dtype = declaration.dtype or checked_name(
        own if arrow and declared_zone is None else moments.dtype, where
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
    # Numbers that the table has as text are generated as numbers.
    numeric = pd.api.types.is_numeric_dtype(values.dtype)
    dtype = checked_name(values.dtype, where) if numeric else "float64"
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
    if is_decimal(values.dtype) and not fit_float(values):
        return Column(
            name=name,
            kind="continuous",
            dtype=dtype,
            missing=missing,
            minimum=min(values.dropna()),
            maximum=max(values.dropna()),
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
    if is_decimal(dtype):
        found = [plain_text(value) for value in found]
    kinds = {plain_type(value) for value in found}
    if len(kinds) != 1 or None in kinds:
        names = ", ".join(sorted({type(value).__name__ for value in found}))
        raise DataError(
            f"{where}: categories must be all text, all booleans, all integers or all floats, "
            f"but are {names}"
        )
    (python_type,) = kinds
    assert python_type is not None
    categories = [python_type(value) for value in found]
    if not isinstance(dtype, pd.CategoricalDtype):
        categories.sort(key=lambda value: str(value))
    if any(isinstance(value, float) and not np.isfinite(value) for value in categories):
        raise DataError(f"{where}: must be finite, but has an infinity")
    column = Column(
        name=name,
        kind="categorical",
        dtype=checked_name(dtype, where),
        missing=missing,
        categories=tuple(categories),
    )
    if not isinstance(dtype, pd.CategoricalDtype):
        return column
    unused = len(levels) > len(categories) and {plain_type(value) for value in levels} == kinds
    return column.model_copy(
        update={
            "ordered": bool(dtype.ordered),
            "levels": tuple(map(python_type, levels)) if unused else (),
            "levels_dtype": checked_name(dtype.categories.dtype, where),
        }
    )


def _precision(name: str) -> type[np.floating[Any]]:
    """Return the NumPy type that holds the numbers of a dtype."""
    dtype = dtype_from_name(name)
    if is_decimal(dtype):
        return np.float64
    kind = np.dtype(getattr(dtype, "numpy_dtype", dtype)).type
    return kind if issubclass(kind, np.floating) else np.float64


def _decimals(present: np.ndarray[Any, Any], precision: type[np.floating[Any]]) -> int | None:
    """Return the decimal places that hold every value, None for more than 15."""
    sample = np.unique(present).astype(precision)
    for decimals in range(MAX_DECIMALS + 1):
        # Rounding the largest floats overflows, and the result is not equal to them.
        with np.errstate(over="ignore", invalid="ignore"):
            rounded = np.round(sample.astype(np.float64), decimals).astype(precision)
        if np.array_equal(rounded, sample):
            return decimals
    return None
