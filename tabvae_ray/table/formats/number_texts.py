"""Text of Parquet files and DataFrames that holds numbers, such as ``$1,234.50``."""

import re
from collections.abc import Sequence

import pandas as pd

from tabvae_ray.table.formats.numerals.finding import exact_among, find_number_format
from tabvae_ray.table.formats.numerals.number_format import NumberFormat
from tabvae_ray.table.formats.numerals.shapes import is_numeral

__all__ = [
    "find_text_format",
    "odd_text",
    "read_numbers",
    "respelled_texts",
    "spelled_in_text",
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
    if isinstance(values.dtype, pd.CategoricalDtype) or not _is_text(values):
        return values, None
    if written is None:
        made = find_text_format(values, is_number=is_number)
        written = None if made is None else str(made)
    numbers = read_numbers(values, written)
    return numbers, None if numbers is values else written


def read_numbers(values: pd.Series, written: str | None) -> pd.Series:
    """Return text in a format of numbers as numbers; the same object if it is something else."""
    made = None if written is None else NumberFormat.parse(written)
    if made is None or not _is_text(values):
        return values
    numbers = _numbers_of(values, made)
    return values if numbers is None else numbers


def odd_text(values: pd.Series, written: str | None) -> str | None:
    """Return the first text that is no number, neither plainly nor in a format; None without."""
    if not _is_text(values):
        return None
    made, texts = None if written is None else NumberFormat.parse(written), values.dropna().tolist()
    plain = pd.Series(texts if made is None else respelled_texts(texts, made), dtype="str")
    odd = pd.to_numeric(plain, errors="coerce").isna().tolist()
    return next((text for text, is_odd in zip(texts, odd, strict=True) if is_odd), None)


def _is_text(values: pd.Series) -> bool:
    return bool(pd.api.types.infer_dtype(values, skipna=True) == "string")


def _numbers_of(texts: pd.Series, made: NumberFormat) -> pd.Series | None:
    """Return the numbers of a column of text, None if a text is none in the format."""
    codes, distinct = pd.factorize(texts)
    plain = respelled_texts(distinct.tolist(), made)
    try:
        numbers = pd.to_numeric(pd.Series(plain, dtype="str"))
    except ValueError:
        return None
    if pd.api.types.is_integer_dtype(numbers.dtype) and bool((codes < 0).any()):
        numbers = numbers.astype("UInt64" if numbers.dtype == "uint64" else "Int64")
    taken = numbers.array.take(codes, allow_fill=bool((codes < 0).any()))
    return pd.Series(taken, index=texts.index, name=texts.name)


def respelled_texts(texts: Sequence[str], made: NumberFormat) -> list[str]:
    """Return texts in which the numbers in a format are plain numbers."""
    return [own if new is None else new for own, new in zip(texts, made.plain(texts), strict=True)]
