"""Cells of given rows, as the model reads them.

A model does not name the texts that few rows of its table have, such as the only ``>112`` in a
column of ages. Rows of that table have them nevertheless.
"""

import re
from contextlib import suppress

import numpy as np
import pandas as pd

from tabvae_ray.errors import DataError, brief, warn
from tabvae_ray.table.column import Column
from tabvae_ray.table.column_values import column_numbers
from tabvae_ray.table.formats.number_texts import odd_numbers, read_numbers, text_of_levels
from tabvae_ray.table.formats.numerals.number_format import NumberFormat
from tabvae_ray.table.formats.numerals.shapes import with_dash
from tabvae_ray.table.parsing import as_numbers, odd_moments
from tabvae_ray.table.reading.frames import Frame, Source, as_frame, is_frame
from tabvae_ray.table.reading.markers import as_declared
from tabvae_ray.table.spec import TableSpec

__all__ = ["known_cells", "read_given"]

# A few words in the place of numbers or dates stand for missing ones. In most cells of a column,
# more different texts are another column, and those with digits are values in another format.
_FEW_WORDS = 5
_DIGIT = re.compile(r"\d")


def read_given(rows: Source | Frame, spec: TableSpec) -> pd.DataFrame:
    """Return rows of a table, or of the file in which it is, whose numbers are numbers in CSV.

    Raises:
        DataError: If they are no table.
        StorageError: If a file cannot be read.
    """
    if is_frame(rows):
        table = as_frame(rows, keeps_index=True)
        twice = table.columns[table.columns.duplicated()]
        if len(twice):
            raise DataError(f"column {twice[0]!r}: occurs more than once; rename one of them")
        return table
    columns = tuple(map(_reading_dashes, spec.columns))
    table = spec.model_copy(update={"columns": columns}).read(rows)
    read = {}
    for column in columns:
        if column.kind == "continuous" and column.written_dtype is None and column.name in table:
            values = table[column.name]
            # Beside a word, numbers would stay text.
            if column.missing and pd.api.types.is_string_dtype(values.dtype):
                values = _without_words(values, column, say=True)
                if column.format is None:
                    with suppress(DataError):
                        numbers = as_numbers(values, "rows")
                        values = pd.Series(numbers, index=values.index, name=values.name)
            read[column.name] = read_numbers(values, column.format, with_unnamed=True)
    return table.assign(**read)


def known_cells(table: pd.DataFrame, spec: TableSpec, *, say: bool = True) -> pd.DataFrame:
    """Return what a model knows of given rows: plain values, missing where a text is none.

    A text such as ``>112`` that the spec does not name is the number for which it would stand. In a
    column with missing values, a word in the place of a number or a date is missing; other columns
    keep it, and it is refused when they are encoded.

    Args:
        table: Some columns of the table, and others.
        spec: Spec of the model.
        say: Whether to warn of words that are missing.
    """
    open_columns = [
        column
        for column in spec.columns
        if column.name in table and column.kind in ("continuous", "datetime")
    ]
    texts = {column.name: text_of_levels(table[column.name]) for column in open_columns}
    known = as_declared(table.assign(**texts), spec.columns)
    for column in open_columns:
        values = known[column.name]
        if column.missing:
            values = _without_words(values, column, say=say)
        if column.kind == "continuous":
            values = read_numbers(values, column.format, with_unnamed=True)
        known[column.name] = values
    return known


def _reading_dashes(column: Column) -> Column:
    """Return a column in whose file a dash with the currency of its amounts is zero."""
    made = None if column.kind != "continuous" else NumberFormat.parse(column.format or "")
    if made is None or column.missing_values:
        return column
    return column.model_copy(update={"format": str(with_dash(made))})


def _without_words(values: pd.Series, column: Column, *, say: bool) -> pd.Series:
    """Return values without texts that are no number or no date; a warning counts them."""
    if not (pd.api.types.is_object_dtype(values.dtype) or pd.api.types.is_string_dtype(values)):
        return values
    blank = values.map(lambda value: isinstance(value, str) and not value.strip())
    values = values.mask(blank.to_numpy(bool, na_value=False))
    try:
        numbers = column_numbers(values, column)
    except DataError:
        pass
    else:
        # Such as the text NaT.
        return values.mask(np.isnan(numbers) & values.notna().to_numpy())
    is_number = column.kind == "continuous"
    are_text = values.map(lambda value: isinstance(value, str)).to_numpy(bool, na_value=False)
    if is_number:
        are_odd = are_text & odd_numbers(values, column.format, with_unnamed=True)
    else:
        are_odd = are_text & odd_moments(values, column.format)
    words, count = values[are_odd].unique(), int(are_odd.sum())
    is_most = 2 * count > values.notna().sum()
    if not count or (is_most and (len(words) > _FEW_WORDS or any(map(_DIGIT.search, words)))):
        return values
    if say:
        noun = "number" if is_number else "date-time"
        verb = "is" if count == 1 else "are"
        warn(
            f"column {column.name!r}: {count:,} of its cells, such as {brief(words[0])}, "
            f"{verb} no {noun} that the model knows, and taken for missing"
        )
    return values.mask(are_odd)
