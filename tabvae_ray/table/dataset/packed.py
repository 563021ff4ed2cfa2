"""Columns in few bytes per row, to send to other processes: codes and distinct values."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

__all__ = ["PackedArray", "PackedTable", "smallest"]

# With more distinct values, codes of two bytes do not suffice.
_MOST_DISTINCT = 2**16
Array = npt.NDArray[Any]


def smallest(codes: Array, n_codes: int) -> Array:
    """Return codes ``>= 0`` as integers of the smallest dtype that ``n_codes`` codes fit in."""
    return codes.astype(np.min_scalar_type(max(n_codes - 1, 0)), copy=False)


@dataclass(frozen=True, eq=False)
class PackedArray:
    """An array, bit for bit, as codes of its distinct values or in a narrower dtype.

    Args:
        values: The distinct values, or all values if ``codes`` is None.
        codes: Positions in ``values``.
        dtype: The dtype of the array; that of ``values`` if None.
    """

    values: Array
    codes: Array | None = None
    dtype: np.dtype[Any] | None = None

    @classmethod
    def of(cls, array: Array) -> Self:
        """Pack an array ``(N,)`` of numbers or moments."""
        if array.dtype.kind not in "iufbmM" or array.dtype.itemsize > 8:
            return cls(array)
        # Bits, because 0.0 equals -0.0, and NaN equals nothing.
        bits = array.view(f"u{array.dtype.itemsize}")
        codes, distinct = pd.factorize(bits)
        if len(distinct) > min(_MOST_DISTINCT, len(array) // 2):
            narrow = _narrowed(array)
            return cls(narrow, None, array.dtype)
        return cls(np.asarray(distinct).view(array.dtype), smallest(codes, len(distinct)))

    def array(self) -> Array:
        """Return the array."""
        if self.codes is None:
            return self.values.astype(self.dtype or self.values.dtype, copy=False)
        return self.values[self.codes]


@dataclass(frozen=True, eq=False)
class PackedTable:
    """A DataFrame whose columns are codes of their distinct values, where these are few.

    Args:
        columns: The columns: packed numbers, or the distinct values of another dtype with codes,
            of which 0 is a missing value, or the column itself.
        names: Their names.
        attrs: The attrs of the DataFrame.
    """

    columns: tuple[PackedArray | tuple[Any, Array] | pd.Series, ...]
    names: pd.Index
    attrs: dict[Any, Any]

    @classmethod
    def of(cls, table: pd.DataFrame) -> Self:
        """Pack a table with the index 0, 1, 2, ..."""
        columns = tuple(_packed(table.iloc[:, i]) for i in range(table.shape[1]))
        return cls(columns, table.columns, dict(table.attrs))

    def table(self) -> pd.DataFrame:
        """Return the table."""
        columns = dict(enumerate(map(_unpacked, self.columns)))
        table = pd.DataFrame(columns, copy=False)
        table.columns = self.names
        table.attrs = dict(self.attrs)
        return table


def _narrowed(array: Array) -> Array:
    """Return numbers in a narrower dtype that holds all of them exactly, if there is one."""
    kind = array.dtype.kind
    if not len(array) or kind not in "iuf":
        return array
    if kind == "f":
        with np.errstate(over="ignore"):
            narrow: Array = array.astype(np.float32)
        is_same = np.array_equal(narrow.astype(array.dtype), array, equal_nan=True)
        return narrow if is_same else array
    wanted = np.result_type(*(np.min_scalar_type(end) for end in (array.min(), array.max())))
    return array.astype(wanted) if wanted.itemsize < array.dtype.itemsize else array


def _packed(values: pd.Series) -> PackedArray | tuple[Any, Array] | pd.Series:
    if isinstance(values.dtype, np.dtype):
        # Among objects, 1, 1.0 and True are equal, and lists have no codes.
        return values if values.dtype.kind == "O" else PackedArray.of(values.to_numpy())
    if isinstance(values.dtype, pd.SparseDtype):
        return values
    codes, distinct = pd.factorize(values.array)
    if len(distinct) >= min(_MOST_DISTINCT, len(values) // 2):
        return values
    return distinct, smallest(codes + 1, len(distinct) + 1)


def _unpacked(column: PackedArray | tuple[Any, Array] | pd.Series) -> Any:
    if isinstance(column, PackedArray):
        return column.array()
    if isinstance(column, pd.Series):
        return column.array
    distinct, codes = column
    return distinct.take(codes.astype(np.intp) - 1, allow_fill=True)
