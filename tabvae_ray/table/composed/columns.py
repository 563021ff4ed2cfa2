"""Columns of a spec that are put together from others, found and made."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from tabvae_ray.errors import DataError, brief, closest, warn
from tabvae_ray.table.column import Column
from tabvae_ray.table.composed.finding import find_template
from tabvae_ray.table.composed.template import Template, is_template
from tabvae_ray.table.dtypes import dtype_from_name
from tabvae_ray.table.formats.numerals.number_format import NumberFormat
from tabvae_ray.table.parsing import as_datetimes

__all__ = [
    "check_templates",
    "compose",
    "say_identifiers",
    "say_other_texts",
    "template_of",
    "with_templates",
]

# Of more columns, each would be compared with too many.
_MOST_COLUMNS = 200
# Rows that all columns are compared in.
_SAMPLE = 1_000
# Categories of which so many rows have one that few rows share are put together rather than drawn.
_MIN_RARE, _MIN_ROWS = 0.05, 5


def template_of(column: Column) -> Template | None:
    """Return the template of a column that is put together from others, None for others."""
    if column.kind != "identifier" or column.pattern is None or not is_template(column.pattern):
        return None
    return Template.parse(column.pattern)


def with_templates(
    columns: Sequence[Column], table: pd.DataFrame, fixed: Sequence[str], source: str
) -> list[Column]:
    """Return columns of which those of text that others say have templates.

    These are identifiers, and categories of which few rows share one.

    Args:
        columns: Inferred columns.
        table: The rows, with numbers in place of their text.
        fixed: Names of columns that stay as they are.
        source: Name of the table in warnings.
    """
    found, of = list(columns), {column.name: column for column in columns}
    if not 2 <= len(columns) <= _MOST_COLUMNS:
        return found
    # The first characters of an identifier that is made anew are any characters.
    whole = [column.name for column in columns if column.kind == "identifier"]
    texts: dict[str, pd.Series] | None = None
    uses: dict[str, tuple[str, ...]] = {}
    for i, column in enumerate(columns):
        if column.name in fixed or not _may_be_composed(table[column.name], column):
            continue
        if texts is None:
            rows = np.random.default_rng(0).permutation(len(table))[:_SAMPLE]
            texts = {each.name: _texts(table[each.name].iloc[rows], each) for each in columns}
        others = {
            name: text
            for name, text in texts.items()
            if name != column.name and column.name not in _used(name, uses)
            if not _is_left_out(of[name])
        }
        template = find_template(texts[column.name], others, whole)
        if template is None or not _holds(template, column, table, of):
            continue
        uses[column.name] = template.names
        # It is not different in all rows where two have the same parts.
        may = " and may repeat" if table[column.name].dropna().is_unique else ""
        warn(
            f"{source}: column {column.name!r}: is put together from other columns, as "
            f"{brief(str(template))}{may}; declare its kind in the spec to change that"
        )
        found[i] = Column(
            name=column.name,
            kind="identifier",
            dtype=column.dtype,
            fill="generate",
            pattern=str(template),
            missing=column.missing,
            missing_values=column.missing_values,
            written_dtype=column.written_dtype,
        )
    return found


def say_identifiers(columns: Sequence[Column], messages: Mapping[str, str]) -> None:
    """Warn of identifiers, by name, that are not put together from other columns."""
    for column in columns:
        if column.name in messages and template_of(column) is None:
            warn(messages[column.name])


def say_other_texts(columns: Sequence[Column], table: pd.DataFrame, source: str) -> None:
    """Warn of each template that does not have the text of all rows, and count these.

    Args:
        columns: The columns.
        table: Other rows than those in which the templates were found, as they were read.
        source: Name of the table in warnings.
    """
    of = {column.name: column for column in columns}
    for column in columns:
        if (template := template_of(column)) is None:
            continue
        count = int(_other_texts(template, column, table, of).sum())
        if count:
            verb = "has" if count == 1 else "have"
            warn(
                f"{source}: column {column.name!r}: {count:,} of {len(table):,} rows {verb} "
                f"another text than {brief(str(template))}, which every generated row has"
            )


def compose(found: dict[str, Any], columns: Sequence[Column]) -> None:
    """Put the columns together that have a template, in place.

    Args:
        found: Values of the other columns, by name.
        columns: The spec of all columns.
    """
    of = {column.name: column for column in columns}
    waiting = {name: made for name, column in of.items() if (made := template_of(column))}
    texts: dict[str, pd.Series] = {}
    while waiting:
        for name, template in list(waiting.items()):
            if not waiting.keys().isdisjoint(template.names):
                continue
            for part in template.names:
                if part not in texts:
                    texts[part] = _texts(pd.Series(found[part]), of[part])
            found[name] = template.texts(texts).astype(dtype_from_name(of[name].dtype))
            del waiting[name]


def check_templates(columns: Sequence[Column], source: str) -> None:
    """Check that templates are of columns that are there, and not of each other in a circle.

    Raises:
        DataError: Naming the first one that is not.
    """
    of = {column.name: column for column in columns}
    uses: dict[str, tuple[str, ...]] = {}
    for column in columns:
        where = f"{source}: column {column.name!r}: pattern"
        try:
            template = template_of(column)
        except ValueError as error:
            raise DataError(f"{where}: {error}") from None
        if template is None:
            continue
        for name in template.names:
            if name not in of:
                raise DataError(f"{where}: there is no column {name!r}{closest(name, of)}")
            if _is_left_out(of[name]):
                raise DataError(f"{where}: {name!r} is left out of generated rows")
        for field in template.fields:
            if misfit := field.misfit(of[field.name].kind):
                raise DataError(f"{where}: {misfit}")
        uses[column.name] = template.names
    for name in uses:
        if name in _used(name, uses):
            raise DataError(f"{source}: column {name!r}: pattern: is put together from itself")


def _used(name: str, uses: Mapping[str, Sequence[str]]) -> set[str]:
    """Return all columns that one is put together from, directly or not."""
    waiting, seen = list(uses.get(name, ())), set()
    while waiting:
        part = waiting.pop()
        if part not in seen:
            seen.add(part)
            waiting += uses.get(part, ())
    return seen


def _is_left_out(column: Column) -> bool:
    return column.kind == "identifier" and column.fill == "drop"


def _holds(
    template: Template, column: Column, table: pd.DataFrame, columns: Mapping[str, Column]
) -> bool:
    """Return True if all rows have the text of a template, and generated ones may have it."""
    if any(field.misfit(columns[field.name].kind) for field in template.fields):
        return False
    return not _other_texts(template, column, table, columns).any()


def _other_texts(
    template: Template, column: Column, table: pd.DataFrame, columns: Mapping[str, Column]
) -> pd.Series:
    """Return which rows have another text than that of a template."""
    own = _texts(table[column.name], column)
    made = template.texts({name: _texts(table[name], columns[name]) for name in template.names})
    return ~((made == own) | (made.isna() & own.isna()))


def _may_be_composed(values: pd.Series, column: Column) -> bool:
    """Return True for text that names rows, or that few rows share."""
    if column.kind == "identifier":
        return column.made_of is not None and not pd.api.types.is_numeric_dtype(values.dtype)
    if column.kind != "categorical" or not isinstance(column.categories[0], str):
        return False
    counts = values.value_counts()
    return bool(counts[counts < _MIN_ROWS].sum() > _MIN_RARE * counts.sum())


def _texts(values: pd.Series, column: Column) -> pd.Series:
    """Return the values of a column as text, None where missing."""
    if column.kind == "datetime":
        try:
            moments = as_datetimes(values, "rows", written=column.format)
        except DataError:
            return pd.Series(None, index=values.index, dtype=object)
        made_text = moments.dt.strftime("%Y-%m-%dT%H:%M:%S").astype(object)
        return pd.Series(made_text.where(moments.notna(), None))
    made = NumberFormat.parse(column.format or "") if column.kind == "continuous" else None
    codes, distinct = pd.factorize(values)
    texts = [*(made.text(v) if made else str(v) for v in distinct.tolist()), None]
    return pd.Series([texts[code] for code in codes], index=values.index, dtype=object)
