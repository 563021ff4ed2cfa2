"""A table in Parquet files, read batch by batch."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from tabvae_ray.errors import DataError, one_line
from tabvae_ray.storage import Location
from tabvae_ray.table.dataset.files import MISSING, TableFile, table_files
from tabvae_ray.table.dataset.schema import common_schema
from tabvae_ray.table.reading.csv_file import check_names

__all__ = ["BATCH_ROWS", "ParquetTable"]

BATCH_ROWS = 65_536
# Footers that are read at once, which takes time in an object store.
_AT_ONCE = 16


@dataclass(frozen=True)
class ParquetTable:
    """The rows of one Parquet file or many, in the order of their paths.

    Args:
        location: The file, directory or glob pattern.
        files: The files.
        groups: Rows of each row group of each file.
        schema: The schema of all files, partition columns included.
        partitions: The columns whose values are in the paths alone.
    """

    location: Location
    files: tuple[TableFile, ...]
    groups: tuple[tuple[int, ...], ...]
    schema: pa.Schema
    partitions: tuple[str, ...] = ()

    @classmethod
    def open(cls, location: Location) -> Self:
        """Read the footers of a Parquet file, or of those of a directory or glob pattern.

        Raises:
            DataError: If a file is not Parquet, or two files have different columns.
            StorageError: If a file cannot be read.
        """
        files = table_files(location)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            footers = list(pool.map(_footer, files))
        schema = common_schema(files, [schema for schema, _ in footers])
        partitions = tuple(key for key in files[0].keys if key not in footers[0][0].names)
        groups = tuple(groups for _, groups in footers)
        return cls(location, tuple(files), groups, schema, partitions)

    @cached_property
    def n_rows(self) -> int:
        """Rows of all files."""
        return sum(map(sum, self.groups))

    def read(self) -> pa.Table:
        """Read all rows."""
        return self.table(list(self.batches()))

    def table(self, batches: Sequence[pa.RecordBatch]) -> pa.Table:
        """Return batches as a table with the schema of the files."""
        plain = self.schema.remove_metadata()
        joined = pa.Table.from_batches([batch.cast(plain) for batch in batches], plain)
        return joined.unify_dictionaries().replace_schema_metadata(self.schema.metadata)

    def batches(
        self, file: int | None = None, groups: Sequence[int] | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Yield the rows in their order, in batches of bounded size.

        Args:
            file: The position of one file; all files if None.
            groups: The row groups of that file to read; all of them if None.

        Raises:
            DataError: If a file is damaged.
        """
        if file is None:
            for position in range(len(self.files)):
                yield from self.batches(position)
            return
        wanted = range(len(self.groups[file])) if groups is None else groups
        source = self.files[file].location
        try:
            fragment = ds.ParquetFileFormat(
                # Without these, a whole row group of all columns is held several times over.
                default_fragment_scan_options=ds.ParquetFragmentScanOptions(
                    pre_buffer=False, use_buffered_stream=True
                )
            ).make_fragment(
                source.path,
                source.filesystem,
                partition_expression=self._partition(file),
                row_groups=list(wanted),
            )
            yield from fragment.to_batches(
                schema=self.schema,
                batch_size=BATCH_ROWS,
                batch_readahead=2,
                fragment_readahead=1,
            )
        except (pa.ArrowException, OSError) as error:
            raise DataError(f"{source}: cannot be read: {one_line(error)}") from None

    def take(self, positions: "np.ndarray[Any, np.dtype[np.int64]]") -> pa.Table:
        """Read the rows at ascending positions in one pass over the files that have any."""
        found: list[pa.RecordBatch] = []
        start = 0
        for file, groups in enumerate(self.groups):
            ends = [start + end for end in accumulate(groups)]
            inside = positions[slice(*np.searchsorted(positions, [start, start + sum(groups)]))]
            wanted = sorted({bisect_right(ends, position) for position in inside.tolist()})
            where = [np.arange(ends[group] - groups[group], ends[group]) for group in wanted]
            numbers = np.concatenate(where) if where else np.empty(0, np.int64)
            read = 0
            for batch in self.batches(file, wanted) if wanted else ():
                chosen = np.isin(numbers[read : read + len(batch)], inside, assume_unique=True)
                read += len(batch)
                if chosen.any():
                    found.append(batch.filter(pa.array(chosen)))
            start += sum(groups)
        return self.table(found)

    def _partition(self, file: int) -> Any:
        """Return the partition columns of a file as an expression of Arrow."""
        expression = None
        for key in self.partitions:
            text, kind = self.files[file].keys[key], self.schema.field(key).type
            value = None if text == MISSING else (int(text) if kind == pa.int64() else text)
            field = ds.field(key)
            own = field.is_null() if value is None else field == pa.scalar(value, kind)
            expression = own if expression is None else expression & own
        return expression


def _footer(file: TableFile) -> tuple[pa.Schema, tuple[int, ...]]:
    """Read the schema of a file, and the rows of each of its row groups."""
    if file.location.size() == 0 and file.location.exists():
        raise DataError(f"{file.location}: is empty")
    try:
        with file.location.open_input() as content:
            found = pq.read_metadata(content)
            schema = found.schema.to_arrow_schema()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(f"{file.location}: not Parquet: {one_line(error)}") from None
    check_names(schema.names, str(file.location))
    rows = (found.row_group(i).num_rows for i in range(found.num_row_groups))
    return schema, tuple(rows)
