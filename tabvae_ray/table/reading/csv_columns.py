"""Columns of a CSV file, each read as its declaration or its cells ask.

Numbers with a currency, a percent sign, separators of thousands or a decimal comma are numbers.

An empty cell is missing. A word such as ``NA`` or ``None`` is missing in a column that otherwise
holds numbers, moments, truth values or codes of digits; in a column of other text it is a value
like any other. ``missing_values`` of a spec replaces this rule.
"""

from functools import partial

import numpy as np
import pandas as pd

from tabvae_ray.errors import warn
from tabvae_ray.table.column import MARKERS, PADDINGS, UNNAMED
from tabvae_ray.table.declaration import SpecDeclaration
from tabvae_ray.table.formats.finding import iso_format, look_like_days
from tabvae_ray.table.formats.zones import are_of_several_offsets
from tabvae_ray.table.parsing import parse_iso
from tabvae_ray.table.reading.cells import Cells, Mask
from tabvae_ray.table.reading.codes import (
    are_codes,
    are_long,
    are_long_decimals,
    are_versions,
    may_be_names,
)
from tabvae_ray.table.reading.csv_file import CsvFile
from tabvae_ray.table.reading.declared_types import CellKind, declared_type
from tabvae_ray.table.reading.hints import (
    MARKED_MIN_DISTINCT,
    MARKED_MIN_SHARE,
    USUAL_MARKED_MIN_SHARE,
    USUAL_MARKERS,
    Say,
    listed,
    say_if_without_format,
    say_markers,
    say_what_it_may_be,
)
from tabvae_ray.table.reading.odd_dates import are_odd, days_among, moments_among
from tabvae_ray.table.reading.spelled_numbers import NUMBER_FORMATS, number_format, spelled_numbers
from tabvae_ray.table.reading.unpadded import without_padding

__all__ = [
    "DATE_FORMATS",
    "are_markers",
    "read_columns",
    "with_moments",
]

# Key of a DataFrame's attrs: the formats of dates that were read as datetimes, by column.
DATE_FORMATS = "date_formats"

# More different texts are no markers.
_MOST_MARKERS = 5

# Capital letters among so few small whole numbers are codes like these, if not much rarer.
_MOST_CODES, _AS_FREQUENT = 40, 0.2

_DIGITS = r"^\+?\d+$"


def read_columns(file: CsvFile, declared: SpecDeclaration, source: str) -> pd.DataFrame:
    """Read all columns of a CSV file; the formats of dates and numbers are kept in ``attrs``.

    Args:
        file: The file.
        declared: Declaration of some or all columns. Columns that it leaves out are read as pandas
            reads them.
        source: Name of the file in warnings.
    """

    def say_of(name: str, message: str) -> None:
        warn(f"{source}: column {name!r}: {message}")

    file, paddings = without_padding(file, declared, say_of)
    columns = {str(name): with_moments(file.typed[name]) for name in file.typed}
    gaps = [name for name, values in columns.items() if _may_be_integers(values)]
    if gaps:
        nullable = file.nullable(gaps)
        for name in gaps:
            if pd.api.types.is_integer_dtype(nullable[name].dtype):
                columns[name] = nullable[name]
    numbers: dict[str, str] = {}
    for name, plain in columns.items():
        if declared.leaves_out(name):
            continue

        say = partial(say_of, name)
        columns[name] = _with_empty_text(_read_column(file, plain, declared, say), declared)
        if (written := number_format(file, columns[name], declared, say)) is not None:
            numbers[name] = written
    table = pd.DataFrame(columns, copy=False)
    table.attrs |= {NUMBER_FORMATS: numbers, UNNAMED: file.unnamed, PADDINGS: paddings}
    table.attrs[MARKERS] = {
        name: found
        for name, values in columns.items()
        if declared.missing_values_of(name) is None and not declared.leaves_out(name)
        if (found := file.missing_texts(values))
    }
    table.attrs[DATE_FORMATS] = {
        name: written
        for name, values in columns.items()
        if (written := _iso_format(file, values)) is not None
    }
    for name, values in columns.items():
        if not declared.leaves_out(name) and str(getattr(values.dtype, "tz", "")) == "UTC":
            texts = file.typed[name].where(values.notna(), None)
            if texts.nunique() >= MARKED_MIN_DISTINCT and are_of_several_offsets(texts):
                say_of(
                    name,
                    f"its times have several offsets from UTC, such as {texts.dropna().iloc[0]}; "
                    "they are converted to UTC; declare timezone in the spec for another zone",
                )
    return table


