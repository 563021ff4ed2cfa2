"""The columns of a table as the search for rules looks at them."""

from collections.abc import Sequence
from decimal import Decimal
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from tabvae_ray.errors import DataError
from tabvae_ray.table.column import Column
from tabvae_ray.table.dtypes import moment_dtype
from tabvae_ray.table.parsing import as_datetimes, as_numbers

__all__ = [
    "EXACT",
    "HALF_MICROSECOND",
    "PER_SECOND",
    "ColumnView",
    "Floats",
    "Label",
    "TableView",
    "plain",
    "seconds_of",
]

# A category, as a rule keeps it.
Label = bool | int | float | str

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int64]

# Integers beyond this are not exact in float64.
EXACT = 2.0**53
# Half a microsecond, which seconds since 1970 just tell.
HALF_MICROSECOND = 5e-7
PER_SECOND = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}


class ColumnView:
    """One column as codes, numbers and moments, each computed when first asked for.

    Args:
        values: The column's values.
        column: Its spec.
    """

    def __init__(self, values: pd.Series, column: Column) -> None:
        self.values, self.column, self.name = values, column, column.name

    @cached_property
    def missing(self) -> Mask:
        """``(N,)`` true where there is no value."""
        mask: Mask = self.values.isna().to_numpy()
        return mask

    @cached_property
    def codes(self) -> Codes:
        """``(N,)`` a number for each distinct value; missing has one of its own, the last."""
        codes, distinct = pd.factorize(self.values)
        return np.where(codes < 0, len(distinct), codes).astype(np.int64)

    @cached_property
    def n_codes(self) -> int:
        """Number of distinct values, missing included."""
        return int(self.codes.max()) + 1

    @cached_property
    def is_flag(self) -> bool:
        """True for truth values, which are counted as numbers: true is 1, false is 0."""
        return self.column.kind == "categorical" and any(
            isinstance(value, bool | np.bool_) for value in self.column.categories
        )

    @cached_property
    def is_span(self) -> bool:
        """True for durations and times of day, whose numbers are seconds."""
        return self.column.is_span

    @cached_property
    def numbers(self) -> Floats | None:
        """``(N,)`` float64 with NaN where missing; None if the column does not hold numbers."""
        if self.is_span:
            return self.seconds
        if self.column.kind not in ("continuous", "categorical"):
            return None
        if isinstance(self.column.minimum, Decimal):
            # Counted in units of the last place, as float64 does not tell the values apart.
            return None
        sample = self.column.categories[:1]
        if self.column.kind == "categorical" and (not sample or isinstance(sample[0], str)):
            return None
        values = self.values
        if self.is_flag and values.dtype == object:
            values = values.map({True: 1.0, False: 0.0}).astype(np.float64)
        if isinstance(values.dtype, pd.CategoricalDtype):
            of = np.append(np.asarray(values.cat.categories, dtype=np.float64), np.nan)
            values = pd.Series(of[values.cat.codes.to_numpy()], name=self.name)
        if pd.api.types.is_numeric_dtype(values.dtype):
            numbers: Floats = values.to_numpy(np.float64, na_value=np.nan)
            return np.where(np.isfinite(numbers), numbers, np.nan)
        try:
            return as_numbers(values, "table", written=self.column.format)
        except DataError:
            return None

    @cached_property
    def is_exact(self) -> bool:
        """True for numbers that float64 holds exactly, so that they can be added.

        Of spans few formulas make sense, so that these are looked for by themselves.
        """
        if self.is_span or self.numbers is None:
            return False
        return bool(np.nanmax(np.abs(self.numbers), initial=0.0) < EXACT)

    @cached_property
    def tolerance(self) -> float:
        """Half of the last decimal place: what rounding may have taken from an exact result."""
        if self.is_span:
            return HALF_MICROSECOND
        decimals = self.column.decimals
        if self.column.kind == "categorical":
            decimals = 0 if all(float(v) % 1 == 0 for v in self.column.categories) else None
        return 0.0 if decimals is None else 0.5 * 10.0**-decimals

    @property
    def spacing(self) -> float:
        """Distance of neighbouring values: the step or the last decimal place, 0 without either."""
        return self.column.step or 2 * self.tolerance

    @cached_property
    def moments(self) -> pd.Series | None:
        """The column as datetimes in its own time zone; None if it does not hold moments."""
        if self.column.kind != "datetime":
            return None
        zone = getattr(moment_dtype(self.column.dtype), "tz", None)
        return as_datetimes(self.values, "table", written=self.column.format, zone=zone)

    @cached_property
    def seconds(self) -> Floats | None:
        """``(N,)`` seconds since 1970 UTC, NaN where missing; None if not moments."""
        moments = self.moments
        return None if moments is None else seconds_of(moments)

    @cached_property
    def comparable(self) -> Floats:
        """``(N,)`` numbers, or seconds since 1970, NaN where missing."""
        found = self.seconds if self.column.kind == "datetime" else self.numbers
        assert found is not None
        return found

    def value_at(self, row: int) -> Label:
        """Return the value of a row as one of Python's own types."""
        value: Label = plain(self.values.iloc[row])
        return value


def plain(value: Any) -> Any:
    """Return a scalar of NumPy as one of Python's own types, and others as they are."""
    return value.item() if isinstance(value, np.generic) else value


def seconds_of(moments: pd.Series) -> Floats:
    """Return ``(N,)`` seconds since 1970 UTC, NaN where missing."""
    if moments.dt.tz is not None:
        moments = moments.dt.tz_convert("UTC").dt.tz_localize(None)
    ticks = moments.to_numpy()
    unit = np.datetime_data(ticks.dtype)[0]
    seconds: Floats = ticks.view(np.int64) / PER_SECOND[unit]
    return np.where(np.isnat(ticks), np.nan, seconds)


class TableView:
    """The columns of a table by name.

    Args:
        table: Rows.
        columns: Their spec; identifiers are left out.
    """

    def __init__(self, table: pd.DataFrame, columns: Sequence[Column]) -> None:
        self.n_rows = len(table)
        self._table, self._spec = table, columns
        self.columns: dict[str, ColumnView] = {
            column.name: ColumnView(table[column.name], column)
            for column in columns
            if column.kind != "identifier" and column.name in table.columns
        }

    def __getitem__(self, name: str) -> ColumnView:
        return self.columns[name]

    def labelled(self, most: int) -> list[ColumnView]:
        """Return the columns of two or more categories, but not of more than ``most``."""
        return [
            view
            for view in self.columns.values()
            if view.column.kind == "categorical" and 2 <= len(view.column.categories) <= most
        ]

    def take(self, rows: npt.NDArray[Any]) -> "TableView":
        """Return the same view of some rows."""
        return TableView(self._table.iloc[rows].reset_index(drop=True), self._spec)

    def shuffled(
        self,
        name: str,
        rows: npt.NDArray[Any],
        rng: np.random.Generator,
        *,
        beside: Sequence[str],
    ) -> "TableView":
        """Return some rows of a few columns, with the values of one shuffled among them.

        Args:
            name: The column that is shuffled.
            rows: Numbers of the rows.
            rng: Source of the order.
            beside: The other columns.
        """
        names = list(dict.fromkeys((name, *beside)))
        part = self._table[names].iloc[rows].reset_index(drop=True)
        mixed = part[name].iloc[rng.permutation(len(part))].reset_index(drop=True)
        return TableView(part.assign(**{name: mixed}), [self[name].column for name in names])
