"""Single values of a column: their type, and the label of a category in any notation."""

import re
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from functools import cached_property
from numbers import Number
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

__all__ = ["CELL_TYPE_WORDS", "CellType", "Labels", "cell_types", "label_of", "near_names"]

CellType = Literal["number", "truth", "moment", "span", "text", "other"]

CELL_TYPE_WORDS: Mapping[str, str] = {
    "number": "numbers",
    "truth": "truth values",
    "moment": "points in time",
    "span": "lengths of time",
    "text": "text",
    "other": "other objects",
}

_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?\s*", re.ASCII)
_TRUTH = {"true": Decimal(1), "false": Decimal(0)}


def cell_types(values: "pd.Series[Any]") -> npt.NDArray[np.str_]:
    """Return the type of the value in each cell (N,), which is arbitrary for missing values."""
    cell_type = _cell_type_of_dtype(values.dtype)
    if cell_type is not None:
        return np.full(len(values), cell_type)
    if isinstance(values.dtype, pd.CategoricalDtype):
        of_categories = cell_types(pd.Series(values.dtype.categories))
        return np.append(of_categories, "other")[values.cat.codes.to_numpy()]
    return np.array([_cell_type_of(value) for value in values])


def label_of(value: Hashable) -> str:
    """Return the text that stands for a category: ``1`` and ``1.0`` are both ``"1"``."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


class Labels:
    """Labels of a categorical column of the real table, which are found in any notation.

    A text that is not a label is compared as a number (``0.0`` is ``0``) and as a truth value
    (``true`` is ``True``). If all labels are 0, 1, false or true, numbers and truth values also
    match each other. A text that matches two labels in this way matches neither.

    Args:
        labels: The labels.
    """

    def __init__(self, labels: Sequence[str]) -> None:
        self.labels = tuple(dict.fromkeys(labels))
        self._codes = {label: code for code, label in enumerate(self.labels)}

    def __len__(self) -> int:
        return len(self.labels)

    def code(self, label: str) -> int | None:
        """Return the position of a label, None if it is not known."""
        if label in self._codes:
            return self._codes[label]
        value = _value_of(label)
        if value in self._values:
            return self._values[value]
        return self._binary.get(_binary(value))

    def near(self, label: str) -> str | None:
        """Return the known label that differs from a text only in case and spaces."""
        return self._loose.get(_loose(label))

    @cached_property
    def _values(self) -> "dict[Decimal | str | None, int]":
        return _positions([_value_of(label) for label in self.labels])

    @cached_property
    def _binary(self) -> "dict[Decimal | str | None, int]":
        numbers = [_binary(_value_of(label)) for label in self.labels]
        return _positions(numbers) if set(numbers) <= {Decimal(0), Decimal(1)} else {}

    @cached_property
    def _loose(self) -> dict[str, str]:
        return {_loose(label): label for label in self.labels}


def near_names(missing: Sequence[str], extra: Sequence[str]) -> list[str]:
    """Return a clause for each missing name that differs from an extra one in case and spaces."""
    known = {_loose(str(name)): name for name in extra}
    pairs = [(name, known.get(_loose(name))) for name in missing]
    return [f"{near!r} may be meant for {name!r}" for name, near in pairs if near is not None]


def _cell_type_of_dtype(dtype: Any) -> CellType | None:
    types = pd.api.types
    if isinstance(dtype, pd.ArrowDtype):
        if pa.types.is_date(dtype.pyarrow_dtype):
            return "moment"
        if pa.types.is_decimal(dtype.pyarrow_dtype):
            return "number"
        if pa.types.is_dictionary(dtype.pyarrow_dtype):
            return None
    if types.is_bool_dtype(dtype) and not isinstance(dtype, pd.CategoricalDtype):
        return "truth"
    if types.is_datetime64_any_dtype(dtype):
        return "moment"
    if types.is_timedelta64_dtype(dtype) or getattr(dtype, "kind", "") == "m":
        return "span"
    if types.is_complex_dtype(dtype):
        return "other"
    if types.is_numeric_dtype(dtype):
        return "number"
    return "text" if isinstance(dtype, pd.StringDtype) else None


def _cell_type_of(value: object) -> CellType:
    if isinstance(value, str):
        return "text"
    if isinstance(value, bool | np.bool_):
        return "truth"
    if isinstance(value, date | np.datetime64):
        return "moment"
    if isinstance(value, timedelta | np.timedelta64):
        return "span"
    if isinstance(value, Number) and not isinstance(value, complex):
        return "number"
    return "other"


def _value_of(label: str) -> Decimal | str | None:
    """Parse a label as a number or as ``true`` or ``false``; None for any other text."""
    if _NUMBER.fullmatch(label):
        return Decimal(label.strip())
    word = label.strip().lower()
    return word if word in _TRUTH else None


def _binary(value: Decimal | str | None) -> Decimal | None:
    """Return the number that a number or truth value stands for."""
    return _TRUTH[value] if isinstance(value, str) else value


def _positions(values: Sequence[Decimal | str | None]) -> dict[Decimal | str | None, int]:
    """Return the positions of the values that occur once."""
    times = Counter(values)
    return {
        value: position
        for position, value in enumerate(values)
        if value is not None and times[value] == 1
    }


def _loose(text: str) -> str:
    return " ".join(text.casefold().split())
