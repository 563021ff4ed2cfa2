"""Tables in files and object stores: CSV or Parquet, by the suffix, and directories of Parquet."""

import csv
import gzip
import hashlib
import io
from collections.abc import Mapping
from contextlib import ExitStack
from types import TracebackType
from typing import IO, Any, Self, cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from tabvae_ray.command_line.input_path import TABLE_SUFFIXES, no_table
from tabvae_ray.errors import DataError, one_line, warn
from tabvae_ray.storage import Location
from tabvae_ray.table.arrow_types import (
    ARROW_TYPES,
    as_arrow,
    frame_of,
    typed_schema,
    with_decimals,
)
from tabvae_ray.table.dataset.files import is_dataset
from tabvae_ray.table.dataset.parquet import ParquetTable
from tabvae_ray.table.dataset.sample import Sample, sample_frame, sample_positions
from tabvae_ray.table.declaration import SpecDeclaration, SpecSource, declaration_of
from tabvae_ray.table.dtypes import check_labels
from tabvae_ray.table.reading.csv_columns import read_columns
from tabvae_ray.table.reading.csv_file import CsvFile, check_names
from tabvae_ray.table.reading.expansion import check_parquet_size, expanded
from tabvae_ray.table.reading.frames import Frame, Source, as_frame, culprit, is_location
from tabvae_ray.table.reading.markers import read_markers

__all__ = [
    "TableWriter",
    "description_of",
    "fingerprint",
    "frame_from_files",
    "read_sample",
    "read_table",
    "write_table",
]

_NO_ROWS = "has a header, but no rows"


def read_table(
    location: Source | Frame, declared: SpecSource | None = None, *, what: str = "table"
) -> pd.DataFrame:
    """Read a CSV or Parquet file, or several Parquet files, or convert a table in memory.

    The Parquet files of a directory, or of a glob pattern, are one table; directories such as
    ``year=2024`` add a column.

    Parquet and DataFrames are read without loss; levels of an index with a name become columns, and
    those without a name are left out. A few markers such as ``?`` in a text column of numbers or
    dates are missing.

    In CSV, ISO 8601 text becomes datetimes, a column of integers with missing values stays
    integer, and codes of digits with leading zeros stay text. The module
    :mod:`tabvae_ray.table.reading.csv_columns` describes which cells are missing.

    Args:
        location: The file, a directory or glob pattern of Parquet files, or a table that is in
            memory already: of pandas, polars or Arrow.
        declared: What is known of some or all columns, which are read so: a spec file, its content
            as a mapping, or a spec.
        what: The name of a table in memory in error messages.

    Raises:
        DataError: If it is neither or empty, or the name of a column occurs twice.
        StorageError: If it cannot be read.
    """
    if not is_location(location):
        return as_frame(location, what)
    declared = None if declared is None else declaration_of(declared)
    source = Location(location)
    if is_dataset(source):
        return frame_from_files(ParquetTable.open(source).read(), declared, source)
    suffix = _suffix(source, no_table(source.name))
    content = source.read_bytes()
    if not content:
        raise DataError(f"{source}: is empty")
    if suffix == ".parquet":
        try:
            check_parquet_size(content, str(source))
            check_names(pq.read_schema(io.BytesIO(content)).names, str(source))
            found = pq.read_table(io.BytesIO(content))
        except (pa.ArrowException, OSError, ValueError) as error:
            raise DataError(f"{source}: not Parquet: {one_line(error)}") from None
        return frame_from_files(found, declared, source)
    return _checked(_read_csv(content, suffix, declared or SpecDeclaration(), source), source)


def read_sample(
    location: Source,
    declared: SpecDeclaration | None = None,
    *,
    rows: int | None,
    seed: int,
) -> Sample:
    """Read a table, or a uniform sample of its rows if it has more than ``rows``.

    Parquet is read in one pass in bounded memory; CSV is read as a whole.

    Args:
        location: The file, or a directory or glob pattern of Parquet files.
        declared: Declaration of some or all columns, which are read as it says.
        rows: The most rows to return; all rows if None.
        seed: Seed of the sample.

    Raises:
        DataError: As :func:`read_table` does.
        StorageError: If it cannot be read.
    """
    source = Location(location)
    if rows is not None and (source.suffix == ".parquet" or is_dataset(source)):
        found = ParquetTable.open(source)
        if found.n_rows > rows:
            part = found.take(sample_positions(found.n_rows, rows, seed))
            return Sample(frame_from_files(part, declared, source), found.n_rows)
    return sample_frame(read_table(source, declared), rows, seed)


