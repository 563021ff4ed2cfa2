"""Dates and times as a user types them in a condition."""

import re
from typing import Any

import pandas as pd

from tabvae_ray.table.formats.clock import clock_moments
from tabvae_ray.table.formats.spelling import UNIX_UNITS, date_part, has_time, parsed
from tabvae_ray.table.values.spans import time_of_span

__all__ = ["typed_moment", "typed_time"]

_PERIOD = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?")
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}.*|\d{8}(T\d{2}.*)?")
_NUMERIC = re.compile(r"(\d{1,4})([./-])(\d{1,2})\2(\d{1,4})(?!\d)")
_READINGS = ("%d{0}%m{0}%Y", "%m{0}%d{0}%Y")


def typed_moment(text: str, written: str | None) -> tuple[pd.Timestamp, pd.Timestamp | None]:
    """Read a date as a column writes it, or in ISO 8601.

    Args:
        text: The date.
        written: Format of the column, None for ISO 8601.

    Returns:
        The moment, and the moment after it if the text stands for a day, a month or a year.

    Raises:
        ValueError: If it is no date, or could be two.
    """
    text = text.strip()
    day = pd.Timedelta(days=1)
    is_year = written in UNIX_UNITS and _PERIOD.fullmatch(text)
    if written is not None and not is_year:
        if (moment := _read(text, written)) is not None:
            return moment, None if has_time(written) else moment + day
        is_dated = has_time(written) and written not in UNIX_UNITS
        if is_dated and (moment := _read(text, date_part(written))) is not None:
            return moment, moment + day
    if written is not None and written.startswith("%Y-%m-%d"):
        written = None
    if _PERIOD.fullmatch(text):
        period = pd.Period(text)
        return period.start_time.as_unit("us"), (period + 1).start_time.as_unit("us")
    if _ISO.fullmatch(text):
        moment = pd.Timestamp(text)
        return moment, moment + day if text.isdigit() else None
    if numeric := _NUMERIC.match(text):
        return _unambiguous(text, numeric, written)
    if written is not None and any(letter.isdigit() for letter in text):
        raise ValueError(f"write it as the column does, {_example(written)}")
    return pd.Timestamp(text), None


def typed_time(asked: Any) -> pd.Timestamp:
    """Return the date-time that stands for a time of day or a duration, such as ``8:30``.

    Raises:
        ValueError: If it is neither.
    """
    if isinstance(asked, str):
        try:
            (moment,) = clock_moments(pd.Series([asked.strip()], dtype=object))
            return pd.Timestamp(moment)
        except ValueError:
            pass
    try:
        return time_of_span(asked)
    except ValueError:
        raise ValueError("write a time such as 08:30, or a duration such as 2 days") from None


def _unambiguous(
    text: str, numeric: re.Match[str], written: str | None
) -> tuple[pd.Timestamp, pd.Timestamp | None]:
    date, separator = numeric[0], numeric[2]
    found = {
        name: moment
        for name in (reading.format(separator) for reading in _READINGS)
        if (moment := _read(date, name)) is not None
    }
    if written is not None:
        raise ValueError(f"write it as the column does, {_example(written)}")
    if len(set(found.values())) != 1 or date != text:
        both = " or ".join(f"{moment:%Y-%m-%d}" for moment in found.values())
        means = f"it may mean {both}; " if len(set(found.values())) > 1 else ""
        raise ValueError(f"{means}write it in ISO 8601, such as 2024-03-05")
    (moment,) = set(found.values())
    return moment, moment + pd.Timedelta(days=1)


def _read(text: str, written: str) -> pd.Timestamp | None:
    try:
        (moment,) = parsed(pd.Series([text], dtype=object), written)
    except (ValueError, TypeError, OverflowError):
        return None
    return None if pd.isna(moment) else moment


def _example(written: str) -> str:
    if written in UNIX_UNITS:
        return f"which counts from 1970 ({written}), or in ISO 8601"
    return f"in the format {written}, or in ISO 8601, such as 2024-03-05"
