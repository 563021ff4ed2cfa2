"""Times of day and durations, which are modelled as date-times that count from 1970-01-01."""

import re
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

__all__ = ["date_dtype", "is_span", "moments_of_spans", "span_dtype", "spans_of", "time_of_span"]

_TEXT = re.compile(r"-?(\d+ days?,? )?[+-]?\d{1,2}:\d{2}:\d{2}(\.\d{1,9})?")
_DAY = pd.Timedelta(days=1)


def is_span(dtype: Any) -> bool:
    """Return True for dtypes of times of day and of durations."""
    if isinstance(dtype, pd.ArrowDtype):
        kind = dtype.pyarrow_dtype
        return bool(pa.types.is_time(kind) or pa.types.is_duration(kind))
    return isinstance(dtype, np.dtype) and dtype.kind == "m"


def moments_of_spans(values: pd.Series) -> pd.Series | None:
    """Return date-times that are as far from 1970-01-01 as times of day are from midnight.

    Durations likewise; text such as ``08:30:00`` is understood. Return None for other values.
    """
    ticks: Any
    dtype = values.dtype
    if isinstance(dtype, pd.ArrowDtype) and is_span(dtype):
        kind = dtype.pyarrow_dtype
        array = pa.array(values, from_pandas=True)
        if isinstance(array, pa.ChunkedArray):
            array = array.combine_chunks()
        bits = pa.int32() if pa.types.is_time32(kind) else pa.int64()
        whole = array.cast(bits).cast(pa.int64())
        ticks = whole.fill_null(np.iinfo(np.int64).min).to_numpy(zero_copy_only=False)
        unit = kind.unit
    else:
        spans = _durations(values)
        if spans is None:
            return None
        ticks = spans.to_numpy()
        unit = np.datetime_data(ticks.dtype)[0]
        ticks = ticks.view(np.int64)
    return pd.Series(ticks.view(f"M8[{unit}]"), index=values.index, name=values.name)


def span_dtype(values: pd.Series, moments: pd.Series) -> Any:
    """Return the dtype of spans: that of the column, or that which Python's objects need."""
    if is_span(values.dtype):
        return values.dtype
    unit = np.datetime_data(moments.to_numpy().dtype)[0]
    present = values.dropna()
    if pd.api.types.infer_dtype(present) in ("timedelta", "timedelta64"):
        return np.dtype(f"m8[{unit}]")
    start = pd.Timestamp(0)
    if bool(((moments.dropna() >= start) & (moments.dropna() < start + _DAY)).all()):
        return pd.ArrowDtype(pa.time64("ns" if unit == "ns" else "us"))
    return np.dtype(f"m8[{unit}]")


def date_dtype(values: pd.Series) -> Any:
    """Return the dtype of dates: that of the column, or Arrow's for dates of Python."""
    if not pd.api.types.is_object_dtype(values.dtype):
        return values.dtype
    is_date = pd.api.types.infer_dtype(values, skipna=True) == "date"
    return pd.ArrowDtype(pa.date32()) if is_date else values.dtype


def spans_of(moments: pd.Series, dtype: Any) -> pd.Series:
    """Convert date-times back to spans, the inverse of :func:`moments_of_spans`."""
    absent = moments.isna().to_numpy()
    found = moments.to_numpy()
    if not isinstance(dtype, pd.ArrowDtype):
        unit = np.datetime_data(found.dtype)[0]
        spans = pd.Series(found.view(np.int64).view(f"m8[{unit}]"), index=moments.index)
        return spans.astype(dtype)
    kind = dtype.pyarrow_dtype
    ticks: Any = np.where(absent, 0, found.astype(f"M8[{kind.unit}]").view(np.int64))
    if pa.types.is_time(kind):
        ticks = np.clip(ticks, 0, _DAY // pd.Timedelta(1, kind.unit) - 1)
    bits = pa.int32() if pa.types.is_time32(kind) else pa.int64()
    array = pa.array(ticks, pa.int64(), mask=absent).cast(bits).cast(kind)
    return pd.Series(pd.arrays.ArrowExtensionArray(array), index=moments.index)


def time_of_span(value: Any) -> pd.Timestamp:
    """Return the date-time that stands for one span, such as ``08:30:00``.

    Raises:
        ValueError: If it is neither a time of day nor a duration.
    """
    return pd.Timestamp(0) + pd.Timedelta(_as_text(value))


def _durations(values: pd.Series) -> pd.Series | None:
    """Return Python's times and durations, and text of them, as pandas' durations."""
    if isinstance(values.dtype, np.dtype) and values.dtype.kind == "m":
        return values
    if not (pd.api.types.is_object_dtype(values.dtype) or _is_text(values.dtype)):
        return None
    present = values.dropna()
    kind = pd.api.types.infer_dtype(present)
    if kind not in ("time", "timedelta", "timedelta64", "string"):
        return None
    if kind == "string" and not all(map(_TEXT.fullmatch, present)):
        return None
    made = pd.to_timedelta(values.astype(object).map(_as_text, na_action="ignore"))
    # Nanoseconds are kept where they are needed only, as 64 bits of them span 292 years.
    in_ns = made.astype("m8[ns]")
    return made.astype("m8[us]") if bool((in_ns.dropna().dt.nanoseconds == 0).all()) else in_ns


def _as_text(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") and hasattr(value, "hour") else value


def _is_text(dtype: Any) -> bool:
    return isinstance(dtype, pd.StringDtype)