def _read_column(file: CsvFile, plain: pd.Series, declared: SpecDeclaration, say: Say) -> pd.Series:
    name = str(plain.name)
    wanted = declared_type(name, declared)
    given = declared.missing_values_of(name)
    is_open = declared.kind_of(name) in (None, "continuous", "datetime") or wanted == "number"
    spelled = spelled_numbers(file, plain, declared, wanted, say)
    if given is not None:
        cells = file.cells(name)
        if wanted == "text" and declared.kind_of(name) == "datetime":
            wanted = "moment"
        missing = cells.standing_for(given) if wanted != "text" else cells.among(given)
        return _converted(spelled or cells, missing, wanted, say, markers=is_open)
    if spelled is not None:
        return _converted(spelled, None, wanted, say, markers=True)
    written = None if name not in declared.columns else declared.columns[name].format
    if wanted == "number" and pd.api.types.is_numeric_dtype(plain.dtype):
        return plain
    if wanted == "moment" and pd.api.types.is_datetime64_any_dtype(plain.dtype):
        return plain
    if wanted == "text" and declared.kind_of(name) == "datetime":
        if pd.api.types.is_datetime64_any_dtype(plain.dtype):
            return plain
        is_float = plain.dtype == np.float64 and file.cells(name).match(r"\.0$").any()
        if is_float and not (declared.columns[name].format or "").endswith(".0"):
            return plain
        wanted = "moment"
    if wanted is None and not _is_in_doubt(plain) and not may_be_names(file, plain):
        return plain
    cells = file.cells(name)
    if wanted == "text":
        column = declared.columns[name]
        null_words = cells.are_null_words
        if column.categories and column.missing is not False:
            return cells.text(null_words & ~cells.among({str(v) for v in column.categories}))
        digits = cells.match(_DIGITS)
        only_digits = bool(digits.any()) and not column.categories
        only_digits = only_digits and bool((digits | null_words).all())
        return cells.text(null_words if only_digits else np.zeros_like(null_words))
    if wanted is None and _is_truth(plain):
        words = cells.among({"True", "False"}) | cells.are_null_words
        return plain if words.all() else cells.text(cells.are_null_words)
    if wanted is None and pd.api.types.is_numeric_dtype(plain.dtype):
        is_text = look_like_days(plain)
        if not is_text and (days := _days(cells, cells.are_null_words, say)) is not None:
            return days
        is_text = is_text or are_codes(cells) or are_versions(cells, say)
        is_whole = pd.api.types.is_integer_dtype(plain.dtype)
        if not is_text and not is_whole and are_long_decimals(cells):
            return cells.decimals(cells.are_null_words | cells.are_blank)
        return cells.text(cells.are_null_words) if is_text else plain
    return _converted(cells, None, wanted, say, markers=is_open, written=written)


def _with_empty_text(values: pd.Series, declared: SpecDeclaration) -> pd.Series:
    """Return text with empty cells as empty text, where that is a category and nothing is missing.

    A CSV file writes both alike.
    """
    column = declared.columns.get(str(values.name))
    if column is None or column.missing is not False or "" not in (column.categories or ()):
        return values
    return values.fillna("") if isinstance(values.dtype, pd.StringDtype) else values


def _converted(
    cells: Cells,
    missing: Mask | None,
    wanted: CellKind | None,
    say: Say,
    *,
    markers: bool,
    written: str | None = None,
) -> pd.Series:
    """Convert cells to the wanted type, or to the type that they have.

    Args:
        cells: The cells.
        missing: Texts that are missing, as the user says; None if that is to be inferred.
        wanted: Type that the declaration asks for.
        say: Called with a warning.
        markers: Whether rare text may be a marker of missing values.
        written: Declared format of dates.
    """
    gone = cells.are_null_words if missing is None else missing
    blank = cells.are_blank & ~gone if missing is None else np.zeros_like(gone)
    if missing is not None and wanted in ("number", "decimal", "moment", "truth"):
        # A marker beside which no value of these types can be meant.
        gone = gone | cells.are_null_words | cells.are_blank
    rest = ~gone & ~blank
    if wanted == "truth":
        truths = cells.truths(~rest)
        return cells.text(gone) if truths is None else truths
    if wanted == "text":
        return cells.text(gone)
    numbers = cells.are_numbers & rest
    for fits, noun in ((numbers, "numbers"), moments_among(cells, rest, written)):
        odd = rest & ~fits
        is_wanted = wanted is None or (wanted in ("number", "decimal")) == (noun == "numbers")
        if not fits.any() or not is_wanted:
            continue
        is_rare = are_markers(cells, fits, odd) or (noun != "numbers" and are_odd(cells, fits, odd))
        if odd.any() and not (markers and missing is None and is_rare):
            continue
        if (
            noun == "numbers"
            and wanted is None
            and (are_codes(cells, ~fits) or are_long(cells, fits))
        ):
            return cells.text(gone)
        if noun == "numbers" and wanted is None and markers:
            if (days := _days(cells, gone, say)) is not None:
                return days
        if (odd | blank).any():
            say_markers(cells, fits, odd | blank, noun, say)
        if noun == "numbers":
            read = cells.decimals if wanted == "decimal" else cells.numbers
            return read(gone | blank | odd)
        dates = with_moments(cells.text(gone | blank | odd))
        if wanted is None and isinstance(dates.dtype, pd.StringDtype):
            say_if_without_format(dates, noun, say)
        return dates
    if wanted is None and missing is None and rest.any():
        if gone.any():
            words = listed(cells.words(gone))
            say(
                f"{cells.count(gone):,} cells read {words}, which is taken for text; declare "
                "missing_values in the spec if they are missing"
            )
        say_what_it_may_be(cells, rest, numbers, say)
        # In a column of text, words for missing values and white space are values.
        return cells.text(np.zeros_like(gone))
    if wanted is None and markers and rest.any():
        say_what_it_may_be(cells, rest, numbers, say)
    return cells.text(gone | blank if not rest.any() else gone)


