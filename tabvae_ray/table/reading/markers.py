"""Markers of missing values in tables that do not come from CSV, such as ``?`` among numbers."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from tabvae_ray.table.column import MARKERS, Column
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.formats.number_texts import (
    find_text_format,
    read_numbers,
    respelled_texts,
    text_of_levels,
)
from tabvae_ray.table.formats.numerals.finding import exact_among
from tabvae_ray.table.formats.numerals.number_format import NumberFormat
from tabvae_ray.table.formats.numerals.shapes import is_numeral
from tabvae_ray.table.formats.numerals.special_texts import NO_SPECIAL
from tabvae_ray.table.reading.cells import NULL_WORDS, Cells, Mask
from tabvae_ray.table.reading.codes import are_codes
from tabvae_ray.table.reading.csv_columns import are_markers
from tabvae_ray.table.reading.hints import CODE, USUAL_MARKERS, Say, say_markers
from tabvae_ray.table.reading.odd_dates import are_odd, days_among, moments_among
from tabvae_ray.table.values.object_types import in_plain_types

__all__ = ["are_shared", "as_declared", "is_usual", "read_markers", "recognised_markers"]

# So many different texts show the format of numbers.
_SAMPLE = 10_000
_INFINITE = (float("inf"), float("-inf"))
_INFINITE_WORDS = {*map(str, _INFINITE)}
# A word that fewer cells of a file have may be the remark of a single row.
_FEW_CELLS = 5


def read_markers(table: pd.DataFrame, declared: SpecDeclaration, say: Say) -> pd.DataFrame:
    """Make the declared markers of a table missing, and those that are recognised.

    A text column in which a few other texts stand among numbers becomes numbers. A category dtype
    of text becomes text where numbers or dates are declared.

    Args:
        table: The rows.
        declared: Declaration of some or all columns.
        say: Called with a warning of each column with recognised markers.

    Returns:
        The rows, with the recognised markers in ``attrs``.
    """
    changed: dict[str, pd.Series] = {}
    found: dict[str, dict[str, int]] = {}
    for name in table.columns:
        if not isinstance(name, str) or declared.leaves_out(name):
            continue
        values, given = table[name], declared.missing_values_of(name)
        if declared.kind_of(name) in ("continuous", "datetime"):
            texts = text_of_levels(values)
            if texts is not values:
                changed[name] = values = texts
        is_open = declared.kind_of(name) in (None, "continuous", "datetime")
        if given is not None:
            cells = _cells(values) if is_open else None
            if cells is not None and declared.kind_of(name) is not None:
                # Among numbers and dates, such words can mean nothing else.
                given = (*given, *cells.words(cells.are_null_words | cells.are_blank))
            masked = _masked(values, given)
            if masked is not values:
                changed[name] = (
                    masked
                    if cells is None
                    else _converted(cells, cells.standing_for(given), masked)
                )
            continue
        own = declared.columns.get(name)
        written = None if own is None else own.format
        if is_open and (cells := _cells(values, with_numbers=written is not None)) is not None:
            read = _with_plain_numbers(cells, written, are_texts=_is_text(values))
            fitting = _fitting(read or cells, written)
            if fitting is not None:
                fits, noun = fitting

                def say_of_column(text: str, name: str = name) -> None:
                    say(f"column {name!r}: {text}")

                say_markers(cells, fits, ~fits, noun, say_of_column)
                found[name] = cells.tally(~fits)
                masked = _masked(values, tuple(found[name]))
                changed[name] = masked if read is not None else _converted(cells, ~fits, masked)
    if not changed:
        return table
    made = table.assign(**changed)
    made.attrs[MARKERS] = {**table.attrs.get(MARKERS, {}), **found}
    return made


def as_declared(table: pd.DataFrame, columns: Sequence[Column]) -> pd.DataFrame:
    """Return a table without the markers of a spec, and with numbers in place of their text."""
    changed: dict[str, pd.Series] = {}
    table = in_plain_types(table)
    for column in columns:
        if column.name not in table:
            continue
        values = own = table[column.name]
        if column.missing_values:
            values = _masked(values, column.missing_values)
        if column.kind == "continuous":
            values = read_numbers(values, column.format)
        if values is not own:
            changed[column.name] = values
    return table.assign(**changed) if changed else table


def recognised_markers(read: pd.DataFrame, rows: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    """Return the recognised markers that a spec keeps, by column.

    A file's markers of which one is neither usual nor frequent are recognised again, because it may
    be the remark of a single row. Those of rows in memory still stand there.

    Args:
        read: Rows that :func:`read_markers` returned.
        rows: The rows before, which may have been read from a file.
    """
    of_file: dict[str, dict[str, int]] = rows.attrs.get(MARKERS, {})
    return {
        name: tuple(counts)
        for name, counts in read.attrs.get(MARKERS, {}).items()
        if name not in of_file or all(are_shared(counts, _FEW_CELLS))
    }


def are_shared(counts: Mapping[str, int], least: int) -> Iterator[bool]:
    """Return of each marker whether it is usual, or at least so many cells have it."""
    return (is_usual(word) or count >= least for word, count in counts.items())


def is_usual(word: str) -> bool:
    """Return True for a word that stands for a missing value in many tables."""
    return word in NULL_WORDS or word.strip().lower() in USUAL_MARKERS


def _masked(values: pd.Series, markers: Sequence[str]) -> pd.Series:
    """Return values without markers; the same object if there are none."""
    words = {*markers, *(text.strip() for text in markers)}
    numbers = {value for value in map(_number, words) if value is not None}

    def is_marker(value: Any) -> bool:
        if isinstance(value, str):
            return value in words
        return _number(value) in numbers or (value in _INFINITE and str(value) in words)

    if isinstance(values.dtype, pd.CategoricalDtype):
        named = [
            level for level in values.cat.categories if is_marker(level) or str(level) in words
        ]
        return values.cat.remove_categories(named) if named else values
    if pd.api.types.is_bool_dtype(values.dtype):
        return values
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        moments = pd.to_datetime(pd.Series(sorted(words)), errors="coerce", format="ISO8601")
        hits = values.dt.tz_localize(None).isin(moments.dropna())
    elif _is_text(values):
        cells = _cells(values)
        assert cells is not None
        hits = values.isin(cells.words(cells.standing_for(markers)))
    elif pd.api.types.is_numeric_dtype(values.dtype) and not (numbers or words & _INFINITE_WORDS):
        return values
    elif pd.api.types.is_numeric_dtype(values.dtype) or _is_mixed(values):
        codes, distinct = pd.factorize(values)
        found = np.array([is_marker(value) for value in distinct.tolist()] + [False], dtype=bool)
        hits = pd.Series(found[codes], index=values.index)
    else:
        return values
    if not hits.any():
        return values
    if isinstance(values.dtype, np.dtype) and values.dtype.kind in "iu":
        # NumPy's integers cannot be missing.
        nullable = str(values.dtype).replace("i", "I").replace("u", "U")
        values = values.astype(pd.api.types.pandas_dtype(nullable))
    return values.mask(hits)


def _cells(values: pd.Series, *, with_numbers: bool = False) -> Cells | None:
    """Return the cells of a column of text, or of text and numbers; None for others.

    Args:
        values: The column.
        with_numbers: Whether to return the cells of a column of whole numbers, too.
    """
    if with_numbers and pd.api.types.is_numeric_dtype(values.dtype):
        try:
            values = values.astype("Int64")
        except (TypeError, ValueError):
            return None
    elif not _is_text(values) and not _is_mixed(values):
        return None
    texts = pa.array(values.map(str, na_action="ignore"), pa.string(), from_pandas=True)
    return Cells(str(values.name), pa.chunked_array([texts]))


def _is_text(values: pd.Series) -> bool:
    if not (pd.api.types.is_object_dtype(values.dtype) or pd.api.types.is_string_dtype(values)):
        return False
    return bool(pd.api.types.infer_dtype(values, skipna=True) == "string")


def _is_mixed(values: pd.Series) -> bool:
    """Return True for Python objects that are numbers and text."""
    if not pd.api.types.is_object_dtype(values.dtype):
        return False
    if pd.api.types.infer_dtype(values, skipna=True) not in ("mixed-integer", "mixed"):
        return False
    kinds = {type(value) for value in values.dropna()}
    number = (int, float, Decimal, np.number)
    return str in kinds and all(
        kind is not bool and issubclass(kind, (*number, str)) for kind in kinds
    )


def _number(value: Any) -> Decimal | None:
    """Return the number that a marker or a value is, None if it is none, or has a leading zero."""
    text = str(value).strip()
    if text.lstrip("+-")[:2].rstrip("0123456789") == "" and text.lstrip("+-")[:1] == "0":
        text = text if text.lstrip("+-") == "0" else ""
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _with_plain_numbers(cells: Cells, written: str | None, *, are_texts: bool) -> Cells | None:
    """Return cells whose numbers are written plainly; None if they have no format.

    Args:
        cells: The cells.
        written: Declared format; None if it is to be found.
        are_texts: Whether all are text. Among numbers of Python, no text stands for one.
    """
    distinct: list[str] = cells.distinct.to_pylist()
    if written is not None:
        made = NumberFormat.parse(written)
    else:
        numerals = list(filter(is_numeral, distinct[:_SAMPLE]))
        made = find_text_format(pd.Series(numerals, dtype="str"))
        if made is not None:
            made = exact_among(made, distinct) if are_texts else replace(made, special=NO_SPECIAL)
    if made is None or not made.is_spelled:
        return None
    return cells.respelled(respelled_texts(distinct, made))


def _fitting(cells: Cells, written: str | None) -> tuple[Mask, str] | None:
    """Return the numbers or the dates of a column that otherwise has markers alone."""
    anything = np.ones(len(cells.distinct), dtype=bool)
    if (days := days_among(cells, anything)) is not None and not days.all():
        return days, "dates"
    if cells.match(CODE).any():
        return None
    for fits, noun in ((cells.are_numbers, "numbers"), moments_among(cells, anything, written)):
        if not fits.any() or fits.all():
            continue
        if are_markers(cells, fits, ~fits) or (noun != "numbers" and are_odd(cells, fits, ~fits)):
            return fits, noun
    return None


def _converted(cells: Cells, gone: Mask, masked: pd.Series) -> pd.Series:
    """Return a column without markers as numbers, or as text, if it has nothing else."""
    rest = ~gone
    if not rest.any() or are_codes(cells, gone):
        return masked
    if _is_text(masked) and days_among(cells, rest) is not None:
        return masked
    if cells.are_numbers[rest].all():
        return cells.numbers(gone).set_axis(masked.index)
    return cells.text(gone).set_axis(masked.index)
