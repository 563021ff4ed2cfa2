"""Columns of a CSV file whose numbers have a format, such as ``$1,234.50`` or ``1e3``."""

import re
from collections.abc import Sequence
from decimal import Decimal

import pandas as pd

from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.formats.number_texts import respelled_texts
from tabvae_ray.table.formats.numerals.finding import exact_among, find_number_format
from tabvae_ray.table.formats.numerals.number_format import NumberFormat
from tabvae_ray.table.formats.numerals.plain_numbers import is_default, usual_format
from tabvae_ray.table.formats.numerals.shapes import is_dash, is_numeral, may_have_decimals
from tabvae_ray.table.formats.truth_words import truth_format
from tabvae_ray.table.reading.cells import Cells
from tabvae_ray.table.reading.csv_file import CsvFile
from tabvae_ray.table.reading.declared_types import CellKind
from tabvae_ray.table.reading.hints import (
    MARKED_MIN_DISTINCT,
    MARKED_MIN_SHARE,
    USUAL_MARKED_MIN_SHARE,
    USUAL_MARKERS,
    Say,
)
from tabvae_ray.table.values.decimals import is_decimal

__all__ = ["NUMBER_FORMATS", "number_format", "respelled", "spelled_numbers"]

# Key of a DataFrame's attrs: the formats of numbers in the file, by column.
NUMBER_FORMATS = "number_formats"

# So many different texts show the format of a column.
_SPELLED = 10_000
# A larger share of texts in another form is said.
_FEW_OTHERS = 0.01


def spelled_numbers(
    file: CsvFile,
    plain: pd.Series,
    declared: SpecDeclaration,
    wanted: CellKind | None,
    say: Say,
) -> Cells | None:
    """Return the cells of a column as plain numbers; None if it has no numbers in another form.

    Cells that are no number in the format of the column stay as they are.

    Args:
        file: The file.
        plain: The column as pandas reads it.
        declared: Declaration of some or all columns.
        wanted: Type that the declaration asks for.
        say: Called with a warning.
    """
    name = str(plain.name)
    kind, own = declared.kind_of(name), declared.columns.get(name)
    if wanted not in (None, "number", "decimal") or kind in ("datetime", "identifier"):
        return None
    if own is not None and own.format is not None:
        made = NumberFormat.parse(own.format)
        return None if made is None or not made.is_spelled else respelled(file.cells(name), made)
    if kind == "categorical" or not isinstance(plain.dtype, pd.StringDtype):
        return None
    given = declared.missing_values_of(name) or ()
    texts = _numerals(file, name, given)
    made = _found_format(file, name, texts, given)
    if made is None or not made.is_spelled:
        return None
    cells = file.cells(name)
    read = respelled(cells, made)
    fits = read.are_numbers
    rest = ~cells.are_null_words & ~cells.are_blank
    if int(fits.sum()) <= MARKED_MIN_DISTINCT:
        return None
    others = cells.words(rest & ~fits)
    are_usual = all(word.strip().lower() in USUAL_MARKERS for word in others)
    least = USUAL_MARKED_MIN_SHARE if are_usual else MARKED_MIN_SHARE
    if cells.count(fits & rest) < least * cells.count(rest):
        return None
    if may_have_decimals(made, texts):
        example = next(text for text in texts if "," in text)
        say(
            f"the comma in numbers such as {example!r} is taken for a separator of thousands; if "
            "it is a decimal comma, declare {kind: continuous, format: "
            f"'{{:,3f}}{made.after}'}} in the spec"
        )
    return read


def respelled(cells: Cells, made: NumberFormat) -> Cells:
    """Return cells in which the numbers in a format are plain numbers."""
    return cells.respelled(respelled_texts(cells.distinct.to_pylist(), made))


def number_format(
    file: CsvFile, values: pd.Series, declared: SpecDeclaration, say: Say
) -> str | None:
    """Return the format in which a file has the numbers, or truth values, of a column.

    None if they are as pandas writes them, or in no single format, which is said.

    Args:
        file: The file.
        values: The column as it was read.
        declared: Declaration of some or all columns.
        say: Called with a warning.
    """
    name, types = str(values.name), pd.api.types
    own = declared.columns.get(name)
    if types.is_bool_dtype(values.dtype):
        words = {text.strip() for text in file.texts(name, _SPELLED)}
        return truth_format(words) if own is None or own.format is None else own.format
    if not types.is_numeric_dtype(values.dtype):
        return None
    if own is not None and own.format is not None:
        return own.format
    # Whole numbers that are declared to be floats are not given a point for that.
    is_float = own is not None and (own.dtype or "").lower().startswith("float")
    whole = types.is_integer_dtype(values.dtype) and not is_float
    given = declared.missing_values_of(name) or ()
    texts = _numerals(file, name, given)
    numbers = [text for text in texts if not is_dash(text)]
    # That of most columns, and found in a tenth of the time that a search for a format takes.
    if is_default(numbers, whole=whole):
        return None
    made = _found_format(file, name, texts, given)
    if made is not None and made.is_spelled:
        return str(made)
    if is_decimal(values.dtype):
        return None
    if made is None and (odd := [text for text in numbers if re.search(r"[eE]|^\+", text)]):
        say(
            f"some of its numbers are written like {odd[0][:40]!r} and others are not; synthetic "
            f"ones are written like {_default(odd[0], whole=whole)}"
        )
    elif made is None and not whole:
        made = usual_format(numbers)
        _say_if_others_differ(numbers, made, say)
    return None if made is None else str(made)


def _say_if_others_differ(texts: list[str], made: NumberFormat | None, say: Say) -> None:
    """Warn if more than a few of some plain numbers are not written as synthetic ones will be."""
    try:
        numbers = [float(text) for text in texts]
    except ValueError:
        return
    written = [repr(number) if made is None else made.text(number) for number in numbers]
    others = [pair for pair in zip(texts, written, strict=True) if pair[0] != pair[1]]
    if len(others) > _FEW_OTHERS * len(texts):
        own, ours = others[0]
        say(
            f"its numbers have no single form: some are written like {own[:40]!r}, and synthetic "
            f"ones are written like {ours!r}"
        )


def _found_format(
    file: CsvFile, name: str, texts: list[str], given: Sequence[str]
) -> NumberFormat | None:
    """Return the format of some texts of a column, without special texts that its others refute."""
    made = find_number_format(texts)
    if made is None or not made.special:
        return made
    distinct = file.cells(name).distinct.to_pylist()
    return exact_among(made, [text for text in distinct if text.strip() not in given])


def _numerals(file: CsvFile, name: str, given: Sequence[str]) -> list[str]:
    found = (text.strip() for text in file.texts(name, _SPELLED))
    return [text for text in found if is_numeral(text) and text not in given]


def _default(text: str, *, whole: bool) -> str:
    try:
        return str(int(Decimal(text))) if whole else repr(float(text))
    except (ArithmeticError, ValueError):
        return "1000"
