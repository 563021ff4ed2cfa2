"""Parsing of columns as numbers or datetimes, whatever their dtype."""

import re
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from tabvae_ray.errors import DataError, brief
from tabvae_ray.table.dtypes import advice_to_convert
from tabvae_ray.table.formats.number_texts import odd_text, read_numbers
from tabvae_ray.table.formats.spelling import UNIX_UNITS, parsed
from tabvae_ray.table.formats.zones import at_wall_clock, in_zone_of_offsets
from tabvae_ray.table.values.spans import moments_of_spans

__all__ = ["as_datetimes", "as_numbers", "datetime_ticks", "odd_moments", "parse_iso"]

_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}.*)?")
_OFFSET = re.compile(r"[T ]\d{2}.*(Z|[+-]\d{2}(:?\d{2})?)$")


def as_numbers(
    values: pd.Series, source: str, *, written: str | None = None
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Parse a column as float64, NaN where a value is missing.

    Args:
        values: Numbers or text.
        source: Name of the table in error messages.
        written: Format of text, see :mod:`tabvae_ray.table.formats.numerals.number_format`. Plain
            numbers are read, too.

    Raises:
        DataError: If a value is not a number, or infinite.
    """
    where = f"{source}: column {values.name!r}"
    values = read_numbers(values, written)
    if pd.api.types.is_complex_dtype(values.dtype):
        advice = advice_to_convert(values.dtype)
        raise DataError(f"{where}: values of dtype {values.dtype} are not supported; {advice}")
    if not pd.api.types.is_numeric_dtype(values.dtype):
        converted = pd.to_numeric(values.astype(object), errors="coerce")
        bad = values[converted.isna() & values.notna()]
        if len(bad):
            odd = odd_text(bad, written)
            found = brief(bad.iloc[0] if odd is None else odd)
            raise DataError(f"{where}: must be numbers to be continuous, but has {found}")
        values = converted
    numbers: np.ndarray[Any, np.dtype[np.float64]] = values.to_numpy(np.float64, na_value=np.nan)
    infinite = np.flatnonzero(np.isinf(numbers))
    if len(infinite):
        row, found = values.index[infinite[0]], numbers[infinite[0]]
        raise DataError(
            f"{where}: must be finite, but row {row} is {found}; name {found} under "
            "missing_values in the spec if it stands for none"
        )
    return numbers


def as_datetimes(
    values: pd.Series, source: str, *, written: str | None = None, zone: Any = None
) -> pd.Series:
    """Parse a column as datetimes.

    If moments have different offsets from UTC, as text from a zone with summer time does, all are
    converted to that zone if it is a common one, and to UTC otherwise.

    Args:
        values: Datetimes, text, or with a format numbers.
        source: Name of the table in error messages.
        written: Format of text or numbers, see :mod:`tabvae_ray.table.formats.spelling`; None for
            ISO 8601. Text that is not in the format may be ISO 8601.
        zone: Time zone of moments without one, and of the result. A time that occurs twice when
            summer time ends is the earlier one.

    Raises:
        DataError: If a value is not a point in time.
    """
    where = f"{source}: column {values.name!r}"
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(values.cat.categories.dtype)
    is_text = written is not None and pd.api.types.infer_dtype(values, skipna=True) == "string"
    spans = None if is_text else moments_of_spans(values)
    if spans is not None:
        return spans
    if pd.api.types.is_numeric_dtype(values.dtype) and written is None:
        raise DataError(
            f"{where}: must be datetimes, but is of dtype {values.dtype}; declare a format, such "
            "as %Y%m%d, or unix_s for seconds since 1970"
        )
    if isinstance(values.dtype, pd.ArrowDtype) and not pd.api.types.is_numeric_dtype(values.dtype):
        arrow = values.dtype.pyarrow_dtype
        values = values.astype(object)
        if pa.types.is_timestamp(arrow) or pa.types.is_date(arrow):
            values = pd.to_datetime(values)
    if not pd.api.types.is_datetime64_any_dtype(values.dtype):
        try:
            values = _parsed(values) if written is None else _in_format(values, written)
        except (ValueError, TypeError, OverflowError) as error:
            # The error may name no value, or the format alone.
            odd = values[odd_moments(values, written)]
            reason = str(error).partition("\n")[0] if odd.empty else f"{brief(odd.iloc[0])} is none"
            form = f" in the format {written}" if len(odd) and written is not None else ""
            raise DataError(f"{where}: must be datetimes: {reason}{form}") from None
        if written in UNIX_UNITS and zone is not None:
            values = values.dt.tz_localize("UTC")
    if zone is None:
        return values
    if values.dt.tz is not None:
        converted: pd.Series = values.dt.tz_convert(zone)
        return converted
    try:
        return at_wall_clock(values, zone)
    except (ValueError, OverflowError) as error:
        raise DataError(f"{where}: must be datetimes of {zone}: {error}") from None


def parse_iso(values: pd.Series) -> pd.Series | None:
    """Parse text as datetimes if all of it is ISO 8601; return None otherwise."""
    present = values.dropna()
    if present.empty or not all(_ISO_DATE.fullmatch(str(v)) for v in present.head(100)):
        return None
    try:
        return _parsed(values)
    except (ValueError, TypeError):
        return None


def odd_moments(values: pd.Series, written: str | None) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return which values are no point in time; none if each of them is one by itself."""
    try:
        if written is None:
            moments = pd.to_datetime(values, format="ISO8601", utc=True, errors="coerce")
        else:
            moments = parsed(values, written, strict=False)
    except (ValueError, TypeError, OverflowError):
        return np.zeros(len(values), dtype=bool)
    return (moments.isna() & values.notna()).to_numpy(bool)


def datetime_ticks(moments: pd.Series) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return ticks of the unit of the dtype since 1970 (UTC); the smallest int64 where missing."""
    if moments.dt.tz is not None:
        moments = moments.dt.tz_convert("UTC").dt.tz_localize(None)
    ticks: np.ndarray[Any, np.dtype[np.int64]] = moments.to_numpy().view(np.int64)
    return ticks


def _in_format(values: pd.Series, written: str) -> pd.Series:
    try:
        return parsed(values, written)
    except (ValueError, TypeError, OverflowError):
        moments = parse_iso(values)
        if moments is None or pd.api.types.is_numeric_dtype(values.dtype):
            raise
        return moments


def _parsed(values: pd.Series) -> pd.Series:
    try:
        return pd.to_datetime(values, format="ISO8601")
    except (ValueError, TypeError):
        if not all(map(_has_offset, values.dropna())):
            raise
        # pandas reads several offsets only with utc=True; text without an offset is UTC then.
        moments = pd.to_datetime(values, format="ISO8601", utc=True)
        return in_zone_of_offsets(values, moments)


def _has_offset(value: object) -> bool:
    if isinstance(value, str):
        return _OFFSET.search(value) is not None
    return getattr(value, "tzinfo", None) is not None
