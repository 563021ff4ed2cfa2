"""Recognition of columns of whole numbers that name rows, rather than measure something.

All numbers must differ, and there must be at least 100 of them. Furthermore, one of these holds:

- the column has a name such as ``id``, ``customer_id``, ``orderNo``, ``patientid`` or ``key``;
- the numbers are consecutive, or half of those between the smallest and the largest occur, and
  they begin at 0 or 1 or have at least five digits;
- the numbers have one length of at least six digits and are spread evenly between the smallest and
  the largest, as if drawn by lot.

Years, dates such as 20240305 and seconds since 1970 are never recognised by their values alone.
"""

import re
from typing import Any

import numpy as np
import pandas as pd

from tabvae_ray.table.values.decimals import is_decimal

__all__ = ["counts_rows", "integer_texts", "integers_name_rows"]

_MIN_ROWS = 100
_NAME = re.compile(
    r"(?:^|[\W_])(?:id|ids|key|pk|uid|uuid|guid|no|nr|num|number|code|ref|serial|ssn|isbn|ean|sku"
    r"|phone|index|rownames)[\W_]*$"
    # In lower case without a mark between the words.
    r"|(?:account|booking|case|claim|client|customer|device|employee|event|invoice|item|loan|member"
    r"|order|passenger|patient|person|policy|product|record|row|session|student|subject|ticket"
    r"|transaction|user|vehicle|visit)s?(?:id|key|no|nr|num|number|code|ref)[\W_]*$"
)
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_MIN_SHARE = 0.5
_MIN_DENSE_START = 10_000
_MIN_DIGITS = 6
# 1 % of even samples have a larger distance from evenness (Kolmogorov and Smirnov).
_MAX_DISTANCE = 1.63
# Seconds, milliseconds, microseconds and nanoseconds of the years 1990 to 2040.
_EPOCHS = [(631_152_000 * 1000**power, 2_208_988_800 * 1000**power) for power in range(4)]


def integer_texts(values: pd.Series) -> list[str] | None:
    """Return the values that are present as digits, None if one is no whole number."""
    present = values.dropna()
    if pd.api.types.is_bool_dtype(present.dtype) or not pd.api.types.is_numeric_dtype(
        present.dtype
    ):
        return None
    if pd.api.types.is_integer_dtype(present.dtype):
        return [str(int(value)) for value in present.to_numpy()]
    if is_decimal(present.dtype):
        whole = [int(value) for value in present]
        return list(map(str, whole)) if whole == present.tolist() else None
    try:
        numbers = present.to_numpy(np.float64)
    except (TypeError, ValueError):
        return None
    if not bool((np.abs(numbers) < 2.0**53).all()) or bool((numbers % 1 != 0).any()):
        return None
    return [str(int(number)) for number in numbers]


def counts_rows(values: pd.Series) -> bool:
    """Return True for a column without a name that has 0, 1, 2, ..., as an index of pandas."""
    is_unnamed = re.fullmatch(r"Unnamed: \d+", str(values.name)) is not None
    if not is_unnamed or not pd.api.types.is_integer_dtype(values.dtype) or values.hasnans:
        return False
    return bool((values.to_numpy(np.int64) == np.arange(len(values))).all())


def integers_name_rows(values: pd.Series) -> bool:
    """Return True if the numbers of a column name its rows."""
    is_named = _NAME.search(_HUMP.sub("_", str(values.name)).lower()) is not None
    if pd.api.types.is_float_dtype(values.dtype) and not values.isna().any() and not is_named:
        # Whole numbers are written as floats on purpose, unless some are missing.
        return False
    if len(values) < _MIN_ROWS or not values.dropna().is_unique:
        return False
    texts = integer_texts(values)
    if texts is None or len(texts) < _MIN_ROWS:
        return False
    numbers = sorted(map(int, texts))
    if numbers[0] < 0:
        return False
    if is_named:
        return True
    if _are_moments(numbers):
        return False
    low, high = numbers[0], numbers[-1]
    if len(numbers) >= _MIN_SHARE * (high - low + 1):
        return low in (0, 1) or low >= _MIN_DENSE_START
    return _are_drawn_by_lot(numbers)


def _are_moments(numbers: list[int]) -> bool:
    """Return True if numbers may be years, dates or times since 1970."""
    low, high = numbers[0], numbers[-1]
    if 1000 <= low and high <= 2200:
        return True
    if any(first <= low and high <= last for first, last in _EPOCHS):
        return True
    if not 10_000_101 <= low <= high <= 99_991_231:
        return False
    return all(1 <= number // 100 % 100 <= 12 and 1 <= number % 100 <= 31 for number in numbers)


def _are_drawn_by_lot(numbers: list[int]) -> bool:
    digits = len(str(numbers[0]))
    if digits < _MIN_DIGITS or len(str(numbers[-1])) != digits:
        return False
    low, high = numbers[0], numbers[-1]
    array: Any = np.array(numbers, dtype=np.float64)
    steps = np.gcd.reduce(np.diff(np.array(numbers, dtype=object)).astype(object))
    if steps != 1:
        return False
    expected = (array - low) / (high - low)
    ranks = np.arange(1, len(numbers) + 1) / len(numbers)
    distance = max(np.abs(ranks - expected).max(), np.abs(ranks - 1 / len(ranks) - expected).max())
    return bool(distance * np.sqrt(len(numbers)) <= _MAX_DISTANCE)
