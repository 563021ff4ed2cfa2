"""Formats of dates in text that is not ISO 8601: find them in a column, and write them again."""

import re
import warnings
from itertools import product

import pandas as pd

__all__ = ["find_format", "look_like_days", "spelled"]

# By what the first text looks like; where two fit, the first is taken.
_DATES = (
    (re.compile(r"\d{8}"), ("%Y%m%d",)),
    (re.compile(r"\d{4}/\d{1,2}/\d{1,2}"), ("%Y/%m/%d",)),
    (re.compile(r"\d{4}\.\d{1,2}\.\d{1,2}"), ("%Y.%m.%d",)),
    (re.compile(r"\d{1,2}\.\d{1,2}\.\d{4}"), ("%d.%m.%Y",)),
    (re.compile(r"\d{1,2}/\d{1,2}/\d{4}"), ("%d/%m/%Y", "%m/%d/%Y")),
    (re.compile(r"\d{1,2}-\d{1,2}-\d{4}"), ("%d-%m-%Y", "%m-%d-%Y")),
    (re.compile(r"\d{1,2}-[A-Za-z]{3}-\d{4}"), ("%d-%b-%Y",)),
    (re.compile(r"\d{1,2} [A-Za-z]{3} \d{4}"), ("%d %b %Y",)),
    (re.compile(r"[A-Za-z]{3} \d{1,2}, \d{4}"), ("%b %d, %Y",)),
)
# Fewer numbers than this may be days by chance.
_FEWEST_DAYS = 10
_TIMES = ("", " %H:%M", " %H:%M:%S", "T%H:%M:%S", " %I:%M %p", " %I:%M:%S %p")


def look_like_days(values: pd.Series) -> bool:
    """Return True for numbers that are all days from 1900 to 2100, such as 20240305."""
    if not pd.api.types.is_numeric_dtype(values.dtype) or pd.api.types.is_bool_dtype(values.dtype):
        return False
    if pd.api.types.is_complex_dtype(values.dtype):
        return False
    present = values.dropna().astype("float64")
    if not present.between(1900_01_01, 2100_12_31).all():
        return False
    distinct = present.drop_duplicates()
    if len(distinct) < _FEWEST_DAYS:
        return False
    whole = distinct.astype("int64")
    days = pd.to_datetime(whole.astype(str), format="%Y%m%d", errors="coerce")
    return bool((whole == distinct).all() and days.notna().all())


def find_format(values: pd.Series, where: str) -> str | None:
    """Find the format in which all texts of a column are dates; warn if two fit.

    Args:
        values: A column of text.
        where: The column, in the warning.

    Returns:
        A format of ``strptime``, or None if there is none that fits all texts.
    """
    if pd.api.types.infer_dtype(values, skipna=True) != "string":
        return None
    present = values.dropna()
    dates = [date for pattern, dates in _DATES if pattern.match(present.iloc[0]) for date in dates]
    if not dates:
        return None
    texts = pd.Series(present.unique()).astype(object)
    fits: dict[str, pd.Series] = {}
    for written in map("".join, product(dates, _TIMES)):
        moments = pd.to_datetime(texts, format=written, errors="coerce")
        if moments.notna().all():
            fits[written] = moments
    if not fits:
        return None
    first, *others = fits
    different = [other for other in others if not fits[other].equals(fits[first])]
    if different:
        warnings.warn(
            f"{where}: its dates fit {first} and {different[0]}, and {first} is taken; declare "
            "the format in the spec if it is the other",
            stacklevel=4,
        )
    return first


def spelled(moments: pd.Series, written: str) -> pd.Series:
    """Write moments as text in a format; missing ones stay missing."""
    text: pd.Series = moments.dt.strftime(written).astype(object)
    return text.where(moments.notna(), None)
