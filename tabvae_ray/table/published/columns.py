"""Columns of a spec without the values that too few rows have."""

import re
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from tabvae_ray.errors import warn
from tabvae_ray.table.coders.crowd import Crowd, Floats
from tabvae_ray.table.column import Column
from tabvae_ray.table.column_values import column_numbers, column_positions, value_at
from tabvae_ray.table.dtypes import dtype_from_name
from tabvae_ray.table.formats.numerals.number_format import NumberFormat
from tabvae_ray.table.formats.numerals.shapes import is_dash
from tabvae_ray.table.identifiers.description import source_of
from tabvae_ray.table.identifiers.maker import largest_of
from tabvae_ray.table.identifiers.source import IdentifierSource
from tabvae_ray.table.parsing import as_numbers
from tabvae_ray.table.published.identifiers import published_source

__all__ = ["published_column"]

# A larger share of rows whose values are left out is said.
_MOST_LOST = 0.5
# Stands for all values of a text column in which no value is shared.
_PLACEHOLDER = "other"


def published_column(column: Column, values: pd.Series, crowd: Crowd) -> Column:
    """Return a column with those properties only that enough rows share.

    Categories that too few rows have are left out; the label that the user declares for them, if
    any, is added. Range ends are the ``min_rows``-th smallest and largest values. If no value is
    shared, a column keeps one placeholder: the mean of a numeric or datetime column that has enough
    values, and otherwise ``other``, 0, false or 1970.

    Args:
        column: The column of the spec.
        values: Its values in the training rows.
        crowd: The training rows.
    """
    if column.kind == "identifier":
        if column.made_of is None:
            return column
        dtype = dtype_from_name(column.dtype)
        largest = largest_of(dtype) if pd.api.types.is_numeric_dtype(dtype) else None
        source = published_source(_of_entities(column, values, crowd), crowd.min_rows, largest)
        return column.model_copy(update={"made_of": source})
    if column.kind == "categorical":
        return _with_shared_categories(column, values, crowd)
    numbers = column_numbers(values, column)
    present = ~np.isnan(numbers)
    made = _with_shared_range(column, numbers[present], crowd.part(present))
    return _with_shared_texts(made, values, crowd) if column.kind == "continuous" else made


def _of_entities(column: Column, values: pd.Series, crowd: Crowd) -> IdentifierSource:
    """Return the source of an identifier column, whose patterns count the values of an entity once.

    A pattern of one person's values would name that person.
    """
    own = column.made_of
    assert own is not None
    is_declared = column.pattern is not None or column.generator is not None
    if crowd.entities is None or is_declared or own.counter is not None:
        return own
    found = source_of(values, None, None, column.name, crowd.entities.tolist())
    if found is None or found.counter is not None:
        return own
    # Values of other rows than the training rows are avoided, too.
    kept = {"missing_rate": own.missing_rate, "real": own.real or found.real}
    return found.model_copy(update=kept)


def _with_shared_categories(column: Column, values: pd.Series, crowd: Crowd) -> Column:
    positions = column_positions(values, column)
    present = positions >= 0
    shared = crowd.part(present).enough(positions[present], len(column.categories))
    kept = [value for value, is_shared in zip(column.categories, shared, strict=True) if is_shared]
    label = column.rare_label
    if len(kept) < len(column.categories) and label is not None and label not in kept:
        kept.append(label)
    if not kept:
        kept = [_placeholder(column.categories)]
        _warn(column, crowd, f"every generated value is {kept[0]!r} or missing")
    elif len(kept) == 1 and crowd.part(present & ~shared[positions]).size >= crowd.min_rows:
        _warn(
            column,
            crowd,
            f"every generated value is {kept[0]!r}{' or missing' if column.missing else ''}",
            f"only {kept[0]!r}",
        )
    elif (lost := float(np.mean(~shared[positions[present]]))) > _MOST_LOST:
        _warn(
            column,
            crowd,
            f"the values of {lost:.0%} of its rows are never generated",
            f"only {int(shared.sum()):,} of {len(shared):,} values",
        )
    # Levels that no row has are values of too few rows as well.
    return column.model_copy(update={"categories": tuple(kept), "levels": ()})


def _placeholder(categories: tuple[Any, ...]) -> Any:
    kind = type(categories[0])
    return _PLACEHOLDER if kind is str else kind(0)


def _with_shared_range(column: Column, numbers: Floats, crowd: Crowd) -> Column:
    ends = crowd.extremes(numbers) if len(numbers) else None
    if ends is None and crowd.size >= crowd.min_rows:
        mean = float(numbers.mean())
        ends = (mean, mean)
        _warn(column, crowd, "every generated value is their mean")
    if ends is None:
        _warn(column, crowd, "every generated value is a placeholder or missing")
        zero = 0 if isinstance(column.minimum, int) else 0.0
        return column.model_copy(update={"minimum": zero, "maximum": zero})
    low, high = (value_at(end, column) for end in ends)
    return column.model_copy(update={"minimum": low, "maximum": high})


def _with_shared_texts(column: Column, values: pd.Series, crowd: Crowd) -> Column:
    """Return a column whose format has no text for numbers that too few rows have.

    A limit such as that of ``>112`` may be the remark of a single row.
    """
    made = NumberFormat.parse(column.format or "")
    if made is None or not made.special:
        return column
    numbers = as_numbers(values, "table", written=column.format)

    def is_shared(rows: npt.NDArray[np.bool_]) -> bool:
        return crowd.part(rows).size >= crowd.min_rows

    shared = [
        limit.text
        for limit in made.limits
        if is_shared(_beyond(numbers, float(limit.value), is_low=limit.is_low))
    ]
    # Only a user gives another text to zero than a dash or digits.
    is_declared = not (is_dash(made.special.zero) or re.search(r"\d", made.special.zero))
    special = made.special.only(shared, zero=is_declared or is_shared(numbers == 0))
    return column.model_copy(update={"format": str(replace(made, special=special))})


def _beyond(numbers: Floats, limit: float, *, is_low: bool) -> npt.NDArray[np.bool_]:
    return numbers <= limit if is_low else numbers >= limit


def _is_number(category: Any) -> bool:
    if isinstance(category, str):
        # Digits with leading zeros, such as ZIP codes, are names.
        return category.isdecimal() and (len(category) == 1 or category[0] != "0")
    return type(category) in (int, float)


def _warn(column: Column, crowd: Crowd, effect: str, shared: str = "no value") -> None:
    numbers = column.kind == "categorical" and all(map(_is_number, column.categories))
    verb = "are" if shared.endswith("values") else "is"
    is_text = column.kind == "categorical" and isinstance(column.categories[0], str)
    advice = "declare wider groups of its values"
    if numbers:
        advice = "declare it continuous"
    elif is_text and shared == "no value":
        advice = "declare it an identifier or wider groups of its values"
    warn(
        f"column {column.name!r}: {shared} {verb} shared by {crowd.min_rows} {crowd.noun} "
        f"(transformers.min_rows), so {effect}; leave the column out, {advice}, or set "
        "transformers.min_rows lower"
    )