def write_table(table: Frame, location: Source) -> None:
    """Write a table of pandas, polars or Arrow atomically, as CSV or Parquet by the suffix.

    Raises:
        DataError: If the suffix is neither, or a column cannot be written as Parquet.
        StorageError: If it cannot be written.
    """
    rows = read_table(table)
    target = Location(location)
    if target.suffix == ".parquet":
        check_labels(rows.columns, "table")
    try:
        with TableWriter(target) as writer:
            writer.write(rows)
    except (pa.ArrowException, TypeError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        reason = culprit(rows, rows.attrs.get(ARROW_TYPES, {})) or one_line(error)
        raise DataError(f"table: {reason}") from None


class TableWriter:
    """Writer of a table in parts, whose file appears under its name when all are written.

    Example:
        >>> with TableWriter("rows.parquet") as writer:
        ...     for part in parts:
        ...         writer.write(part)

    Args:
        location: The file, CSV or Parquet by its suffix.
        example: Rows with a value in every column, which set the types of a Parquet file. If None,
            the first part sets them, although it may have columns without values.
        arrow_types: Names of the Arrow types of some columns, by column; those that a table was
            read with if None.
        na_rep: Text of missing values in CSV.

    Raises:
        DataError: If the suffix is neither.
        StorageError: If it cannot be written.
    """

    def __init__(
        self,
        location: Location | str,
        example: pd.DataFrame | None = None,
        arrow_types: Mapping[str, str] | None = None,
        *,
        na_rep: str = "",
    ) -> None:
        self.location = Location(location)
        self._example, self._types, self._na_rep = example, arrow_types, na_rep
        self._suffix = _suffix(self.location)
        self._stack = ExitStack()
        self._file: IO[bytes] | None = None
        self._parquet: pq.ParquetWriter | None = None
        self._written = 0

    def __enter__(self) -> Self:
        file = self._stack.enter_context(self.location.open_output())
        self._file = file
        if self._suffix == ".csv.gz":
            # Without a name and a time, equal rows give equal bytes.
            zipped = gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0)
            self._file = cast(IO[bytes], self._stack.enter_context(zipped))
        return self

    def write(self, part: pd.DataFrame) -> None:
        """Append rows; all parts must have the same columns."""
        assert self._file is not None, "used outside of a with block"
        types = part.attrs.get(ARROW_TYPES, {}) if self._types is None else self._types
        if self._suffix != ".parquet":
            rows = with_decimals(part, types)
            options: dict[str, Any] = {"header": self._written == 0, "na_rep": self._na_rep}
            text = rows.to_csv(index=False, **options)
            if "\r" in text:
                # pandas leaves it without quotes, and readers take it for the end of a line.
                text = rows.to_csv(index=False, quoting=csv.QUOTE_NONNUMERIC, **options)
            self._file.write(text.encode())
        else:
            if self._parquet is None:
                first = part if self._example is None else self._example
                self._parquet = pq.ParquetWriter(self._file, typed_schema(first, types))
            self._parquet.write_table(as_arrow(part, self._parquet.schema))
        self._written += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # On the stack, so that the file underneath is discarded if closing fails.
        if self._parquet is not None:
            self._stack.callback(self._parquet.close)
        self._stack.__exit__(kind, error, traceback)


def fingerprint(table: pd.DataFrame) -> str:
    """Return a digest of names, dtypes, values and their order: 64 hexadecimal digits."""
    digest = hashlib.sha256()
    for name in table.columns:
        digest.update(f"{name}\0{table[name].dtype}\0".encode())
        try:
            hashed = pd.util.hash_pandas_object(table[name], index=False)
        except TypeError:
            # Lists and mappings, which may only be left out.
            hashed = pd.util.hash_pandas_object(table[name].map(repr), index=False)
        digest.update(hashed.to_numpy(np.uint64).tobytes())
    return digest.hexdigest()


def description_of(sample: Sample) -> dict[str, Any]:
    """Return what files say of a table: fingerprint, rows and columns of the rows that were used.

    ``whole_rows`` is there if these are a sample.
    """
    whole = {"whole_rows": sample.n_rows} if sample.is_part else {}
    return {
        "fingerprint": fingerprint(sample.rows),
        "rows": len(sample.rows),
        "columns": len(sample.rows.columns),
        **whole,
    }


def frame_from_files(
    found: pa.Table, declared: SpecDeclaration | None, source: Location
) -> pd.DataFrame:
    """Convert rows of Parquet files to a DataFrame, as :func:`read_table` does.

    Args:
        found: The rows.
        declared: Declaration of some or all columns.
        source: Where they were read from.

    Raises:
        DataError: If there are no rows or columns, or they cannot be read.
    """
    if found.num_columns and not found.num_rows:
        # Arrow encodes no text without a chunk, as files without rows have it.
        raise DataError(f"{source}: {_NO_ROWS}")
    try:
        table = read_markers(
            frame_of(found, str(source)),
            declared or SpecDeclaration(),
            lambda text: warn(f"{source}: {text}"),
        )
    except (pa.ArrowException, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{source}: not Parquet: {one_line(error)}") from None
    return _checked(table, source)


def _checked(table: pd.DataFrame, source: Location) -> pd.DataFrame:
    if len(table.columns) == 0:
        raise DataError(f"{source}: has no columns")
    if len(table) == 0:
        raise DataError(f"{source}: {_NO_ROWS}")
    return table


def _read_csv(
    content: bytes, suffix: str, declared: SpecDeclaration, source: Location
) -> pd.DataFrame:
    try:
        text = expanded(content, str(source)) if suffix == ".csv.gz" else content
        file = CsvFile(text, str(source))
    except DataError:
        raise
    except pd.errors.EmptyDataError:
        raise DataError(f"{source}: is empty") from None
    except (ValueError, OSError, EOFError, gzip.zlib.error) as error:  # type: ignore[attr-defined]
        raise DataError(f"{source}: not CSV: {one_line(error)}") from None
    return read_columns(file, declared, str(source))


def _suffix(location: Location, otherwise: str = "") -> str:
    suffix = location.suffix
    if suffix not in TABLE_SUFFIXES:
        raise DataError(f"{location}: {otherwise or no_table('')}")
    return suffix
