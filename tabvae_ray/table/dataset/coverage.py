"""Rows with the values that a sample of a large table has too few of."""

from collections import Counter
from collections.abc import Collection
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tabvae_ray.table.dataset.parquet import ParquetTable

__all__ = ["rare_rows"]

# Values beyond these are not looked for in a column.
_MOST_VALUES = 10_000


def rare_rows(
    table: ParquetTable,
    sample: pa.Table,
    positions: npt.NDArray[np.int64],
    *,
    categorical: Collection[str],
    least: int,
) -> pa.Table:
    """Return rows with the values that a sample of a table has too few of, none of the sample.

    With these rows, each value of a categorical column, and a missing value of any column, occurs
    in ``least`` rows, or in all rows that have it. The table is read once. At most 10,000 values of
    a column are looked for.

    Args:
        table: The whole table.
        sample: Some of its rows.
        positions: The positions of these rows, ascending.
        categorical: Names of the categorical columns.
        least: The number of rows that a value needs.
    """
    columns = {name: _ColumnValues(least, name in categorical) for name in table.schema.names}
    for name, values in columns.items():
        values.find(sample.column(name))
    found: list[pa.RecordBatch] = []
    start = 0
    for batch in table.batches():
        inside = slice(*np.searchsorted(positions, [start, start + len(batch)]))
        is_free = np.ones(len(batch), dtype=bool)
        is_free[positions[inside] - start] = False
        start += len(batch)
        rows = {
            row for name, values in columns.items() for row in values.find(batch[name], is_free)
        }
        if rows:
            found.append(batch.take(pa.array(sorted(rows))))
    return table.table(found)


class _ColumnValues:
    """The values of a column that have been found, with the rows of each.

    Args:
        least: The number of rows that a value needs.
        every: False to look for missing values alone.
    """

    def __init__(self, least: int, every: bool) -> None:
        self.least, self._every = max(least, 1), every
        self._rows: Counter[Any] = Counter()

    def find(
        self,
        values: pa.Array | pa.ChunkedArray,
        is_free: npt.NDArray[np.bool_] | None = None,
    ) -> list[int]:
        """Count values, and return rows with those that have too few.

        Args:
            values: ``(N,)`` values.
            is_free: ``(N,)`` the rows that may be returned; all rows are only counted if None.
        """
        if not self._every:
            # NaN is missing, too, as other programs than pandas write it.
            absent = pc.is_null(values, nan_is_null=True)
            if not pc.any(absent).as_py():
                return []
        if self._every:
            if isinstance(values, pa.ChunkedArray):
                values = values.combine_chunks()
            if pa.types.is_dictionary(values.type):
                values = values.dictionary_decode()
            encoded = values.dictionary_encode(null_encoding="encode")
            codes, distinct = encoded.indices.to_numpy(), encoded.dictionary.to_pylist()
        else:
            # Present values are all the same here.
            codes, distinct = 1 - np.asarray(absent).astype(np.intp), [None, ...]
        if is_free is None:
            counts = np.bincount(codes, minlength=len(distinct)).tolist()
            self._rows.update(dict(zip(distinct, counts, strict=True)))
            return []
        found: list[int] = []
        for code, value in enumerate(distinct):
            wanted = self._wanted(value)
            if wanted > 0:
                rows = np.flatnonzero((codes == code) & is_free)[:wanted].tolist()
                self._rows[value] += len(rows)
                found += rows
        return found

    def _wanted(self, value: object) -> int:
        is_sought = value is None if not self._every else len(self._rows) < _MOST_VALUES
        if value not in self._rows and not is_sought:
            return 0
        return self.least - self._rows[value]
