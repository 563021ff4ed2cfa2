"""Values of generated rows as positions and numbers, and back in the dtype of their column."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from tabvae_ray.table.column import Column
from tabvae_ray.table.column_values import (
    as_last_digits,
    categories_at,
    column_numbers,
    column_positions,
    restored,
)
from tabvae_ray.table.dtypes import dtype_from_name, moment_dtype, number_limits
from tabvae_ray.table.rules.column_views import HALF_MICROSECOND, PER_SECOND, Floats, Mask
from tabvae_ray.table.values.decimals import decimals_from_numbers, is_decimal
from tabvae_ray.table.values.spans import spans_of

__all__ = [
    "HeldRows",
    "as_dtype",
    "as_series",
    "held_cells",
    "plain_values",
    "positions_of",
    "without_exceptions",
    "write_values",
]


class HeldRows(pd.DataFrame):
    """Rows of which some cells stay as they are, whatever is put into their columns."""

    _metadata: ClassVar[list[str]] = ["held"]
    held: dict[str, Mask]

    @classmethod
    def of(cls, rows: pd.DataFrame, held: Mapping[str, Mask]) -> "HeldRows":
        """Return rows of which some cells, by column, stay."""
        made = cls(pd.DataFrame(rows), copy=False)
        object.__setattr__(made, "held", dict(held))
        return made

    def picked(self, places: npt.NDArray[np.int64]) -> "HeldRows":
        """Return the rows at some places, numbered anew."""
        rows = pd.DataFrame(self).iloc[places].reset_index(drop=True)
        return HeldRows.of(rows, {name: mask[places] for name, mask in self.held.items()})

    @property
    def _constructor(self) -> type["HeldRows"]:
        return HeldRows

    def __setitem__(self, name: Any, values: Any) -> None:
        mask = held_cells(self, name)
        super().__setitem__(name, values.where(~mask, self[name]) if mask.any() else values)


def held_cells(rows: pd.DataFrame, name: str) -> Mask:
    """Return ``(N,)`` true where a cell must stay as it is."""
    held: Mapping[str, Mask] = getattr(rows, "held", {})
    return held.get(name, np.zeros(len(rows), dtype=bool))


def plain_values(values: pd.Series, column: Column) -> Floats:
    """Return ``(N,)`` positions of categories, -1 where missing, or numbers, NaN where missing."""
    if column.kind == "categorical":
        return column_positions(values, column).astype(np.float64)
    return column_numbers(values, column)


def write_values(rows: pd.DataFrame, column: Column, values: Floats, compact: bool) -> None:
    """Put positions or numbers into a column."""
    made: Any
    if column.kind == "categorical":
        made = categories_at(values.astype(np.int32), column, compact)
    else:
        made = restored(values, column)
    rows[column.name] = as_series(made, rows)


def as_series(values: Any, rows: pd.DataFrame) -> pd.Series:
    """Return values as a column of the rows."""
    return pd.Series(values, index=rows.index)


def positions_of(numbers: Floats, column: Column) -> npt.NDArray[np.int64]:
    """Return ``(N,)`` positions among the categories, -1 for numbers that are none."""
    known = pd.Index([float(value) for value in column.categories])
    return known.get_indexer(pd.Index(numbers)).astype(np.int64)


def as_dtype(numbers: Floats, column: Column, rows: pd.DataFrame) -> pd.Series:
    """Return results in the column's dtype, rounded to its decimals, beyond its range perhaps.

    Those of durations and times of day are seconds.
    """
    dtype = dtype_from_name(column.dtype)
    if column.kind == "datetime":
        return spans_of(_moments(numbers, column).set_axis(rows.index), dtype)
    if column.decimals is not None:
        numbers = np.round(numbers, column.decimals)
    numbers = as_last_digits(numbers, column)
    if pd.api.types.is_integer_dtype(dtype):
        numbers = np.clip(numbers, *number_limits(dtype)).astype(np.int64)
    if is_decimal(dtype):
        return decimals_from_numbers(numbers, column.decimals, dtype).set_axis(rows.index)
    return pd.Series(numbers, index=rows.index).astype(dtype)


def _moments(seconds: Floats, column: Column) -> pd.Series:
    """Return moments so many seconds after 1970-01-01, on the column's grid if they are near it."""
    unit = np.datetime_data(moment_dtype(column.dtype))[0]
    ticks, step = seconds * PER_SECOND[unit], int(column.step or 1)
    near = step * np.rint((ticks - int(column.minimum or 0)) / step) + int(column.minimum or 0)
    # Seconds since 1970 are exact to a quarter of a microsecond only.
    ticks = np.where(np.abs(near - ticks) < HALF_MICROSECOND * PER_SECOND[unit], near, ticks)
    most = np.nextafter(2.0**63, 0)
    whole = np.rint(np.clip(ticks, -most, most)).astype(np.int64)
    return pd.Series(whole.view(f"M8[{unit}]"))


def without_exceptions(wrong: Mask, exceptions: float, rng: np.random.Generator) -> Mask:
    """Return the rows to mend of those ``(N,)`` that break a rule: as many stay as may break it.

    More rows break it than may.
    """
    mended: Mask = wrong & (rng.random(len(wrong)) >= exceptions / wrong.mean())
    return mended
