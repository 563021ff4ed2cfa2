"""The grammar of ``--where``: conditions on generated rows as text."""

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from math import isfinite
from typing import Any

import pandas as pd

from tabvae_ray.errors import ConfigError, closest
from tabvae_ray.table.coders.category_values import positions_in_other_types
from tabvae_ray.table.column import Column
from tabvae_ray.table.formats.numerals.number_format import NumberFormat
from tabvae_ray.table.formats.truth_words import truth_of_word
from tabvae_ray.table.spec import TableSpec

__all__ = ["parse_where"]

# So many columns are named in a message.
_MOST_NAMES = 20


class _TwoReadings(ValueError):
    """A text that is one number in the format of a column and another one elsewhere."""


def parse_where(texts: Sequence[str], spec: TableSpec) -> dict[str, Any]:
    """Parse conditions as they are written on a command line.

    Values are written ``Sex=F``, ranges of numbers ``Age=60:70``, ``Age=60:`` or ``Age=:70``,
    ranges of datetimes or numbers ``Day=2024-01-01..2024-06-30``, and missing values ``City=``.
    A day stands for all of its moments. A categorical column may occur more than once; then any of
    the values is allowed.

    Raises:
        ConfigError: If a text names no column, or is not a condition on it.
    """
    found: dict[str, Any] = {}
    for text in texts:
        # A column name may itself hold an equals sign.
        ends = [i for i, letter in enumerate(text) if letter == "=" and text[:i] in spec.names]
        if not ends:
            name = text.partition("=")[0]
            wrong = f"there is no column {name!r}" if "=" in text else "must be COLUMN=VALUE"
            near = "" if name in spec.names else closest(name, spec.names)
            known = ", ".join(spec.names[:_MOST_NAMES])
            more = ", ..." if len(spec.names) > _MOST_NAMES else ""
            raise ConfigError(f"--where {text}: {wrong}; columns are {known}{more}{near}")
        column, value = spec[text[: ends[0]]], text[ends[0] + 1 :]
        if column.kind == "identifier":
            raise ConfigError(
                f"--where {text}: {column.name!r} is an identifier; its values are made for each "
                "row, so that no condition can be on them"
            )
        if column.kind == "categorical":
            found.setdefault(column.name, []).append(_category(column, value))
        elif column.name in found:
            raise ConfigError(f"--where {text}: {column.name!r} already has a condition")
        else:
            found[column.name] = _value_or_range(column, value, text)
    return found


def _category(column: Column, text: str) -> Any:
    """Return the category that a text stands for, None for a missing value."""
    for category in column.categories:
        if str(category) == text or (isinstance(category, bool) and str(category).lower() == text):
            return category
    if text == "" and column.missing:
        return None
    if (truth := truth_of_word(text, column.format)) is not None:
        return truth
    place = positions_in_other_types(pd.Series([text]), column.categories)[0]
    return text if place < 0 else column.categories[place]


def _value_or_range(column: Column, value: str, text: str) -> Any:
    if value == "":
        return None
    separator = ".." if ".." in value or column.kind == "datetime" else ":"
    first, found, last = value.partition(separator)
    if found and not first and not last:
        raise ConfigError(f"--where {text}: a range must have at least one of its two ends")
    if column.kind == "datetime":
        return (first or None, last or None) if found else value
    try:
        numbers = [None if part == "" else _number(part, column) for part in (first, last)]
    except _TwoReadings as error:
        raise ConfigError(f"--where {text}: {error}") from None
    except (ValueError, InvalidOperation):
        raise ConfigError(
            f"--where {text}: {column.name!r} is numeric: must be a number or LOW:HIGH"
        ) from None
    return tuple(numbers) if found else numbers[0]


def _number(text: str, column: Column) -> int | float | Decimal:
    """Parse a number, also as a column writes it; one that float64 would round keeps its digits."""
    written = None if column.format is None else NumberFormat.parse(column.format)
    plain = None if written is None else written.plain([text])[0]
    if written is not None and plain is not None:
        _check_reading(text, float(plain), written)
    text = plain or text
    number = float(text)
    if len(text) <= 15 or len(text) > 100 or not isfinite(number):
        return number
    exact = Decimal(text)
    return int(exact) if exact == int(exact) else exact


def _check_reading(text: str, number: float, written: NumberFormat) -> None:
    """Raise an error if a text is another number outside the format of its column."""
    try:
        other = float(text)
    except ValueError:
        return
    if other != number:
        raise _TwoReadings(
            f"{text.strip()!r} is {number:.15g} in the format {written} of the column, but "
            f"{other:.15g} elsewhere; write {number:.15g} or "
            f"{f'{other:.15g}'.replace('.', written.mark)}"
        )
