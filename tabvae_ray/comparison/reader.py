"""Reads tables into columns that can be compared with those of one real table."""

import math
from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd

from tabvae_ray.comparison.columns import Floats, Integers, TableColumns
from tabvae_ray.errors import DataError
from tabvae_ray.table.spec import Column, TableSpec

__all__ = ["ColumnReader", "label_of"]

_TRUTH = {"True": "1", "False": "0", "1": "True", "0": "False"}


class ColumnReader:
    """Reads tables into :class:`TableColumns` with the labels of one real table.

    Identifier columns are left out: their values say nothing about the rows.

    Args:
        spec: The real table's spec.
        real: The real table.

    Attributes:
        real: The real table, read.

    Raises:
        DataError: If the real table lacks a column of the spec, or holds an infinite value.
    """

    def __init__(self, spec: TableSpec, real: pd.DataFrame) -> None:
        self.columns: tuple[Column, ...] = tuple(
            column for column in spec.columns if column.kind != "identifier"
        )
        self._labels: dict[str, tuple[str, ...]] = {}
        self._index: dict[str, dict[str, int]] = {}
        self._epochs: dict[str, pd.Timestamp] = {}
        for column in self.columns:
            if column.kind == "categorical":
                self._keep_labels(column.name, tuple(map(label_of, column.categories)))
        real_columns = self.read(real, "the real table")
        for name, labels in real_columns.labels.items():
            # A spec may have been read from other rows of the same table.
            self._keep_labels(name, labels)
            real_columns.n_known[name] = len(labels)
        real_columns.warnings = ()
        self.real = real_columns
        self._known_names = {*real.columns, *spec.names}

    def read(self, frame: pd.DataFrame, source: str = "the synthetic table") -> TableColumns:
        """Read a table.

        Raises:
            DataError: If the table is empty, lacks a column, or holds an infinite value.
        """
        if not len(frame):
            raise DataError(f"{source} has no rows")
        if not frame.columns.is_unique:
            twice = frame.columns[frame.columns.duplicated()].unique().tolist()
            raise DataError(f"{source} has columns of the same name: {twice}")
        missing = [column.name for column in self.columns if column.name not in frame.columns]
        if missing:
            raise DataError(f"{source} lacks the columns {missing}")
        table = TableColumns(len(frame), {}, {}, {}, {}, epochs=self._epochs)
        warnings: list[str] = []
        for column in self.columns:
            name, values = column.name, frame[column.name]
            if column.kind == "categorical":
                codes, labels = self._codes(name, values, numeric=_is_numeric(column))
                table.codes[name], table.labels[name] = codes, labels
                table.n_known[name] = len(self._labels[name])
                warnings += _unseen_warning(table, name, source)
            else:
                table.numbers[name], odd = self._numbers(column, values)
                warnings += _number_warnings(table, column, odd, source)
        table.warnings = (*warnings, *self._warnings_beside_real(table, frame, source))
        return table

    def _warnings_beside_real(
        self, table: TableColumns, frame: pd.DataFrame, source: str
    ) -> list[str]:
        if not hasattr(self, "real"):
            return []
        extra = [name for name in frame.columns if name not in self._known_names]
        warnings = [f"{source} has columns that the real one lacks: {extra}"] if extra else []
        for column in self.columns:
            warnings += _missing_warning(self.real, table, column.name, source)
        return warnings

    def _keep_labels(self, name: str, labels: tuple[str, ...]) -> None:
        self._labels[name] = tuple(dict.fromkeys(labels))
        self._index[name] = {label: code for code, label in enumerate(self._labels[name])}

    def _codes(
        self, name: str, values: "pd.Series[Any]", *, numeric: bool
    ) -> tuple[Integers, tuple[str, ...]]:
        if isinstance(values.dtype, pd.CategoricalDtype):
            raw, categories = values.array.codes, values.dtype.categories
        else:
            raw, categories = pd.factorize(values)
        index, extra = self._index[name], dict[str, int]()
        lookup = np.full(len(categories) + 1, -1, dtype=np.intp)  # raw code -1 finds the last
        for position, category in enumerate(categories):
            label = label_of(category)
            code = index.get(label)
            if code is None and numeric:
                code = index.get(_as_number(label))
            if code is None:
                code = extra.setdefault(label, len(index) + len(extra))
            lookup[position] = code
        return lookup[raw], (*self._labels[name], *extra)

    def _numbers(self, column: Column, values: "pd.Series[Any]") -> tuple[Floats, int]:
        """The values as floats, and how many were neither missing nor numbers."""
        if column.kind == "datetime":
            return self._days(column.name, values)
        if isinstance(values.dtype, np.dtype) and values.dtype.kind in "iufb":
            return values.to_numpy(dtype=np.float64), 0
        if isinstance(values.dtype, pd.CategoricalDtype):
            values = values.astype(object)
        numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
        return numbers, int(np.isnan(numbers).sum() - values.isna().sum())

    def _days(self, name: str, values: "pd.Series[Any]") -> tuple[Floats, int]:
        """Moments as days since the real table's earliest one."""
        moments = pd.to_datetime(values, errors="coerce", utc=True, format="ISO8601")
        epoch = self._epochs.setdefault(name, moments.min())
        days: Floats = np.asarray((moments - epoch) / pd.Timedelta(days=1), dtype=np.float64)
        return days, int(np.isnan(days).sum() - values.isna().sum())


def label_of(value: Hashable) -> str:
    """The text under which a category is compared: ``1`` and ``1.0`` are both ``"1"``."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | np.bool_):
        return str(bool(value))
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    return str(value)


def _as_number(label: str) -> str:
    """The label that a number or truth value has when written another way; else as it is."""
    if label in _TRUTH:
        return _TRUTH[label]
    try:
        number = float(label)
    except ValueError:
        return label
    return label_of(number) if np.isfinite(number) else label


def _is_numeric(column: Column) -> bool:
    return all(isinstance(value, bool | int | float) for value in column.categories)


def _unseen_warning(table: TableColumns, name: str, source: str) -> list[str]:
    n_known = table.n_known[name]
    unseen = table.counts(name)[n_known:-1]
    if not unseen.any():
        return []
    first = table.labels[name][n_known:][:3]
    more = ", ..." if len(unseen) > len(first) else ""
    return [
        f"{name}: {_share(unseen.sum(), table.n_rows)} of {source} has values that the real "
        f"table never has ({', '.join(map(repr, first))}{more})"
    ]


def _number_warnings(table: TableColumns, column: Column, odd: int, source: str) -> list[str]:
    values = table.sorted_numbers(column.name)
    if len(values) and not (np.isfinite(values[0]) and np.isfinite(values[-1])):
        raise DataError(f"{source}, column {column.name!r}: holds infinite values")
    if not odd:
        return []
    what = "moment in time" if column.kind == "datetime" else "number"
    return [
        f"{column.name}: {_share(odd, table.n_rows)} of {source} is not a {what}; taken as missing"
    ]


def _missing_warning(real: TableColumns, table: TableColumns, name: str, source: str) -> list[str]:
    """Missing values are left out of most scores; said where chance does not explain them."""
    here, there = table.n_missing(name), real.n_missing(name)
    pooled = (here + there) / (table.n_rows + real.n_rows)
    error = math.sqrt(pooled * (1 - pooled) * (1 / table.n_rows + 1 / real.n_rows))
    if abs(here / table.n_rows - there / real.n_rows) <= 4 * error:
        return []
    return [
        f"{name}: missing in {_share(here, table.n_rows)} of {source}, but in "
        f"{_share(there, real.n_rows)} of the real one; a JS distance does not count that"
    ]


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.3g}%"
