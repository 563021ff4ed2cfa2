"""Text of Parquet files and DataFrames that holds numbers, such as ``$1,234.50``."""

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from tabvae_ray.table.formats.numerals.finding import exact_among, find_number_format
from tabvae_ray.table.formats.numerals.number_format import NumberFormat
from tabvae_ray.table.formats.numerals.shapes import is_numeral, unnamed_special

__all__ = [
    "find_text_format",
    "odd_numbers",
    "odd_text",
    "read_numbers",
    "respelled_texts",
    "spelled_in_text",
    "text_of_levels",
]

# So many different texts show a format, and a column of numbers has more than so many.
_SPELLED, _MIN_DISTINCT = 10_000, 10
# Plain decimals that repeat more often may be codes, such as 250.01.
_PLAIN_MIN_SHARE = 0.2
_CODE = re.compile(r"0\d+(\.\d+)?|\+\d{7,}")


def find_text_format(texts: pd.Series, *, is_number: bool = False) -> NumberFormat | None:
    """Return the format of a column of text whose cells are numbers, None if they are not.

    Digits alone are text, and so are plain decimals that repeat often.

    Args:
        texts: The column, with gaps where values are missing.
        is_number: Whether the user says that it holds numbers.
    """
    present = texts.dropna()
    different = present.drop_duplicates()
    distinct = different.head(_SPELLED).tolist()
    if not is_number and len(distinct) <= _MIN_DISTINCT:
        return None
    if not all(map(is_numeral, distinct[:100])):
        return None
    made = find_number_format(distinct)
    if made is None:
        return None
    made = exact_among(made, different.tolist())
    if is_number or made.is_spelled:
        return made
    is_whole = made.letter == "f" and not made.places and not made.sign and not made.keeps_mark
    if is_whole or any(map(_CODE.fullmatch, distinct)):
        return None
    is_plain = made.letter == "f" and not made.sign
    return None if is_plain and len(distinct) < _PLAIN_MIN_SHARE * len(present) else made


def spelled_in_text(
    values: pd.Series, written: str | None, *, is_number: bool
) -> tuple[pd.Series, str | None]:
    """Return text as numbers, with their format; the values as they are if they have none.

    Args:
        values: The column.
        written: Declared format; None if it is to be found.
        is_number: Whether the user says that the column holds numbers.
    """
    # A category dtype says that its text is categories, if the user does not say otherwise.
    texts = text_of_levels(values) if is_number else values
    if not _is_text(texts):
        return values, None
    values = texts
    if written is None:
        made = find_text_format(values, is_number=is_number)
        written = None if made is None else str(made)
    numbers = read_numbers(values, written)
    return numbers, None if numbers is values else written


def read_numbers(
    values: pd.Series, written: str | None, *, with_unnamed: bool = False
) -> pd.Series:
    """Return text in a format of numbers as numbers; the same object if it is something else.

    Args:
        values: The column.
        written: The format.
        with_unnamed: Whether a text such as ``>112`` that the format does not name is a number.
    """
    made = None if written is None else NumberFormat.parse(written)
    texts = text_of_levels(values)
    if made is None or not _is_text(texts):
        return values
    numbers = _numbers_of(texts, made, with_unnamed=with_unnamed)
    return values if numbers is None else numbers


def odd_text(values: pd.Series, written: str | None) -> str | None:
    """Return the first text that is no number, neither plainly nor in a format; None without."""
    values = text_of_levels(values)
    if not _is_text(values):
        return None
    odd: list[str] = values[odd_numbers(values, written)].tolist()
    return next(iter(odd), None)


def odd_numbers(
    values: pd.Series, written: str | None, *, with_unnamed: bool = False
) -> npt.NDArray[np.bool_]:
    """Return which values of text, or of text and numbers, are no numbers; see read_numbers."""
    made = None if written is None else NumberFormat.parse(written)
    present = values.notna().to_numpy(bool)
    cells = values[present].tolist()
    plain = cells
    if made is not None:
        texts = [cell if isinstance(cell, str) else repr(cell) for cell in cells]
        plain = respelled_texts(texts, made, with_unnamed=with_unnamed)
    odd = np.zeros(len(values), dtype=bool)
    numbers = pd.to_numeric(pd.Series(plain, dtype=object), errors="coerce")
    odd[present] = numbers.isna().to_numpy(bool)
    return odd


def text_of_levels(values: pd.Series) -> pd.Series:
    """Return a column of a category dtype whose categories are text as text; others as they are."""
    dtype = values.dtype
    if isinstance(dtype, pd.CategoricalDtype) and dtype.categories.inferred_type == "string":
        return values.astype(object)
    return values


def _is_text(values: pd.Series) -> bool:
    return bool(pd.api.types.infer_dtype(values, skipna=True) == "string")


def _numbers_of(texts: pd.Series, made: NumberFormat, *, with_unnamed: bool) -> pd.Series | None:
    """Return the numbers of a column of text, None if a text is none in the format."""
    codes, distinct = pd.factorize(texts)
    plain = respelled_texts(distinct.tolist(), made, with_unnamed=with_unnamed)
    try:
        numbers = pd.to_numeric(pd.Series(plain, dtype="str"))
    except ValueError:
        return None
    if pd.api.types.is_integer_dtype(numbers.dtype) and bool((codes < 0).any()):
        numbers = numbers.astype("UInt64" if numbers.dtype == "uint64" else "Int64")
    taken = numbers.array.take(codes, allow_fill=bool((codes < 0).any()))
    return pd.Series(taken, index=texts.index, name=texts.name)


def respelled_texts(
    texts: Sequence[str], made: NumberFormat, *, with_unnamed: bool = False
) -> list[str]:
    """Return texts in which the numbers in a format are plain numbers; see read_numbers."""
    plain = made.plain(texts)
    if with_unnamed:
        pairs = zip(texts, plain, strict=True)
        plain = [unnamed_special(made, own.strip()) if new is None else new for own, new in pairs]
    return [own if new is None else new for own, new in zip(texts, plain, strict=True)]
