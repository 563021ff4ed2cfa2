"""Inference of the columns of a spec from a table, except where the user declares them."""

import math
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from tabvae_ray.documents import validated
from tabvae_ray.errors import DataError, warn
from tabvae_ray.table.column import Column, check_column
from tabvae_ray.table.composed.template import is_template
from tabvae_ray.table.declaration import ColumnDeclaration, SpecDeclaration
from tabvae_ray.table.dtypes import (
    dtype_from_name,
    dtype_name,
    float_type,
    is_dtype_name,
    moment_dtype,
)
from tabvae_ray.table.formats.clock import is_clock
from tabvae_ray.table.formats.finding import format_hint, iso_format, possible_formats
from tabvae_ray.table.formats.number_texts import spelled_in_text
from tabvae_ray.table.formats.spelling import readable
from tabvae_ray.table.formats.truth_words import parse_truth_format
from tabvae_ray.table.grids.digits import number_grid
from tabvae_ray.table.grids.steps import decimals_of, number_step
from tabvae_ray.table.grids.timeline import date_grid, on_line
from tabvae_ray.table.identifiers.description import source_of
from tabvae_ray.table.identifiers.recognition import counts_rows, integers_name_rows
from tabvae_ray.table.kinds import as_numeric, common_type, infer_kind, plain_type, text_names_rows
from tabvae_ray.table.parsing import as_datetimes, as_numbers
from tabvae_ray.table.reading.csv_columns import DATE_FORMATS
from tabvae_ray.table.reading.declared_dtype import checked_name, of_dtype
from tabvae_ray.table.reading.declared_types import full_dtype, matching_categories
from tabvae_ray.table.reading.spelled_numbers import NUMBER_FORMATS
from tabvae_ray.table.values.decimals import (
    as_decimals,
    fit_float,
    is_decimal,
    plain_text,
)
from tabvae_ray.table.values.spans import date_dtype, is_span, moments_of_spans, span_dtype

__all__ = ["infer_column"]

# So many texts show how a declared format is spelled.
_SPELLED = 10_000


