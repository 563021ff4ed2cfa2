"""Lookup of values among the categories of a column when their types differ."""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from numbers import Number
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["positions_in_other_types"]


def positions_in_other_types(
    values: pd.Series, categories: Sequence[Any]
) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Find the categories ``(N,)`` that values stand for in another type, -1 for none.

    ``Decimal("9.99")``, ``9.99`` and ``"9.99"`` are one category, and so are ``12`` and ``"12"``,
    and ``True`` and ``"true"``. A value that is the same number as two categories stands for
    neither.
    """
    by_text = {str(category): i for i, category in enumerate(categories)}
    by_number = _unique([_number(category) for category in categories])
    codes, distinct = pd.factorize(values.astype(object))
    # YAML writes truth values in small letters.
    by_text |= {
        str(category).lower(): i
        for i, category in enumerate(categories)
        if isinstance(category, bool)
    }
    found = [_find(value, by_text, by_number) for value in distinct]
    return np.append(np.array(found, dtype=np.int64), -1)[codes]


def _find(
    value: Hashable, by_text: Mapping[str, int], by_number: Mapping[Decimal | None, int]
) -> int:
    text = _text(value)
    if isinstance(value, bool | np.bool_) and text not in by_text:
        return by_text.get(text.lower(), -1)
    return by_text.get(text, by_number.get(_number(value), -1))


def _unique(numbers: Sequence[Decimal | None]) -> dict[Decimal | None, int]:
    """Return the positions of the numbers that occur once."""
    times = Counter(numbers)
    return {
        number: i for i, number in enumerate(numbers) if number is not None and times[number] == 1
    }


def _text(value: Hashable) -> str:
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value).strip()


def _number(value: Hashable) -> Decimal | None:
    """Return the number that a value stands for, None for truth values and other text."""
    if isinstance(value, bool | np.bool_) or not isinstance(value, str | Number | np.number):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None