def _days(cells: Cells, gone: Mask, say: Say) -> pd.Series | None:
    """Return digits such as 20240305 as text, None if not nearly all cells are days."""
    rest = ~gone & ~cells.are_blank
    days = days_among(cells, rest)
    if days is None:
        return None
    if (odd := ~days & ~gone).any():
        say_markers(cells, days, odd, "dates", say)
    return cells.text(~days)


def are_markers(cells: Cells, fits: Mask, odd: Mask) -> bool:
    """Return True if the odd texts of a column are few, and rare or usual words."""
    if int(odd.sum()) > _MOST_MARKERS or int(fits.sum()) <= MARKED_MIN_DISTINCT:
        return False
    if _are_letters_among_codes(cells, fits, odd):
        return False
    share = cells.count(fits) / max(1, cells.count(fits | odd))
    if all(word.strip().lower() in USUAL_MARKERS for word in cells.words(odd)):
        return share >= USUAL_MARKED_MIN_SHARE
    return share >= MARKED_MIN_SHARE and not bool((cells.match(r"\d") & odd).any())


def _are_letters_among_codes(cells: Cells, fits: Mask, odd: Mask) -> bool:
    """Return True for capital letters among few small whole numbers, such as chromosomes 1 to X.

    Each letter is as frequent as the numbers, or nearly so.
    """
    if int(fits.sum()) > _MOST_CODES or not (cells.match(r"^\d{1,2}$") | ~fits).all():
        return False
    usual = float(np.median(cells.counts[fits]))
    is_letter = cells.match("^[A-Z]{1,2}$") & ~cells.are_null_words
    return bool(is_letter[odd].all() and (cells.counts[odd] >= _AS_FREQUENT * usual).all())


def _is_in_doubt(plain: pd.Series) -> bool:
    """Return True if the cells of a column may be something else than pandas takes them for."""
    dtype = plain.dtype
    types = pd.api.types
    if isinstance(dtype, pd.StringDtype) or types.is_object_dtype(dtype):
        return True
    if types.is_bool_dtype(dtype) or types.is_integer_dtype(dtype):
        return True
    if dtype != np.float64:
        return False
    present = plain.dropna().to_numpy()
    # Codes of digits that are too long for integers are read as floats.
    return bool(len(present)) and bool((np.rint(present) == present).all())


def _is_truth(plain: pd.Series) -> bool:
    if plain.dtype == bool:
        return True
    return plain.dtype == object and pd.api.types.infer_dtype(plain, skipna=True) == "boolean"


def with_moments(values: pd.Series) -> pd.Series:
    """Return text as date-times if all of it is ISO 8601."""
    if not isinstance(values.dtype, pd.StringDtype):
        return values
    moments = parse_iso(values)
    return values if moments is None else moments


def _iso_format(file: CsvFile, moments: pd.Series) -> str | None:
    """Return the format in which a file has moments."""
    if not pd.api.types.is_datetime64_any_dtype(moments.dtype):
        return None
    texts = file.typed[str(moments.name)]
    return iso_format(texts.where(moments.notna(), None), moments)


def _may_be_integers(values: pd.Series) -> bool:
    """Return True if floats may be integers that missing values made floats."""
    if values.dtype != np.float64 or not values.isna().any():
        return False
    present = values.to_numpy(np.float64)
    return bool((np.rint(present) == present)[~np.isnan(present)].all())