def infer_column(
    values: pd.Series,
    declared: SpecDeclaration,
    source: str,
    say_identifier: Callable[[str], object],
    written: str | None = None,
) -> Column:
    """Infer the spec of one column of a table.

    Args:
        values: The column.
        declared: What the user declares; it overrides what is inferred.
        source: Name of the table in error messages.
        say_identifier: Called with a warning if the column is taken for an identifier. It may still
            be put together from others.
        written: Format that was found for its text, if it is dates.

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
    numerals: str | None = values.attrs.get(NUMBER_FORMATS, {}).get(name)
    values = as_numeric(values)
    if kind is None and declaration.dtype in ("str", "string", "category"):
        # Text that is declared as such is neither a number nor a date.
        kind = "identifier" if text_names_rows(values) else "categorical"
    if declaration.dtype == "decimal":
        values = as_decimals(values, where)
        declaration = declaration.model_copy(update={"dtype": dtype_name(values.dtype)})
    if numerals is None and kind in (None, "continuous") and written is None:
        values, numerals = spelled_in_text(values, declaration.format, is_number=kind is not None)
        kind = kind if numerals is None else "continuous"
    if written is not None:
        kind, declaration = "datetime", declaration.model_copy(update={"format": written})
    if kind is None:
        if (hint := format_hint(values)) is not None:
            example = values.dropna().iloc[0]
            warn(
                f"{where}: its numbers look like dates, such as {example:.0f}; if they are, "
                f"declare {{kind: datetime, format: '{hint}'}} in the spec"
            )
        kind = infer_kind(values, source)
        # Identifiers have no separators of thousands, and no sign.
        may_name_rows = kind == "continuous" and name != declared.target and numerals is None
        if may_name_rows and integers_name_rows(values):
            kind = "identifier"
        if kind == "identifier":
            if counts_rows(values) and not declared.drop_identifiers:
                warn(f"{where}: counts the rows, and is counted anew")
                declaration = declaration.model_copy(update={"fill": "number"})
                return _infer_identifier(values, declaration, where, drop=False)
            column = _infer_identifier(values, declaration, where, drop=declared.drop_identifiers)
            n, n_distinct = int(values.notna().sum()), values.nunique()
            how_many = f"all {n}" if n == n_distinct else f"{n_distinct} of {n}"
            done = "generated anew" if column.fill == "generate" else "left out"
            say_identifier(
                f"{where}: {how_many} values differ, so it is taken for an identifier and "
                f"{done}, not modelled; declare its kind in the spec to change that"
            )
            return column
    if kind == "identifier":
        return _infer_identifier(values, declaration, where, drop=declared.drop_identifiers)
    missing = bool(values.isna().any())
    if kind == "datetime":
        column = _infer_datetime(values, name, missing, source, declaration)
    else:
        values = of_dtype(values, declaration.dtype, where, written=declaration.format)
        if kind == "continuous":
            column = _infer_continuous(values, name, missing, source, declaration.format)
        else:
            column = _infer_categorical(values, name, missing, where)
        example = next(iter(column.categories), 0)
        # Truth values may be declared to be numbers, and numbers to be truth values.
        is_suited = isinstance(example, bool) == (parse_truth_format(numerals or "") is not None)
        if numerals is not None and is_suited and type(example) in (int, float, bool):
            column = column.model_copy(update={"format": numerals})
    return _as_declared(column, declaration, source)


def _infer_identifier(
    values: pd.Series, declaration: ColumnDeclaration, where: str, *, drop: bool
) -> Column:
    pattern, generator = declaration.pattern, declaration.generator
    fill = declaration.fill
    if fill is None:
        is_wanted = pattern is not None or generator is not None or not drop
        fill = "generate" if is_wanted else "drop"
    is_learnt = fill == "generate" and not is_template(pattern)
    source = source_of(values, pattern, generator, where) if is_learnt else None
    return Column(
        name=str(values.name),
        kind="identifier",
        dtype=dtype_name(values.dtype),
        missing=source is not None and bool(values.isna().any()),
        fill="drop" if is_learnt and source is None else fill,
        pattern=pattern,
        generator=generator,
        missing_values=declaration.missing_values,
        made_of=source,
        written_dtype=declaration.written_dtype,
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
    if {"decimals", "digits", "dtype"} & properties.keys():
        properties.setdefault("unit", None)
    column = validated(Column, {**found.model_dump(), **properties}, where, DataError)
    if column.kind == "datetime" and declaration.step is None:
        assert column.minimum is not None and found.minimum is not None and found.step is not None
        # Steps count from the declared minimum.
        shift = on_line(int(found.minimum), column) - on_line(int(column.minimum), column)
        step = int(found.step) if found.minimum != found.maximum else 0
        column = column.model_copy(update={"step": math.gcd(step, shift) or 1})
    if column.kind == "continuous" and declaration.step is None:
        column = column.model_copy(update={"step": _step_from_minimum(column, found)})
    check_column(column, source)
    if found.missing and not column.missing:
        raise DataError(f"{where}: has missing values, but is declared to have none")
    known = set(column.categories)
    strange = [value for value in found.categories if value not in known]
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
    if declaration.step is not None and column.kind == "datetime":
        shift = on_line(int(found.minimum or 0), column) - on_line(int(column.minimum or 0), column)
        if int(found.step or 1) % int(declaration.step) or shift % int(declaration.step):
            raise DataError(f"{where}: has moments between steps of {declaration.step} ticks")
    return column


def _step_from_minimum(column: Column, found: Column) -> int | float | None:
    """Return the step of numbers that was found, as far as it is one from a declared minimum."""
    if found.step is None or (column.decimals, column.dtype) != (found.decimals, found.dtype):
        return None
    scale = 10.0 ** (found.decimals or 0)
    shift = round((float(found.minimum or 0) - float(column.minimum or 0)) * scale)
    units = math.gcd(round(found.step * scale), shift)
    if units <= 1:
        return None
    return units if found.decimals == 0 else round(units / scale, found.decimals or 0)


def _infer_datetime(
    values: pd.Series, name: str, missing: bool, source: str, declaration: ColumnDeclaration
) -> Column:
    where = f"{source}: column {name!r}"
    declared_zone = declaration.timezone
    moments = as_datetimes(values, source, written=declaration.format, zone=declared_zone)
    if (declared := declaration.dtype) is not None:
        if not is_dtype_name(declared) or not is_span(dtype_from_name(declared)):
            _ = of_dtype(moments.head(0), declared, where)
        kind = moment_dtype(declared)
        moments = as_datetimes(moments, source, zone=getattr(kind, "tz", None))
        moments = of_dtype(moments, dtype_name(kind), where)
    own = date_dtype(values)
    if is_clock(declaration.format) or (
        declaration.format is None and moments_of_spans(values) is not None
    ):
        own = span_dtype(values, moments)
    arrow = is_span(own) or (
        isinstance(own, pd.ArrowDtype)
        and (pa.types.is_timestamp(own.pyarrow_dtype) or pa.types.is_date(own.pyarrow_dtype))
    )
    dtype = declaration.dtype or checked_name(
        own if arrow and declared_zone is None else moments.dtype, where
    )
    present = moments.dropna().astype(moment_dtype(dtype))
    has_grid = declaration.step is not None or declaration.days is not None
    no_weekdays = has_grid or is_span(dtype_from_name(dtype))
    weekdays = declaration.weekdays or False if no_weekdays else declaration.weekdays
    return Column(
        name=name,
        kind="datetime",
        dtype=dtype,
        missing=missing,
        format=_format_of(values, moments, declaration.format),
        **date_grid(present, declaration.clock, weekdays, declaration.days),
    )


def _format_of(values: pd.Series, moments: pd.Series, declared: str | None) -> str | None:
    """Return the format in which a column has its moments, None for ISO 8601 of pandas."""
    written: str | None = values.attrs.get(DATE_FORMATS, {}).get(str(values.name))
    if pd.api.types.infer_dtype(values, skipna=True) != "string":
        return declared or written
    if declared is None:
        return iso_format(values, moments)
    # Reading does not tell apart text with and without leading zeros.
    possible = possible_formats(values.dropna().head(_SPELLED), is_date=True)
    return next((name for name in possible if readable(name) == readable(declared)), declared)


def _infer_continuous(
    values: pd.Series, name: str, missing: bool, source: str, written: str | None
) -> Column:
    numbers = as_numbers(values, source, written=written)
    present = numbers[~np.isnan(numbers)]
    where = f"{source}: column {name!r}"
    if not np.isfinite(float(present.max()) - float(present.min())):
        raise DataError(
            f"{where}: must span less than 1.8e308, but is {present.min()} to {present.max()}"
        )
    # Numbers that the table has as text are generated as numbers.
    numeric = pd.api.types.is_numeric_dtype(values.dtype)
    dtype = checked_name(values.dtype, where) if numeric else "float64"
    made = partial(Column, name=name, kind="continuous", dtype=dtype, missing=missing)
    if pd.api.types.is_integer_dtype(values.dtype):
        step, low, high = number_step(present, 0) or (None, values.min(), values.max())
        return made(minimum=int(low), maximum=int(high), decimals=0, step=step)
    if is_decimal(values.dtype) and not fit_float(values):
        return made(minimum=min(values.dropna()), maximum=max(values.dropna()))
    decimals = decimals_of(present, float_type(dtype))
    doubles = float_type(dtype) is np.float64 and not is_decimal(values.dtype)
    return made(decimals=decimals, **number_grid(present, decimals, doubles=doubles))


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
    python_type = common_type(found, where)
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
    unused = len(levels) > len(categories) and {plain_type(value) for value in levels} == {
        python_type
    }
    return column.model_copy(
        update={
            "ordered": bool(dtype.ordered),
            "levels": tuple(map(python_type, levels)) if unused else (),
            "levels_dtype": checked_name(dtype.categories.dtype, where),
        }
    )
