"""Decimals of a column without loss: their dtype, their numbers, and the way back.

Decimals that float64 tells apart are numbers with decimal places. Others are counted in units of
the last place from the smallest one.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal, InvalidOperation, localcontext
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from tabvae_ray.errors import DataError

__all__ = [
    "as_decimals",
    "decimal_limit",
    "decimals_at",
    "decimals_from_numbers",
    "exact_offset",
    "exact_offsets",
    "fit_float",
    "is_beyond_float",
    "is_decimal",
    "plain_text",
    "series_of",
    "units_from",
]

Floats = npt.NDArray[np.float64]

_MAX_DIGITS = 76
# More digits than any decimal of Arrow has, so that no operation rounds.
_PRECISION = 200
_EXACT = 2**53
_MAX_FLOAT_SCALE = 15


def is_decimal(dtype: Any) -> bool:
    """Return True for the dtypes of Arrow decimals."""
    return isinstance(dtype, pd.ArrowDtype) and pa.types.is_decimal(dtype.pyarrow_dtype)


def plain_text(value: Decimal) -> str:
    """Return the digits of a decimal, never with an exponent."""
    return format(value, "f")


def as_decimals(values: pd.Series, where: str) -> pd.Series:
    """Convert numbers, or text of numbers, to Arrow decimals that hold every digit.

    Raises:
        DataError: If a value is not a finite number, or has too many digits.
    """
    if is_decimal(values.dtype):
        return values
    made = [None if pd.isna(value) else _decimal(value, where) for value in values]
    present = [value for value in made if value is not None]
    scale = max([0, *(-int(value.as_tuple().exponent) for value in present)])
    digits = max([1, *(max(value.adjusted() + 1, 0) + scale for value in present)])
    if digits > _MAX_DIGITS:
        raise DataError(f"{where}: decimals may have {_MAX_DIGITS} digits, but need {digits}")
    kind = pa.decimal128(38, scale) if digits <= 38 else pa.decimal256(_MAX_DIGITS, scale)
    exact = series_of(made, pd.ArrowDtype(kind))
    exact.index = values.index
    exact.name = values.name
    return exact


def series_of(values: Sequence[Any], dtype: Any) -> pd.Series:
    """Return a Series of values, which for decimals may be their text."""
    if not is_decimal(dtype):
        plain: pd.Series = pd.Series(values, dtype=dtype)
        return plain
    try:
        made = [None if value is None else Decimal(str(value)) for value in values]
        array = pa.array(made, dtype.pyarrow_dtype)
    except InvalidOperation:
        raise ValueError(f"not all are decimals of {dtype}") from None
    return pd.Series(pd.arrays.ArrowExtensionArray(array))


def fit_float(values: pd.Series) -> bool:
    """Return True if float64 tells all decimals of a column apart."""
    assert isinstance(values.dtype, pd.ArrowDtype)
    scale = values.dtype.pyarrow_dtype.scale
    largest = max(abs(value) for value in values.dropna())
    with localcontext(prec=_PRECISION):
        return bool(0 <= scale <= _MAX_FLOAT_SCALE and largest * 10**scale < _EXACT)


def decimal_limit(dtype: Any) -> Decimal:
    """Return the largest value of a decimal dtype."""
    kind = dtype.pyarrow_dtype
    with localcontext(prec=_PRECISION):
        return Decimal(10**kind.precision - 1).scaleb(-kind.scale)


def units_from(values: Iterable[Any], low: Any, high: Any, dtype: Any) -> Floats:
    """Count ``(N,)`` values in units of the last place from the smallest one, NaN where missing."""
    scale = dtype.pyarrow_dtype.scale
    with localcontext(prec=_PRECISION):
        first, last = _units(low, scale), _units(high, scale)
        counts = [
            np.nan if pd.isna(value) else float(min(max(_units(value, scale), first), last) - first)
            for value in values
        ]
        return np.array(counts, dtype=np.float64)


def is_beyond_float(low: Any, high: Any) -> bool:
    """Return True if float64 does not tell apart the numbers of a column with these bounds."""
    exact = isinstance(low, int | Decimal) and isinstance(high, int | Decimal)
    return exact and (isinstance(low, Decimal) or max(abs(low), abs(high)) >= _EXACT)


def exact_offsets(values: pd.Series, low: Any) -> Floats:
    """Return the distances ``(N,)`` of numbers from the smallest one, NaN for anything else."""
    first = Decimal(str(low))

    def offset(value: Any) -> float:
        if pd.isna(value) or isinstance(value, bool | np.bool_):
            return np.nan
        try:
            return float(Decimal(str(value)) - first)
        except InvalidOperation:
            return np.nan

    with localcontext(prec=_PRECISION):
        codes, distinct = pd.factorize(values)
        found = np.array([*map(offset, pd.Index(distinct).astype(object)), np.nan])
    return found[codes]


def exact_offset(end: Any, low: Any, dtype: Any) -> float:
    """Return the distance of one number from the smallest one, in units of the last place.

    Args:
        end: The number, or text that is one.
        low: The smallest number of the column.
        dtype: Dtype of the column, integers or decimals.
    """
    scale = dtype.pyarrow_dtype.scale if is_decimal(dtype) else 0
    number = Decimal(str(float(end) if isinstance(end, bool) else end))
    with localcontext(prec=_PRECISION):
        return float((number - Decimal(str(low))).scaleb(scale))


def decimals_at(units: Floats, low: Any, high: Any, dtype: Any) -> pd.Series:
    """Return the decimals at numbers of units, the inverse of :func:`units_from`."""
    scale = dtype.pyarrow_dtype.scale
    with localcontext(prec=_PRECISION):
        first, last = _units(low, scale), _units(high, scale)
        made = [
            None if np.isnan(n) else Decimal(min(first + int(n), last)).scaleb(-scale)
            for n in np.rint(units)
        ]
    return series_of(made, dtype)


def decimals_from_numbers(numbers: Floats, decimals: int | None, dtype: Any) -> pd.Series:
    """Return numbers ``(N,)`` as decimals, rounded to some places; NaN is missing."""
    scale = dtype.pyarrow_dtype.scale
    places = scale if decimals is None else min(decimals, scale)
    limit = float(decimal_limit(dtype))
    with localcontext(prec=_PRECISION):
        unit = Decimal(1).scaleb(-places)
        made = [
            None if np.isnan(n) else Decimal(repr(float(n))).quantize(unit)
            for n in np.clip(numbers, -limit, limit)
        ]
    return series_of(made, dtype)


def _decimal(value: Any, where: str) -> Decimal:
    try:
        made = Decimal(str(value).strip())
    except InvalidOperation:
        raise DataError(f"{where}: must be decimals, but has {str(value)[:80]!r}") from None
    if not made.is_finite():
        raise DataError(f"{where}: must be finite, but has {made}")
    return made


def _units(value: Any, scale: int) -> int:
    number = value if isinstance(value, Decimal) else Decimal(str(value))
    return int(number.scaleb(scale).to_integral_value())
